"""Readouts: the leaky integrator without spikes (theory 3.13) and logits sampled from their moments (theory 3.14)."""

from typing import Any

import numpy as np

from refsbnn.errors import InputError, check_array, check_choice

REDUCTIONS = ("mean", "max", "last")


def integrate_forward(
    m: np.ndarray, v: np.ndarray | None, *, beta: float, reduce: str = "mean"
) -> tuple[np.ndarray, Any, np.ndarray]:
    """Mean and variance of a leaky integrator's mean, maximum or last value over time (theory 3.13).

    The membrane is A_t = beta A_{t-1} + a_t with a_t ~ N(m_t, v_t) independent over steps, so what is read is
    sum_t c_t a_t and its moments are exact. For the maximum each class is read at the step where the mean of its
    membrane is largest (the first of equals).

    Parameters
    ----------
    m, v : (T, ...) arrays
        Moments of the input a_t of each class; v None for point weights, and then v_out.
    beta : float
        Decay per step, in [0, 1].
    reduce : {"mean", "max", "last"}

    Returns
    -------
    m_out, v_out : (...) float64 arrays
    tape : (T, ...) float64 array
        The coefficients c_t, which is all that backward needs.

    Raises
    ------
    InputError
        Shapes that differ, no steps, a negative variance, beta outside [0, 1], NaN, unknown names.

    Examples
    --------
    >>> import numpy as np
    >>> m_out, v_out, c = integrate_forward(np.array([[1.0], [2.0]]), np.ones((2, 1)), beta=0.5, reduce="last")
    >>> m_out.item(), v_out.item()
    (2.5, 1.25)
    """
    check_choice("reduce", reduce, REDUCTIONS)
    m = check_array("m", m)
    v = None if v is None else check_array("v", v, m.shape, nonnegative=True)
    check_steps(m, beta)
    c = np.stack([np.broadcast_to(row, m.shape[1:]) for row in coefficients(m, beta, reduce)])
    m_out = (c * m).sum(axis=0)  # theory 3.13: E sum_t c_t a_t
    v_out = None if v is None else (c * c * v).sum(axis=0)  # theory 3.13: steps are independent
    return m_out, v_out, c


def check_steps(m: np.ndarray, beta: float) -> None:
    """Raise InputError unless there is a step and the decay is one."""
    if not 0.0 <= beta <= 1.0:
        raise InputError(f"beta is {beta!r}; expected a number in [0, 1]")
    if m.ndim == 0 or len(m) == 0:
        raise InputError(f"m has shape {m.shape}; expected (T, ...) with at least one step")


def integrate_backward(dm: np.ndarray, dv: np.ndarray | None, tape: np.ndarray) -> tuple[np.ndarray, Any]:
    """Gradients of the integrator's inputs (theory 3.13).

    Parameters
    ----------
    dm, dv : (...) arrays
        Gradients of m_out and v_out; dv None for point weights.
    tape : (T, ...) array
        From `integrate_forward`.

    Returns
    -------
    dm, dv : (T, ...) float64 arrays

    Raises
    ------
    InputError
        Shapes that do not fit, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> m_out, v_out, tape = integrate_forward(np.array([[1.0], [2.0]]), np.ones((2, 1)), beta=0.5, reduce="last")
    >>> dm, dv = integrate_backward(np.ones(1), np.ones(1), tape)
    >>> dm.ravel(), dv.ravel()
    (array([0.5, 1. ]), array([0.25, 1.  ]))
    """
    dm = check_array("dm", dm, tape.shape[1:])
    if dv is None:
        return tape * dm, None
    return tape * dm, tape * tape * check_array("dv", dv, tape.shape[1:])  # theory 3.13


def coefficients(m: np.ndarray, beta: float, reduce: str) -> np.ndarray:
    """The weight c_t of step t's input in what is read, (T,) or (T, ...) for the maximum (theory 3.13)."""
    steps = len(m)
    t = np.arange(steps)
    age = t[:, None] - t  # age[t, k]: how long ago input k was when step t is read
    decay = np.where(age >= 0, beta ** np.maximum(age, 0), 0.0)  # theory 3.13: A_t = sum_k beta^(t-k) a_k
    if reduce == "mean":
        return decay.mean(axis=0)
    if reduce == "last":
        return decay[-1]
    best = np.tensordot(decay, m, 1).argmax(axis=0)  # theory 3.13: the first step of the largest mean membrane
    return np.moveaxis(decay[best], -1, 0)


def sample_forward(m: np.ndarray, v: np.ndarray, eps: np.ndarray) -> np.ndarray:
    """Logits m + sqrt(v) eps (theory 3.14).

    Parameters
    ----------
    m, v : (..., classes) arrays
        Moments of the logits.
    eps : (..., classes) array
        Standard normal draws.

    Returns
    -------
    logits : (..., classes) float64 array

    Raises
    ------
    InputError
        Shapes that differ, a negative variance, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> sample_forward(np.array([1.0]), np.array([4.0]), np.array([0.5]))
    array([2.])
    """
    m = check_array("m", m)
    v = check_array("v", v, m.shape, nonnegative=True)
    eps = check_array("eps", eps, m.shape)
    return m + np.sqrt(v) * eps  # theory 3.14


def sample_backward(g: np.ndarray, v: np.ndarray, eps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of the logits' moments (theory 3.14).

    Parameters
    ----------
    g : (..., classes) array
        Gradient of the logits.
    v, eps : (..., classes) arrays
        As in `sample_forward`.

    Returns
    -------
    dm, dv : (..., classes) float64 arrays
        dv is zero where v = 0 (theory 3.17).

    Raises
    ------
    InputError
        As `sample_forward`.

    Examples
    --------
    >>> import numpy as np
    >>> sample_backward(np.array([1.0]), np.array([4.0]), np.array([0.5]))
    (array([1.]), array([0.125]))
    """
    g = check_array("g", g)
    v = check_array("v", v, g.shape, nonnegative=True)
    eps = check_array("eps", eps, g.shape)
    s = np.sqrt(np.where(v > 0.0, v, 1.0))
    return g, np.where(v > 0.0, g * eps / (2.0 * s), 0.0)  # theory 3.14
