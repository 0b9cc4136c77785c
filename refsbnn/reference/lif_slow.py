"""LIF neurons with a synaptic current and a threshold that adapts (theory 3.30 to 3.35): `lif` with slow states.

Forward and hand-derived backward through time. Arrays have time first.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.errors import InputError, check_array
from refsbnn.reference import dense, lif
from refsbnn.reference.lif import Each, LIFGradients, Recurrent, for_each
from refsbnn.reference.unit import check_moments, fire, fire_backward


class SlowState(NamedTuple):
    """A layer between two steps, each (batch, *units), or their gradients.

    Attributes
    ----------
    M, V, z : membrane mean, variance or None, spikes
    J, U : mean and variance of the synaptic current
    C : covariance of current and membrane
    a : running mean of the spikes

    U and C are None where the membrane carries no variance along.
    """

    M: np.ndarray
    V: Any
    z: np.ndarray
    J: np.ndarray
    U: Any
    C: Any
    a: np.ndarray


class SlowTape(NamedTuple):
    """What `backward` needs of a forward pass, each (T, batch, *units), as in `SlowState`.

    `last` is the state after the last step; `before` the one that the first step met, None at rest.
    """

    M: np.ndarray
    V: Any
    z: np.ndarray
    C: Any
    a: np.ndarray
    last: SlowState
    before: SlowState | None = None


def forward(
    m: np.ndarray,
    v: np.ndarray | None,
    u: np.ndarray,
    recurrent: Recurrent | None = None,
    *,
    beta: Each,
    theta: Each,
    alpha: float = 0.0,
    adapt: float = 0.0,
    adapt_decay: float = 0.9,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    reset: str = "hard",
    accumulate: bool = True,
    variance: str = "linear",
    before: SlowState | None = None,
) -> tuple[np.ndarray, SlowTape]:
    """Spikes over time (theory 3.11, 3.30, 3.31, 3.33), from zeros unless a state is given.

    Parameters
    ----------
    m, v, u, recurrent, beta, theta, noise, member, reset, accumulate, variance
        As in `refsbnn.reference.lif.forward`.
    alpha : float
        Decay of the synaptic current per step, in [0, 1]; 0: drives enter the membrane at once.
    adapt : float
        How far constant firing raises the threshold.
    adapt_decay : float
        Decay of that per step, in [0, 1].
    before : SlowState, optional
        Where an earlier call stopped, its `tape.last`.

    Returns
    -------
    z : (T, batch, *units) float64 array
    tape : SlowTape

    Raises
    ------
    InputError
        As `refsbnn.reference.lif.forward`, or alpha or adapt_decay outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> m, v, u = np.array([0.8, 0.0, 0.0, 0.0]).reshape(4, 1, 1), np.full((4, 1, 1), 1e-6), np.full((4, 1, 1), 0.5)
    >>> z, tape = forward(m, v, u, beta=1.0, theta=1.0, alpha=0.5, noise="gaussian", member="st")
    >>> z.ravel(), tape.M.ravel()
    (array([0., 1., 0., 0.]), array([0.8, 1.2, 0.2, 0.3]))
    """
    point = v is None
    m, v, u = check_moments(m, v, u)
    recurrent = check_options(m.shape, recurrent, (beta, theta), (alpha, adapt, adapt_decay), reset, point)
    carries = accumulate and not point  # theory 3.18
    noise, member = noises.get(noise), estimators.get(member)
    M, V, z, C, a = np.zeros((5, *m.shape))
    before = check_state(before, m.shape[1:], point, carries)
    before_M, before_V, before_z, J, U, before_C, before_a = (
        np.zeros((7, *m.shape[1:])) if before is None else filled(before)
    )
    for t in range(len(m)):
        m_t, v_t = m[t], v[t]
        if recurrent is not None:
            m_own, v_own = dense.forward(before_z, *recurrent, domain="binary", variance=variance)
            m_t, v_t = m_t + m_own, v_t if v_own is None else v_t + v_own  # theory 3.1
        kept = 1.0 - before_z if reset == "hard" else 1.0
        J = alpha * J + m_t  # theory 3.30
        M[t] = beta * kept * before_M + J - (theta * before_z if reset == "soft" else 0.0)  # theory 3.31
        V[t] = v_t  # instantaneous
        if carries:
            U = alpha**2 * U + v_t  # theory 3.30
            C[t] = alpha * beta * kept * before_C + U  # theory 3.30
            V[t] = kept * (beta**2 * before_V + 2.0 * alpha * beta * before_C) + U  # theory 3.31
        a[t] = adapt_decay * before_a + (1.0 - adapt_decay) * before_z  # theory 3.33
        z[t] = fire(M[t] - theta - adapt * a[t], V[t], u[t], noise, member)  # theory 3.33
        before_M, before_V, before_z, before_C, before_a = M[t], V[t], z[t], C[t], a[t]
    last = SlowState(before_M, before_V, before_z, J, U, before_C, before_a)
    last = SlowState(*(part.copy() for part in last))
    last = last._replace(V=None if point else last.V)
    last = last if carries else last._replace(U=None, C=None)
    return z, SlowTape(M, None if point else V, z, C if carries else None, a, last, before)


def backward(
    g: np.ndarray,
    tape: SlowTape,
    u: np.ndarray,
    recurrent: Recurrent | None = None,
    *,
    beta: Each,
    theta: Each,
    alpha: float = 0.0,
    adapt: float = 0.0,
    adapt_decay: float = 0.9,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    reset: str = "hard",
    accumulate: bool = True,
    variance: str = "linear",
    reset_gradient: bool = True,
    extra: np.ndarray | None = None,
    dM: np.ndarray | None = None,
    dV: np.ndarray | None = None,
    dC: np.ndarray | None = None,
    da: np.ndarray | None = None,
    after: SlowState | None = None,
) -> LIFGradients:
    """Backward through time (theory 3.34).

    Parameters
    ----------
    g, u, recurrent, beta, theta, noise, member, reset, accumulate, variance, reset_gradient, extra
        As in `refsbnn.reference.lif.backward`.
    tape : SlowTape
        From `forward`.
    alpha, adapt, adapt_decay
        As in `forward`.
    dM, dV, dC, da : (T, batch, *units) arrays, optional
        What else depends on what the tape holds: the bias penalty's gradients (theory 3.35).
    after : SlowState, optional
        `before` of the backward pass of the piece that follows.

    Returns
    -------
    LIFGradients
        Of the currents' moments and the rest, as in `refsbnn.reference.lif`; `before` is a `SlowState`.

    Raises
    ------
    InputError
        As `forward`.

    Examples
    --------
    >>> import numpy as np
    >>> m, v, u = np.full((3, 1, 1), 0.6), np.full((3, 1, 1), 0.5), np.full((3, 1, 1), 0.5)
    >>> options = {"beta": 1.0, "theta": 1.0, "alpha": 0.5, "adapt": 0.2, "noise": "gaussian", "member": "st"}
    >>> z, tape = forward(m, v, u, **options)
    >>> backward(np.ones((3, 1, 1)), tape, u, **options).m.shape
    (3, 1, 1)
    """
    point, carries = tape.V is None, tape.C is not None
    M, V, u = check_moments(tape.M, tape.V, u)
    recurrent = check_options(M.shape, recurrent, (beta, theta), (alpha, adapt, adapt_decay), reset, point)
    noise, member = noises.get(noise), estimators.get(member)
    g = check_array("g", g, M.shape)
    z, a = check_array("z", tape.z, M.shape), check_array("a", tape.a, M.shape)
    C = check_array("C", tape.C, M.shape) if carries else np.zeros(M.shape)
    draws = None if extra is None else check_array("extra", extra, (None, *M.shape))
    direct_M, direct_V, direct_C, direct_a = (
        np.zeros(M.shape) if each is None else check_array(name, each, M.shape)
        for name, each in {"dM": dM, "dV": dV, "dC": dC, "da": da}.items()
    )
    gm, gv = np.zeros((2, *M.shape))
    after = check_state(after, M.shape[1:], point, carries)
    # Of step t + 1, and what that step sends to the spike z_t.
    dM, dV, dz, dJ, dU, dC, da = np.zeros((7, *M.shape[1:])) if after is None else filled(after)
    before = check_state(tape.before, M.shape[1:], point, carries)
    if before is not None:  # the state stands before the first step
        first = (before.M, filled(before)[1], before.z, filled(before)[5])
        M, V, z, C = (np.concatenate([[one], rest]) for one, rest in zip(first, (M, V, z, C), strict=True))
    started = len(M) - len(gm)
    d_recurrent = None if recurrent is None else np.zeros((2, *recurrent[0].shape))
    d_beta, d_theta = np.zeros((2, *M.shape[2:]))
    for t in reversed(range(len(gm))):
        now, last = t + started, t + started - 1  # places of this step and of the one before in M, V, z and C
        dM_unit, dV_unit = fire_backward(
            g[t] + dz, z[now], M[now] - theta - adapt * a[t], V[now], u[t], noise, member,
            None if draws is None else draws[:, t],
        )  # fmt: skip
        kept = 1.0 - z[now] if reset == "hard" else 1.0
        da = direct_a[t] - adapt * dM_unit + adapt_decay * da  # theory 3.34
        dC = direct_C[t] + (alpha * beta * kept * (2.0 * dV + dC) if carries else 0.0)  # theory 3.34
        dM = dM_unit + direct_M[t] + beta * kept * dM  # theory 3.34
        dV = dV_unit + direct_V[t] + (beta**2 * kept * dV if carries else 0.0)  # theory 3.34
        dJ = dM + alpha * dJ  # theory 3.34
        dU = dV + dC + alpha**2 * dU if carries else dV  # theory 3.34
        gm[t], gv[t] = dJ, dU
        d_theta -= dM_unit.sum(axis=0)  # theory 3.28
        dz = (1.0 - adapt_decay) * da  # theory 3.34
        if last < 0:
            break
        kept = 1.0 - z[last] if reset == "hard" else 1.0
        shared = alpha * C[last] * (2.0 * dV + dC) if carries else 0.0
        d_beta += (kept * (M[last] * dM + shared)).sum(axis=0)  # theory 3.34
        d_beta += (kept * 2.0 * beta * V[last] * dV).sum(axis=0) if carries else 0.0  # theory 3.34
        if reset == "soft":
            d_theta -= (z[last] * dM).sum(axis=0)  # theory 3.28
        if reset_gradient and reset == "hard":
            dz = dz - beta * (M[last] * dM + shared) - (beta**2 * V[last] * dV if carries else 0.0)  # theory 3.34
        elif reset_gradient:
            dz = dz - theta * dM  # theory 3.12
        if recurrent is not None and d_recurrent is not None:
            own = dense.backward(dJ, dU, z[last], *recurrent, domain="binary", variance=variance)  # theory 3.3, 3.34
            dz = dz + own.x
            d_recurrent[0] += own.mu
            d_recurrent[1] += 0.0 if own.sigma2 is None else own.sigma2
    d_mu, d_sigma2 = (None, None) if d_recurrent is None else d_recurrent
    sent: Any = None
    if before is not None:
        sent = SlowState(dM, None if point else dV, dz, dJ, dU if carries else None, dC if carries else None, da)
    if point:
        gv, d_sigma2 = None, None
    return LIFGradients(gm, gv, d_mu, d_sigma2, sent, for_each(beta, d_beta), for_each(theta, d_theta))


def filled(state: SlowState) -> tuple[np.ndarray, ...]:
    """The parts; zeros where there is none."""
    return tuple(np.zeros_like(state.M) if part is None else part for part in state)


def check_state(
    state: SlowState | None, shape: tuple[int, ...], point: bool, carries: bool, check: Callable[..., Any] = check_array
) -> SlowState | None:
    """The state as `check` gives it; raises InputError otherwise."""
    if state is None:
        return None
    if not isinstance(state, SlowState):
        raise InputError(f"the state is a {type(state).__name__}; expected a SlowState")
    absent = {"V": point, "U": not carries, "C": not carries}
    for name, none in absent.items():
        if none != (getattr(state, name) is None):
            raise InputError(f"the state's {name} is {'not ' if none else ''}None; the neurons say otherwise")
    parts: list[Any] = [
        None if part is None else check(f"state {name}", part, shape) for name, part in state._asdict().items()
    ]
    return SlowState(*parts)


def check_options(
    shape: tuple[int, ...],
    recurrent: Recurrent | None,
    numbers: tuple[Each, Each],
    slow: tuple[float, float, float],
    reset: str,
    point: bool,
    check: Callable[..., np.ndarray] = check_array,
) -> Recurrent | None:
    """The recurrent weights as `check` gives them; raises InputError for them or the neuron's numbers."""
    alpha, adapt, decay = slow
    if not (0.0 <= alpha <= 1.0 and 0.0 <= decay <= 1.0 and np.isfinite(adapt)):
        raise InputError(
            f"alpha, adapt and adapt_decay are {alpha!r}, {adapt!r} and {decay!r}; expected alpha and adapt_decay in "
            "[0, 1], and a finite adapt"
        )
    return lif.check_options(shape, recurrent, *numbers, reset, point, check)
