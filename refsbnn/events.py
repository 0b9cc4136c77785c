"""Sparse spikes: for every row of units, the list of those that fired."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from refsbnn.errors import InputError


@dataclass(frozen=True)
class Events:
    """Spikes in {0, 1} in compressed sparse rows.

    A row is what the leading axes of `shape` count, in row-major order: of shape (steps, batch, features), row
    t * batch + b. Row i's units are ``columns[offsets[i]:offsets[i + 1]]``, ascending. ``np.asarray(events)`` is the
    dense array, so that every function that takes an array takes events.

    Parameters
    ----------
    offsets : (rows + 1,) int64 array
    columns : (events,) int32 array
    shape : tuple of int
        Of the dense array, features last.

    Raises
    ------
    InputError
        Offsets or columns that do not describe such rows.

    Examples
    --------
    >>> import numpy as np
    >>> events = Events(np.array([0, 2, 2]), np.array([0, 2], np.int32), (2, 3))
    >>> np.asarray(events)
    array([[1, 0, 1],
           [0, 0, 0]], dtype=uint8)
    >>> Events.of(np.asarray(events)).columns, events.ndim
    (array([0, 2], dtype=int32), 2)
    """

    offsets: np.ndarray
    columns: np.ndarray
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        for name, dtype in (("offsets", np.int64), ("columns", np.int32)):
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
                given = getattr(array, "dtype", type(array).__name__)
                raise InputError(f"events: {name} is {given}; expected a flat array of {np.dtype(dtype)}")
            object.__setattr__(self, name, np.ascontiguousarray(array))
        rows = int(np.prod(self.shape[:-1]))
        if len(self.shape) < 2 or len(self.offsets) != rows + 1:
            raise InputError(f"events: {len(self.offsets)} offsets for the shape {self.shape}; expected {rows + 1}")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.columns) or (np.diff(self.offsets) < 0).any():
            raise InputError(f"events: offsets do not run from 0 up to the number of events, {len(self.columns)}")
        if not len(self.columns):
            return
        if self.columns.min() < 0 or self.columns.max() >= self.shape[-1]:
            given = f"{self.columns.min()} to {self.columns.max()}"
            raise InputError(f"events: columns run from {given}; expected 0 to {self.shape[-1] - 1}")
        rises = np.diff(self.columns) > 0
        ends = self.offsets[1:-1]
        rises[ends[(ends > 0) & (ends < len(self.columns))] - 1] = True  # a new row may start lower
        if not rises.all():
            raise InputError("events: the columns of a row are not ascending")

    @property
    def ndim(self) -> int:
        """Number of axes of the dense array."""
        return len(self.shape)

    def steps(self, first: int, last: int) -> "Events":
        """Steps first to last (exclusive) of events of shape (steps, ...).

        Examples
        --------
        >>> np.asarray(Events.of(np.eye(3, dtype=np.uint8)).steps(1, 3))
        array([[0, 1, 0],
               [0, 0, 1]], dtype=uint8)
        """
        last = min(last, self.shape[0])
        rows = int(np.prod(self.shape[1:-1]))
        offsets = self.offsets[first * rows : last * rows + 1]
        columns = self.columns[offsets[0] : offsets[-1]]
        return Events(offsets - offsets[0], columns, (last - first, *self.shape[1:]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The dense array, uint8 unless `dtype` says otherwise."""
        dense = np.zeros((len(self.offsets) - 1, self.shape[-1]), np.uint8 if dtype is None else dtype)
        dense[np.repeat(np.arange(len(dense)), np.diff(self.offsets)), self.columns] = 1
        return dense.reshape(self.shape)

    @classmethod
    def of(cls, spikes: np.ndarray) -> "Events":
        """Events of a dense array of zeros and ones, features last.

        Raises
        ------
        InputError
            Another value than 0 or 1, or fewer than two axes.
        """
        spikes = np.asarray(spikes)
        if spikes.ndim < 2 or not np.isin(spikes, (0, 1)).all():
            raise InputError(f"spikes of shape {spikes.shape} are not an array (..., features) of zeros and ones")
        rows, columns = np.nonzero(spikes.reshape(-1, spikes.shape[-1]))
        count = np.bincount(rows, minlength=int(np.prod(spikes.shape[:-1])))
        offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        return cls(offsets, columns.astype(np.int32), spikes.shape)
