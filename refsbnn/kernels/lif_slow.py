"""LIF neurons with a synaptic current and an adaptive threshold; the functions of `refsbnn.reference.lif_slow`, fast.

Plain neurons have kernels of their own (`lif`), which know nothing of these.
"""

import math
from functools import partial
from typing import Any

import numpy as np

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.draws import Uniforms
from refsbnn.errors import check_array
from refsbnn.kernels import dense, fire, lif_adjoint, matrix, philox, slopes, slow_adjoint, slow_loops, sparse
from refsbnn.kernels.check import check_float, like
from refsbnn.kernels.lif import neuron_of, square_of
from refsbnn.kernels.lif_loops import Moments
from refsbnn.kernels.slow_loops import SlowNeuron, SlowPath, SlowStart
from refsbnn.kernels.unit import check_own, check_spikes, is_fast
from refsbnn.reference.lif import Each, LIFGradients, Recurrent, for_each
from refsbnn.reference.lif_slow import SlowState, SlowTape, check_options, check_state
from refsbnn.reference.unit import check_uniforms


def forward(
    m: np.ndarray,
    v: np.ndarray | None,
    u: np.ndarray | Uniforms,
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
    """Spikes over time (theory 3.11, 3.30, 3.31, 3.33).

    Arguments and errors as in `refsbnn.reference.lif_slow.forward`; `u` may be an address instead of the numbers.

    Returns
    -------
    z : (T, batch, *units) array
        uint8 where the member's values are spikes, else of m's type.
    tape : SlowTape

    Examples
    --------
    >>> import numpy as np
    >>> m, v = np.array([0.8, 0, 0, 0], np.float32).reshape(4, 1, 1), np.full((4, 1, 1), 1e-6, np.float32)
    >>> options = {"beta": 1.0, "theta": 1.0, "alpha": 0.5, "noise": "gaussian", "member": "st"}
    >>> forward(m, v, np.full((4, 1, 1), 0.5), **options)[0].ravel().tolist()
    [0, 1, 0, 0]
    """
    point = v is None
    m, v = check_own(m, v)
    slow, own = (alpha, adapt, adapt_decay), like("m", m)
    recurrent = check_options(m.shape, recurrent, (beta, theta), slow, reset, point, own)
    noise, member = noises.get(noise), estimators.get(member)
    kind, carries = fire.kind_of(member), accumulate and not point
    flat = m.reshape(*m.shape[:2], -1)
    current = Moments(flat, v.reshape(len(v), *flat.shape[1:]))
    both = np.empty_like(flat) if carries else np.zeros((0, *flat.shape[1:]), m.dtype)
    neuron, ends = slow_neuron(beta, theta, slow, m, reset), np.empty((2, *flat.shape[1:]), m.dtype)
    before = check_state(before, m.shape[1:], point, carries, own_state(m))
    spiking = np.uint8 if kind in (fire.SPIKE, fire.STEP) else m.dtype
    empty = np.empty_like(flat), np.empty_like(current.variance), both, np.empty_like(flat)
    path = SlowPath(*empty, np.empty(flat.shape, spiking))
    start = start_of(before, flat, path.h.dtype)
    if is_fast(kind, noise, m.dtype):
        half = matrix.padded(flat.shape[2])
        rows = np.zeros(0, m.dtype) if recurrent is None else dense.rows_of(dense.present(*recurrent), half)
        table, source = sparse.Table(rows, half), philox.source(u, m.shape)
        slow_loops.spikes(current, source, table, neuron, kind == fire.STEP, start, path, ends)
    else:
        check_uniforms(u, m.shape)
        proposal = fire.proposal(member, noise, u)
        proposal = proposal._replace(u=proposal.u.reshape(flat.shape))
        weights = square_of(recurrent, flat, m.dtype, variance)
        slow_loops.values(current, proposal, weights, neuron, start, path, ends)
    M, V, C, a, z = (part.reshape(len(part), *m.shape[1:]) for part in path)
    J, U = ends.reshape(2, *m.shape[1:])
    last = SlowState(M[-1], None if point else V[-1], z[-1], J, None, None, a[-1])
    last = last._replace(U=U, C=C[-1]) if carries else last
    copies: list[Any] = [None if part is None else part.copy() for part in last]
    last = SlowState(*copies)
    return z, SlowTape(M, None if point else V, z, C if carries else None, a, last, before)


def backward(
    g: np.ndarray,
    tape: SlowTape,
    u: np.ndarray | Uniforms,
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

    Arguments, results and errors as in `refsbnn.reference.lif_slow.backward`.
    """
    point, carries, slow = tape.V is None, tape.C is not None, (alpha, adapt, adapt_decay)
    M, V = check_own(tape.M, tape.V)
    recurrent = check_options(M.shape, recurrent, (beta, theta), slow, reset, point, like("M", M))
    g, a = (check_float(name, each, M.shape, M.dtype) for name, each in (("g", g), ("a", tape.a)))
    h = check_spikes(tape.z, M.shape, M.dtype)
    none = np.zeros((0, *M.shape[1:]), M.dtype)
    C = check_float("C", tape.C, M.shape, M.dtype) if carries else none
    given = {"dM": dM, "dV": None if point else dV, "dC": dC if carries else None, "da": da}
    direct = [none if each is None else check_float(name, each, M.shape, M.dtype) for name, each in given.items()]
    draws = None if extra is None else check_array("extra", extra, (None, *M.shape))
    law, who = noises.get(noise), estimators.get(member)
    rule = slopes.inline_rule(h, M.dtype, who, law)
    k = none
    if rule.kind == slopes.GIVEN:
        every = np.ones_like(M) if point else V
        k = slopes.slopes(h, M, every, theta + adapt * a.astype(np.float64), who, law, u, draws)
    values = h.reshape(*M.shape[:2], -1)
    batch, units = values.shape[1:]

    def wide(part: np.ndarray) -> np.ndarray:
        """(T, batch, units) with zeros up to whole vectors."""
        return matrix.widened(part.reshape(-1, units)).reshape(len(part), batch, matrix.padded(units))

    path = SlowPath(wide(M), wide(V), wide(C), wide(a), values)
    before = check_state(tape.before, M.shape[1:], point, carries, own_state(M))
    start = start_of(before, values, h.dtype, M.dtype)
    start = start._replace(M=wide(start.M), V=wide(start.V), C=wide(start.C))
    neuron = slow_neuron(beta, theta, slow, M, reset)
    each = np.empty_like(path.M if np.ndim(beta) or np.ndim(theta) else none.reshape(0, batch, units))
    back = np.zeros((0 if before is None else 7, batch, units), M.dtype)
    sent = slow_adjoint.SlowSent(np.empty_like(path.M), np.empty_like(path.V), back, each, np.empty_like(each))
    slow_adjoint.gradients(
        slow_adjoint.SlowGiven(*[*map(wide, (g, *direct)), carried(after, M, point, carries)]),
        path,
        lif_adjoint.Slopes(wide(k), slopes.floor(M.dtype)),
        rule,
        square_of(recurrent, values, M.dtype, variance),
        neuron,
        reset_gradient,
        start,
        sent,
    )
    d_beta, d_theta = (
        for_each(value, part[:, :, :units].sum(axis=(0, 1), dtype=np.float64).reshape(M.shape[2:]), M.dtype)
        for value, part in ((beta, sent.beta), (theta, sent.theta))
    )
    gm, gv = (np.ascontiguousarray(part[:, :, :units]) for part in (sent.m, sent.v))
    weights: list[np.ndarray | None] = [None, None]
    if recurrent is not None:
        first, earlier = 1, h[:-1]
        if before is not None:
            first, earlier = 0, np.concatenate([start.z, values[:-1]])
        moments = [part[first:].reshape(-1, units) for part in dense.present(gm, None if point else gv)]
        weights = [*dense.weight_gradients(earlier, moments, "binary", variance), None][:2]
    earlier_state: Any = None
    if before is not None:
        parts = SlowState(*back.reshape(7, *M.shape[1:]))
        parts = parts if carries else parts._replace(U=None, C=None)
        earlier_state = parts._replace(V=None) if point else parts
    currents = gm.reshape(M.shape), None if point else gv.reshape(M.shape)
    return LIFGradients(*currents, weights[0], weights[1], earlier_state, d_beta, d_theta)


def slow_neuron(beta: Each, theta: Each, slow: tuple[float, float, float], m: np.ndarray, reset: str) -> SlowNeuron:
    """What the neurons of moments m are, in m's type."""
    plain, kind = neuron_of(beta, theta, m, reset, False), m.dtype.type
    return SlowNeuron(plain.beta, plain.theta, plain.hard, *(kind(each) for each in (*slow, 1.0 - slow[2])))


def own_state(m: np.ndarray) -> Any:
    """How the parts of a state are checked: of m's type, spikes as bytes too."""

    def check(name: str, part: Any, shape: tuple[int, ...]) -> np.ndarray:
        if name == "state z":
            return check_spikes(part, shape, m.dtype)
        return check_float(name, part, shape, m.dtype, nonnegative=name == "state V")

    return check


def start_of(state: SlowState | None, flat: np.ndarray, spikes: np.dtype, dtype: np.dtype | None = None) -> SlowStart:
    """The state before the first step of arrays as `flat`, its spikes of the given type."""
    batch, units = flat.shape[1:]
    none = np.zeros((0, batch, units), flat.dtype if dtype is None else dtype)
    if state is None:
        return SlowStart(none, none, np.zeros((0, batch, units), spikes), none, none, none, none)
    parts = SlowState(*(none if part is None else part.reshape(1, batch, units) for part in state))
    return SlowStart(*parts._replace(z=parts.z.astype(spikes, copy=False)))


def carried(after: SlowState | None, m: np.ndarray, point: bool, carries: bool) -> np.ndarray:
    """What the step after the last sends back, (7, batch, units); empty if nothing does."""
    shape = m.shape[1], math.prod(m.shape[2:])
    if after is None:
        return np.zeros((0, *shape), m.dtype)
    after = check_state(after, m.shape[1:], point, carries, partial(check_float, dtype=m.dtype))
    return np.stack([np.zeros(shape, m.dtype) if part is None else part.reshape(shape) for part in after or ()])
