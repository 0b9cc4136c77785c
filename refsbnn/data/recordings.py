"""Recordings of events, kept sparse: in time bins, each with the units that fired in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refsbnn.data import kept
from refsbnn.errors import InputError
from refsbnn.rows import Rows

LARGEST = 2**16  # bins and units are kept as 16-bit integers


class Recording(NamedTuple):
    """One recording as its file has it.

    Attributes
    ----------
    times : (events,) array
        Milliseconds.
    units : (events,) integer array
    label : int
    group : int
        Who spoke or moved, where the data set says so; else 0.
    name : str
        What an error calls it.
    """

    times: np.ndarray
    units: np.ndarray
    label: int
    group: int = 0
    name: str = ""


@dataclass(frozen=True)
class Recordings:
    """Binned recordings: recording i has the events offsets[i] to offsets[i + 1], by bin, then by unit, each once.

    Attributes
    ----------
    offsets : (n + 1,) int64 array
    bins, units : (events,) uint16 arrays
        In memory, or in the file in which they are kept.
    labels, groups : (n,) int64 arrays
    """

    offsets: np.ndarray
    bins: np.ndarray | Rows
    units: np.ndarray | Rows
    labels: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def events(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Offsets, bins and units in memory, and the places in them of the recordings `rows`, which may repeat."""
        if isinstance(self.bins, np.ndarray) and isinstance(self.units, np.ndarray):
            return self.offsets, self.bins, self.units, rows
        wanted, places = np.unique(rows, return_inverse=True)
        firsts = self.offsets[wanted]
        counts = self.offsets[wanted + 1] - firsts
        bins, units = (array.spans(firsts, counts) for array in (self.bins, self.units))  # type: ignore[union-attr]
        return offsets_of(counts), bins, units, places


def binned(recordings: Iterable[Recording], width: float, steps: int, size: int) -> Recordings:
    """Put events into bins; several of a unit in one bin count once, those after the last bin are left out.

    Parameters
    ----------
    recordings : iterable of Recording
    width : float
        Of a bin in milliseconds; 0 cuts each recording into equal parts from its first to its last event.
    steps : int
        Number of bins.
    size : int
        Number of units.

    Raises
    ------
    InputError
        Units or times that do not fit.

    Examples
    --------
    >>> one = Recording(np.array([0.0, 0.4, 7.0, 99.0]), np.array([2, 2, 0, 1]), label=3)
    >>> binned([one], width=5.0, steps=2, size=3)  # doctest: +ELLIPSIS
    Recordings(offsets=array([0, 2]), bins=array([0, 1], dtype=uint16), units=array([2, 0], dtype=uint16), ...)
    """
    if not 1 <= steps < LARGEST or not 1 <= size <= LARGEST:
        raise InputError(f"{steps} bins of {size} units; accepted: 1 to {LARGEST - 1} bins, 1 to {LARGEST} units")
    bins, places, labels, groups = [], [], [], []
    for number, one in enumerate(recordings):
        name = one.name or f"recording {number}"
        times, units = np.asarray(one.times, np.float64), np.asarray(one.units)
        if times.shape != units.shape or times.ndim != 1 or not np.isfinite(times).all():
            raise InputError(f"{name} has {times.shape} times for {units.shape} units, or times not finite")
        if units.dtype.kind not in "iu":
            raise InputError(f"{name} has units of {units.dtype}; expected integers")
        if units.size and not 0 <= units.min() <= units.max() < size:
            raise InputError(f"{name} has units from {units.min()} to {units.max()}; accepted: 0 to {size - 1}")
        if width > 0.0:
            with np.errstate(over="ignore"):
                place = np.floor(times / width)
        else:
            first, span = (times.min(), np.ptp(times)) if times.size else (0.0, 0.0)
            place = np.minimum(np.floor((times - first) / (span or 1.0) * steps), steps - 1)
        inside = (place >= 0) & (place < steps)
        key = np.unique(place[inside].astype(np.int64) * size + units[inside].astype(np.int64))
        bins.append((key // size).astype(np.uint16))
        places.append((key % size).astype(np.uint16))
        labels.append(int(one.label))
        groups.append(int(one.group))
    none = np.zeros(0, np.uint16)
    return Recordings(
        offsets_of([len(each) for each in bins]),
        np.concatenate([none, *bins]),
        np.concatenate([none, *places]),
        np.array(labels, np.int64),
        np.array(groups, np.int64),
    )


def joined(parts: Sequence[Recordings]) -> Recordings:
    """Recordings in a row; raises InputError where there is none."""
    if not any(map(len, parts)):
        raise InputError("there is no recording")
    if len(parts) == 1:
        return parts[0]
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    rest = [np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Recordings)[1:]]
    return Recordings(offsets_of(counts), *rest)


def offsets_of(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Where each of some parts begins, and the last ends: (n + 1,) int64."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def save(path: Path, recordings: Recordings, facts: dict[str, Any]) -> str:
    """Write recordings as `kept.write`."""
    return kept.write(path, {item.name: getattr(recordings, item.name) for item in fields(Recordings)}, facts)


def check(found: Recordings) -> None:
    """Raise ValueError unless the arrays fit together: compiled code follows the offsets without a look."""
    offsets, events, count = found.offsets, found.bins, len(found.labels)
    for name, dtype, shape in (
        *(("offsets", np.int64, (count + 1,)), ("labels", np.int64, (count,)), ("groups", np.int64, (count,))),
        *(("bins", np.uint16, events.shape), ("units", np.uint16, events.shape)),
    ):
        array = getattr(found, name)
        if array.dtype != dtype or array.shape != shape or len(shape) != 1:
            raise ValueError(f"its {name} are {array.dtype} {array.shape}")
    if not count or offsets[0] != 0 or offsets[-1] != len(events) or (np.diff(offsets) < 0).any():
        raise ValueError("its offsets do not lead through its events")


def load(path: Path, facts: dict[str, Any], seal: str | None = None) -> Recordings | None:
    """Read recordings as `kept.read`; their events are read when they are asked for."""

    def checked(**arrays: Any) -> Recordings:
        out = Recordings(**arrays)
        check(out)
        return out

    return kept.read(path, facts, ("bins", "units"), checked, seal)
