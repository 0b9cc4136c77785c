"""Updates of `refsbnn.optim` in one pass on all threads, to the same bits."""

import numpy as np
from numba import njit, prange

from refsbnn.optim import AdamFactors

CHUNK = 8192  # numbers that a task takes


def adam_update(p: np.ndarray, g: np.ndarray, mean: np.ndarray, square: np.ndarray, factors: AdamFactors) -> np.ndarray:
    """As `refsbnn.optim.adam_update`.

    Examples
    --------
    >>> import numpy as np
    >>> m, v = np.zeros((2, 1), np.float32)
    >>> one = np.ones(1, np.float32)
    >>> adam_update(one, 5 * one, m, v, AdamFactors(0.9, 0.999, 0.1, 0.001, 1e-8, 0.0, 0.1)).round(6).tolist()
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
    decay1, decay2, unbiased1, unbiased2, epsilon, decay, rate = factors
    for i in range(len(p)):
        m = mean[i] * decay1 + g[i] * rest[0]
        v = square[i] * decay2 + g[i] * rest[1] * g[i]
        mean[i], square[i] = m, v
        out[i] = m / unbiased1 / (np.sqrt(v / unbiased2) + epsilon)
    if decay != 0:
        for i in range(len(p)):
            out[i] += p[i] * decay
    for i in range(len(p)):
        out[i] = p[i] - out[i] * rate
