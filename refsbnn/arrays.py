"""Examples in memory as a part of a data set."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from refsbnn.errors import InputError, check_array
from refsbnn.streams import Draws


@dataclass(frozen=True)
class Arrays:
    """Inputs and labels in memory, given to the network as they are.

    Parameters
    ----------
    x : (n, ...) array, or (steps, n, ...) array where `time`
    labels : (n,) array of int
    time : bool
        Whether the first axis of x is time.

    Raises
    ------
    InputError
        Inputs that are not finite numbers, labels that are not integers from 0 on or do not fit the inputs.

    Examples
    --------
    >>> part = Arrays(np.eye(3), np.array([0, 1, 0]))
    >>> part.batch(np.array([2, 0]), draws=None)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """

    x: np.ndarray
    labels: np.ndarray
    time: bool = False

    def __post_init__(self) -> None:
        x, labels = np.asarray(self.x), np.asarray(self.labels)
        if x.dtype not in (np.uint8, np.bool_):
            x = check_array("x", x)
        axis = int(self.time)
        if x.ndim < axis + 2:
            wanted = "(steps, n, ...)" if self.time else "(n, ...)"
            raise InputError(f"x has shape {x.shape}; expected {wanted}, an axis of features at least")
        if labels.dtype.kind not in "iu" or labels.shape != (x.shape[axis],):
            raise InputError(f"labels are {labels.dtype} of shape {labels.shape}; expected integers {(x.shape[axis],)}")
        if labels.size and labels.min() < 0:
            raise InputError(f"labels hold {labels.min()}; expected integers from 0 on")
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "labels", labels.astype(np.int64))

    def batch(self, rows: np.ndarray, draws: Draws | None) -> Any:
        """The examples `rows`; nothing about them is random."""
        return np.take(self.x, rows, axis=int(self.time))
