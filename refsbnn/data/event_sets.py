"""Event data sets: read once from the official files, binned, and kept in a file that later runs read."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from refsbnn.arrays import Arrays
from refsbnn.data import pixels, recordings
from refsbnn.data.dataset import Dataset
from refsbnn.data.options import Data
from refsbnn.data.pixels import Seen
from refsbnn.data.record import HELD, Record
from refsbnn.data.recordings import Recording, Recordings
from refsbnn.data.spikes import Augment, Spikes
from refsbnn.errors import InputError, refusing
from refsbnn.layers.signal import Signal

KEPT = "refsbnn"  # folder below the root for binned events
# What the section [data] takes for events, of sound and of cameras.
EVENTS = (*HELD, "steps", "bin_ms", "groups", "delay", "time_jitter")
SOUND = (*EVENTS, "shift", "jitter", "drop")
CAMERA = (*EVENTS, "downsample", "merge", "denoise_ms", "shift", "mirror", "roll", "cutout")


@dataclass(frozen=True, kw_only=True)
class EventSet(Record):
    """Where an event data set lies and how it is read.

    Attributes
    ----------
    shape : tuple of int
        (channels,), or (height, width, polarities) of a camera.
    read : callable
        From a place to an iterator of `Recording` or, for cameras, of `Seen`.
    """

    shape: tuple[int, ...]
    read: Callable[[Path], Iterator[Recording | Seen]]

    def seen(self, options: Data) -> tuple[int, ...]:
        """Shape of the events as the options want them."""
        return self.shape if len(self.shape) == 1 else pixels.coarse(self.shape, options.downsample, options.merge)

    def signal(self, options: Data) -> Signal:
        """Spikes of channels or pixels."""
        return Signal("values", self.seen(options), "binary", options.steps)

    def load(self, options: Data, *, fresh: bool = False) -> Dataset:
        """An event data set in its parts.

        Raises
        ------
        InputError
            Missing or damaged files, groups that the set does not have.
        """
        train, test = (prepared(options, self, archive.gives, fresh) for archive in self.archives)
        kept, held = held_out(options, train)
        signal = self.signal(options)
        augment = Augment(**{item.name: getattr(options, item.name) for item in fields(Augment)})

        def given(x: np.ndarray, labels: np.ndarray) -> Arrays:
            return Arrays(x, labels, True)

        every = np.arange(len(test))
        parts = Spikes(train, kept, signal, augment), Spikes(train, held, signal), Spikes(test, every, signal)
        return Dataset(self.classes, signal, *parts, given)

    def recordings(self, source: Path, options: Data) -> Iterator[Recording]:
        """The recordings of a part, with the units that the options want."""
        for one in self.read(source):
            if not 0 <= one.label < self.classes:
                raise InputError(f"{one.name} has the label {one.label}; expected 0 to {self.classes - 1}")
            yield one if isinstance(one, Recording) else self.turned(one, options)

    def turned(self, one: Seen, options: Data) -> Recording:
        """A camera's recording: filtered, on coarser pixels, polarities merged."""
        pixels.check(one, self.shape)
        kept = np.ones(len(one.times), np.bool_)
        if options.denoise_ms > 0.0:
            from refsbnn.data.denoise import supported

            kept = supported(one.times, one.x, one.y, self.shape, options.denoise_ms)
        places = pixels.units_of(one.x, one.y, one.polarity, self.shape, options.downsample, options.merge)
        return Recording(one.times[kept], places[kept], one.label, one.group, one.name)


def prepared(options: Data, kind: EventSet, place: str, fresh: bool) -> Recordings:
    """The binned recordings of a part, from the file that an earlier run left, else from the official ones."""
    source = options.folder / place
    keys = ("steps", "bin_ms", "downsample", "merge", "denoise_ms")
    facts: dict[str, Any] = {"source": place, **{key: getattr(options, key) for key in keys}}
    name = "-".join(f"{facts[key]:g}" for key in keys)
    cache = options.folder / KEPT / f"{options.name}-{source.stem}-{name}.h5"
    if source.exists():
        facts["files"] = state(source)
    if not fresh and cache.is_file() and (found := recordings.load(cache, facts)) is not None:
        if not 0 <= found.labels.min() <= found.labels.max() < kind.classes:
            raise InputError(f"{cache} is damaged: it has labels that are not 0 to {kind.classes - 1}; delete it")
        return found
    told = tqdm(
        kind.recordings(source, options),
        f"reading {source}",
        unit="recording",
        disable=None,
        delay=2.0,
        file=sys.stderr,
    )
    made = recordings.binned(told, options.bin_ms, options.steps, int(np.prod(kind.seen(options))))
    if not fresh:
        try:
            recordings.save(cache, made, facts)
        except InputError as error:
            print(f"refsbnn: not kept for later runs: {error}", file=sys.stderr)
    return made


def state(source: Path) -> list[int]:
    """Number, bytes and newest change (ns) of a file or of the files in a folder: other files are binned anew."""
    each = []
    for path in [source] if source.is_file() else source.rglob("*"):
        with refusing(f"{path} cannot be read", OSError):  # a symbolic link to nothing, or to itself
            each.append(path.stat())
    return [len(each), sum(one.st_size for one in each), max((one.st_mtime_ns for one in each), default=0)]


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
    return options.parts(len(train))
