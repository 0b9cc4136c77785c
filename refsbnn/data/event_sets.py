"""Event data sets: read once from the official files, binned, and kept in a file that later runs read."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from refsbnn.arrays import Arrays
from refsbnn.data import kept, pixels, recordings
from refsbnn.data.dataset import Dataset
from refsbnn.data.options import Data
from refsbnn.data.pixels import Seen
from refsbnn.data.record import HELD, Record
from refsbnn.data.recordings import Recording, Recordings
from refsbnn.data.spikes import Augment, Spikes
from refsbnn.errors import InputError
from refsbnn.layers.signal import Signal
from refsbnn.ranks import ALONE, Ranks

# What the section [data] takes for events, of sound and of cameras.
EVENTS = (*HELD, "steps", "bin_ms", "groups", "delay", "time_jitter", "stretch")
SOUND = (*EVENTS, "shift", "jitter", "drop", "blend")
CAMERA = (*EVENTS, "downsample", "merge", "denoise_ms", "shift", "mirror", "roll", "cutout")


Share = Callable[[int], range]  # which of so many recordings; `range` itself takes all


@dataclass(frozen=True, kw_only=True)
class EventSet(Record):
    """Where an event data set lies and how it is read.

    Attributes
    ----------
    shape : tuple of int
        (channels,), or (height, width, polarities) of a camera.
    read : callable
        From a place, and a function that gives the wanted ones of so many recordings, to an iterator of `Recording`
        or, for cameras, of `Seen`.
    """

    shape: tuple[int, ...]
    read: Callable[[Path, Share], Iterator[Recording | Seen]]

    def seen(self, options: Data) -> tuple[int, ...]:
        """Shape of the events as the options want them."""
        return self.shape if len(self.shape) == 1 else pixels.coarse(self.shape, options.downsample, options.merge)

    def signal(self, options: Data) -> Signal:
        """Spikes of channels or pixels."""
        return Signal("values", self.seen(options), "binary", options.steps)

    def load(self, options: Data, *, fresh: bool = False, ranks: Ranks = ALONE) -> Dataset:
        """An event data set in its parts.

        Raises
        ------
        InputError
            Missing or damaged files, groups that the set does not have.
        """
        train, test = (prepared(options, self, archive.gives, fresh, ranks) for archive in self.archives)
        kept, held = held_out(options, train)
        signal = self.signal(options)
        augment = Augment(**{item.name: getattr(options, item.name) for item in fields(Augment)})

        def given(x: np.ndarray, labels: np.ndarray) -> Arrays:
            return Arrays(x, labels, True)

        every = np.arange(len(test))
        parts = Spikes(train, kept, signal, augment), Spikes(train, held, signal), Spikes(test, every, signal)
        return Dataset(self.classes, signal, *parts, given)

    def check_kept(self, path: Path) -> None:
        """As in `Record`."""
        recordings.load(path, {})

    def recordings(self, source: Path, options: Data, share: Share) -> Iterator[Recording]:
        """A share of the recordings of a part, with the units that the options want."""
        for one in self.read(source, share):
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


def prepared(options: Data, kind: EventSet, place: str, fresh: bool, ranks: Ranks) -> Recordings:
    """The binned recordings of a part, from the file that an earlier run left, else from the official ones."""
    source = options.folder / place
    keys = ("steps", "bin_ms", "downsample", "merge", "denoise_ms")
    binning: dict[str, Any] = {"source": place, **{key: getattr(options, key) for key in keys}}
    name = "-".join(f"{binning[key]:g}" for key in keys)
    cache = options.folder / kept.KEPT / f"{options.name}-{source.stem}-{name}.h5"

    def facts() -> dict[str, Any]:
        return {**binning, "files": kept.state(source)} if source.exists() else binning

    def own(share: Share) -> Recordings:
        told = tqdm(
            kind.recordings(source, options, share),
            f"reading {source}",
            unit="recording",
            disable=None,
            delay=2.0,
            file=sys.stderr,
        )
        return recordings.binned(told, options.bin_ms, options.steps, int(np.prod(kind.seen(options))))

    def made() -> Recordings | None:
        seen = ranks.gathered(facts())
        shares = seen.count(seen[0]) == len(seen)  # else, on disks of their own, the first rank's files are the set
        parts = ranks.to_first(lambda: own(ranks.share if shares else range) if shares or ranks.first else None)
        return recordings.joined([part for part in parts if part is not None]) if ranks.first else None

    def loaded(path: Path, facts: dict[str, Any], seal: str | None) -> Recordings | None:
        out = recordings.load(path, facts, seal)
        if out is not None and not 0 <= out.labels.min() <= out.labels.max() < kind.classes:
            raise InputError(f"{path} is damaged: it has labels that are not 0 to {kind.classes - 1}; delete it")
        return out

    if fresh:
        return recordings.joined([own(range)])
    return kept.shared(cache, facts, made, recordings.save, loaded, ranks)


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
