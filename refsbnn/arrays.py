"""Examples in memory as a part of a data set, with labels or with real targets."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError, check_array
from refsbnn.layers.signal import Signal


@dataclass(frozen=True)
class Arrays:
    """Inputs and labels in memory, given to the network as they are.

    Parameters
    ----------
    x : (n, ...) array, or (n, steps, ...) array where `time`
        Bytes or booleans are spikes, 0 and 1; everything else is real values.
    labels : (n,) array of int
    time : bool
        Whether the second axis of x is time.

    Raises
    ------
    InputError
        Inputs that are not finite numbers, bytes above 1, labels that are not integers from 0 on or do not fit.

    Examples
    --------
    >>> part = Arrays(np.eye(3), np.array([0, 1, 0]))
    >>> part.batch(np.array([2, 0]), draws=None)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    >>> len(part.part(np.array([0, 1]))), str(part.signal)
    (2, 'real values of shape (3,)')
    """

    x: np.ndarray
    labels: np.ndarray
    time: bool = False

    def __post_init__(self) -> None:
        x, labels = np.asarray(self.x), np.asarray(self.labels)
        if x.dtype not in (np.uint8, np.bool_):
            x = check_array("x", x)
        elif x.size and x.max() > 1:
            raise InputError(f"x holds the byte {x.max()}; bytes are spikes, 0 and 1: give pixels as floats")
        if x.ndim < self.time + 2:
            wanted = "(n, steps, ...)" if self.time else "(n, ...)"
            raise InputError(f"x has shape {x.shape}; expected {wanted}, an axis of features at least")
        if labels.dtype.kind not in "iu" or labels.shape != x.shape[:1]:
            raise InputError(f"labels are {labels.dtype} of shape {labels.shape}; expected integers {x.shape[:1]}")
        if labels.size and labels.min() < 0:
            raise InputError(f"labels hold {labels.min()}; expected integers from 0 on")
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "labels", labels.astype(np.int64))

    def batch(self, rows: np.ndarray, draws: CounterDraws | None) -> Any:
        """The examples `rows`, time first; nothing about them is random."""
        x = self.x[rows]
        return np.ascontiguousarray(x.swapaxes(0, 1)) if self.time else x

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, rows: np.ndarray) -> "Arrays":
        """Some of the examples."""
        return Arrays(self.x[rows], self.labels[rows], self.time)

    @property
    def signal(self) -> Signal:
        """What a network takes that takes these."""
        domain = "binary" if self.x.dtype in (np.uint8, np.bool_) else "real"
        if self.time:
            return Signal("values", self.x.shape[2:], domain, self.x.shape[1])  # type: ignore[arg-type]
        return Signal("values", self.x.shape[1:], domain)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Measured:
    """Real inputs and real targets in memory.

    Parameters
    ----------
    x : (n, ...) array
    labels : (n, outputs) array
        Targets.

    Raises
    ------
    InputError
        Inputs or targets that are not finite numbers or do not fit.

    Examples
    --------
    >>> Measured(np.eye(3), np.array([[0.5], [1.0], [2.0]])).batch(np.array([2, 0]), draws=None)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """

    x: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        x = check_array("x", self.x)
        if x.ndim < 2:
            raise InputError(f"x has shape {x.shape}; expected (n, ...), an axis of features at least")
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "labels", check_array("targets", self.labels, (len(x), None)))

    def batch(self, rows: np.ndarray, draws: CounterDraws | None) -> np.ndarray:
        """The examples `rows`; nothing about them is random."""
        return np.asarray(self.x[rows])
