"""Residual stream of mean and variance (theory 3.8); the functions of `refsbnn.reference.residual`, fast."""

import numpy as np
from numba import njit, prange

from refsbnn.kernels.check import check_float
from refsbnn.kernels.simd import LANES, load, splat, store
from refsbnn.kernels.unit import check_moments

Moments = tuple[np.ndarray, np.ndarray]
CHUNK = 4096  # entries that a task takes


def add_forward(
    H: np.ndarray, U: np.ndarray, m: np.ndarray, v: np.ndarray, *, scale: float = 1.0, accumulate: bool = True
) -> Moments:
    """The stream after a branch; as in `refsbnn.reference.residual.add_forward`.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1, np.float32)
    >>> [part.tolist() for part in add_forward(one, one, one, one, scale=0.5)]
    [[1.5], [1.25]]
    """
    H, U = check_moments(H, U)
    m = check_float("m", m, H.shape, H.dtype)
    v = check_float("v", v, H.shape, H.dtype, nonnegative=True)
    a = H.dtype.type(scale)
    mean, variance = np.empty_like(H), np.empty_like(U)
    kept = U if accumulate else np.zeros(1, U.dtype)
    _add(H.reshape(-1), m.reshape(-1), a, mean.reshape(-1))  # theory 3.8
    _add(kept.reshape(-1), v.reshape(-1), a * a, variance.reshape(-1))
    return mean, variance


def add_backward(
    dH: np.ndarray, dU: np.ndarray, *, scale: float = 1.0, accumulate: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of the stream and the branch; as in `refsbnn.reference.residual.add_backward`."""
    dH = check_float("dH", dH)
    dU = check_float("dU", dU, dH.shape, dH.dtype)
    a = dH.dtype.type(scale)
    kept = dU if accumulate else np.zeros_like(dU)
    if scale == 1.0:
        return dH, kept, dH, dU
    dm, dv = np.empty_like(dH), np.empty_like(dU)
    _scale(dH.reshape(-1), a, dm.reshape(-1))
    _scale(dU.reshape(-1), a * a, dv.reshape(-1))
    return dH, kept, dm, dv  # theory 3.8


@njit(cache=True, parallel=True, error_model="numpy")
def _add(x, y, a, total):
    """total = x + a y.

    Parameters
    ----------
    x : (n,) float, or (1,), a zero for all
    y : (n,) float
    a : float
    total : (n,) float, overwritten
    """
    factor, none = splat(a), splat(a - a)
    for task in prange((len(y) + CHUNK - 1) // CHUNK):
        first, past = task * CHUNK, min(len(y), (task + 1) * CHUNK)
        whole = first + (past - first) // LANES * LANES
        for i in range(first, whole, LANES):
            store(total, i, (load(x, i) if len(x) == len(y) else none) + factor * load(y, i))
        for i in range(whole, past):
            total[i] = (x[i] if len(x) == len(y) else a - a) + a * y[i]


@njit(cache=True, parallel=True, error_model="numpy")
def _scale(x, a, product):
    """product = a x.

    Parameters
    ----------
    x : (n,) float
    a : float
    product : (n,) float, overwritten
    """
    factor = splat(a)
    for task in prange((len(x) + CHUNK - 1) // CHUNK):
        first, past = task * CHUNK, min(len(x), (task + 1) * CHUNK)
        whole = first + (past - first) // LANES * LANES
        for i in range(first, whole, LANES):
            store(product, i, factor * load(x, i))
        for i in range(whole, past):
            product[i] = a * x[i]
