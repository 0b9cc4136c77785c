"""Updates of `refsbnn.optim` in one pass on all threads, to the same bits."""

import numpy as np
from numba import njit, prange

from refsbnn.optim import BLOCK, AdamFactors

CHUNK = 8192  # numbers that a task takes
LEAF = 128  # numbers at most that NumPy adds without halving them


def adam_update(p: np.ndarray, g: np.ndarray, mean: np.ndarray, square: np.ndarray, factors: AdamFactors) -> np.ndarray:
    """As `refsbnn.optim.adam_update`.

    Examples
    --------
    >>> import numpy as np
    >>> m, v = np.zeros((2, 1), np.float32)
    >>> one = np.ones(1, np.float32)
    >>> adam_update(one, 5 * one, m, v, AdamFactors(0.9, 0.999, 0.1, 0.001, 1e-8, 0.0, 0.1, 1.0)).round(6).tolist()
    [0.8999999761581421]
    """
    kind = p.dtype.type
    near = AdamFactors(*map(kind, factors))
    rest = kind(1 - factors.decay1), kind(1 - factors.decay2)
    out = np.empty_like(p)
    _adam(p, np.ascontiguousarray(g, p.dtype), mean, square, near, rest, out)
    return out


@njit(cache=True, parallel=True, error_model="numpy")
def _adam(p, g, mean, square, factors, rest, out):
    """One number after the other, each operation rounded on its own as NumPy's are.

    Parameters
    ----------
    p, g : (n,) float
    mean, square : (n,) of the same float type, changed
    factors : AdamFactors of floats of that type
    rest : two floats of that type, 1 less each decay
    out : (n,) float, overwritten
    """
    for task in prange((len(p) + CHUNK - 1) // CHUNK):
        own = slice(task * CHUNK, min((task + 1) * CHUNK, len(p)))
        _chunk(p[own], g[own], mean[own], square[own], factors, rest, out[own])


@njit(cache=True, error_model="numpy")
def _chunk(p, g, mean, square, factors, rest, out):
    """A part of it; a plain loop, which becomes vector instructions, as one over all threads does not.

    Parameters
    ----------
    p, g : (n,) float
    mean, square : (n,) float
    factors : AdamFactors of floats
    rest : two floats
    out : (n,) float
    """
    decay1, decay2, unbiased1, unbiased2, epsilon, decay, rate, scale = factors
    for i in range(len(p)):
        own = g[i] * scale
        m = mean[i] * decay1 + own * rest[0]
        v = square[i] * decay2 + own * rest[1] * own
        mean[i], square[i] = m, v
        out[i] = m / unbiased1 / (np.sqrt(v / unbiased2) + epsilon)
    if decay != 0:
        for i in range(len(p)):
            out[i] += p[i] * decay
    for i in range(len(p)):
        out[i] = p[i] - out[i] * rate


def squares(values: np.ndarray) -> float:
    """As `refsbnn.optim.squares`: blocks side by side, each in NumPy's order.

    Examples
    --------
    >>> import numpy as np
    >>> squares(np.array([3.0, 4.0]))
    25.0
    """
    flat = np.ravel(values)
    parts, total = np.empty((flat.size + BLOCK - 1) // BLOCK), 0.0
    _squares(flat, parts)
    for part in parts.tolist():
        total += part
    return total


@njit(cache=True, parallel=True, error_model="numpy")
def _squares(values, parts):
    """Sums of squares by blocks.

    Parameters
    ----------
    values : (n,) float
    parts : (ceil(n / BLOCK),) float64, overwritten
    """
    for block in prange(len(parts)):
        parts[block] = _halves(values[block * BLOCK : (block + 1) * BLOCK])


@njit(cache=True, error_model="numpy")
def _halves(values):
    """Sum of squares of a block, in the order of NumPy's sums: by halves, and eight sums side by side at the end.

    Parameters
    ----------
    values : (n,) float
    """
    n = len(values)
    if n > LEAF:
        half = n // 2 // 8 * 8
        return _halves(values[:half]) + _halves(values[half:])
    whole, total = n // 8 * 8, 0.0
    if whole > 0:
        a = b = c = d = e = f = g = h = 0.0
        for i in range(0, whole, 8):
            a += np.float64(values[i]) * np.float64(values[i])
            b += np.float64(values[i + 1]) * np.float64(values[i + 1])
            c += np.float64(values[i + 2]) * np.float64(values[i + 2])
            d += np.float64(values[i + 3]) * np.float64(values[i + 3])
            e += np.float64(values[i + 4]) * np.float64(values[i + 4])
            f += np.float64(values[i + 5]) * np.float64(values[i + 5])
            g += np.float64(values[i + 6]) * np.float64(values[i + 6])
            h += np.float64(values[i + 7]) * np.float64(values[i + 7])
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(whole, n):
        total += np.float64(values[i]) * np.float64(values[i])
    return total
