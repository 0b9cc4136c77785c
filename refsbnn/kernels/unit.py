"""The noisy binary unit; the functions of `refsbnn.reference.unit`, fast.

Spikes are bytes: 1 is the upper state of the domain. Relaxed values are floats of m's type.
"""

from typing import Any

import numpy as np
from numba import njit, prange

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.draws import Uniforms
from refsbnn.errors import check_choice
from refsbnn.kernels import fire, matrix, philox, slopes
from refsbnn.kernels.check import check_bytes, check_float
from refsbnn.kernels.gaussian import probability
from refsbnn.kernels.simd import (
    LANES,
    address,
    aligned_zeros,
    load,
    load_bytes,
    select_less,
    splat,
    sqrt,
    store,
    store_less,
)
from refsbnn.noise import Gaussian, Noise
from refsbnn.reference.unit import DOMAINS, check_uniforms

CHUNK = 1024  # units whose uniforms are made at a time; they stay in the first-level cache


def forward(
    m: np.ndarray,
    v: np.ndarray | None,
    u: np.ndarray | Uniforms,
    *,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    domain: str = "binary",
) -> np.ndarray:
    """Values of the units (theory 1.1, 1.4, 3.17).

    Arguments and errors as in `refsbnn.reference.unit.forward`; `u` may be an address instead of the numbers.

    Returns
    -------
    h : (...) array
        uint8 where the member's values are spikes, else of m's type.

    Examples
    --------
    >>> import numpy as np
    >>> m, v = np.array([0.3, 0.3, -1.0], np.float32), np.array([1.0, 1.0, 0.0], np.float32)
    >>> forward(m, v, np.array([0.5, 0.7, 0.0]), noise="gaussian", member="st").tolist()
    [1, 0, 0]
    """
    check_choice("domain", domain, DOMAINS)
    noise, member = noises.get(noise), estimators.get(member)
    m, v = check_moments(m, np.ones_like(m) if v is None else v)  # theory 3.18
    kind = fire.kind_of(member)
    if is_fast(kind, noise, m.dtype):
        source = philox.source(u, m.shape)
        steps = 1 if not isinstance(u, Uniforms) or u.steps is None else u.steps
        shape = (steps, max(len(source.samples), 1), -1)
        rows = m.reshape(shape[0] * shape[1], -1)
        m_wide, v_wide = matrix.widened(rows), matrix.widened(v.reshape(rows.shape))
        source = source._replace(given=matrix.in_vectors(source.given))
        h = np.empty(m_wide.shape, np.uint8)
        _fire(m_wide.reshape(shape), v_wide.reshape(shape), source, kind == fire.STEP, h.reshape(shape))
        return np.ascontiguousarray(h[:, : rows.shape[1]]).reshape(m.shape)
    check_uniforms(u, m.shape)
    proposal = fire.proposal(member, noise, u)
    h = np.empty(m.shape, np.uint8 if proposal.spikes else m.dtype)
    _sample(m.reshape(-1), v.reshape(-1), proposal._replace(u=proposal.u.reshape(-1)), h.reshape(-1))
    return h if proposal.spikes or domain == "binary" else h + h - 1  # theory 1.4


def backward(
    g: np.ndarray,
    h: np.ndarray,
    m: np.ndarray,
    v: np.ndarray | None,
    u: np.ndarray | Uniforms,
    *,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    domain: str = "binary",
    extra: np.ndarray | None = None,
) -> tuple[np.ndarray, Any]:
    """The estimator's gradients of m and v (theory 3.2).

    Arguments, results and errors as in `refsbnn.reference.unit.backward`; h is what `forward` returned.
    """
    check_choice("domain", domain, DOMAINS)
    point = v is None
    m, v = check_moments(m, np.ones_like(m) if v is None else v)  # theory 3.18
    g = check_float("g", g, m.shape, m.dtype)
    h = check_spikes(h, m.shape, m.dtype)
    if h.dtype != np.uint8 and domain == "bipolar":
        h = (h + 1) * m.dtype.type(0.5)  # theory 1.4
    member, noise = estimators.get(member), noises.get(noise)
    rule = slopes.inline_rule(h, m.dtype, member, noise)
    if rule.kind == slopes.GIVEN:
        k = slopes.slopes(h, m, v, 0.0, member, noise, u, extra)
        h = np.zeros(LANES, np.uint8)  # not read
    else:
        k = np.zeros(LANES, m.dtype)  # not read: slopes are evaluated where they are used
    gain = m.dtype.type(2 if domain == "bipolar" else 1)  # theory 1.4: dy = 2 dz
    floor = slopes.floor(m.dtype)
    shape, size = m.shape, m.size
    g, h, k, m, v = (matrix.in_vectors(part) for part in (g, h, k, m, v))
    dm, dv = np.empty_like(m), np.empty_like(m)
    _chain(g, h.view(np.uint8), k, m, v, gain, floor, rule, dm, dv)
    return dm[:size].reshape(shape), None if point else dv[:size].reshape(shape)


def is_fast(kind: int, noise: Noise, dtype: np.dtype) -> bool:
    """Whether the vector kernels sample this."""
    return dtype == np.float32 and isinstance(noise, Gaussian) and kind in (fire.SPIKE, fire.STEP)


def check_moments(m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """m and v of one float type and shape, v >= 0."""
    m = check_float("m", m)
    return m, check_float("v", v, m.shape, m.dtype, nonnegative=True)


def check_own(m: np.ndarray, v: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """m and v; v of no steps beside point weights, whose neurons have V_t = 1 (theory 3.18)."""
    if v is not None:
        return check_moments(m, v)
    m = check_float("m", m)
    return m, np.zeros((0, *m.shape[1:]), m.dtype)


def check_spikes(h: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Bytes 0 and 1 of the shape, or floats of the type."""
    if getattr(h, "dtype", None) in (np.uint8, np.bool_) and h.shape == shape:
        return check_bytes("h", h)
    return check_float("h", h, shape, dtype)


@njit(cache=True, parallel=True, error_model="numpy")
def _fire(m, v, source, deterministic, h):
    """1[u < Phi(m / s)], or 1[m > 0], a task for every chunk of a row; v = 0 is a step (theory 3.17).

    Parameters
    ----------
    m, v : (steps, batch, units) float32, units a multiple of 16
    source : Source, zeros in the place of units that pad
    deterministic : bool, spikes are 1[m > 0] and no uniforms are used
    h : (steps, batch, units) uint8, overwritten
    """
    steps, batch, units = m.shape
    chunks = (units + CHUNK - 1) // CHUNK
    for task in prange(steps * batch * chunks):
        row, first = task // chunks, task % chunks * CHUNK
        t, b = row // batch, row % batch
        count = min(CHUNK, units - first)
        u = aligned_zeros(CHUNK, np.float32)
        start = row * units + first
        if len(source.given) > 0:
            u[:count] = source.given[start : start + count]
        elif not deterministic:
            philox.uniforms(source.key, source.samples[b], source.word + t, source.step, first // 4, u)
        pm, pv, ph = address(m), address(v), address(h)
        for i in range(0, count, LANES):
            r = load(pm, start + i) / sqrt(load(pv, start + i))
            if deterministic:
                store_less(ph, start + i, splat(np.float32(0)), r)
            else:
                store_less(ph, start + i, load(u, i), probability(r))


@njit(cache=True, parallel=True, error_model="numpy")
def _sample(m, v, proposal, h):
    """Values of any member, noise and type.

    Parameters
    ----------
    m, v : (n,) float
    proposal : Proposal, u of shape (n,)
    h : (n,) uint8 or float, overwritten
    """
    kind, u, tau, gaussian = proposal
    for i in prange(len(m)):
        h[i] = fire.sample(np.float64(m[i]), np.float64(v[i]), u[i], kind, tau, gaussian)


@njit(cache=True, parallel=True, error_model="numpy")
def _chain(g, h, k, m, v, gain, floor, rule, dm, dv):
    """dm = g k / s and dv = -g k r / (2 s^2) of flat arrays (theory 3.2), zero where v = 0 (theory 3.17).

    Parameters
    ----------
    g : (n,) float, n a multiple of 16
    h : (n,) uint8, spikes; (16,) where the rule's kind is GIVEN
    k : (n,) float, slopes where the rule's kind is GIVEN, else (16,)
    m, v : (n,) float
    gain : float, dy/dz, 2 in the bipolar domain
    floor : float, as in `slopes.floor`
    rule : Rule
    dm, dv : (n,) float, overwritten
    """
    given = rule.kind == slopes.GIVEN
    for task in prange((len(m) + CHUNK - 1) // CHUNK):
        pg, ph, pk, pm, pv = address(g), address(h), address(k), address(m), address(v)
        pdm, pdv = address(dm), address(dv)
        zero, minus_half = splat(gain - gain), splat(-gain / (gain + gain))
        for i in range(task * CHUNK, min((task + 1) * CHUNK, len(m)), LANES):
            v_own = load(pv, i)
            s = sqrt(v_own)
            slope = slopes.own_slope(pk, i if given else 0, load_bytes(ph, 0 if given else i), load(pm, i) / s, rule)
            c = slopes.cut(splat(gain) * load(pg, i) * slope, floor) / s
            store(pdm, i, select_less(zero, v_own, c, zero))
            store(pdv, i, select_less(zero, v_own, minus_half * c * load(pm, i) / v_own, zero))
