"""Gaussian noise in float32, sixteen units at a time: its cdf, its density, and the ratio f/F that the weights need.

All rest on the tail Phi(-t) = exp(-t^2 / 2) R(t) for t >= 0, where R(t) = erfcx(t / sqrt 2) / 2 is y times a polynomial
in y = 1 / (1 + t / 4). The polynomial (least maximum relative error, fitted with scipy's erfcx) is off by 3.4e-8, less
than half a unit in the last place; with the rounding of its evaluation R is right to 4 eps for every t.
"""

import numpy as np
from numba import njit

from refsbnn.kernels.simd import add_exponent, fma, select_less, splat

DENSITY = np.float32(0.3989422804014327)  # 1 / sqrt(2 pi)
QUARTER = np.float32(0.25)
TAIL = tuple(
    np.float32(c)
    for c in (
        0.01978199928998947, -0.08087725937366486, 0.09559696912765503, -0.031717393547296524, 0.06369902938604355,
        0.058975182473659515, 0.08160310238599777, 0.09346635639667511, 0.09973642975091934, 0.0997355654835701,
    )
)  # fmt: skip
SHIFT = np.float32(1.5 * 2**23)  # adding it rounds to an integer and leaves that in the low bits
LOG2E = np.float32(1.4426950408889634)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)  # ln 2 in two parts (Cody and Waite)
EXPONENTIAL = tuple(np.float32(1 / k) for k in (720, 120, 24, 6, 2, 1, 1))  # Taylor on |x| <= ln 2 / 2: below 1e-7
# Processors are slow at numbers below the smallest normal one, so nothing goes there: exp(LEAST) times a density's
# constant does not, nor does Phi(-FAR).
LEAST, FAR = np.float32(-84.6), np.float32(12.9)
ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)


@njit(cache=True, error_model="numpy")
def bell(r):
    """exp(-r^2 / 2), not below exp(LEAST).

    Parameters
    ----------
    r : 16 lanes of float32
    """
    x = splat(-HALF) * r * r
    x = select_less(splat(LEAST), x, x, splat(LEAST))
    counter = fma(x, splat(LOG2E), splat(SHIFT))
    n = counter - splat(SHIFT)
    x = fma(n, splat(-LN2_HIGH), x)
    x = fma(n, splat(-LN2_LOW), x)
    p = splat(EXPONENTIAL[0])
    p = fma(p, x, splat(EXPONENTIAL[1]))
    p = fma(p, x, splat(EXPONENTIAL[2]))
    p = fma(p, x, splat(EXPONENTIAL[3]))
    p = fma(p, x, splat(EXPONENTIAL[4]))
    p = fma(p, x, splat(EXPONENTIAL[5]))
    p = fma(p, x, splat(EXPONENTIAL[6]))
    return add_exponent(p, counter)


@njit(cache=True, error_model="numpy")
def tail(t):
    """R(t) = Phi(-t) exp(t^2 / 2) for t >= 0.

    Parameters
    ----------
    t : 16 lanes of float32
    """
    y = splat(ONE) / fma(splat(QUARTER), t, splat(ONE))
    p = splat(TAIL[0])
    p = fma(p, y, splat(TAIL[1]))
    p = fma(p, y, splat(TAIL[2]))
    p = fma(p, y, splat(TAIL[3]))
    p = fma(p, y, splat(TAIL[4]))
    p = fma(p, y, splat(TAIL[5]))
    p = fma(p, y, splat(TAIL[6]))
    p = fma(p, y, splat(TAIL[7]))
    p = fma(p, y, splat(TAIL[8]))
    p = fma(p, y, splat(TAIL[9]))
    return p * y


@njit(cache=True, error_model="numpy")
def absolute(r):
    """|r|.

    Parameters
    ----------
    r : 16 lanes of float32
    """
    return select_less(r, splat(ZERO), splat(ZERO) - r, r)


@njit(cache=True, error_model="numpy")
def beyond(t):
    """Phi(-t) for t >= 0, not below Phi(-FAR).

    Parameters
    ----------
    t : 16 lanes of float32
    """
    t = select_less(t, splat(FAR), t, splat(FAR))
    return tail(t) * bell(t)


@njit(cache=True, error_model="numpy")
def probability(r):
    """Phi(r): 1 and 0 at +inf and -inf, 0 for NaN, so that a unit with m = v = 0 is silent (theory 3.17).

    Parameters
    ----------
    r : 16 lanes of float32
    """
    lower = beyond(absolute(r))
    p = select_less(splat(ZERO), r, splat(ONE) - lower, lower)
    return select_less(splat(np.float32(-38)), r, p, splat(ZERO))


@njit(cache=True, error_model="numpy")
def density_over_cdf(r):
    """f(r) / F(r), which is finite everywhere: about |r| far below zero.

    Parameters
    ----------
    r : 16 lanes of float32
    """
    t = absolute(r)
    high = splat(DENSITY) * bell(t) / (splat(ONE) - beyond(t))
    return select_less(r, splat(ZERO), splat(DENSITY) / tail(t), high)
