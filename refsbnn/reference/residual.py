"""Residual stream without normalisation: it carries a mean H and a variance U, as a membrane does (theory 3.8)."""

import numpy as np

from refsbnn.errors import check_array


def add_forward(
    H: np.ndarray, U: np.ndarray, m: np.ndarray, v: np.ndarray, *, scale: float = 1.0, accumulate: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """The stream after a branch: H + a m and U + a^2 v (theory 3.8).

    Parameters
    ----------
    H, U : (...) arrays
        Mean and variance of the stream.
    m, v : (...) arrays
        Moments that the branch gives.
    scale : float
        The branch scale a.
    accumulate : bool
        Whether the stream keeps earlier variance; otherwise only the last branch's.

    Returns
    -------
    H, U : (...) float64 arrays

    Raises
    ------
    InputError
        Shapes that differ, a negative variance, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> add_forward(one, one, one, one, scale=0.5)
    (array([1.5]), array([1.25]))
    """
    H = check_array("H", H)
    U = check_array("U", U, H.shape, nonnegative=True)
    m = check_array("m", m, H.shape)
    v = check_array("v", v, H.shape, nonnegative=True)
    kept = U if accumulate else 0.0
    return H + scale * m, kept + scale**2 * v  # theory 3.8


def add_backward(
    dH: np.ndarray, dU: np.ndarray, *, scale: float = 1.0, accumulate: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of the incoming stream and of the branch's moments (theory 3.8).

    Parameters
    ----------
    dH, dU : (...) arrays
        Gradients of the stream after the branch.
    scale, accumulate
        As in `add_forward`.

    Returns
    -------
    dH, dU, dm, dv : (...) float64 arrays

    Raises
    ------
    InputError
        Shapes that differ, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> [float(g[0]) for g in add_backward(np.ones(1), np.ones(1), scale=0.5)]
    [1.0, 1.0, 0.5, 0.25]
    """
    dH = check_array("dH", dH)
    dU = check_array("dU", dU, dH.shape)
    kept = dU if accumulate else np.zeros_like(dU)
    return dH, kept, scale * dH, scale**2 * dU  # theory 3.8
