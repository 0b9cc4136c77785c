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
from refsbnn.kernels import fire, philox, slopes
from refsbnn.kernels.check import check_bytes, check_float, float_type
from refsbnn.kernels.gaussian import probability
from refsbnn.kernels.simd import LANES, address, aligned_zeros, load, select_less, splat, sqrt, store, store_less
from refsbnn.noise import Gaussian, Noise
from refsbnn.reference.unit import DOMAINS

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
        h = np.empty(m.shape, np.uint8)
        steps = 1 if not isinstance(u, Uniforms) or u.steps is None else u.steps
        shape = (steps, max(len(source.samples), 1), -1)
        _fire(m.reshape(shape), v.reshape(shape), source, kind == fire.STEP, h.reshape(shape))
        return h
    philox.check_uniforms(u, m.shape)
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
    k = slopes.slopes(h, m, v, 0.0, estimators.get(member), noises.get(noise), u, extra)
    dm, dv = np.empty_like(m), np.empty_like(m)
    gain = m.dtype.type(2 if domain == "bipolar" else 1)  # theory 1.4: dy = 2 dz
    floor = slopes.floor(m.dtype)
    _chain(g.reshape(-1), k.reshape(-1), m.reshape(-1), v.reshape(-1), gain, floor, dm.reshape(-1), dv.reshape(-1))
    return dm, None if point else dv


def is_fast(kind: int, noise: Noise, dtype: np.dtype) -> bool:
    """Whether the vector kernels sample this."""
    return dtype == np.float32 and isinstance(noise, Gaussian) and kind in (fire.SPIKE, fire.STEP)


def check_moments(m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """m and v of one float type and shape, v >= 0."""
    m = check_float("m", m, (None,) * np.ndim(m), float_type("m", m))
    return m, check_float("v", v, m.shape, m.dtype, nonnegative=True)


def check_spikes(h: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Bytes 0 and 1 of the shape, or floats of the type."""
    if getattr(h, "dtype", None) in (np.uint8, np.bool_) and h.shape == shape:
        return check_bytes("h", h)
    return check_float("h", h, shape, dtype)


@njit(cache=True, parallel=True, error_model="numpy")
def _fire(m, v, source, deterministic, h):
    """Spikes, a task for every chunk of a row.

    Parameters
    ----------
    m, v : (steps, batch, units) float32
    source : Source
    deterministic : bool, spikes are 1[m > 0] and no uniforms are used
    h : (steps, batch, units) uint8, overwritten
    """
    chunks = (m.shape[2] + CHUNK - 1) // CHUNK
    for task in prange(m.shape[0] * m.shape[1] * chunks):
        _fire_chunk(m, v, source, deterministic, h, task // chunks, (task % chunks) * CHUNK)


@njit(cache=True, error_model="numpy")
def _fire_chunk(m, v, source, deterministic, h, row, first):
    """1[u < Phi(m / s)], or 1[m > 0], for CHUNK units of a row from `first` on; v = 0 is a step (theory 3.17).

    Parameters
    ----------
    m, v : (steps, batch, units) float32
    source : Source
    deterministic : bool
    h : (steps, batch, units) uint8
    row : int, step * batch + sample
    first : int, a multiple of CHUNK
    """
    _, batch, units = m.shape
    t, b = row // batch, row % batch
    count = min(CHUNK, units - first)
    u = aligned_zeros(CHUNK, np.float32)
    if len(source.given) > 0:
        for j in range(count):
            u[j] = source.given[row * units + first + j]
    elif not deterministic:
        philox.uniforms(source.key, source.samples[b], source.word + t, source.step, first // 4, u)
    start, whole = row * units + first, count // LANES * LANES
    pm, pv, ph = address(m), address(v), address(h)
    for i in range(0, whole, LANES):
        r = load(pm, start + i) / sqrt(load(pv, start + i))
        if deterministic:
            store_less(ph, start + i, splat(np.float32(0)), r)
        else:
            store_less(ph, start + i, load(u, i), probability(r))
    if whole < count:  # the last, partial vector goes through a padded copy
        r, spikes = np.zeros(LANES, np.float32), np.zeros(LANES, np.uint8)
        for j in range(count - whole):
            r[j] = m[t, b, first + whole + j] / np.sqrt(v[t, b, first + whole + j])
        if deterministic:
            store_less(spikes, 0, splat(np.float32(0)), load(r, 0))
        else:
            store_less(spikes, 0, load(u, whole), probability(load(r, 0)))
        for j in range(count - whole):
            h[t, b, first + whole + j] = spikes[j]


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
def _chain(g, k, m, v, gain, floor, dm, dv):
    """dm = g k / s and dv = -g k r / (2 s^2) of flat arrays (theory 3.2), zero where v = 0 (theory 3.17).

    Parameters
    ----------
    g, k, m, v : (n,) float
    gain : float, dy/dz, 2 in the bipolar domain
    floor : float, as in `slopes.floor`
    dm, dv : (n,) float, overwritten
    """
    for task in prange((len(m) + CHUNK - 1) // CHUNK):
        _chain_chunk(g, k, m, v, gain, floor, dm, dv, task * CHUNK, min((task + 1) * CHUNK, len(m)))


@njit(cache=True, error_model="numpy")
def _chain_chunk(g, k, m, v, gain, floor, dm, dv, first, last):
    """Units first to last; the last, partial vector goes through a padded copy.

    Parameters
    ----------
    g, k, m, v : (n,) float
    gain, floor : float
    dm, dv : (n,) float
    first, last : int
    """
    pg, pk, pm, pv, pdm, pdv = address(g), address(k), address(m), address(v), address(dm), address(dv)
    for i in range(first, last - LANES + 1, LANES):
        a, b = _chain_vector(load(pg, i), load(pk, i), load(pm, i), load(pv, i), gain, floor)
        store(pdm, i, a)
        store(pdv, i, b)
    rest = (last - first) % LANES
    if rest > 0:
        i = last - rest
        row = aligned_zeros(6 * LANES, m.dtype)
        for j in range(rest):
            row[j], row[LANES + j] = g[i + j], k[i + j]
            row[2 * LANES + j], row[3 * LANES + j] = m[i + j], v[i + j]
        g0, k0, m0, v0 = load(row, 0), load(row, LANES), load(row, 2 * LANES), load(row, 3 * LANES)
        a, b = _chain_vector(g0, k0, m0, v0, gain, floor)
        store(row, 4 * LANES, a)
        store(row, 5 * LANES, b)
        for j in range(rest):
            dm[i + j], dv[i + j] = row[4 * LANES + j], row[5 * LANES + j]


@njit(cache=True, error_model="numpy")
def _chain_vector(g, k, m, v, gain, floor):
    """dm and dv of sixteen units.

    Parameters
    ----------
    g, k, m, v : 16 lanes of float
    gain, floor : float
    """
    zero, minus_half = splat(gain - gain), splat(-gain / (gain + gain))
    s = sqrt(v)
    dm = slopes.cut(splat(gain) * g * k, floor) / s
    dv = minus_half * dm * m / v
    return select_less(zero, v, dm, zero), select_less(zero, v, dv, zero)
