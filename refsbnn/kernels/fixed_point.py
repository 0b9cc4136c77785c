"""Sums in 64-bit integers (theory 6.2): `refsbnn.fixed_point` in one pass, to the same bits.

On one thread: plain loops become vector instructions, which prange's did not, and then wait for memory alone.
"""

from math import inf

import numpy as np
from numba import njit

from refsbnn import fixed_point

NORMAL = 126  # of a shift's magnitude, for which 2^shift is a number well inside float32
BITS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}  # a float's, as an integer


def add(into: np.ndarray, g: np.ndarray, shift: int, limit: float = inf, first: bool = False) -> float:
    """As `refsbnn.fixed_point.add`.

    Examples
    --------
    >>> import numpy as np
    >>> total = np.zeros(2, np.int64)
    >>> add(total, np.array([0.5, -0.3], np.float32), 4)
    0.5
    >>> total
    array([ 8, -5])
    >>> add(total, np.array([1.0, -8.0]), 4, 8.0)
    8.0
    """
    if abs(shift) > fixed_point.LARGEST:
        return fixed_point.add(into, g, shift, limit, first)
    # A float32 times a power of two is exact, or so small that its integer is 0: half of float64's instructions.
    factor = (g.dtype.type if abs(shift) <= NORMAL else np.float64)(2.0**shift)
    return float(_add(into, g, g.view(BITS[g.dtype]), factor, first))


def read(q: np.ndarray, shift: int, dtype: np.dtype) -> tuple[np.ndarray, int]:
    """As `refsbnn.fixed_point.read`.

    Examples
    --------
    >>> import numpy as np
    >>> read(np.array([8, -5]), -4, np.dtype(np.float32))
    (array([ 0.5   , -0.3125], dtype=float32), 8)
    """
    if abs(shift) > fixed_point.LARGEST:
        return fixed_point.read(q, shift, dtype)
    out = np.empty(q.size, dtype)
    low, high = _read(q, 2.0**shift, out)
    return out, max(high, -low)


def largest(values: np.ndarray) -> float:
    """As `refsbnn.fixed_point.largest`.

    Without their signs, floats are in the order of their bits, and NaN is above infinity.

    Examples
    --------
    >>> import numpy as np
    >>> largest(np.array([0.5, -0.75])), largest(np.array([np.nan, 1.0]))
    (0.75, nan)
    """
    return _largest(values, values.view(BITS[values.dtype]))


@njit(cache=True, error_model="numpy")
def _add(into, g, bits, factor, first):
    """Add the integers nearest to g times a power of two; returns the largest magnitude in g.

    The largest is found in the same loop, so the memory is gone through once. What is too large for an integer or
    is no number leaves a sum of no use.

    Parameters
    ----------
    into : (n,) int64, changed
    g : (n,) float32 or float64
    bits : (n,) int32 or int64
        The same, as integers.
    factor : float32 or float64
    first : bool
        `into` is taken for zeros, and is not read.
    """
    found = np.zeros(1, bits.dtype)
    unsigned = bits.dtype.type(~np.iinfo(bits.dtype).min)  # all bits but the sign
    most = found[0]
    if first:
        for i in range(len(g)):
            most = max(most, bits[i] & unsigned)
            into[i] = np.int64(np.rint(g[i] * factor))
    else:
        for i in range(len(g)):
            most = max(most, bits[i] & unsigned)
            into[i] += np.int64(np.rint(g[i] * factor))
    found[0] = most
    return found.view(g.dtype)[0]


@njit(cache=True, error_model="numpy")
def _read(q, factor, out):
    """Integers times a power of two; returns the least and the largest of them and 0.

    Parameters
    ----------
    q : (n,) int64
    factor : float64
    out : (n,) float32 or float64, overwritten
    """
    low = high = np.int64(0)
    for i in range(len(q)):
        out[i] = np.float64(q[i]) * factor
        low, high = min(low, q[i]), max(high, q[i])
    return low, high


@njit(cache=True, error_model="numpy")
def _largest(values, bits):
    """The largest magnitude.

    Parameters
    ----------
    values : (n,) float32 or float64
    bits : (n,) int32 or int64
        The same, as integers.
    """
    found = np.zeros(1, bits.dtype)
    unsigned = bits.dtype.type(~np.iinfo(bits.dtype).min)  # all bits but the sign
    most = found[0]
    for i in range(len(bits)):
        most = max(most, bits[i] & unsigned)
    found[0] = most
    return found.view(values.dtype)[0]
