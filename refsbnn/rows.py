"""Arrays that lie in a file and are read row by row, when a row is asked for."""

import math
import os
import weakref
from dataclasses import dataclass, replace
from typing import IO

import numpy as np

from refsbnn.errors import InputError, refusing


class Held:
    """A file that stays open for as long as this is held, whatever takes its name in the meantime.

    Parameters
    ----------
    file : binary file
        Open; it may be closed then.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.name, self.handle = file.name, os.dup(file.fileno())
        weakref.finalize(self, os.close, self.handle)


@dataclass(frozen=True, eq=False)
class Rows:
    """An array in a file, C-contiguous; what is read is copied and not kept (the system's page cache does that).

    Attributes
    ----------
    file : Held
    start : int
        Byte at which the array begins.
    dtype : dtype
    shape : tuple of int
    """

    file: Held
    start: int
    dtype: np.dtype
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    def spans(self, firsts: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Rows firsts[i] to firsts[i] + counts[i], for every i, one after the other; both are (n,) int64 arrays.

        Raises
        ------
        InputError
            The file cannot be read any more, or has been cut.
        IndexError
            Rows that the array does not have.
        """
        if len(firsts) and (min(firsts.min(), counts.min()) < 0 or (firsts + counts).max() > len(self)):
            raise IndexError(f"rows beyond the {len(self)} of {self.file.name}")
        out = np.empty((int(counts.sum()), *self.shape[1:]), self.dtype)
        octets = memoryview(out.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
        width, handle, done = math.prod(out.shape[1:]) * out.itemsize, self.file.handle, 0
        with refusing(f"{self.file.name} cannot be read", OSError):
            for first, count in zip(firsts.tolist(), counts.tolist(), strict=True):
                place, end = self.start + first * width, done + count * width
                while done < end:
                    got = os.preadv(handle, [octets[done:end]], place)
                    if not got:
                        raise InputError(f"{self.file.name} has been cut short while it was used")
                    done, place = done + got, place + got
        return out

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Some rows, which may repeat, by an int64 array."""
        return self.spans(rows, np.ones_like(rows))

    def none(self) -> "Rows":
        """An array of the same kind without a row."""
        return replace(self, shape=(0, *self.shape[1:]))

    def only(self, rows: np.ndarray) -> "Chosen":
        """The array that some of the rows make, not read yet."""
        return Chosen(self, rows)


@dataclass(frozen=True, eq=False)
class Chosen:
    """Some rows of an array in a file.

    Attributes
    ----------
    of : Rows
    rows : (n,) int64 array
    """

    of: Rows
    rows: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Some of them, by an int64 array."""
        return self.of[self.rows[rows]]
