"""Event data sets: read once from the official files, binned, and kept in a file that later runs read."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from refsbnn.arrays import Arrays
from refsbnn.data import nmnist, recordings, shd
from refsbnn.data.dataset import Dataset
from refsbnn.data.options import Data
from refsbnn.data.recordings import Recording, Recordings
from refsbnn.data.spikes import Augment, Spikes
from refsbnn.errors import InputError
from refsbnn.layers.signal import Signal
from refsbnn.streams import Streams


@dataclass(frozen=True)
class EventSet:
    """Where an event data set lies and how it is read.

    Attributes
    ----------
    shape : tuple of int
        (channels,) or (height, width, polarities).
    classes : int
    train, test : str
        Places below the root.
    read : callable
    """

    shape: tuple[int, ...]
    classes: int
    train: str
    test: str
    read: Callable[[Path], Iterator[Recording]]


SETS = {
    "shd": EventSet((shd.CHANNELS,), 20, shd.files("shd", "train"), shd.files("shd", "test"), shd.read),
    "ssc": EventSet((shd.CHANNELS,), 35, shd.files("ssc", "train"), shd.files("ssc", "test"), shd.read),
    "nmnist": EventSet(nmnist.SHAPE, 10, "NMNIST/Train", "NMNIST/Test", nmnist.read),
}


def dataset(options: Data) -> Dataset:
    """An event data set in its parts.

    Raises
    ------
    InputError
        Missing or damaged files, groups that the set does not have.
    """
    kind = SETS[options.name]
    train, test = (prepared(options, kind, place) for place in (kind.train, kind.test))
    kept, held = held_out(options, train)
    signal = Signal("values", kind.shape, "binary", options.steps)
    augment = Augment(options.delay, options.shift, options.jitter, options.drop, options.mirror)

    def given(x: np.ndarray, labels: np.ndarray) -> Arrays:
        return Arrays(x, labels, True)

    every = np.arange(len(test))
    parts = Spikes(train, kept, signal, augment), Spikes(train, held, signal), Spikes(test, every, signal)
    return Dataset(kind.classes, signal, *parts, given)


def prepared(options: Data, kind: EventSet, place: str) -> Recordings:
    """The binned recordings of a part, from the file that an earlier run left, else from the official ones."""
    source = Path(options.root) / place
    cache = Path(options.root) / "refsbnn" / f"{options.name}-{source.stem}-{options.steps}x{options.bin_ms:g}ms.h5"
    facts: dict[str, Any] = {"source": place, "steps": options.steps, "bin_ms": options.bin_ms}
    if cache.is_file() and (found := recordings.load(cache, facts)) is not None:
        return found
    told = tqdm(kind.read(source), f"reading {source}", unit="recording", disable=None, delay=2.0, file=sys.stderr)
    made = recordings.binned(told, options.bin_ms, options.steps, int(np.prod(kind.shape)))
    try:
        recordings.save(cache, made, facts)
    except InputError as error:
        print(f"refsbnn: not kept for later runs: {error}", file=sys.stderr)
    return made


def held_out(options: Data, train: Recordings) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training recordings for training and for validation."""
    if options.groups:
        known = np.unique(train.groups)
        for group in options.groups:
            if group not in known:
                raise InputError(f"data.groups holds {group}; {options.name} has {', '.join(map(str, known))}")
        chosen = np.isin(train.groups, options.groups)
        if chosen.all():
            raise InputError(f"data.groups holds all of {options.name}; nothing is left to train on")
        return np.flatnonzero(~chosen), np.flatnonzero(chosen)
    order = Streams(0).permutation(len(train), step=0)
    count = round(options.held_out * len(train))
    return np.sort(order[count:]), np.sort(order[:count])
