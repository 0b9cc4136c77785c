"""The backward loop of `refsbnn.kernels.lif`: all steps of a shard of samples in one task.

Variances of no steps say that the weights are points: V_t = 1 then (theory 3.18).
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from refsbnn.kernels.moves import fetch, load_values
from refsbnn.kernels.simd import (
    LANES,
    Factor,
    Rows,
    address,
    aligned_zeros,
    load,
    matmul_add,
    select_less,
    splat,
    sqrt,
    store,
)
from refsbnn.kernels.slopes import cut, own_slope
from refsbnn.kernels.tasks import run

SHARD = 8  # samples whose gradients go through the recurrent weights together: the rows of a register tile


class Given(NamedTuple):
    """What comes from above.

    Attributes
    ----------
    g : (T, batch, width) float, gradient of the spikes, width units and zeros up to whole vectors
    direct_M, direct_V : (T, batch, width) float, what else depends on M and V, or of no steps
    after : (3, batch, units) float, what the step after the last sends to M, V and z, or empty
    """

    g: np.ndarray
    direct_M: np.ndarray
    direct_V: np.ndarray
    after: np.ndarray


class Path(NamedTuple):
    """What the forward pass left.

    Attributes
    ----------
    M, V : (T, batch, width) float; V of no steps beside point weights
    h : (T, batch, units) uint8 or float
    """

    M: np.ndarray
    V: np.ndarray
    h: np.ndarray


class Slopes(NamedTuple):
    """What the slopes are where no rule says it, and what counts as zero.

    Attributes
    ----------
    k : (T, batch, width) float, w f(r) where the rule's kind is GIVEN, else of no steps
    floor : float, as in `slopes.floor`
    """

    k: np.ndarray
    floor: float


class Sent(NamedTuple):
    """The results.

    Attributes
    ----------
    m, v : (T, batch, width) float, overwritten by gradients of the currents; v of no steps beside point weights
    before : (3, batch, units) float, overwritten by what goes to M, V and z before the first step, or empty
    unit : (T, batch, width) float, overwritten by c / s of theory 3.12 where each neuron has a threshold of its own,
        else of no steps
    """

    m: np.ndarray
    v: np.ndarray
    before: np.ndarray
    unit: np.ndarray


@njit(cache=True, nogil=True, error_model="numpy")
def gradients(given, path, slopes, rule, recurrent, neuron, reset_gradient, start, sent):
    """Gradients of the currents, a shard of samples a task.

    Parameters
    ----------
    given : Given
    path : Path
    slopes : Slopes
    rule : Rule
    recurrent : Square
    neuron : Neuron
    reset_gradient : bool, gradients flow through the reset
    start : Start, its M and V as wide
    sent : Sent, overwritten
    """
    shards = (path.M.shape[1] + SHARD - 1) // SHARD
    run(_gradients_of, shards, (given, path, slopes, rule, recurrent, neuron, reset_gradient, start, sent))


@njit(cache=True, error_model="numpy")
def _gradients_of(shard, given, path, slopes, rule, recurrent, neuron, reset_gradient, start, sent):
    """Samples from shard SHARD on, as many as SHARD.

    Parameters
    ----------
    shard : int
    given : Given
    path : Path
    slopes : Slopes
    rule : Rule
    recurrent : Square
    neuron : Neuron
    reset_gradient : bool
    start : Start
    sent : Sent
    """
    g, direct_M, direct_V, after = given
    M, V, h = path
    k, floor = slopes
    beta, theta, hard, accumulate = neuron
    gm, gv, before, unit = sent
    T, batch, width = g.shape
    units = h.shape[2]
    first = shard * SHARD
    rows = min(SHARD, batch - first)
    point = len(V) == 0
    # Of the later step, by sample: gradients of the membrane's mean and variance, and what they send to this spike.
    dM, dV = aligned_zeros(SHARD * width, g.dtype), aligned_zeros(SHARD * width, g.dtype)
    dz, dz2 = aligned_zeros(SHARD * width, g.dtype), aligned_zeros(SHARD * width, g.dtype)
    end = np.zeros(LANES, h.dtype)  # values of a vector that is not whole
    one = g.dtype.type(1)
    ones, zero, minus_half = splat(one), splat(one - one), splat(-one / (one + one))
    betas, thetas = address(beta), address(theta)
    at_g, at_k, at_M, at_V, at_h = address(g), address(k), address(M), address(V), address(h)
    at_direct_M, at_direct_V, at_gm, at_gv = address(direct_M), address(direct_V), address(gm), address(gv)
    at_unit = address(unit)
    for s in range(rows if len(after) > 0 else 0):
        at = s * width
        dM[at : at + units], dV[at : at + units] = after[0, first + s], after[1, first + s]
        dz[at : at + units] = after[2, first + s]
    for t in range(T - 1, -1, -1):
        for s in range(rows):
            b, at = first + s, s * width
            own = (t * batch + b) * width
            for i in range(0, width, LANES):
                earlier = own - batch * width + i
                fetch(at_g, earlier)
                fetch(at_M, earlier)
                fetch(at_gm, earlier)
                if not point:
                    fetch(at_V, earlier)
                    fetch(at_gv, earlier)
                if i + LANES <= units:
                    z = load_values(at_h, (t * batch + b) * units + i, zero)
                else:
                    end[: units - i] = h[t, b, i:]
                    z = load_values(end, 0, zero)
                decay = load(betas, i)
                r = load(at_M, own + i) - load(thetas, i)
                spread = inverse = ones
                if not point:
                    spread = load(at_V, own + i)
                    inverse = ones / sqrt(spread)
                    r = r * inverse
                c = (load(at_g, own + i) + load(dz, at + i)) * own_slope(at_k, own + i, z, r, rule)
                c = cut(c, floor)
                mean_unit = select_less(zero, spread, c * inverse, zero)  # theory 3.2, 3.17
                if len(unit) > 0:
                    store(at_unit, own + i, mean_unit)
                keep = decay * (ones - z) if hard else decay
                mean_unit = mean_unit + (load(at_direct_M, own + i) if len(direct_M) > 0 else zero)
                mean_unit = mean_unit + keep * load(dM, at + i)  # theory 3.12
                store(dM, at + i, mean_unit)
                store(at_gm, own + i, mean_unit)
                if not point:
                    total = select_less(zero, spread, minus_half * c * r * inverse * inverse, zero)  # theory 3.2
                    total = total + (load(at_direct_V, own + i) if len(direct_V) > 0 else zero)
                    if accumulate:
                        total = total + decay * keep * load(dV, at + i)  # theory 3.12
                    store(dV, at + i, total)
                    store(at_gv, own + i, total)
        if t > 0 or len(start.M) > 0:
            for s in range(rows):
                b, at = first + s, s * width
                last_M, last_V, own = at_M, at_V, ((t - 1) * batch + b) * width
                if t == 0:
                    last_M, last_V, own = address(start.M), address(start.V), b * width
                for i in range(0, width, LANES):
                    back, decay = zero, load(betas, i)
                    if reset_gradient and hard:
                        back = zero - decay * load(last_M, own + i) * load(dM, at + i)  # theory 3.12
                        if accumulate and not point:
                            back = back - decay * decay * load(last_V, own + i) * load(dV, at + i)  # theory 3.12
                    elif reset_gradient:
                        back = zero - load(thetas, i) * load(dM, at + i)  # theory 3.12
                    store(dz, at + i, back)
            if len(recurrent.mu) > 0:
                last = h[t - 1] if t > 0 else start.z
                add_recurrent(dM, dV, recurrent, last[first : first + rows], dz, dz2)
    for s in range(rows if len(before) > 0 else 0):
        at = s * width
        before[0, first + s], before[1, first + s] = dM[at : at + units], dV[at : at + units]
        before[2, first + s] = dz[at : at + units]


@njit(cache=True, error_model="numpy")
def add_recurrent(dM, dV, recurrent, h, dz, dz2):
    """dz += dM mu + (dV sigma2) dx2 (theory 3.3, 3.4).

    Parameters
    ----------
    dM, dV : (SHARD * width,) float, gradients of the later step's membrane
    recurrent : Square
    h : (rows, units) uint8 or float, the values of the earlier step
    dz : (SHARD * width,) float, added to
    dz2 : (SHARD * width,) float, overwritten
    """
    mu, sigma2, width, quadratic = recurrent
    rows, units = h.shape
    mean, into = Factor(address(dM), 0, width, 1), Rows(address(dz), 0, width)
    matmul_add(mean, Rows(address(mu), 0, width), into, rows, width, units)
    if len(sigma2) == 0:
        return
    spread, right = Factor(address(dV), 0, width, 1), Rows(address(sigma2), 0, width)
    if not quadratic:
        matmul_add(spread, right, into, rows, width, units)
        return
    dz2[:] = 0
    matmul_add(spread, right, Rows(address(dz2), 0, width), rows, width, units)
    for s in range(rows):
        for i in range(units):
            dz[s * width + i] += 2 * h[s, i] * dz2[s * width + i]
