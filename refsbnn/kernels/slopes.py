"""What the backward pass multiplies with, w f(r), for the members that have it in closed form under Gaussian noise.

`rule` takes the form that a member declares as a number and three constants; `slope` evaluates it for sixteen units.
The other members (draws of their own, logistic noise, the user's functions) keep their float64 NumPy form in
refsbnn.estimators.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange, types
from numba.extending import overload

from refsbnn import estimators
from refsbnn.kernels.gaussian import DENSITY, HALF, LEAST, ONE, ZERO, absolute, bell, beyond, density_over_cdf, tail
from refsbnn.kernels.matrix import in_vectors
from refsbnn.kernels.simd import LANES, address, fma, load, load_bytes, select_less, splat, sqrt, store
from refsbnn.noise import Gaussian, Noise

AFFINE, AGR, CONSTANT, FAST_SIGMOID, ARCTAN, TRIANGULAR, TEMP, GAPPED, GIVEN, BELL = range(10)
ANY_NOISE = (CONSTANT, FAST_SIGMOID, ARCTAN, TRIANGULAR, BELL)  # the others are written for Gaussian noise

CHUNK = 4096  # units that a task takes
REACH = np.float32(256)  # of `logit`: what its logarithm still gains beyond is below 6e-6 of t^2 / 2
ATANH = tuple(np.float32(1 / k) for k in (9, 7, 5, 3))  # what is left out is s^10 / 11, below 1e-8 for s <= 0.2
THIRTY_TWO = np.float32(32)


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


def _agr(tau: float) -> tuple[float, ...]:
    width = math.hypot(1.0, tau)
    return tau / width, 1.0 / width, 1.0 / (math.sqrt(2.0 * math.pi) * width)


# For each kind of a member's form: the kernel's kind, and its constants from the form's numbers.
FORMS: dict[str, tuple[int, Callable[..., tuple[float, ...]]]] = {
    "affine": (AFFINE, lambda a, b0, b1: (a, b0, b1)),
    "agr": (AGR, _agr),
    "constant": (CONSTANT, lambda: ()),
    "fast-sigmoid": (FAST_SIGMOID, lambda scale: (scale,)),
    "arctan": (ARCTAN, lambda scale: (0.5 * math.pi * scale, 0.0, 0.5 * scale)),
    "triangular": (TRIANGULAR, lambda scale: (scale,)),
    "gaussian": (BELL, lambda scale: (scale, 0.0, scale / math.sqrt(2.0 * math.pi))),
    "temp": (TEMP, lambda c: (c,)),
    "gapped": (GAPPED, lambda gap, tau: (gap, 1.0 / tau)),
}


def rule(member: estimators.Member, noise: Noise) -> Rule | None:
    """The member's slope as a rule, None where it has none with this noise."""
    form = member.form
    if form is None:
        return None
    kind, constants = FORMS[form.kind]
    return make(kind, *constants(*form.numbers)) if kind in ANY_NOISE or isinstance(noise, Gaussian) else None


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
    theta: Any,
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
    theta : float, or (units,) where the member has no rule in float32
    member, noise
    u : (...) array or Uniforms
        Used by the members that need the uniform itself.
    extra : (draws, ...) array or None

    Returns
    -------
    (...) array of m's type
    """
    found = inline_rule(h, m.dtype, member, noise)
    if found.kind != GIVEN:
        own, mean, variance = (in_vectors(part) for part in (h, m, v))
        k = np.empty_like(mean)
        _fill(own, mean, variance, np.float32(theta), found, k)
        return k[: m.size].reshape(m.shape)
    live = np.where(v > 0.0, v, 1.0).astype(np.float64)
    r = (m.astype(np.float64) - theta) / np.sqrt(live)
    k = member.slope(np.asarray(h, np.float64), r, noise, u=np.asarray(u, np.float64), extra=extra)
    return np.broadcast_to(k, m.shape).astype(m.dtype)


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
def temp_slope(z, r, c):
    """f (1 + c P(other)/2) / (1 + c pi q) for sixteen units (theory 2.20).

    Parameters
    ----------
    z : 16 lanes of float32, spikes 0 and 1
    r : 16 lanes of float32
    c : float32
    """
    t = absolute(r)
    low, one = beyond(t), splat(ONE)
    high = one - low
    own = select_less(splat(HALF), z, r, splat(ZERO) - r)
    other = select_less(own, splat(ZERO), high, low)
    return splat(DENSITY) * bell(t) * fma(splat(c * HALF), other, one) / fma(splat(c), low * high, one)


@njit(cache=True, error_model="numpy")
def logit(t):
    """ln(Phi(t) / Phi(-t)) for t >= 0, right to 16 eps and 4 eps of itself (theory 2.21).

    Phi(-t) = exp(-t^2 / 2) R(t), so it is t^2 / 2 plus the logarithm of Phi(t) / R(t), which four square roots bring
    to at most 1.5 for t <= REACH; there 2 atanh((x - 1) / (x + 1)) has a short series.

    Parameters
    ----------
    t : 16 lanes of float32, >= 0
    """
    one = splat(ONE)
    near = select_less(t, splat(REACH), t, splat(REACH))
    x = sqrt(sqrt(sqrt(sqrt((one - beyond(near)) / tail(near)))))
    s = (x - one) / (x + one)
    s2 = s * s
    p = fma(splat(ATANH[0]), s2, splat(ATANH[1]))
    p = fma(p, s2, splat(ATANH[2]))
    p = fma(p, s2, splat(ATANH[3]))
    p = fma(p, s2, one)
    return fma(splat(HALF) * t, t, splat(THIRTY_TWO) * s * p)


@njit(cache=True, error_model="numpy")
def gapped_slope(z, r, gap, coldness):
    """sigma'(a/tau)/tau (f/F + f/(1 - F)) for sixteen units (theory 2.21).

    Parameters
    ----------
    z : 16 lanes of float32, spikes 0 and 1
    r : 16 lanes of float32
    gap : float32
    coldness : float32, 1/tau
    """
    one, zero = splat(ONE), splat(ZERO)
    t = absolute(r)
    l = logit(t)
    own = select_less(select_less(splat(HALF), z, r, zero - r), zero, zero - l, l)
    a = splat(coldness) * select_less(own, splat(gap), splat(gap), own)
    y = select_less(a, splat(-LEAST), bell(sqrt(a + a)), zero)  # e^-a
    root = one + y
    return splat(coldness) * y / (root * root) * splat(DENSITY) / (tail(t) * (one - beyond(t)))


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
    if kind == TEMP:
        return temp_slope(z, r, a)
    if kind == GAPPED:
        return gapped_slope(z, r, a, b0)
    if kind == CONSTANT:
        return one
    t = absolute(r) * splat(a)
    if kind == FAST_SIGMOID:
        t = one + t
        return one / (t * t)
    if kind == ARCTAN:
        return splat(b1) / fma(t, t, one)
    if kind == BELL:
        return splat(b1) * bell(t)
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
    h : (n,) uint8, spikes; n a multiple of 16
    m, v : (n,) float32
    theta : float32
    rule : Rule
    k : (n,) float32, overwritten
    """
    for task in prange((len(m) + CHUNK - 1) // CHUNK):
        ph, pm, pv, pk = address(h), address(m), address(v), address(k)
        for i in range(task * CHUNK, min((task + 1) * CHUNK, len(m)), LANES):
            r = (load(pm, i) - splat(theta)) / sqrt(load(pv, i))
            store(pk, i, slope(load_bytes(ph, i), r, rule))
