"""The forward loops of `refsbnn.kernels.lif_slow`: all steps of a sample in one task (theory 3.30 to 3.33).

Variances of no steps say that the weights are points: V_t = 1 then (theory 3.18). Covariances of no steps say that the
membrane carries no variance along.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, uint64

from refsbnn.kernels import fire, philox
from refsbnn.kernels.gaussian import probability
from refsbnn.kernels.moves import copy, fetch
from refsbnn.kernels.occur import lowest
from refsbnn.kernels.simd import LANES, address, aligned_zeros, less, load, select_less, splat, sqrt, store, store_less
from refsbnn.kernels.sparse import WIDE, add_rows
from refsbnn.kernels.tasks import run


class SlowNeuron(NamedTuple):
    """What the neurons of a layer are.

    Attributes
    ----------
    beta, theta, hard : as in `lif_loops.Neuron`
    alpha, adapt, adapt_decay, rest : float of the moments' type; rest is 1 - adapt_decay
    """

    beta: np.ndarray
    theta: np.ndarray
    hard: bool
    alpha: Any
    adapt: Any
    adapt_decay: Any
    rest: Any


class SlowPath(NamedTuple):
    """What a pass leaves.

    Attributes
    ----------
    M, V : (T, batch, units) float, membrane mean and variance; V of no steps beside point weights
    C : (T, batch, units) float, covariance of membrane and current; of no steps where nothing is carried along
    a : (T, batch, units) float, running mean of the spikes
    h : (T, batch, units) uint8 or float, the spikes or values
    """

    M: np.ndarray
    V: np.ndarray
    C: np.ndarray
    a: np.ndarray
    h: np.ndarray


class SlowStart(NamedTuple):
    """The state before the first step, as a `SlowState`.

    Attributes
    ----------
    M, V : (1, batch, units) float; here and below of no steps at rest, and where the state has None
    z : (1, batch, units) uint8 or float
    J, U, C, a : (1, batch, units) float
    """

    M: np.ndarray
    V: np.ndarray
    z: np.ndarray
    J: np.ndarray
    U: np.ndarray
    C: np.ndarray
    a: np.ndarray


@njit(cache=True, nogil=True, error_model="numpy")
def spikes(current, source, recurrent, neuron, deterministic, start, path, ends):
    """Spikes of Gaussian neurons.

    Parameters
    ----------
    current : Moments, float32
    source : Source
    recurrent : Table, its weights empty in a feed-forward layer; `half` is units rounded up to a multiple of 16
    neuron : SlowNeuron
    deterministic : bool, spikes are 1[M > theta_t] and no uniforms are used
    start : SlowStart
    path : SlowPath, float32 and uint8, overwritten
    ends : (2, batch, units) float32, overwritten: J and U after the last step
    """
    run(_spikes_of, path.h.shape[1], (current, source, recurrent, neuron, deterministic, start, path, ends))


@njit(cache=True, error_model="numpy")
def _spikes_of(b, current, source, recurrent, neuron, deterministic, start, path, ends):
    """Sample b.

    Parameters
    ----------
    b : int
    current : Moments
    source : Source
    recurrent : Table
    neuron : SlowNeuron
    deterministic : bool
    start : SlowStart
    path : SlowPath
    ends : (2, batch, units) float32
    """
    m, v = current
    M, V, C, a, z = path
    given, key, samples, word, step = source
    weights, half = recurrent
    beta, theta, hard, alpha, adapt, adapt_decay, rest = neuron
    T, batch, units = m.shape
    point, carries = len(v) == 0, len(C) > 0
    width = half if point else 2 * half
    kept = aligned_zeros(6 * half, np.float32)  # of the step before: M, V, C, a, J, U
    at_V, at_C, at_a, at_J, at_U = half, 2 * half, 3 * half, 4 * half, 5 * half
    total, u = aligned_zeros(2 * half, np.float32), aligned_zeros(half, np.float32)
    fired = aligned_zeros(half, np.float32)
    last = np.zeros(LANES, np.uint8)  # spikes of a vector that is not whole
    events, count = np.zeros(half + LANES, np.int32), 0
    one, zero, betas, thetas = splat(np.float32(1)), splat(np.float32(0)), address(beta), address(theta)
    alphas, gains, decays, rests = splat(alpha), splat(adapt), splat(adapt_decay), splat(rest)
    at_m, at_v, at_z, at_given = address(m), address(v), address(z), address(given)
    at_M, at_path_V, at_path_C, at_path_a = address(M), address(V), address(C), address(a)
    if len(start.M) > 0:
        copy(start.M[0, b], 0, kept, 0, units)
        copy(start.J[0, b], 0, kept, at_J, units)
        copy(start.a[0, b], 0, kept, at_a, units)
        if carries:
            copy(start.V[0, b], 0, kept, at_V, units)
            copy(start.C[0, b], 0, kept, at_C, units)
            copy(start.U[0, b], 0, kept, at_U, units)
        for j in range(units):
            fired[j] = start.z[0, b, j]
            events[count] = j
            count += start.z[0, b, j]
    for t in range(T):
        if len(weights) == 0:
            count = 0
        row = (t * batch + b) * units
        copy(at_m, row, total, 0, units)
        if not point:
            copy(at_v, row, total, half, units)
        if count > 0:
            for j in range(0, width, WIDE):
                add_rows(weights, width, j, min(WIDE, width - j), events, 0, count, total[j:])  # theory 3.1
        if len(given) > 0:
            copy(at_given, row, u, 0, units)
        elif not deterministic:
            philox.uniforms(key, samples[b], word + t, step, 0, u)
        count = 0
        for j in range(0, half, LANES):
            after = row + batch * units + j
            fetch(at_m, after)
            fetch(at_M, after)
            fetch(at_path_a, after)
            if not point:
                fetch(at_v, after)
                fetch(at_path_V, after)
                fetch(at_path_C, after)
            z_before, decay, threshold = load(fired, j), load(betas, j), load(thetas, j)
            keep = one - z_before if hard else one
            flow = alphas * load(kept, at_J + j) + load(total, j)  # theory 3.30
            store(kept, at_J + j, flow)
            mean = decay * load(kept, j) * keep + flow  # theory 3.31
            if not hard:
                mean = mean - threshold * z_before  # theory 3.31
            store(kept, j, mean)
            up = decays * load(kept, at_a + j) + rests * z_before  # theory 3.33
            store(kept, at_a + j, up)
            r = mean - threshold - gains * up
            if not point:
                spread = load(total, half + j)
                if carries:
                    spread = alphas * alphas * load(kept, at_U + j) + spread  # theory 3.30
                    store(kept, at_U + j, spread)
                    both = alphas * decay * keep * load(kept, at_C + j)
                    store(kept, at_C + j, both + spread)  # theory 3.30
                    spread = decay * decay * load(kept, at_V + j) * keep + (both + both + spread)  # theory 3.31
                store(kept, at_V + j, spread)
                r = r / sqrt(spread)
            low = zero if deterministic else load(u, j)
            high = r if deterministic else probability(r)  # theory 3.11
            store(fired, j, select_less(low, high, one, zero))
            word_of = less(low, high)
            if j + LANES <= units:
                store_less(at_z, row + j, low, high)
            else:
                store_less(last, 0, low, high)
                for k in range(units - j):
                    z[t, b, j + k] = last[k]
                word_of &= (uint64(1) << uint64(units - j)) - uint64(1)
            while word_of != uint64(0):
                events[count] = j + lowest(word_of)
                count += 1
                word_of &= word_of - uint64(1)
        copy(kept, 0, at_M, row, units)
        copy(kept, at_a, at_path_a, row, units)
        if not point:
            copy(kept, at_V, at_path_V, row, units)
        if carries:
            copy(kept, at_C, at_path_C, row, units)
    copy(kept, at_J, ends[0, b], 0, units)
    copy(kept, at_U, ends[1, b], 0, units)


@njit(cache=True, nogil=True, error_model="numpy")
def values(current, proposal, recurrent, neuron, start, path, ends):
    """Values of any member, noise and type.

    Parameters
    ----------
    current : Moments, float
    proposal : Proposal, u of shape (T, batch, units)
    recurrent : Square
    neuron : SlowNeuron
    start : SlowStart
    path : SlowPath, float, overwritten
    ends : (2, batch, units) float, overwritten: J and U after the last step
    """
    run(_values_of, path.h.shape[1], (current, proposal, recurrent, neuron, start, path, ends))


@njit(cache=True, error_model="numpy")
def _values_of(b, current, proposal, recurrent, neuron, start, path, ends):
    """Sample b.

    Parameters
    ----------
    b : int
    current : Moments
    proposal : Proposal
    recurrent : Square
    neuron : SlowNeuron
    start : SlowStart
    path : SlowPath
    ends : (2, batch, units) float
    """
    m, v = current
    M, V, C, a, h = path
    kind, u, tau, gaussian = proposal
    beta, theta, hard, alpha, adapt, adapt_decay, rest = neuron
    mu, sigma2, width, quadratic = recurrent
    T, _, units = m.shape
    point, carries, begun = len(v) == 0, len(C) > 0, len(start.M) > 0
    none, one = rest - rest, rest - rest + 1
    for i in range(units):
        ends[0, b, i] = start.J[0, b, i] if begun else none
        ends[1, b, i] = start.U[0, b, i] if begun and carries else none
    for t in range(T):
        for i in range(units):
            mean = m[t, b, i]
            spread = one if point else v[t, b, i]
            for j in range(units if len(mu) > 0 and (t > 0 or begun) else 0):
                z = h[t - 1, b, j] if t > 0 else start.z[0, b, j]
                mean += mu[i * width + j] * z  # theory 3.1
                if not point:
                    spread += sigma2[i * width + j] * (z * z if quadratic else z)  # theory 3.1, 3.4
            last_M = last_V = last_C = last_a = last = none
            if t > 0:
                last_M, last_a, last = M[t - 1, b, i], a[t - 1, b, i], h[t - 1, b, i] + none
            elif begun:
                last_M, last_a, last = start.M[0, b, i], start.a[0, b, i], start.z[0, b, i] + none
            if carries and t > 0:
                last_V, last_C = V[t - 1, b, i], C[t - 1, b, i]
            elif carries and begun:
                last_V, last_C = start.V[0, b, i], start.C[0, b, i]
            keep, decay = one - last if hard else one, beta[i]
            ends[0, b, i] = alpha * ends[0, b, i] + mean  # theory 3.30
            M[t, b, i] = decay * last_M * keep + ends[0, b, i]  # theory 3.31
            if not hard:
                M[t, b, i] -= theta[i] * last  # theory 3.31
            a[t, b, i] = adapt_decay * last_a + rest * last  # theory 3.33
            if carries:
                ends[1, b, i] = alpha * alpha * ends[1, b, i] + spread  # theory 3.30
                both = alpha * decay * keep * last_C
                C[t, b, i] = both + ends[1, b, i]  # theory 3.30
                spread = decay * decay * last_V * keep + (both + both + ends[1, b, i])  # theory 3.31
            if not point:
                V[t, b, i] = spread
            r = np.float64(M[t, b, i] - theta[i] - adapt * a[t, b, i])
            h[t, b, i] = fire.sample(r, np.float64(spread), u[t, b, i], kind, tau, gaussian)
