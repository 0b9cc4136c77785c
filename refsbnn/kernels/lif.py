"""Leaky integrate-and-fire neurons through time (theory 3.9 to 3.12); the functions of `refsbnn.reference.lif`, fast.

A sample's neurons run through all steps in one task. Spikes are bytes; those of the layer itself become a list of
events at once, so that the recurrent current costs one row of weights a spike.
"""

import math

import numpy as np

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.draws import Uniforms
from refsbnn.errors import InputError, check_array
from refsbnn.kernels import dense, fire, lif_adjoint, lif_each, lif_loops, matrix, philox, slopes, sparse
from refsbnn.kernels.check import check_float, like
from refsbnn.kernels.lif_loops import Moments, Neuron, Square, Start
from refsbnn.kernels.unit import check_own, check_spikes, is_fast
from refsbnn.reference.lif import Each, LIFGradients, LIFTape, Recurrent, State, check_options, for_each
from refsbnn.reference.unit import check_uniforms


def forward(
    m: np.ndarray,
    v: np.ndarray | None,
    u: np.ndarray | Uniforms,
    recurrent: Recurrent | None = None,
    *,
    beta: Each,
    theta: Each,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    reset: str = "hard",
    accumulate: bool = True,
    variance: str = "linear",
    before: State | None = None,
) -> tuple[np.ndarray, LIFTape]:
    """Spikes over time (theory 3.9 to 3.11).

    Arguments and errors as in `refsbnn.reference.lif.forward`; `u` may be an address instead of the numbers.

    Returns
    -------
    z : (T, batch, *units) array
        uint8 where the member's values are spikes, else of m's type.
    tape : LIFTape

    Examples
    --------
    >>> import numpy as np
    >>> m, v = np.full((3, 1, 1), 0.6, np.float32), np.full((3, 1, 1), 1e-6, np.float32)
    >>> z, _ = forward(m, v, np.full((3, 1, 1), 0.5), beta=1.0, theta=1.0, noise="gaussian", member="st")
    >>> z.ravel().tolist()
    [0, 1, 0]
    """
    point = v is None
    m, v = check_own(m, v)
    recurrent = check_options(m.shape, recurrent, beta, theta, reset, point, like("m", m))
    noise, member = noises.get(noise), estimators.get(member)
    kind = fire.kind_of(member)
    flat = m.reshape(*m.shape[:2], -1)
    current = Moments(flat, v.reshape(len(v), *flat.shape[1:]))
    membrane = Moments(*(np.empty_like(part) for part in current))
    neuron = neuron_of(beta, theta, m, reset, accumulate)
    if is_fast(kind, noise, m.dtype):
        z = np.empty(flat.shape, np.uint8)
        half = matrix.padded(flat.shape[2])
        rows = np.zeros(0, m.dtype) if recurrent is None else dense.rows_of(dense.present(*recurrent), half)
        start, source = check_before(before, m, z.dtype, point), philox.source(u, m.shape)
        lif_loops.spikes(current, source, sparse.Table(rows, half), neuron, kind == fire.STEP, start, membrane, z)
    else:
        check_uniforms(u, m.shape)
        proposal = fire.proposal(member, noise, u)
        z = np.empty(flat.shape, np.uint8 if proposal.spikes else m.dtype)
        proposal = proposal._replace(u=proposal.u.reshape(flat.shape))
        start, weights = check_before(before, m, z.dtype, point), square_of(recurrent, flat, m.dtype, variance)
        lif_loops.values(current, proposal, weights, neuron, start, membrane, z)
    z, M = z.reshape(m.shape), membrane.mean.reshape(m.shape)
    return z, LIFTape(M, None if point else membrane.variance.reshape(m.shape), z, before)


def backward(
    g: np.ndarray,
    tape: LIFTape,
    u: np.ndarray | Uniforms,
    recurrent: Recurrent | None = None,
    *,
    beta: Each,
    theta: Each,
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

    Arguments, results and errors as in `refsbnn.reference.lif.backward`.
    """
    point = tape.V is None
    M, V = check_own(tape.M, tape.V)
    recurrent = check_options(M.shape, recurrent, beta, theta, reset, point, like("M", M))
    g = check_float("g", g, M.shape, M.dtype)
    h = check_spikes(tape.z, M.shape, M.dtype)
    none = np.zeros((0, 0, 0), M.dtype)
    direct_M, direct_V = (
        none if each is None else check_float(name, each, M.shape, M.dtype)
        for name, each in (("dM", dM), ("dV", None if point else dV))
    )
    draws = None if extra is None else check_array("extra", extra, (None, *M.shape))
    rule = slopes.inline_rule(h, M.dtype, estimators.get(member), noises.get(noise))
    k = np.zeros((0, 0, 0), M.dtype)
    if rule.kind == slopes.GIVEN:
        every = np.ones_like(M) if point else V
        k = slopes.slopes(h, M, every, theta, estimators.get(member), noises.get(noise), u, draws)
    values = h.reshape(*M.shape[:2], -1)
    batch, units = values.shape[1:]

    def wide(part: np.ndarray) -> np.ndarray:
        """(T, batch, units) with zeros up to whole vectors."""
        return matrix.widened(part.reshape(-1, units)).reshape(len(part), batch, matrix.padded(units))

    path = lif_adjoint.Path(wide(M), wide(V), values)
    gm, gv = np.empty_like(path.M), np.empty_like(path.V)
    back = np.zeros((0 if tape.before is None else 3, batch, units), M.dtype)
    start = check_before(tape.before, M, h.dtype, point)
    start = start._replace(M=matrix.widened(start.M), V=matrix.widened(start.V))
    neuron = neuron_of(beta, theta, M, reset, accumulate)
    each = np.ndim(beta) > 0 or np.ndim(theta) > 0
    sent = lif_adjoint.Sent(gm, gv, back, np.empty_like(path.M if each else none))
    lif_adjoint.gradients(
        lif_adjoint.Given(wide(g), wide(direct_M), wide(direct_V), carried(after, M, point)),
        path,
        lif_adjoint.Slopes(wide(k), slopes.floor(M.dtype)),
        rule,
        square_of(recurrent, values, M.dtype, variance),
        neuron,
        reset_gradient,
        start,
        sent,
    )
    d_beta, d_theta = None, None
    if each:
        numbers = np.zeros((2, path.M.shape[2]))
        lif_each.sums(path, neuron, start, sent, numbers)
        d_beta, d_theta = (
            for_each(value, part[:units].reshape(M.shape[2:]), M.dtype)
            for value, part in zip((beta, theta), numbers, strict=True)
        )
    gm, gv = (np.ascontiguousarray(part[:, :, :units]) for part in (gm, gv))
    own: list[np.ndarray | None] = [None, None]
    if recurrent is not None:
        first, earlier = 1, h[:-1]
        if tape.before is not None:
            first, earlier = 0, np.concatenate([start.z[None], h[:-1]])
        moments = [part[first:].reshape(-1, units) for part in dense.present(gm, None if point else gv)]
        own = [*dense.weight_gradients(earlier, moments, "binary", variance), None][:2]
    earlier_state = None
    if tape.before is not None:
        dM, dv, dz = back.reshape(3, *M.shape[1:])
        earlier_state = State(dM, None if point else dv, dz)
    currents = gm.reshape(M.shape), None if point else gv.reshape(M.shape)
    return LIFGradients(*currents, own[0], own[1], earlier_state, d_beta, d_theta)


def neuron_of(beta: Each, theta: Each, m: np.ndarray, reset: str, accumulate: bool) -> Neuron:
    """What the neurons of moments m are: two numbers for each, in m's type."""
    kind = m.dtype.type
    units = math.prod(m.shape[2:])
    numbers = matrix.aligned_zeros(2 * matrix.padded(units), m.dtype).reshape(2, -1)
    for row, value in zip(numbers, (beta, theta), strict=True):
        row[:units] = np.broadcast_to(np.asarray(value, kind), m.shape[2:]).ravel()
    return Neuron(numbers[0], numbers[1], reset == "hard", accumulate)


def square_of(recurrent: Recurrent | None, like: np.ndarray, dtype: np.dtype, variance: str) -> Square:
    """The recurrent weights of units whose arrays (T, batch, units) are as `like`, with zeros up to whole vectors."""
    width = matrix.padded(like.shape[2])
    mu, sigma2 = [np.zeros(0, dtype)] * 2
    if recurrent is not None:
        mu = padded_square(recurrent[0], width)
        sigma2 = sigma2 if recurrent[1] is None else padded_square(recurrent[1], width)
    return Square(mu, sigma2, width, variance == "quadratic")


def padded_square(weight: np.ndarray, width: int) -> np.ndarray:
    """(units, units) with zeros up to (width, width), flat."""
    out = matrix.aligned_zeros(width * width, weight.dtype)
    out.reshape(width, width)[: len(weight), : len(weight)] = weight
    return out


def check_before(state: State | None, m: np.ndarray, spikes: np.dtype, point: bool) -> Start:
    """The state before the first step, its spikes of the given type."""
    batch, units = m.shape[1], math.prod(m.shape[2:])
    none = np.zeros((0, units), m.dtype)
    if state is None:
        return Start(none, none, np.zeros((0, units), spikes))
    if point != (state.V is None):
        raise InputError("one of v and the state's V is None; point weights have neither")
    M = check_float("state M", state.M, m.shape[1:], m.dtype).reshape(batch, units)
    V = none if point else check_float("state V", state.V, m.shape[1:], m.dtype, nonnegative=True).reshape(batch, units)
    z = check_spikes(state.z, m.shape[1:], m.dtype).astype(spikes, copy=False)
    return Start(M, V, z.reshape(batch, units))


def carried(after: State | None, m: np.ndarray, point: bool) -> np.ndarray:
    """What the step after the last sends back, (3, batch, units); empty if nothing does."""
    shape = m.shape[1], math.prod(m.shape[2:])
    if after is None:
        return np.zeros((0, *shape), m.dtype)
    parts = [after.M, np.zeros_like(after.M) if point else after.V, after.z]
    return np.stack([check_float("after", part, m.shape[1:], m.dtype).reshape(shape) for part in parts])
