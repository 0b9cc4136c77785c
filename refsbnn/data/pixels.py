"""Events of cameras: pixels made coarser, polarities merged."""

from typing import NamedTuple

import numpy as np

from refsbnn.errors import InputError


class Seen(NamedTuple):
    """One recording of an event camera as its file has it.

    Attributes
    ----------
    times : (events,) array
        Milliseconds.
    x, y, polarity : (events,) integer arrays
        Column, row, and whether it became brighter.
    label, group : int
    name : str
        What an error calls it.
    """

    times: np.ndarray
    x: np.ndarray
    y: np.ndarray
    polarity: np.ndarray
    label: int
    group: int = 0
    name: str = ""


def check(one: Seen, shape: tuple[int, ...]) -> None:
    """Raise InputError unless a recording's events lie on pixels of `shape` (height, width, polarities)."""
    for name, column, size in zip(("y", "x", "polarity"), (one.y, one.x, one.polarity), shape, strict=True):
        if len(column) and not 0 <= column.min() <= column.max() < size:
            raise InputError(
                f"{one.name} has {name} from {column.min()} to {column.max()}; expected integers from 0 to {size - 1}"
            )


def units_of(
    x: np.ndarray, y: np.ndarray, polarity: np.ndarray, shape: tuple[int, ...], downsample: int, merge: bool
) -> np.ndarray:
    """The units (row, column, polarity), row-major, of events on pixels of `shape` (height, width, 2).

    Examples
    --------
    >>> one = np.array([1])
    >>> units_of(np.array([5]), np.array([3]), one, (8, 8, 2), 2, False), units_of(one, one, one, (8, 8, 2), 1, True)
    (array([13]), array([9]))
    """
    height, width, channels = coarse(shape, downsample, merge)
    y, x = (np.minimum(a.astype(np.int64) // downsample, n - 1) for a, n in ((y, height), (x, width)))
    return (y * width + x) * channels + (0 if merge else polarity.astype(np.int64))


def coarse(shape: tuple[int, ...], downsample: int, merge: bool) -> tuple[int, int, int]:
    """Shape of the events after that: pixels that fill no block join the last one."""
    return max(shape[0] // downsample, 1), max(shape[1] // downsample, 1), 1 if merge else shape[2]
