"""Sums in 64-bit integers (theory 6.2): `refsbnn.fixed_point` in one pass, to the same bits.

On one thread: plain loops become vector instructions, which prange's did not, and then wait for memory alone.
"""

from math import inf

import numpy as np
from numba import njit

from refsbnn import fixed_point

BITS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}  # a float's, as an integer


def add(into: np.ndarray, g: np.ndarray, shift: int, limit: float = inf) -> float:
    """As `refsbnn.fixed_point.add`.

    Examples
    --------
    >>> import numpy as np
    >>> total = np.zeros(2, np.int64)
    >>> add(total, np.array([0.5, -0.3], np.float32), 4), add(total, np.array([1.0, -8.0]), 4, 8.0)
    (0.5, 8.0)
    >>> total
    array([ 8, -5])
    """
    if abs(shift) > fixed_point.LARGEST:
        return fixed_point.add(into, g, shift, limit)
    return _add(into, g, g.view(BITS[g.dtype]), 2.0**shift, limit)


def read(q: np.ndarray, shift: int, dtype: np.dtype) -> np.ndarray:
    """As `refsbnn.fixed_point.read`.

    Examples
    --------
    >>> import numpy as np
    >>> read(np.array([8, -5]), -4, np.dtype(np.float32))
    array([ 0.5   , -0.3125], dtype=float32)
    """
    if abs(shift) > fixed_point.LARGEST:
        return fixed_point.read(q, shift, dtype)
    out = np.empty(q.size, dtype)
    _read(q, 2.0**shift, out)
    return out


def largest(values: np.ndarray) -> float:
    """As `refsbnn.fixed_point.largest`.

    Without their signs, floats are in the order of their bits, and NaN is above infinity.

    Examples
    --------
    >>> import numpy as np
    >>> largest(np.array([0.5, -0.75])), largest(np.array([-(2**62)])) == 2**62, largest(np.array([np.nan, 1.0]))
    (0.75, True, nan)
    """
    if values.dtype == np.int64:
        low, high = _range(values)
        return max(high, -low)
    bits = BITS[values.dtype]
    return _largest(values, values.view(bits))


@njit(cache=True, error_model="numpy")
def _add(into, g, bits, factor, limit):
    """Add the integers nearest to g times a power of two, if no magnitude reaches the limit; returns the largest.

    Parameters
    ----------
    into : (n,) int64, changed
    g : (n,) float32 or float64
    bits : (n,) int32 or int64
        The same, as integers.
    factor, limit : float64
    """
    most = _largest(g, bits)
    if most < limit:
        for i in range(len(g)):
            into[i] += np.int64(np.rint(np.float64(g[i]) * factor))
    return most


@njit(cache=True, error_model="numpy")
def _read(q, factor, out):
    """Integers times a power of two.

    Parameters
    ----------
    q : (n,) int64
    factor : float64
    out : (n,) float32 or float64, overwritten
    """
    for i in range(len(q)):
        out[i] = np.float64(q[i]) * factor


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
    unsigned = ~np.iinfo(bits.dtype).min  # all bits but the sign
    most = found[0]
    for i in range(len(bits)):
        most = max(most, bits[i] & bits.dtype.type(unsigned))
    found[0] = most
    return found.view(values.dtype)[0]


@njit(cache=True, error_model="numpy")
def _range(q):
    """The least and the largest of integers and 0.

    Parameters
    ----------
    q : (n,) int64
    """
    low = high = np.int64(0)
    for i in range(len(q)):
        low, high = min(low, q[i]), max(high, q[i])
    return low, high
