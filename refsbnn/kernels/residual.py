"""Residual stream of mean and variance (theory 3.8); the functions of `refsbnn.reference.residual`, fast."""

import numpy as np
from numba import njit, prange

from refsbnn.kernels.check import check_float, float_type
from refsbnn.kernels.unit import check_moments

Moments = tuple[np.ndarray, np.ndarray]


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
    out_H, out_U = np.empty_like(H), np.empty_like(U)
    a = H.dtype.type(scale)
    H, U, m, v = (part.reshape(-1) for part in (H, U, m, v))
    _add(H, U, m, v, a, a * a, a.dtype.type(accumulate), out_H.reshape(-1), out_U.reshape(-1))
    return out_H, out_U


def add_backward(
    dH: np.ndarray, dU: np.ndarray, *, scale: float = 1.0, accumulate: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of the stream and the branch; as in `refsbnn.reference.residual.add_backward`."""
    dH = check_float("dH", dH, np.shape(dH), float_type("dH", dH))
    dU = check_float("dU", dU, dH.shape, dH.dtype)
    a = dH.dtype.type(scale)
    kept = dU if accumulate else np.zeros_like(dU)
    if scale == 1.0:
        return dH, kept, dH, dU
    return dH, kept, a * dH, a * a * dU  # theory 3.8


@njit(cache=True, parallel=True, error_model="numpy")
def _add(H, U, m, v, a, a2, kept, out_H, out_U):
    """The stream after a branch.

    Parameters
    ----------
    H, U, m, v : (n,) float
    a, a2 : float, the scale and its square
    kept : float, 1 if the stream's variance accumulates, else 0
    out_H, out_U : (n,) float, overwritten
    """
    for i in prange(len(H)):
        out_H[i] = H[i] + a * m[i]  # theory 3.8
        out_U[i] = kept * U[i] + a2 * v[i]  # theory 3.8
