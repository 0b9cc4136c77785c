"""Leaky integrator and sampled logits (theory 3.13, 3.14); the functions of `refsbnn.reference.readout`, fast."""

from typing import Any

import numpy as np
from numba import njit

from refsbnn.errors import check_choice
from refsbnn.kernels.check import check_float, float_type
from refsbnn.kernels.tasks import run
from refsbnn.kernels.unit import check_moments, check_own
from refsbnn.reference.readout import REDUCTIONS, check_steps

COLUMNS = 64  # integrators that a task takes together


def integrate_forward(
    m: np.ndarray, v: np.ndarray | None, *, beta: float, reduce: str = "mean"
) -> tuple[np.ndarray, Any, np.ndarray]:
    """Moments of what is read; arguments, results and errors as in `refsbnn.reference.readout.integrate_forward`.

    Examples
    --------
    >>> import numpy as np
    >>> m_out, v_out, _ = integrate_forward(np.ones((2, 1), np.float32), np.ones((2, 1), np.float32), beta=0.5)
    >>> m_out.tolist(), v_out.tolist()
    ([1.25], [0.8125])
    """
    check_choice("reduce", reduce, REDUCTIONS)
    point = v is None
    m, v = check_own(m, v)
    check_steps(m, beta)
    c = np.empty_like(m)
    m_out, v_out = np.empty_like(m[0]), np.empty_like(m[0])
    flat = (len(m), -1)
    one = m.dtype.type(1)
    _integrate(
        m.reshape(flat), v.reshape(len(v), c[0].size), m.dtype.type(beta), REDUCTIONS.index(reduce), one,
        c.reshape(flat), m_out.reshape(-1), v_out.reshape(-1),
    )  # fmt: skip
    return m_out, None if point else v_out, c


def integrate_backward(dm: np.ndarray, dv: np.ndarray | None, tape: np.ndarray) -> tuple[np.ndarray, Any]:
    """Gradients of the inputs; as in `refsbnn.reference.readout.integrate_backward`."""
    dtype = float_type("tape", tape)
    dm = check_float("dm", dm, tape.shape[1:], dtype)
    if dv is None:
        return tape * dm, None
    return tape * dm, tape * tape * check_float("dv", dv, tape.shape[1:], dtype)  # theory 3.13


def sample_forward(m: np.ndarray, v: np.ndarray, eps: np.ndarray) -> np.ndarray:
    """Logits m + sqrt(v) eps; as in `refsbnn.reference.readout.sample_forward`."""
    m, v = check_moments(m, v)
    return m + np.sqrt(v) * check_float("eps", eps, m.shape, m.dtype)  # theory 3.14


def sample_backward(g: np.ndarray, v: np.ndarray, eps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of the logits' moments; as in `refsbnn.reference.readout.sample_backward`."""
    g = check_float("g", g)
    v = check_float("v", v, g.shape, g.dtype, nonnegative=True)
    eps = check_float("eps", eps, g.shape, g.dtype)
    s = np.sqrt(np.where(v > 0, v, 1))
    return g, np.where(v > 0, g * eps / (2 * s), 0).astype(g.dtype)  # theory 3.14


@njit(cache=True, nogil=True, error_model="numpy")
def _integrate(m, v, beta, reduction, one, c, m_out, v_out):
    """Coefficients c_t of each column and the moments of sum_t c_t a_t (theory 3.13).

    Parameters
    ----------
    m : (T, n) float
    v : (T, n) float, or of no steps beside point weights
    beta : float, decay a step
    reduction : int, index into REDUCTIONS
    one : float, 1 of m's type
    c : (T, n) float, overwritten
    m_out, v_out : (n,) float, overwritten; v_out only where there is a variance
    """
    n = m.shape[1]
    run(_integrate_of, (n + COLUMNS - 1) // COLUMNS, (m, v, beta, reduction, one, c, m_out, v_out))


@njit(cache=True, error_model="numpy")
def _integrate_of(task, m, v, beta, reduction, one, c, m_out, v_out):
    """COLUMNS columns.

    Parameters
    ----------
    task : int
    m, v : (T, n) float, v of no steps beside point weights
    beta : float
    reduction : int
    one : float
    c : (T, n) float, overwritten
    m_out, v_out : (n,) float, overwritten
    """
    n = m.shape[1]
    own = slice(task * COLUMNS, min((task + 1) * COLUMNS, n))
    _columns(m[:, own], v[:, own], beta, reduction, one, c[:, own], m_out[own], v_out[own])


@njit(cache=True, error_model="numpy")
def _columns(m, v, beta, reduction, one, c, m_out, v_out):
    """Some columns of it, step by step: neighbours in memory go together.

    Parameters
    ----------
    m, v : (T, columns) float
    beta : float
    reduction : int
    one : float
    c : (T, columns) float
    m_out, v_out : (columns,) float
    """
    T, count = m.shape
    last = np.full(count, T - 1)
    if reduction == 1:  # the first step of the largest mean membrane
        membrane, best = m[0].copy(), m[0].copy()
        last[:] = 0
        for t in range(1, T):
            for i in range(count):
                membrane[i] = beta * membrane[i] + m[t, i]
                if membrane[i] > best[i]:
                    best[i], last[i] = membrane[i], t
    weight = one / T if reduction == 0 else one
    reach = np.zeros(count)
    for t in range(T - 1, -1, -1):
        # Read at one step, an input decays since; averaged, it counts once for each later step.
        for i in range(count):
            if reduction == 0:
                reach[i] = beta * reach[i] + weight
            elif t <= last[i]:
                reach[i] = weight if t == last[i] else beta * reach[i]
            c[t, i] = reach[i]
    mean, spread = np.zeros(count), np.zeros(count)  # sums in float64
    for t in range(T):
        for i in range(count):
            mean[i] += c[t, i] * m[t, i]
    m_out[:] = mean
    for t in range(len(v)):
        for i in range(count):
            spread[i] += c[t, i] * c[t, i] * v[t, i]
    if len(v) > 0:
        v_out[:] = spread
