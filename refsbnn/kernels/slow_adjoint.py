"""The backward loop of `refsbnn.kernels.lif_slow`: all steps of a shard of samples in one task (theory 3.34).

Variances of no steps say that the weights are points: V_t = 1 then (theory 3.18). Covariances of no steps say that the
membrane carries no variance along.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from refsbnn.kernels.lif_adjoint import SHARD, add_recurrent
from refsbnn.kernels.lif_loops import lanes, shared
from refsbnn.kernels.moves import load_values
from refsbnn.kernels.simd import LANES, address, aligned_zeros, load, select_less, splat, sqrt, store
from refsbnn.kernels.slopes import cut, own_slope


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
def values_at(h, t, b, i, end, like):
    """Values of units i to i + LANES, as a vector.

    Parameters
    ----------
    h : (T, batch, units) uint8 or float
    t, b, i : int
    end : (LANES,) of h's type, zeros behind the last unit; overwritten where a vector is not whole
    like : 16 lanes of float
    """
    batch, units = h.shape[1:]
    if i + LANES <= units:
        return load_values(address(h), (t * batch + b) * units + i, like)
    for k in range(units - i):
        end[k] = h[t, b, i + k]
    return load_values(end, 0, like)


@njit(cache=True, parallel=True, error_model="numpy")
def gradients(given, path, h, slopes, rule, recurrent, neuron, reset_gradient, start, sent):
    """Gradients of the currents, a shard of samples a task.

    Parameters
    ----------
    given : SlowGiven
    path : SlowPath, as wide
    h : (T, batch, units) uint8 or float
    slopes : Slopes
    rule : Rule
    recurrent : Square
    neuron : SlowNeuron
    reset_gradient : bool, gradients flow through the reset
    start : SlowStart, its M, V and C as wide
    sent : SlowSent, overwritten
    """
    for shard in prange((h.shape[1] + SHARD - 1) // SHARD):
        _gradients_of(given, path, h, slopes, rule, recurrent, neuron, reset_gradient, start, sent, shard * SHARD)


@njit(cache=True, error_model="numpy")
def _gradients_of(given, path, h, slopes, rule, recurrent, neuron, reset_gradient, start, sent, first):
    """Samples first to first + SHARD.

    Parameters
    ----------
    given : SlowGiven
    path : SlowPath
    h : (T, batch, units) uint8 or float
    slopes : Slopes
    rule : Rule
    recurrent : Square
    neuron : SlowNeuron
    reset_gradient : bool
    start : SlowStart
    sent : SlowSent
    first : int
    """
    g, direct_M, direct_V, direct_C, direct_a, after = given
    M, V, C, a = path
    k, floor = slopes
    beta, theta, hard, alpha, adapt, adapt_decay, rest = neuron
    T, batch, width = g.shape
    units = h.shape[2]
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
    betas, thetas = shared(beta), shared(theta)
    alphas, gains, decays, rests = splat(alpha), splat(adapt), splat(adapt_decay), splat(rest)
    at_k = address(k)
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
                z = values_at(h, t, b, i, end, zero)
                decay = lanes(betas, i)
                r = load(M, row + i) - lanes(thetas, i) - gains * load(a, row + i)
                spread = inverse = ones
                if not point:
                    spread = load(V, row + i)
                    inverse = ones / sqrt(spread)
                    r = r * inverse
                c = (load(g, row + i) + load(dz, at + i)) * own_slope(at_k, row + i, z, r, rule)
                c = cut(c, floor)
                unit = select_less(zero, spread, c * inverse, zero)  # theory 3.2, 3.17
                if each:
                    store(sent.theta, row + i, zero - unit)  # theory 3.28
                up = (load(direct_a, row + i) if len(direct_a) > 0 else zero) - gains * unit
                store(da, at + i, up + decays * load(da, at + i))  # theory 3.34
                keep = decay * (ones - z) if hard else decay
                mean = unit + (load(direct_M, row + i) if len(direct_M) > 0 else zero)
                mean = mean + keep * load(dM, at + i)  # theory 3.34
                store(dM, at + i, mean)
                mean = mean + alphas * load(dJ, at + i)  # theory 3.34
                store(dJ, at + i, mean)
                store(sent.m, row + i, mean)
                if not point:
                    total = select_less(zero, spread, minus_half * c * r * inverse * inverse, zero)  # theory 3.2
                    total = total + (load(direct_V, row + i) if len(direct_V) > 0 else zero)
                    if carries:
                        later = load(dV, at + i)
                        both = load(direct_C, row + i) if len(direct_C) > 0 else zero
                        both = both + alphas * keep * (later + later + load(dC, at + i))  # theory 3.34
                        store(dC, at + i, both)
                        total = total + decay * keep * later  # theory 3.34
                        store(dV, at + i, total)
                        total = total + both + alphas * alphas * load(dU, at + i)  # theory 3.34
                    else:
                        store(dV, at + i, total)
                    store(dU, at + i, total)
                    store(sent.v, row + i, total)
        begun = t > 0 or len(start.M) > 0
        for s in range(rows):
            b, at = first + s, s * width
            row = (t * batch + b) * width
            for i in range(0, width, LANES):
                back = rests * load(da, at + i)  # theory 3.34
                if begun:
                    old_M, old_V, old_C, old_z, before = M, V, C, h, t - 1
                    if t == 0:
                        old_M, old_V, old_C, old_z, before = start.M, start.V, start.C, start.z, 0
                    place, decay, later = (before * batch + b) * width + i, lanes(betas, i), load(dM, at + i)
                    through = load(old_M, place) * later
                    noise = zero
                    if carries:
                        spread = load(dV, at + i)
                        through = through + alphas * load(old_C, place) * (spread + spread + load(dC, at + i))
                        noise = decay * load(old_V, place) * spread
                    if reset_gradient and hard:
                        back = back - decay * (through + noise)  # theory 3.34
                    elif reset_gradient:
                        back = back - lanes(thetas, i) * later  # theory 3.12
                    if each:
                        z = values_at(old_z, before, b, i, end, zero)
                        keep = ones - z if hard else ones
                        store(sent.beta, row + i, keep * (through + noise + noise))  # theory 3.34
                        if not hard:
                            store(sent.theta, row + i, load(sent.theta, row + i) - z * later)  # theory 3.28
                elif each:
                    store(sent.beta, row + i, zero)
                store(dz, at + i, back)
        if begun and len(recurrent.mu) > 0:
            last = h[t - 1] if t > 0 else start.z[0]
            add_recurrent(dJ, dU, recurrent, last[first : first + rows], dz, dz2)
    for s in range(rows if len(sent.before) > 0 else 0):
        at, b, before = s * width, first + s, sent.before
        before[0, b], before[1, b], before[2, b] = dM[at : at + units], dV[at : at + units], dz[at : at + units]
        before[3, b], before[4, b] = dJ[at : at + units], dU[at : at + units]
        before[5, b], before[6, b] = dC[at : at + units], da[at : at + units]
