"""The loops of `refsbnn.kernels.lif`: all steps of a sample, or of a shard of samples, in one task.

Variances of no steps say that the weights are points: V_t = 1 then (theory 3.18).
"""

import numpy as np
from numba import njit, prange

from refsbnn.kernels import fire, philox
from refsbnn.kernels.gaussian import probability
from refsbnn.kernels.simd import (
    LANES,
    address,
    aligned_zeros,
    load,
    matmul_add,
    select_less,
    splat,
    sqrt,
    store,
    store_less,
)
from refsbnn.kernels.slopes import cut, own_slope
from refsbnn.kernels.sparse import WIDE, add_rows

SHARD = 8  # samples whose gradients go through the recurrent weights together: the rows of a register tile


@njit(cache=True, parallel=True, error_model="numpy")
def spikes(
    m, v, given, key, samples, word, step, weights, half, beta, theta, hard, accumulate, deterministic,
    M0, V0, z0, M, V, z,
):  # fmt: skip
    """Spikes, float32 and Gaussian, of arrays (T, batch, units); `weights` as `dense.rows_of` lays them, or empty.

    M0, V0 and z0 (batch, units) are the state before the first step, or empty.
    """
    for b in prange(m.shape[1]):
        _spikes_of(
            m, v, given, key, samples, word, step, weights, half, beta, theta, hard, accumulate, deterministic,
            M0, V0, z0, M, V, z, b,
        )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _spikes_of(
    m, v, given, key, samples, word, step, weights, half, beta, theta, hard, accumulate, deterministic,
    M0, V0, z0, M, V, z, b,
):  # fmt: skip
    T, batch, units = m.shape
    point = len(v) == 0
    width = half if point else 2 * half
    kept_M, kept_V, fired = (
        aligned_zeros(half, np.float32),
        aligned_zeros(half, np.float32),
        aligned_zeros(half, np.float32),
    )
    current, u = aligned_zeros(2 * half, np.float32), aligned_zeros(half, np.float32)
    bytes_, events, count = np.zeros(half, np.uint8), np.zeros(half, np.int32), 0
    one, zero, decay, threshold = splat(np.float32(1)), splat(np.float32(0)), splat(beta), splat(theta)
    if len(M0) > 0:
        kept_M[:units] = M0[b]
        if not point:
            kept_V[:units] = V0[b]
        bytes_[:units] = z0[b]
        count = _fired(bytes_, units, fired, events)
    for t in range(T):
        if len(weights) == 0:
            count = 0
        current[:units] = m[t, b]
        if not point:
            current[half : half + units] = v[t, b]
        if count > 0:
            for j in range(0, width, WIDE):
                add_rows(weights, width, j, min(WIDE, width - j), events, 0, count, current[j:])  # theory 3.1
        if len(given) > 0:
            start = (t * batch + b) * units
            u[:units] = given[start : start + units]
        elif not deterministic:
            philox.uniforms(key, samples[b], word + t, step, 0, u)
        for j in range(0, half, LANES):
            z_before = load(fired, j)
            keep = one - z_before if hard else one
            mean = decay * load(kept_M, j) * keep + load(current, j)  # theory 3.9
            if not hard:
                mean = mean - threshold * z_before  # theory 3.10
            store(kept_M, j, mean)
            r = mean - threshold
            if not point:
                spread = load(current, half + j)
                if accumulate:
                    spread = decay * decay * load(kept_V, j) * keep + spread  # theory 3.9, 3.10
                store(kept_V, j, spread)
                r = r / sqrt(spread)
            if deterministic:
                store_less(bytes_, j, zero, r)
            else:
                store_less(bytes_, j, load(u, j), probability(r))  # theory 3.11
        M[t, b] = kept_M[:units]
        if not point:
            V[t, b] = kept_V[:units]
        z[t, b] = bytes_[:units]
        count = _fired(bytes_, units, fired, events)


@njit(cache=True)
def _fired(z, units, fired, events):
    """Spikes as floats and as a list of units; how many there are."""
    count = 0
    for j in range(units):
        fired[j] = z[j]
        events[count] = j
        count += z[j]
    return count


@njit(cache=True, parallel=True, error_model="numpy")
def values(m, v, u, kind, tau, gaussian, mu, sigma2, quadratic, beta, theta, hard, accumulate, M0, V0, h0, M, V, h):
    """Values of any member, noise and type of arrays (T, batch, units); `mu` and `sigma2` (units, units) or empty.

    M0, V0 and h0 as in `spikes`.
    """
    for b in prange(m.shape[1]):
        _values_of(
            m, v, u, kind, tau, gaussian, mu, sigma2, quadratic, beta, theta, hard, accumulate, M0, V0, h0, M, V, h, b
        )


@njit(cache=True, error_model="numpy")
def _values_of(
    m, v, u, kind, tau, gaussian, mu, sigma2, quadratic, beta, theta, hard, accumulate, M0, V0, h0, M, V, h, b
):
    T, _, units = m.shape
    point, one = len(v) == 0, beta - beta + 1
    for t in range(T):
        for i in range(units):
            mean = m[t, b, i]
            spread = one if point else v[t, b, i]
            if t > 0 or len(M0) > 0:
                for j in range(len(mu)):
                    z = h[t - 1, b, j] if t > 0 else h0[b, j]
                    mean += mu[i, j] * z  # theory 3.1
                    if not point:
                        spread += sigma2[i, j] * (z * z if quadratic else z)  # theory 3.1, 3.4
                last = h[t - 1, b, i] if t > 0 else h0[b, i]
                keep = 1 - last if hard else 1
                mean += beta * (M[t - 1, b, i] if t > 0 else M0[b, i]) * keep  # theory 3.9
                if not hard:
                    mean -= theta * last  # theory 3.10
                if accumulate and not point:
                    spread += beta * beta * (V[t - 1, b, i] if t > 0 else V0[b, i]) * keep  # theory 3.9, 3.10
            M[t, b, i] = mean
            if not point:
                V[t, b, i] = spread
            h[t, b, i] = fire.sample(np.float64(mean - theta), np.float64(spread), u[t, b, i], kind, tau, gaussian)


@njit(cache=True, parallel=True, error_model="numpy")
def gradients(
    g, M, V, h, k, kind, a, b0, b1, direct, mu, sigma2, width, quadratic, beta, theta, one, floor, hard, accumulate,
    reset_gradient, M0, V0, h0, after, gm, gv, before,
):  # fmt: skip
    """Gradients of the currents of arrays (T, batch, units), a shard of samples a task.

    The slopes follow a rule (kind, a, b0, b1) or are given as `k`; `direct` is what else depends on V, or of no steps;
    `mu` and `sigma2` are flat (width, width), or empty. M0, V0 and h0 as in `spikes`; `after` and `before` (3, batch,
    units), or empty, are what comes from the step after the last and what goes to the state before the first.
    `floor` is as in `slopes.floor`.
    """
    for shard in prange((g.shape[1] + SHARD - 1) // SHARD):
        _gradients_of(
            g, M, V, h, k, kind, a, b0, b1, direct, mu, sigma2, width, quadratic, beta, theta, one, floor, hard,
            accumulate, reset_gradient, M0, V0, h0, after, gm, gv, before, shard * SHARD,
        )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _gradients_of(
    g, M, V, h, k, kind, a, b0, b1, direct, mu, sigma2, width, quadratic, beta, theta, one, floor, hard, accumulate,
    reset_gradient, M0, V0, h0, after, gm, gv, before, first,
):  # fmt: skip
    T, batch, units = g.shape
    rows = min(SHARD, batch - first)
    point = len(V) == 0
    # Of the later step, by sample: gradients of the membrane's mean and variance, and what they send to this spike.
    dM, dV = aligned_zeros(SHARD * width, g.dtype), aligned_zeros(SHARD * width, g.dtype)
    dz, dz2 = aligned_zeros(SHARD * width, g.dtype), aligned_zeros(SHARD * width, g.dtype)
    row = aligned_zeros(6 * width, g.dtype)  # of one sample and step: g, k, M, V, z, direct
    ones, zero, minus_half = splat(one), splat(one - one), splat(-one / (one + one))
    decay, threshold = splat(beta), splat(theta)
    # Rows of whole vectors are read and written where they lie, others through a padded copy.
    whole = units == width
    at_g, at_k, at_M, at_V = address(row), address(row), address(row), address(row)
    if whole:
        at_g, at_k, at_M, at_V = address(g), address(k), address(M), address(V)
    for s in range(rows if len(after) > 0 else 0):
        at = s * width
        dM[at : at + units], dV[at : at + units] = after[0, first + s], after[1, first + s]
        dz[at : at + units] = after[2, first + s]
    for t in range(T - 1, -1, -1):
        for s in range(rows):
            b, at = first + s, s * width
            from_g = from_k = from_M = from_V = (t * batch + b) * units
            if not whole:
                from_g, from_k, from_M, from_V = 0, width, 2 * width, 3 * width
                row[:units] = g[t, b]
                if len(k) > 0:
                    row[width : width + units] = k[t, b]
                row[2 * width : 2 * width + units] = M[t, b]
                if not point:
                    row[3 * width : 3 * width + units] = V[t, b]
            row[4 * width : 4 * width + units] = h[t, b]
            if len(direct) > 0:
                row[5 * width : 5 * width + units] = direct[t, b]
            for i in range(0, width, LANES):
                z = load(row, 4 * width + i)
                r = load(at_M, from_M + i) - threshold
                spread = inverse = ones
                if not point:
                    spread = load(at_V, from_V + i)
                    inverse = ones / sqrt(spread)
                    r = r * inverse
                c = (load(at_g, from_g + i) + load(dz, at + i)) * own_slope(at_k, from_k + i, z, r, kind, a, b0, b1)
                c = cut(c, floor)
                mean_unit = select_less(zero, spread, c * inverse, zero)  # theory 3.2, 3.17
                keep = decay * (ones - z) if hard else decay
                store(dM, at + i, mean_unit + keep * load(dM, at + i))  # theory 3.12
                if not point:
                    total = select_less(zero, spread, minus_half * c * r * inverse * inverse, zero)  # theory 3.2
                    total = total + load(row, 5 * width + i)
                    if accumulate:
                        total = total + decay * keep * load(dV, at + i)  # theory 3.12
                    store(dV, at + i, total)
            gm[t, b] = dM[at : at + units]
            if not point:
                gv[t, b] = dV[at : at + units]
        if t > 0 or len(M0) > 0:
            for s in range(rows):
                b, at = first + s, s * width
                row[:units] = M[t - 1, b] if t > 0 else M0[b]
                if not point:
                    row[width : width + units] = V[t - 1, b] if t > 0 else V0[b]
                for i in range(0, width, LANES):
                    back = zero
                    if reset_gradient and hard:
                        back = zero - decay * load(row, i) * load(dM, at + i)  # theory 3.12
                        if accumulate and not point:
                            back = back - decay * decay * load(row, width + i) * load(dV, at + i)  # theory 3.12
                    elif reset_gradient:
                        back = zero - threshold * load(dM, at + i)  # theory 3.12
                    store(dz, at + i, back)
            if len(mu) > 0:
                last = h[t - 1] if t > 0 else h0
                _add_recurrent(dM, dV, mu, sigma2, width, rows, units, quadratic, last, first, dz, dz2)
    for s in range(rows if len(before) > 0 else 0):
        at = s * width
        before[0, first + s], before[1, first + s] = dM[at : at + units], dV[at : at + units]
        before[2, first + s] = dz[at : at + units]


@njit(cache=True, error_model="numpy")
def _add_recurrent(dM, dV, mu, sigma2, width, rows, units, quadratic, h, first, dz, dz2):
    """dz += dM mu + (dV sigma2) dx2 (theory 3.3, 3.4)."""
    matmul_add(dM, 0, width, 1, mu, 0, width, dz, 0, width, rows, width, units)
    if len(sigma2) == 0:
        return
    if not quadratic:
        matmul_add(dV, 0, width, 1, sigma2, 0, width, dz, 0, width, rows, width, units)
        return
    dz2[:] = dz2 * 0
    matmul_add(dV, 0, width, 1, sigma2, 0, width, dz2, 0, width, rows, width, units)
    for s in range(rows):
        for i in range(units):
            dz[s * width + i] += 2 * h[first + s, i] * dz2[s * width + i]
