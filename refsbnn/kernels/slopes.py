"""What the backward pass multiplies with, w f(r), for the members that have it in closed form under Gaussian noise.

`rule` names a member's slope by a number and four constants; `slope` evaluates it for sixteen units. The other members
(draws of their own, logistic noise, the user's functions) keep their float64 NumPy form in refsbnn.estimators.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange, types
from numba.extending import overload

from refsbnn import estimators
from refsbnn.estimators import binary, gumbel, outside
from refsbnn.kernels.gaussian import DENSITY, HALF, ONE, ZERO, absolute, bell, beyond, density_over_cdf, tail
from refsbnn.kernels.simd import LANES, address, fma, load, load_bytes, select_less, splat, sqrt, store
from refsbnn.noise import Gaussian, Noise

AFFINE, AGR, CONSTANT, FAST_SIGMOID, ARCTAN, TRIANGULAR, GIVEN = range(7)
SURROGATES = {"fast-sigmoid": FAST_SIGMOID, "arctan": ARCTAN, "triangular": TRIANGULAR}

CHUNK = 4096  # units that a task takes


class Rule(NamedTuple):
    """A slope: one of the kinds above with its constants.

    Attributes
    ----------
    kind : int
    a, b0, b1 : float32
    """

    kind: int
    a: np.float32
    b0: np.float32
    b1: np.float32


def rule(member: estimators.Member, noise: Noise) -> Rule | None:
    """The member's slope as a rule, None where it has none.

    Affine ones are a f(r) + b_z (f/F or f/(1 - F)): st, iwst, mix, the trapezoid and two-point targets (theory 2.3).
    """
    if isinstance(member, outside.IdentitySt):
        return make(CONSTANT)
    if isinstance(member, outside.Surrogate):
        scale, kind = member.scale, SURROGATES[member.kind]
        return make(kind, 0.5 * math.pi * scale, b1=0.5 * scale) if kind == ARCTAN else make(kind, scale)
    if not isinstance(noise, Gaussian):
        return None
    if isinstance(member, binary.StraightThrough):
        return make(AFFINE, 1.0)
    if isinstance(member, binary.Iwst) and not callable(member.p):
        return make(AFFINE, 0.0, 1.0 - member.p, member.p)
    if isinstance(member, binary.Mix):
        return make(AFFINE, 1.0 - member.lam, 0.5 * member.lam, 0.5 * member.lam)
    if isinstance(member, binary.Trapezoid):
        return make(AFFINE, 0.0, 0.5, 0.5)
    if isinstance(member, binary.TwoPoint) and not callable(member.target):
        return make(AFFINE, 0.0, *member.target)
    if isinstance(member, gumbel.Agr):
        width = math.hypot(1.0, member.tau)
        return make(AGR, member.tau / width, 1.0 / width, 1.0 / (math.sqrt(2.0 * math.pi) * width))
    return None


def make(kind: int, a: float = 0.0, b0: float = 0.0, b1: float = 0.0) -> Rule:
    """A rule with its constants in float32."""
    return Rule(kind, np.float32(a), np.float32(b0), np.float32(b1))


def floor(dtype: np.dtype) -> Any:
    """What counts as zero in g w f(r), of a float type.

    Far in the tail it falls below the type's smallest normal number, and processors are slow at numbers there; 2^14
    above it, products with weights do not get there either.
    """
    return np.finfo(dtype).tiny * dtype.type(2**14)


def inline_rule(h: np.ndarray, dtype: np.dtype, member: estimators.Member, noise: Noise) -> Rule:
    """The rule that a float32 kernel evaluates for spikes h as it goes; kind GIVEN where it needs `slopes` instead."""
    found = rule(member, noise) if dtype == np.float32 and h.dtype == np.uint8 else None
    return make(GIVEN) if found is None else found


def slopes(
    h: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    theta: float,
    member: estimators.Member,
    noise: Noise,
    u: Any,
    extra: np.ndarray | None,
) -> np.ndarray:
    """w f(r) of units with mean m - theta and variance v; of no meaning where v = 0.

    Parameters
    ----------
    h : (...) array
        Forward values on [0, 1]: bytes, or floats of m's type.
    m, v : (...) arrays of one float type
    theta : float
    member, noise
    u : (...) array or Uniforms
        Used by the members that need the uniform itself.
    extra : (draws, ...) array or None

    Returns
    -------
    (...) array of m's type
    """
    found = inline_rule(h, m.dtype, member, noise)
    k = np.empty_like(m)
    if found.kind != GIVEN:
        _fill(h.reshape(-1), m.reshape(-1), v.reshape(-1), np.float32(theta), found, k.reshape(-1))
        return k
    live = np.where(v > 0.0, v, 1.0).astype(np.float64)
    r = (m.astype(np.float64) - theta) / np.sqrt(live)
    k[...] = member.slope(np.asarray(h, np.float64), r, noise, u=np.asarray(u, np.float64), extra=extra)
    return k


@njit(cache=True, error_model="numpy")
def cut(c, floor):
    """Sixteen numbers, zero where their size is below the floor.

    Parameters
    ----------
    c : 16 lanes of float
    floor : float
    """
    zero = splat(floor - floor)
    size = select_less(c, zero, zero - c, c)
    return select_less(size, splat(floor), zero, c)


@njit(cache=True, error_model="numpy")
def slope(z, r, rule):
    """w f(r) for sixteen units (theory 2.1).

    Parameters
    ----------
    z : 16 lanes of float32, spikes 0 and 1
    r : 16 lanes of float32
    rule : Rule
    """
    one = splat(ONE)
    kind, a, b0, b1 = rule
    if kind == AFFINE:
        k = splat(a * DENSITY) * bell(r)
        if b0 != ZERO or b1 != ZERO:
            own = select_less(splat(HALF), z, r, splat(ZERO) - r)
            b = select_less(splat(HALF), z, splat(b1), splat(b0))
            k = fma(b, density_over_cdf(own), k)
        return k
    if kind == AGR:  # a, b0 and b1 are tau / c, 1 / c and 1 / (sqrt(2 pi) c) with c^2 = 1 + tau^2 (theory 2.7)
        own = select_less(splat(HALF), z, r, splat(ZERO) - r)
        t = absolute(own)
        wide = splat(a) * t
        low = tail(wide) / tail(t)
        high = bell(splat(b0) * t) * (one - beyond(wide)) / (one - beyond(t))
        return splat(b1) * select_less(own, splat(ZERO), low, high)
    if kind == CONSTANT:
        return one
    t = absolute(r) * splat(a)
    if kind == FAST_SIGMOID:
        t = one + t
        return one / (t * t)
    if kind == ARCTAN:
        return splat(b1) / fma(t, t, one)
    return select_less(t, one, one - t, splat(ZERO))


def own_slope(k, at, z, r, rule):
    """Sixteen slopes inside a kernel of either type: `slope`'s, or those at k[at] where the kind is GIVEN.

    Parameters
    ----------
    k : address of floats
    at : int
    z, r : 16 lanes of float
    rule : Rule
    """
    raise NotImplementedError  # compiled code only


@overload(own_slope)
def _own_slope(k, at, z, r, rule):
    if r.scalar == types.float64:
        return lambda k, at, z, r, rule: load(k, at)

    def either(k, at, z, r, rule):
        if rule.kind == GIVEN:
            return load(k, at)
        return slope(z, r, rule)

    return either


@njit(cache=True, parallel=True, error_model="numpy")
def _fill(h, m, v, theta, rule, k):
    """The slopes of flat arrays.

    Parameters
    ----------
    h : (n,) uint8, spikes
    m, v : (n,) float32
    theta : float32
    rule : Rule
    k : (n,) float32, overwritten
    """
    for task in prange((len(m) + CHUNK - 1) // CHUNK):
        _fill_chunk(h, m, v, theta, rule, k, task * CHUNK, min((task + 1) * CHUNK, len(m)))


@njit(cache=True, error_model="numpy")
def _fill_chunk(h, m, v, theta, rule, k, first, last):
    """Units first to last; the last, partial vector goes through a padded copy.

    Parameters
    ----------
    h : (n,) uint8
    m, v : (n,) float32
    theta : float32
    rule : Rule
    k : (n,) float32
    first, last : int
    """
    ph, pm, pv, pk = address(h), address(m), address(v), address(k)
    for i in range(first, last - LANES + 1, LANES):
        r = (load(pm, i) - splat(theta)) / sqrt(load(pv, i))
        store(pk, i, slope(load_bytes(ph, i), r, rule))
    rest = (last - first) % LANES
    if rest > 0:
        i = last - rest
        z, r, out = np.zeros(LANES, np.uint8), np.zeros(LANES, np.float32), np.zeros(LANES, np.float32)
        for j in range(rest):
            z[j] = h[i + j]
            r[j] = (m[i + j] - theta) / np.sqrt(v[i + j])
        store(out, 0, slope(load_bytes(z, 0), load(r, 0), rule))
        for j in range(rest):
            k[i + j] = out[j]
