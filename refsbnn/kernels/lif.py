"""Leaky integrate-and-fire neurons through time (theory 3.9 to 3.12); the functions of `refsbnn.reference.lif`, fast.

A sample's neurons run through all steps in one task. Spikes are bytes; those of the layer itself become a list of
events at once, so that the recurrent current costs one row of weights a spike.
"""

from typing import NamedTuple

import numpy as np

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.errors import InputError, check_array
from refsbnn.kernels import dense, fire, lif_loops, matrix, philox, slopes, sparse
from refsbnn.kernels.check import check_float
from refsbnn.kernels.unit import check_moments, check_spikes, is_fast
from refsbnn.reference.lif import LIFGradients, check_options
from refsbnn.reference.moments import square
from refsbnn.streams import Uniforms

Recurrent = tuple[np.ndarray, np.ndarray]


class LIFTape(NamedTuple):
    """What `backward` needs of a forward pass, each (T, batch, *units): membrane mean, variance, spikes."""

    M: np.ndarray
    V: np.ndarray
    z: np.ndarray


def forward(
    m: np.ndarray,
    v: np.ndarray,
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
    m, v = check_moments(m, v)
    recurrent = check_neurons(m, recurrent, beta, theta, reset)
    noise, member = noises.get(noise), estimators.get(member)
    kind = fire.kind_of(member)
    flat = m.reshape(*m.shape[:2], -1)
    M, V = np.empty_like(flat), np.empty_like(flat)
    options = (m.dtype.type(beta), m.dtype.type(theta), reset == "hard", accumulate)
    currents = flat, v.reshape(flat.shape)
    if is_fast(kind, noise, m.dtype):
        z = np.empty(flat.shape, np.uint8)
        source = philox.source(u, m.shape)
        half = matrix.padded(flat.shape[2])
        weights = np.zeros(0, m.dtype) if recurrent is None else dense.rows_of(*recurrent, half)
        lif_loops.spikes(*currents, *source, weights, half, *options, kind == fire.STEP, M, V, z)
    else:
        philox.check_uniforms(u, m.shape)
        proposal = fire.proposal(member, noise, u)
        z = np.empty(flat.shape, np.uint8 if proposal.spikes else m.dtype)
        mu, sigma2 = (np.zeros((0, 0), m.dtype),) * 2 if recurrent is None else recurrent
        words = (proposal.u.reshape(flat.shape), kind, proposal.tau, proposal.gaussian)
        lif_loops.values(*currents, *words, mu, sigma2, variance == "quadratic", *options, M, V, z)
    z = z.reshape(m.shape)
    return z, LIFTape(M.reshape(m.shape), V.reshape(m.shape), z)


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
    dV: np.ndarray | None = None,
) -> LIFGradients:
    """Backward through time (theory 3.12).

    Arguments, results and errors as in `refsbnn.reference.lif.backward`.
    """
    M, V = check_moments(tape.M, tape.V)
    recurrent = check_neurons(M, recurrent, beta, theta, reset)
    g = check_float("g", g, M.shape, M.dtype)
    h = check_spikes(tape.z, M.shape, M.dtype)
    direct = np.zeros((0, 0, 0), M.dtype)
    if dV is not None:
        direct = check_float("dV", dV, M.shape, M.dtype).reshape(*M.shape[:2], -1)
    draws = None if extra is None else check_array("extra", extra, (None, *M.shape))
    k = slopes.slopes(h, M, V, theta, estimators.get(member), noises.get(noise), u, draws)
    flat = (*M.shape[:2], -1)
    gm, gv = np.empty_like(M).reshape(flat), np.empty_like(M).reshape(flat)
    width = matrix.padded(gm.shape[2])
    mu_rows, sigma2_rows = (np.zeros(0, M.dtype),) * 2
    if recurrent is not None:
        mu_rows, sigma2_rows = (padded_square(part, width) for part in recurrent)
    options = (*(M.dtype.type(n) for n in (beta, theta, 1)), reset == "hard", accumulate, reset_gradient)
    arrays = (part.reshape(flat) for part in (g, M, V, h, k))
    lif_loops.gradients(*arrays, direct, mu_rows, sigma2_rows, width, variance == "quadratic", *options, gm, gv)
    d_recurrent: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
    if recurrent is not None:
        d_recurrent = weight_gradients(gm[1:].reshape(-1, gm.shape[2]), gv[1:].reshape(-1, gm.shape[2]), h, variance)
    return LIFGradients(gm.reshape(M.shape), gv.reshape(M.shape), *d_recurrent)


def weight_gradients(dm: np.ndarray, dv: np.ndarray, h: np.ndarray, variance: str) -> tuple[np.ndarray, np.ndarray]:
    """Of the recurrent weights: the moments' gradients at each step times the values one step before (theory 3.3)."""
    if not len(dm):
        none = np.zeros((2, dm.shape[1], dm.shape[1]), dm.dtype)
        return none[0], none[1]
    before = h[:-1]
    if h.dtype == np.uint8:
        return dense.spike_weight_gradients(sparse.events_of(before), dm, dv)
    values = before.reshape(dm.shape)
    x2, _ = square(values, "binary", variance)
    return matrix.transposed_product(dm, values), matrix.transposed_product(dv, x2)


def padded_square(weight: np.ndarray, width: int) -> np.ndarray:
    """(units, units) with zeros up to (width, width), flat."""
    out = matrix.aligned_zeros(width * width, weight.dtype)
    out.reshape(width, width)[: len(weight), : len(weight)] = weight
    return out


def check_neurons(
    m: np.ndarray, recurrent: Recurrent | None, beta: float, theta: float, reset: str
) -> Recurrent | None:
    """The recurrent weights, of m's type, after checking the neuron's numbers."""
    check_options(m.shape, None, beta, theta, reset)
    if recurrent is None:
        return None
    if m.ndim != 3:
        raise InputError(f"m has shape {m.shape}; expected (T, batch, units) with recurrent weights")
    units = m.shape[2]
    return (
        check_float("recurrent mu", recurrent[0], (units, units), m.dtype),
        check_float("recurrent sigma2", recurrent[1], (units, units), m.dtype, nonnegative=True),
    )
