"""The backward loop of `refsbnn.kernels.lif_slow`: all steps of a shard of samples in one task (theory 3.34).

Variances of no steps say that the weights are points: V_t = 1 then (theory 3.18). Covariances of no steps say that the
membrane carries no variance along.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from refsbnn.kernels.lif_adjoint import SHARD, add_recurrent
from refsbnn.kernels.moves import fetch, load_values
from refsbnn.kernels.simd import LANES, address, aligned_zeros, load, select_less, splat, sqrt, store
from refsbnn.kernels.slopes import cut, own_slope
from refsbnn.kernels.tasks import run


class SlowGiven(NamedTuple):
    """What comes from above.

    Attributes
    ----------
    g : (T, batch, width) float, gradient of the spikes, width units and zeros up to whole vectors
    M, V, C, a : (T, batch, width) float, what else depends on what the path holds, or of no steps
    after : (7, batch, units) float, what the step after the last sends to each part of a `SlowState`, or empty
    """

    g: np.ndarray
    M: np.ndarray
    V: np.ndarray
    C: np.ndarray
    a: np.ndarray
    after: np.ndarray


class SlowSent(NamedTuple):
    """The results.

    Attributes
    ----------
    m, v : (T, batch, width) float, overwritten by gradients of the currents; v of no steps beside point weights
    before : (7, batch, units) float, overwritten by what goes to the state before the first step, or empty
    beta, theta : (T, batch, width) float, overwritten by each sample's and step's part of the gradients of decay and
        threshold, or of no steps
    """

    m: np.ndarray
    v: np.ndarray
    before: np.ndarray
    beta: np.ndarray
    theta: np.ndarray


@njit(cache=True, error_model="numpy")
def values_at(h, row, units, i, end, like):
    """Values of units i to i + LANES, as a vector.

    Parameters
    ----------
    h : address of (rows, units) uint8 or float
    row, units, i : int
    end : (LANES,) uint8 or float, as h, zeros behind the last unit; overwritten where a vector is not whole
    like : 16 lanes of float
    """
    if i + LANES <= units:
        return load_values(h, row * units + i, like)
    for k in range(units - i):
        end[k] = h[row * units + i + k]
    return load_values(end, 0, like)


@njit(cache=True, nogil=True, error_model="numpy")
def gradients(given, path, slopes, rule, recurrent, neuron, reset_gradient, start, sent):
    """Gradients of the currents, a shard of samples a task.

    Parameters
    ----------
    given : SlowGiven
    path : SlowPath, all but h as wide
    slopes : Slopes
    rule : Rule
    recurrent : Square
    neuron : SlowNeuron
    reset_gradient : bool, gradients flow through the reset
    start : SlowStart, its M, V and C as wide
    sent : SlowSent, overwritten
    """
    shards = (path.h.shape[1] + SHARD - 1) // SHARD
    run(_gradients_of, shards, (given, path, slopes, rule, recurrent, neuron, reset_gradient, start, sent))


@njit(cache=True, error_model="numpy")
def _gradients_of(shard, given, path, slopes, rule, recurrent, neuron, reset_gradient, start, sent):
    """Samples from shard SHARD on, as many as SHARD.

    Parameters
    ----------
    shard : int
    given : SlowGiven
    path : SlowPath
    slopes : Slopes
    rule : Rule
    recurrent : Square
    neuron : SlowNeuron
    reset_gradient : bool
    start : SlowStart
    sent : SlowSent
    """
    g, direct_M, direct_V, direct_C, direct_a, after = given
    M, V, C, a, h = path
    k, floor = slopes
    beta, theta, hard, alpha, adapt, adapt_decay, rest = neuron
    T, batch, width = g.shape
    units = h.shape[2]
    first = shard * SHARD
    rows = min(SHARD, batch - first)
    point, carries, each = len(V) == 0, len(C) > 0, len(sent.beta) > 0
    # Of the later step, by sample: gradients of its states, and what they send to this step's spikes.
    size = SHARD * width
    dM, dV, dC, da = (
        aligned_zeros(size, g.dtype),
        aligned_zeros(size, g.dtype),
        aligned_zeros(size, g.dtype),
        aligned_zeros(size, g.dtype),
    )
    dJ, dU, dz, dz2 = (
        aligned_zeros(size, g.dtype),
        aligned_zeros(size, g.dtype),
        aligned_zeros(size, g.dtype),
        aligned_zeros(size, g.dtype),
    )
    end = np.zeros(LANES, h.dtype)  # values of a vector that is not whole
    one = g.dtype.type(1)
    ones, zero, minus_half = splat(one), splat(one - one), splat(-one / (one + one))
    betas, thetas = address(beta), address(theta)
    alphas, gains, decays, rests = splat(alpha), splat(adapt), splat(adapt_decay), splat(rest)
    at_k, at_g, at_h, at_M, at_V, at_C, at_a = (
        address(k),
        address(g),
        address(h),
        address(M),
        address(V),
        address(C),
        address(a),
    )
    at_direct_M, at_direct_V = address(direct_M), address(direct_V)
    at_direct_C, at_direct_a = address(direct_C), address(direct_a)
    at_gm, at_gv, at_beta, at_theta = address(sent.m), address(sent.v), address(sent.beta), address(sent.theta)
    for s in range(rows if len(after) > 0 else 0):
        at, b = s * width, first + s
        dM[at : at + units], dV[at : at + units], dz[at : at + units] = after[0, b], after[1, b], after[2, b]
        dJ[at : at + units], dU[at : at + units] = after[3, b], after[4, b]
        dC[at : at + units], da[at : at + units] = after[5, b], after[6, b]
    for t in range(T - 1, -1, -1):
        for s in range(rows):
            b, at = first + s, s * width
            row = (t * batch + b) * width
            for i in range(0, width, LANES):
                earlier = row - batch * width + i
                fetch(at_g, earlier)
                fetch(at_M, earlier)
                fetch(at_a, earlier)
                fetch(at_gm, earlier)
                if not point:
                    fetch(at_V, earlier)
                    fetch(at_C, earlier)
                    fetch(at_gv, earlier)
                z = values_at(at_h, t * batch + b, units, i, end, zero)
                decay = load(betas, i)
                r = load(at_M, row + i) - load(thetas, i) - gains * load(at_a, row + i)
                spread = inverse = ones
                if not point:
                    spread = load(at_V, row + i)
                    inverse = ones / sqrt(spread)
                    r = r * inverse
                c = (load(at_g, row + i) + load(dz, at + i)) * own_slope(at_k, row + i, z, r, rule)
                c = cut(c, floor)
                unit = select_less(zero, spread, c * inverse, zero)  # theory 3.2, 3.17
                if each:
                    store(at_theta, row + i, zero - unit)  # theory 3.28
                up = (load(at_direct_a, row + i) if len(direct_a) > 0 else zero) - gains * unit
                store(da, at + i, up + decays * load(da, at + i))  # theory 3.34
                keep = decay * (ones - z) if hard else decay
                mean = unit + (load(at_direct_M, row + i) if len(direct_M) > 0 else zero)
                mean = mean + keep * load(dM, at + i)  # theory 3.34
                store(dM, at + i, mean)
                mean = mean + alphas * load(dJ, at + i)  # theory 3.34
                store(dJ, at + i, mean)
                store(at_gm, row + i, mean)
                if not point:
                    total = select_less(zero, spread, minus_half * c * r * inverse * inverse, zero)  # theory 3.2
                    total = total + (load(at_direct_V, row + i) if len(direct_V) > 0 else zero)
                    if carries:
                        later = load(dV, at + i)
                        both = load(at_direct_C, row + i) if len(direct_C) > 0 else zero
                        both = both + alphas * keep * (later + later + load(dC, at + i))  # theory 3.34
                        store(dC, at + i, both)
                        total = total + decay * keep * later  # theory 3.34
                        store(dV, at + i, total)
                        total = total + both + alphas * alphas * load(dU, at + i)  # theory 3.34
                    else:
                        store(dV, at + i, total)
                    store(dU, at + i, total)
                    store(at_gv, row + i, total)
        begun = t > 0 or len(start.M) > 0
        for s in range(rows):
            b, at = first + s, s * width
            row = (t * batch + b) * width
            for i in range(0, width, LANES):
                back = rests * load(da, at + i)  # theory 3.34
                if begun:
                    old_M, old_V, old_C, old_z, before = at_M, at_V, at_C, at_h, (t - 1) * batch + b
                    if t == 0:
                        old_M, old_V, old_C = address(start.M), address(start.V), address(start.C)
                        old_z, before = address(start.z), b
                    place, decay, later = before * width + i, load(betas, i), load(dM, at + i)
                    through = load(old_M, place) * later
                    noise = zero
                    if carries:
                        spread = load(dV, at + i)
                        through = through + alphas * load(old_C, place) * (spread + spread + load(dC, at + i))
                        noise = decay * load(old_V, place) * spread
                    if reset_gradient and hard:
                        back = back - decay * (through + noise)  # theory 3.34
                    elif reset_gradient:
                        back = back - load(thetas, i) * later  # theory 3.12
                    if each:
                        z = values_at(old_z, before, units, i, end, zero)
                        keep = ones - z if hard else ones
                        store(at_beta, row + i, keep * (through + noise + noise))  # theory 3.34
                        if not hard:
                            store(at_theta, row + i, load(at_theta, row + i) - z * later)  # theory 3.28
                elif each:
                    store(at_beta, row + i, zero)
                store(dz, at + i, back)
        if begun and len(recurrent.mu) > 0:
            last = h[t - 1] if t > 0 else start.z[0]
            add_recurrent(dJ, dU, recurrent, last[first : first + rows], dz, dz2)
    for s in range(rows if len(sent.before) > 0 else 0):
        at, b, out = s * width, first + s, sent.before
        out[0, b], out[1, b], out[2, b] = dM[at : at + units], dV[at : at + units], dz[at : at + units]
        out[3, b], out[4, b] = dJ[at : at + units], dU[at : at + units]
        out[5, b], out[6, b] = dC[at : at + units], da[at : at + units]
