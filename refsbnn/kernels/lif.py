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
from refsbnn.kernels import dense, fire, lif_adjoint, lif_loops, matrix, philox, slopes, sparse
from refsbnn.kernels.check import check_float, float_type
from refsbnn.kernels.lif_loops import Moments, Neuron, Square, Start
from refsbnn.kernels.unit import check_moments, check_spikes, is_fast
from refsbnn.reference.lif import LIFGradients, LIFTape, Recurrent, State, check_options
from refsbnn.reference.moments import square


def forward(
    m: np.ndarray,
    v: np.ndarray | None,
    u: np.ndarray | Uniforms,
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
    recurrent = check_neurons(m, recurrent, beta, theta, reset, point)
    noise, member = noises.get(noise), estimators.get(member)
    kind = fire.kind_of(member)
    flat = m.reshape(*m.shape[:2], -1)
    current = Moments(flat, v.reshape(len(v), *flat.shape[1:]))
    membrane = Moments(*(np.empty_like(part) for part in current))
    neuron = Neuron(m.dtype.type(beta), m.dtype.type(theta), reset == "hard", accumulate)
    if is_fast(kind, noise, m.dtype):
        z = np.empty(flat.shape, np.uint8)
        half = matrix.padded(flat.shape[2])
        rows = np.zeros(0, m.dtype) if recurrent is None else dense.rows_of(dense.present(*recurrent), half)
        start, source = check_before(before, m, z.dtype, point), philox.source(u, m.shape)
        lif_loops.spikes(current, source, sparse.Table(rows, half), neuron, kind == fire.STEP, start, membrane, z)
    else:
        philox.check_uniforms(u, m.shape)
        proposal = fire.proposal(member, noise, u)
        z = np.empty(flat.shape, np.uint8 if proposal.spikes else m.dtype)
        proposal = proposal._replace(u=proposal.u.reshape(flat.shape))
        start, weights = check_before(before, m, z.dtype, point), square_of(recurrent, flat, variance)
        lif_loops.values(current, proposal, weights, neuron, start, membrane, z)
    z, M = z.reshape(m.shape), membrane.mean.reshape(m.shape)
    return z, LIFTape(M, None if point else membrane.variance.reshape(m.shape), z, before)


def backward(
    g: np.ndarray,
    tape: LIFTape,
    u: np.ndarray | Uniforms,
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

    Arguments, results and errors as in `refsbnn.reference.lif.backward`.
    """
    point = tape.V is None
    M, V = check_own(tape.M, tape.V)
    recurrent = check_neurons(M, recurrent, beta, theta, reset, point)
    g = check_float("g", g, M.shape, M.dtype)
    h = check_spikes(tape.z, M.shape, M.dtype)
    none = np.zeros((0, 0, 0), M.dtype)
    direct_M, direct_V = (
        none if each is None else check_float(name, each, M.shape, M.dtype).reshape(*M.shape[:2], -1)
        for name, each in (("dM", dM), ("dV", None if point else dV))
    )
    draws = None if extra is None else check_array("extra", extra, (None, *M.shape))
    rule = slopes.inline_rule(h, M.dtype, estimators.get(member), noises.get(noise))
    k = np.zeros((0, 0, 0), M.dtype)
    if rule.kind == slopes.GIVEN:
        every = np.ones_like(M) if point else V
        k = slopes.slopes(h, M, every, theta, estimators.get(member), noises.get(noise), u, draws)
        k = k.reshape(*M.shape[:2], -1)
    flat = (*M.shape[:2], -1)
    gm = np.empty_like(M).reshape(flat)
    gv = np.empty((len(V), *gm.shape[1:]), M.dtype)
    back = np.zeros((0 if tape.before is None else 3, *gm.shape[1:]), M.dtype)
    start = check_before(tape.before, M, h.dtype, point)
    lif_adjoint.gradients(
        lif_adjoint.Given(g.reshape(flat), direct_M, direct_V, carried(after, M, point)),
        lif_adjoint.Path(M.reshape(flat), V.reshape(gv.shape), h.reshape(flat)),
        lif_adjoint.Slopes(k, slopes.floor(M.dtype)),
        rule,
        square_of(recurrent, gm, variance),
        Neuron(M.dtype.type(beta), M.dtype.type(theta), reset == "hard", accumulate),
        reset_gradient,
        start,
        lif_adjoint.Sent(gm, gv, back),
    )
    own: list[np.ndarray | None] = [None, None]
    if recurrent is not None:
        first, earlier = 1, h[:-1]
        if tape.before is not None:
            first, earlier = 0, np.concatenate([start.z[None], h[:-1]])
        moments = [part[first:].reshape(-1, gm.shape[2]) for part in dense.present(gm, None if point else gv)]
        own = [*weight_gradients(moments, earlier, variance), None][:2]
    sent = None
    if tape.before is not None:
        dM, dv, dz = back.reshape(3, *M.shape[1:])
        sent = State(dM, None if point else dv, dz)
    return LIFGradients(gm.reshape(M.shape), None if point else gv.reshape(M.shape), own[0], own[1], sent)


def weight_gradients(given: list[np.ndarray], before: np.ndarray, variance: str) -> list[np.ndarray]:
    """Of the recurrent weights: the moments' gradients at each step times the values one step before (theory 3.3)."""
    units = given[0].shape[1]
    if not len(given[0]):
        return [np.zeros((units, units), part.dtype) for part in given]
    if before.dtype == np.uint8:
        return dense.spike_weight_gradients(sparse.events_of(before), given)
    values = before.reshape(-1, units)
    squares = square(values, "binary", variance)[0]
    return [matrix.transposed_product(part, x) for part, x in zip(given, (values, squares), strict=False)]


def square_of(recurrent: Recurrent | None, like: np.ndarray, variance: str) -> Square:
    """The recurrent weights of units whose arrays (T, batch, units) are as `like`, with zeros up to whole vectors."""
    width = matrix.padded(like.shape[2])
    mu, sigma2 = [np.zeros(0, like.dtype)] * 2
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


def check_own(m: np.ndarray, v: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """m and v; v of no steps beside point weights, whose neurons have V_t = 1 (theory 3.18)."""
    if v is not None:
        return check_moments(m, v)
    m = check_float("m", m, (None,) * np.ndim(m), float_type("m", m))
    return m, np.zeros((0, *m.shape[1:]), m.dtype)


def check_neurons(
    m: np.ndarray, recurrent: Recurrent | None, beta: float, theta: float, reset: str, point: bool
) -> Recurrent | None:
    """The recurrent weights, of m's type, after checking the neuron's numbers."""
    check_options(m.shape, None, beta, theta, reset, point)
    if recurrent is None:
        return None
    if point != (recurrent[1] is None):
        raise InputError("one of v and the recurrent sigma2 is None; point weights have neither")
    if m.ndim != 3:
        raise InputError(f"m has shape {m.shape}; expected (T, batch, units) with recurrent weights")
    units = m.shape[2]
    return (
        check_float("recurrent mu", recurrent[0], (units, units), m.dtype),
        None if point else check_float("recurrent sigma2", recurrent[1], (units, units), m.dtype, nonnegative=True),
    )
