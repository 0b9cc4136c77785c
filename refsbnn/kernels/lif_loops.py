"""The forward loops of `refsbnn.kernels.lif`: all steps of a sample in one task.

Variances of no steps say that the weights are points: V_t = 1 then (theory 3.18).
"""

from typing import NamedTuple

import numpy as np
from numba import njit, uint64

from refsbnn.kernels import fire, philox
from refsbnn.kernels.gaussian import probability
from refsbnn.kernels.moves import copy, fetch
from refsbnn.kernels.occur import lowest
from refsbnn.kernels.simd import (
    LANES,
    address,
    aligned_zeros,
    less,
    load,
    select_less,
    splat,
    sqrt,
    store,
    store_less,
)
from refsbnn.kernels.sparse import WIDE, add_rows
from refsbnn.kernels.tasks import run


class Moments(NamedTuple):
    """Of currents or membranes.

    Attributes
    ----------
    mean : (T, batch, units) float
    variance : (T, batch, units) float, of no steps beside point weights
    """

    mean: np.ndarray
    variance: np.ndarray


class Neuron(NamedTuple):
    """What the neurons of a layer are.

    Attributes
    ----------
    beta : (width,) float, decay a step of each neuron, of the moments' type, zeros up to whole vectors; an array where
        all neurons share a number too, so that one compiled function does for both
    theta : (width,) float, threshold, likewise
    hard : bool, a spike resets the membrane to zero; else it subtracts theta
    accumulate : bool, the variance carries over from step to step
    """

    beta: np.ndarray
    theta: np.ndarray
    hard: bool
    accumulate: bool


class Start(NamedTuple):
    """The state before the first step; of no samples at rest.

    Attributes
    ----------
    M, V : (batch, units) float; V of no samples beside point weights too
    z : (batch, units) uint8, or float where values are relaxed
    """

    M: np.ndarray
    V: np.ndarray
    z: np.ndarray


class Square(NamedTuple):
    """Recurrent weights, padded with zeros.

    Attributes
    ----------
    mu, sigma2 : (width * width,) float, from unit j to unit i at i width + j; empty where there are none
    width : int, units rounded up to a multiple of 16
    quadratic : bool, the variance of a relaxed value z counts z^2 instead of z (theory 3.4)
    """

    mu: np.ndarray
    sigma2: np.ndarray
    width: int
    quadratic: bool


@njit(cache=True, nogil=True, error_model="numpy")
def spikes(current, source, recurrent, neuron, deterministic, start, membrane, z):
    """Spikes of Gaussian neurons.

    Parameters
    ----------
    current : Moments, float32
    source : Source
    recurrent : Table, its weights empty in a feed-forward layer; `half` is units rounded up to a multiple of 16
    neuron : Neuron
    deterministic : bool, spikes are 1[M > theta] and no uniforms are used
    start : Start
    membrane : Moments, float32, overwritten
    z : (T, batch, units) uint8, overwritten
    """
    run(_spikes_of, z.shape[1], (current, source, recurrent, neuron, deterministic, start, membrane, z))


@njit(cache=True, error_model="numpy")
def _spikes_of(b, current, source, recurrent, neuron, deterministic, start, membrane, z):
    """Sample b.

    Parameters
    ----------
    b : int
    current : Moments
    source : Source
    recurrent : Table
    neuron : Neuron
    deterministic : bool
    start : Start
    membrane : Moments
    z : (T, batch, units) uint8
    """
    m, v = current
    M, V = membrane
    given, key, samples, word, step = source
    weights, half = recurrent
    beta, theta, hard, accumulate = neuron
    T, batch, units = m.shape
    point = len(v) == 0
    width = half if point else 2 * half
    kept_M, kept_V = aligned_zeros(half, np.float32), aligned_zeros(half, np.float32)
    total, u = aligned_zeros(2 * half, np.float32), aligned_zeros(half, np.float32)
    fired = aligned_zeros(half, np.float32)
    last = np.zeros(LANES, np.uint8)  # spikes of a vector that is not whole
    events, count = np.zeros(half + LANES, np.int32), 0
    one, zero, betas, thetas = splat(np.float32(1)), splat(np.float32(0)), address(beta), address(theta)
    at_m, at_v, at_M, at_V, at_z, at_given = address(m), address(v), address(M), address(V), address(z), address(given)
    if len(start.M) > 0:
        copy(address(start.M), b * units, kept_M, 0, units)
        if not point:
            copy(address(start.V), b * units, kept_V, 0, units)
        for j in range(units):
            fired[j] = start.z[b, j]
            events[count] = j
            count += start.z[b, j]
    for t in range(T):
        if len(weights) == 0:
            count = 0
        own = (t * batch + b) * units
        copy(at_m, own, total, 0, units)
        if not point:
            copy(at_v, own, total, half, units)
        if count > 0:
            for j in range(0, width, WIDE):
                add_rows(weights, width, j, min(WIDE, width - j), events, 0, count, total[j:])  # theory 3.1
        if len(given) > 0:
            copy(at_given, own, u, 0, units)
        elif not deterministic:
            philox.uniforms(key, samples[b], word + t, step, 0, u)
        count = 0
        for j in range(0, half, LANES):
            after = own + batch * units + j
            fetch(at_m, after)
            fetch(at_M, after)
            if not point:
                fetch(at_v, after)
                fetch(at_V, after)
            z_before, decay, threshold = load(fired, j), load(betas, j), load(thetas, j)
            keep = one - z_before if hard else one
            mean = decay * load(kept_M, j) * keep + load(total, j)  # theory 3.9
            if not hard:
                mean = mean - threshold * z_before  # theory 3.10
            store(kept_M, j, mean)
            r = mean - threshold
            if not point:
                spread = load(total, half + j)
                if accumulate:
                    spread = decay * decay * load(kept_V, j) * keep + spread  # theory 3.9, 3.10
                store(kept_V, j, spread)
                r = r / sqrt(spread)
            low = zero if deterministic else load(u, j)
            high = r if deterministic else probability(r)  # theory 3.11
            store(fired, j, select_less(low, high, one, zero))
            word_of = less(low, high)
            if j + LANES <= units:
                store_less(at_z, own + j, low, high)
            else:
                store_less(last, 0, low, high)
                for k in range(units - j):
                    z[t, b, j + k] = last[k]
                word_of &= (uint64(1) << uint64(units - j)) - uint64(1)
            while word_of != uint64(0):
                events[count] = j + lowest(word_of)
                count += 1
                word_of &= word_of - uint64(1)
        copy(kept_M, 0, at_M, own, units)
        if not point:
            copy(kept_V, 0, at_V, own, units)


@njit(cache=True, nogil=True, error_model="numpy")
def values(current, proposal, recurrent, neuron, start, membrane, h):
    """Values of any member, noise and type.

    Parameters
    ----------
    current : Moments, float
    proposal : Proposal, u of shape (T, batch, units)
    recurrent : Square
    neuron : Neuron
    start : Start
    membrane : Moments, float, overwritten
    h : (T, batch, units) uint8 or float, overwritten
    """
    run(_values_of, h.shape[1], (current, proposal, recurrent, neuron, start, membrane, h))


@njit(cache=True, error_model="numpy")
def _values_of(b, current, proposal, recurrent, neuron, start, membrane, h):
    """Sample b.

    Parameters
    ----------
    b : int
    current : Moments
    proposal : Proposal
    recurrent : Square
    neuron : Neuron
    start : Start
    membrane : Moments
    h : (T, batch, units) uint8 or float
    """
    m, v = current
    M, V = membrane
    kind, u, tau, gaussian = proposal
    beta, theta, hard, accumulate = neuron
    mu, sigma2, width, quadratic = recurrent
    T, _, units = m.shape
    point, one = len(v) == 0, np.float64(1)
    for t in range(T):
        for i in range(units):
            mean = m[t, b, i]
            spread = one if point else v[t, b, i]
            if t > 0 or len(start.M) > 0:
                for j in range(units if len(mu) > 0 else 0):
                    z = h[t - 1, b, j] if t > 0 else start.z[b, j]
                    mean += mu[i * width + j] * z  # theory 3.1
                    if not point:
                        spread += sigma2[i * width + j] * (z * z if quadratic else z)  # theory 3.1, 3.4
                last = h[t - 1, b, i] if t > 0 else start.z[b, i]
                keep = 1 - last if hard else 1
                mean += beta[i] * (M[t - 1, b, i] if t > 0 else start.M[b, i]) * keep  # theory 3.9
                if not hard:
                    mean -= theta[i] * last  # theory 3.10
                if accumulate and not point:
                    last_V = V[t - 1, b, i] if t > 0 else start.V[b, i]
                    spread += beta[i] * beta[i] * last_V * keep  # theory 3.9, 3.10
            M[t, b, i] = mean
            if not point:
                V[t, b, i] = spread
            r = np.float64(mean - theta[i])
            h[t, b, i] = fire.sample(r, np.float64(spread), u[t, b, i], kind, tau, gaussian)
