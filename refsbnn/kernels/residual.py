"""Residual stream of mean and variance (theory 3.8); the functions of `refsbnn.reference.residual`, fast."""

import numpy as np

from refsbnn.kernels.check import check_float
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
    a = H.dtype.type(scale)
    kept = U if accumulate else a * 0
    return H + a * m, kept + a * a * v  # theory 3.8


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
    return dH, kept, a * dH, a * a * dU  # theory 3.8
