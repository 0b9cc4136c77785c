"""Floating-point numbers as multiples of a power of two in 64-bit integers, whose sums know no order (theory 6.2).

What `refsbnn.kernels.fixed_point`, which training uses with every backend, is held to.
"""

from math import inf

import numpy as np

from refsbnn.optim import blocks

LARGEST = 1000  # of a shift's magnitude, for which 2^shift is a number well inside float64


def add(into: np.ndarray, g: np.ndarray, shift: int, limit: float = inf, first: bool = False) -> float:
    """Add the integers nearest to g 2^shift where no magnitude reaches a limit; returns the largest.

    Where one does, `into` is of no use any more.

    Parameters
    ----------
    into : (n,) int64 array, changed
    g : (n,) float32 or float64 array
        Below the limit |g| 2^shift is at most 2^62. NaN and infinity reach every limit.
    shift : int
    limit : float
    first : bool
        Take `into`, whatever it holds, for zeros.

    Examples
    --------
    >>> total = np.zeros(2, np.int64)
    >>> add(total, np.array([0.5, -0.3]), 4), add(total, np.array([1.0, -8.0]), 4, 8.0)
    (0.5, 8.0)
    >>> total
    array([ 8, -5])
    """
    most = largest(g)
    if first:
        into[:] = 0
    if most < limit:
        for at in blocks(g.size):
            into[at] += np.rint(scaled(g[at], shift)).astype(np.int64)
    return most


def read(q: np.ndarray, shift: int, dtype: np.dtype) -> tuple[np.ndarray, int]:
    """Integers times 2^shift, rounded to float64 and then to a type; and the largest magnitude of the integers.

    Parameters
    ----------
    q : (n,) int64 array
    shift : int
    dtype : float32 or float64

    Examples
    --------
    >>> read(np.array([8, -5]), -4, np.dtype(np.float32))
    (array([ 0.5   , -0.3125], dtype=float32), 8)
    """
    out = np.empty(q.size, dtype)
    for at in blocks(q.size):
        out[at] = scaled(q[at], shift)
    return out, int(largest(q))


def largest(values: np.ndarray) -> float:
    """The largest magnitude, 0 of none; NaN or infinity where there is one.

    Parameters
    ----------
    values : (n,) array of float32, float64 or int64

    Examples
    --------
    >>> largest(np.array([0.5, -0.75])), largest(np.array([-(2**62)])) == 2**62, largest(np.array([np.nan, 1.0]))
    (0.75, True, nan)
    """
    return max(values.max(initial=0).item(), -values.min(initial=0).item())  # a NaN is the result of both


def scaled(values: np.ndarray, shift: int) -> np.ndarray:
    """values 2^shift in float64, exact but for what is far below 1; a product takes a third of ldexp's time."""
    if abs(shift) <= LARGEST:
        return np.multiply(values, 2.0**shift, dtype=np.float64)
    return np.ldexp(values.astype(np.float64), shift)
