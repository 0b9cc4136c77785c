"""Layer of noisy leaky integrate-and-fire neurons: forward and hand-derived backward through time (theory 3.9 to 3.12).

All noise that a membrane holds is drawn anew at each step, so that given its past spikes it is Gaussian with mean M and
variance V; the spike is a noisy binary unit on (M - theta, V). Arrays have time first.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.errors import InputError, check_array, check_choice
from refsbnn.reference import dense
from refsbnn.reference.unit import check_moments, fire, fire_backward

RESETS = ("hard", "soft")


class State(NamedTuple):
    """A layer between two steps, each (batch, *units): membrane mean, variance or None, spikes. Or their gradients."""

    M: np.ndarray
    V: Any
    z: np.ndarray


class LIFTape(NamedTuple):
    """What `backward` needs of a forward pass, each (T, batch, *units): membrane mean, variance or None, spikes.

    `before` is the state that the first step met, None at rest.
    """

    M: np.ndarray
    V: Any
    z: np.ndarray
    before: State | None = None

    @property
    def last(self) -> State:
        """The state after the last step, copied: the rest of the tape need not stay for it."""
        return State(self.M[-1].copy(), None if self.V is None else self.V[-1].copy(), self.z[-1].copy())


Recurrent = tuple[np.ndarray, np.ndarray | None]


class LIFGradients(NamedTuple):
    """Gradients of a LIF layer's arguments.

    The recurrent ones are None in a feed-forward layer, those of variances beside point weights. `before` is what an
    earlier piece takes as `after`: the gradients of the first step's membrane, mean and variance, and what that step
    sends to the spikes before it; None where the layer started at rest.
    """

    m: np.ndarray
    v: Any
    recurrent_mu: np.ndarray | None
    recurrent_sigma2: np.ndarray | None
    before: State | None = None


def forward(
    m: np.ndarray,
    v: np.ndarray | None,
    u: np.ndarray,
    recurrent: Recurrent | None = None,
    *,
    beta: float,
    theta: float,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    reset: str = "hard",
    accumulate: bool = True,
    variance: str = "linear",
    before: State | None = None,
) -> tuple[np.ndarray, LIFTape]:
    """Spikes over time (theory 3.9 to 3.11), from z_0 = 0, M_0 = V_0 = 0 unless a state is given.

    Parameters
    ----------
    m, v : (T, batch, *units) arrays
        Moments of the input current of each step. v None: the weights are points and a neuron has noise of its own,
        V_t = 1 (theory 3.18).
    u : (T, batch, *units) array
        Uniforms in [0, 1).
    recurrent : (mu, sigma2), optional
        Weights (units, units) from the previous step's spikes to this step's current; units must be one axis. sigma2 is
        None where v is.
    beta : float
        Decay of the membrane per step, in [0, 1].
    theta : float
        Threshold.
    noise : Noise or its name
    member : Member or its name
    reset : {"hard", "soft"}
        A spike erases the membrane, or lowers it by theta.
    accumulate : bool
        Whether the membrane carries its variance along; otherwise V_t is the step's own v_t.
    variance : {"linear", "quadratic"}
        Extension of the recurrent spikes' square between the states (theory 3.4). The hard reset itself is linear
        in the spike.
    before : State, optional
        Where an earlier call stopped, its `tape.last`: a long sequence can be run in pieces.

    Returns
    -------
    z : (T, batch, *units) float64 array
    tape : LIFTape

    Raises
    ------
    InputError
        Shapes that do not fit, a negative variance, beta outside [0, 1], NaN, unknown names.

    Examples
    --------
    >>> import numpy as np
    >>> m, v, u = np.full((3, 1, 1), 0.6), np.full((3, 1, 1), 1e-6), np.full((3, 1, 1), 0.5)
    >>> z, tape = forward(m, v, u, beta=1.0, theta=1.0, noise="gaussian", member="st")
    >>> z.ravel(), tape.M.ravel()
    (array([0., 1., 0.]), array([0.6, 1.2, 0.6]))
    """
    point = v is None
    m, v, u = check_moments(m, v, u)
    recurrent = check_options(m.shape, recurrent, beta, theta, reset, point)
    accumulate = accumulate and not point  # theory 3.18
    noise, member = noises.get(noise), estimators.get(member)
    M, V, z = np.zeros((3, *m.shape))
    before = check_state(before, m.shape[1:], point)
    before_M, before_V, before_z = np.zeros((3, *m.shape[1:])) if before is None else filled(before)
    for t in range(len(m)):
        m_t, v_t = m[t], v[t]
        if recurrent is not None:
            m_own, v_own = dense.forward(before_z, *recurrent, domain="binary", variance=variance)
            m_t, v_t = m_t + m_own, v_t if v_own is None else v_t + v_own  # theory 3.1
        if reset == "hard":
            M[t] = beta * before_M * (1.0 - before_z) + m_t  # theory 3.9
            V[t] = beta**2 * before_V * (1.0 - before_z) + v_t  # theory 3.9
        else:
            M[t] = beta * before_M + m_t - theta * before_z  # theory 3.10
            V[t] = beta**2 * before_V + v_t  # theory 3.10
        if not accumulate:
            V[t] = v_t  # theory 3.9 and 3.10, instantaneous
        z[t] = fire(M[t] - theta, V[t], u[t], noise, member)  # theory 3.11
        before_M, before_V, before_z = M[t], V[t], z[t]
    return z, LIFTape(M, None if point else V, z, before)


def backward(
    g: np.ndarray,
    tape: LIFTape,
    u: np.ndarray,
    recurrent: Recurrent | None = None,
    *,
    beta: float,
    theta: float,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    reset: str = "hard",
    accumulate: bool = True,
    variance: str = "linear",
    reset_gradient: bool = True,
    extra: np.ndarray | None = None,
    dM: np.ndarray | None = None,
    dV: np.ndarray | None = None,
    after: State | None = None,
) -> LIFGradients:
    """Backward through time (theory 3.12).

    Parameters
    ----------
    g : (T, batch, *units) array
        Gradient of the spikes.
    tape : LIFTape
        From `forward`.
    u, recurrent, beta, theta, noise, member, reset, accumulate, variance
        As in `forward`.
    reset_gradient : bool
        Whether the gradient flows from the membrane to the spike that reset it (through M and through V).
    extra : (draws, T, batch, *units) array, optional
        Further uniforms of a member that draws in the backward pass (`gr`).
    dM, dV : (T, batch, *units) arrays, optional
        What else depends on the membranes: the bias penalty's gradients of `tape.M` and `tape.V` (theory 4.5, 4.13).
    after : State, optional
        `before` of the backward pass of the piece that follows.

    Returns
    -------
    LIFGradients
        m and v (T, batch, *units); recurrent_mu and recurrent_sigma2 (units, units) or None.

    Raises
    ------
    InputError
        As `forward`.

    Examples
    --------
    >>> import numpy as np
    >>> m, v, u = np.full((3, 1, 1), 0.6), np.full((3, 1, 1), 0.5), np.full((3, 1, 1), 0.5)
    >>> options = {"beta": 1.0, "theta": 1.0, "noise": "gaussian", "member": "st"}
    >>> z, tape = forward(m, v, u, **options)
    >>> found = backward(np.ones((3, 1, 1)), tape, u, **options)
    >>> found.m.shape
    (3, 1, 1)
    """
    point = tape.V is None
    M, V, u = check_moments(tape.M, tape.V, u)
    recurrent = check_options(M.shape, recurrent, beta, theta, reset, point)
    accumulate = accumulate and not point  # theory 3.18
    noise, member = noises.get(noise), estimators.get(member)
    g = check_array("g", g, M.shape)
    z = check_array("z", tape.z, M.shape)
    draws = None if extra is None else check_array("extra", extra, (None, *M.shape))
    direct_M, direct_V = (
        np.zeros(M.shape) if each is None else check_array(name, each, M.shape)
        for name, each in (("dM", dM), ("dV", dV))
    )
    gm, gv = np.zeros((2, *M.shape))
    after = check_state(after, M.shape[1:], point)
    # Of step t + 1, and what that step sends to the spike z_t.
    dM, dV, dz = np.zeros((3, *M.shape[1:])) if after is None else filled(after)
    before = check_state(tape.before, M.shape[1:], point)
    if before is not None:  # the state stands before the first step
        M, V, z = (np.concatenate([[first], rest]) for first, rest in zip(filled(before), (M, V, z), strict=True))
    started = len(M) - len(gm)
    d_recurrent = None if recurrent is None else np.zeros((2, *recurrent[0].shape))
    for t in reversed(range(len(gm))):
        now, last = t + started, t + started - 1  # places of this step and of the one before in M, V and z
        dM_unit, dV_unit = fire_backward(
            g[t] + dz, z[now], M[now] - theta, V[now], u[t], noise, member, None if draws is None else draws[:, t]
        )
        kept = 1.0 - z[now] if reset == "hard" else 1.0
        dM = dM_unit + direct_M[t] + beta * kept * dM  # theory 3.12
        dV = dV_unit + direct_V[t] + (beta**2 * kept * dV if accumulate else 0.0)  # theory 3.12
        gm[t], gv[t] = dM, dV
        dz = np.zeros_like(dM)
        if last < 0:
            break
        if reset_gradient and reset == "hard":
            dz = -beta * M[last] * dM - (beta**2 * V[last] * dV if accumulate else 0.0)  # theory 3.12
        elif reset_gradient:
            dz = -theta * dM  # theory 3.12
        if recurrent is not None and d_recurrent is not None:
            own = dense.backward(dM, dV, z[last], *recurrent, domain="binary", variance=variance)  # theory 3.3
            dz = dz + own.x
            d_recurrent[0] += own.mu
            d_recurrent[1] += 0.0 if own.sigma2 is None else own.sigma2
    d_mu, d_sigma2 = (None, None) if d_recurrent is None else d_recurrent
    if point:
        gv, dV, d_sigma2 = None, None, None
    return LIFGradients(gm, gv, d_mu, d_sigma2, None if before is None else State(dM, dV, dz))


def filled(state: State) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """M, V and z; zeros where there is no V."""
    return state.M, np.zeros_like(state.M) if state.V is None else state.V, state.z


def check_state(state: State | None, shape: tuple[int, ...], point: bool) -> State | None:
    """The state as float64 after checking it; raises InputError otherwise."""
    if state is None:
        return None
    if point != (state.V is None):
        raise InputError("one of v and the state's V is None; point weights have neither")
    V = None if point else check_array("state V", state.V, shape)
    return State(check_array("state M", state.M, shape), V, check_array("state z", state.z, shape))


def check_options(
    shape: tuple[int, ...],
    recurrent: Recurrent | None,
    beta: float,
    theta: float,
    reset: str,
    point: bool,
    check: Callable[..., np.ndarray] = check_array,
) -> Recurrent | None:
    """The recurrent weights as `check` gives them; raises InputError for them or the neuron's numbers."""
    check_choice("reset", reset, RESETS)
    if not 0.0 <= beta <= 1.0 or not np.isfinite(theta):
        raise InputError(f"beta and theta are {beta!r} and {theta!r}; expected beta in [0, 1] and a finite theta")
    if len(shape) < 2 or (recurrent is not None and len(shape) != 3):
        wanted = "(T, batch, *units)" if recurrent is None else "(T, batch, units) with recurrent weights"
        raise InputError(f"m has shape {shape}; expected {wanted}")
    if recurrent is None:
        return None
    mu = check("recurrent mu", recurrent[0], (shape[2], shape[2]))
    if point != (recurrent[1] is None):
        raise InputError("one of v and the recurrent sigma2 is None; point weights have neither")
    return mu, None if point else check("recurrent sigma2", recurrent[1], mu.shape, nonnegative=True)
