"""A block of a narrow residual stream, image by image, backward: compiled part of `block` (theory 3.2, 3.3, 3.6, 3.8).

Spikes and gradients of an image lie in memory with a border of one pixel, so that every product runs over neighbours.
"""

import numpy as np
from numba import njit, prange

from refsbnn.kernels.block_image import Pair
from refsbnn.kernels.gaussian import HALF, ZERO
from refsbnn.kernels.matrix import SHARDS
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
from refsbnn.kernels.slopes import cut, slope


@njit(cache=True, error_model="numpy")
def covered(total, rows, columns):
    """The sum of an image over the positions where each tap meets a pixel: (3, 3, channels) float64.

    Parameters
    ----------
    total : (rows * columns * channels,) float64
    rows, columns : int
    """
    image = total.reshape(rows, columns, -1)
    sums = np.zeros((3, 3, image.shape[2]), np.float64)
    for k in range(3):
        for y in range(max(0, 1 - k), min(rows, rows + 1 - k)):
            for l in range(3):
                for x in range(max(0, 1 - l), min(columns, columns + 1 - l)):
                    sums[k, l] += image[y, x]
    return sums


@njit(cache=True, error_model="numpy")
def turned(weights, factor, half):
    """The filters as they send gradients back: (9 out, half) float32, flat.

    Parameters
    ----------
    weights : (out, 3, 3, in) float32
    factor : float32
    half : int, `in` in whole vectors
    """
    out, _, _, channels = weights.shape
    result = aligned_zeros(9 * out * half, np.float32)
    for k in range(3):
        for l in range(3):
            for o in range(out):
                for c in range(channels):
                    result[((k * 3 + l) * out + o) * half + c] = factor * weights[o, 2 - k, 2 - l, c]
    return result


@njit(cache=True, error_model="numpy")
def bordered(g, columns, channels, target, total):
    """Copy an image's gradient into its bordered form, and add it to a total.

    Parameters
    ----------
    g : (units,) float32
    columns, channels : int
    target : ((rows + 2) * (columns + 2) * channels + 32,) float32, overwritten inside the border
    total : (units,) float32, added to
    """
    width = columns * channels
    pg, pt, ps = address(g), address(target), address(total)
    for y in range(len(g) // width):
        at = ((y + 1) * (columns + 2) + 1) * channels
        for i in range(0, width, LANES):
            value = load(pg, y * width + i)
            store(pt, at + i, value)
            store(ps, y * width + i, load(ps, y * width + i) + value)


@njit(cache=True, error_model="numpy")
def spread_bits(bits, patterns, columns, channels, target):
    """Spikes of an image as numbers, in its bordered form.

    Parameters
    ----------
    bits : (units / 8,) uint8
    patterns : (256, 8) float32, the numbers of each byte
    columns, channels : int
    target : float32, as in `bordered`
    """
    width = columns * channels // 8
    for y in range(len(bits) // width):
        at = ((y + 1) * (columns + 2) + 1) * channels
        for i in range(width):
            byte = bits[y * width + i]
            for bit in range(8):
                target[at + 8 * i + bit] = patterns[byte, bit]


@njit(cache=True, error_model="numpy")
def add_weights(z, g, rows, columns, channels, half, sums):
    """sums[(k, l, c), o] += the spikes under each tap times the gradient, over the positions of an image.

    Parameters
    ----------
    z, g : float32, bordered
    rows, columns, channels, half : int
    sums : (9 * channels * half,) float32
    """
    pitch = (columns + 2) * channels
    depth = (rows - 1) * (columns + 2) + columns  # from the first position to the last; between rows the gradient is 0
    pz, pg, ps = address(z), address(g), address(sums)
    for k in range(3):
        left, right = Factor(pz, k * pitch, 1, channels), Rows(pg, pitch + channels, channels)
        matmul_add(left, right, Rows(ps, 3 * k * channels * half, half), 3 * channels, half, depth)


@njit(cache=True, error_model="numpy")
def add_inputs(g, weights, rows, columns, channels, half, sums):
    """sums[pixel, c] += the gradient sent back through the filters.

    Parameters
    ----------
    g : float32, bordered
    weights : float32, from `turned`
    rows, columns, channels, half : int
    sums : (units + 16,) float32
    """
    pitch, depth = (columns + 2) * channels, 3 * channels
    pg, pw, ps = address(g), address(weights), address(sums)
    for y in range(rows):
        for k in range(3):
            left, right = Factor(pg, (y + k) * pitch, channels, 1), Rows(pw, k * depth * half, half)
            matmul_add(left, right, Rows(ps, y * columns * channels, channels), columns, half, depth)


@njit(cache=True, parallel=True, error_model="numpy")
def backward(after, bits, before, weights, shape, rule, floor, stream, dweights, dbiases):
    """Gradients of the block: at most SHARDS tasks, each a fixed part of the batch; their sums are added in order.

    Parameters
    ----------
    after : Pair, of (images, units) float32, gradients of the stream after the block
    bits : (images, units / 8) uint8
    before : Pair, of (images, units) float32, the stream that entered
    weights : Pair, of (channels, 3, 3, channels) float32
    shape : Shape
    rule : Rule
    floor : float32, as in `slopes.floor`
    stream : (2, images, units) float32, overwritten
    dweights : (2, channels, 3, 3, channels) float32, overwritten
    dbiases : (2, channels) float32, overwritten
    """
    columns, channels, bipolar, scale, _ = shape
    images, units, half = len(bits), before.mean.shape[1], -(-channels // LANES) * LANES
    rows, shards = units // (columns * channels), min(SHARDS, images)
    area, size = (rows + 2) * (columns + 2) * channels + 2 * LANES, 9 * channels * half
    patterns = np.empty((256, 8), np.float32)
    for byte in range(256):
        for bit in range(8):
            patterns[byte, bit] = np.float32(1) if byte >> bit & 1 else np.float32(-1 if bipolar else 0)
    back, back_v = turned(weights.mean, scale, half), turned(weights.variance, scale * scale, half)
    sums, totals = np.zeros((2, shards, size), np.float32), np.zeros((2, shards, units), np.float32)
    for shard in prange(shards):
        g, g_v, z = aligned_zeros(area, np.float32), aligned_zeros(area, np.float32), aligned_zeros(area, np.float32)
        dx, own = aligned_zeros(units + 2 * LANES, np.float32), aligned_zeros(2 * size, np.float32)
        for image in range(shard * images // shards, (shard + 1) * images // shards):
            entered = Pair(before.mean[image], before.variance[image])
            left = Pair(after.mean[image], after.variance[image])
            bordered(left.mean, columns, channels, g, totals[0, shard])
            bordered(left.variance, columns, channels, g_v, totals[1, shard])
            spread_bits(bits[image], patterns, columns, channels, z)
            add_weights(z, g, rows, columns, channels, half, own[:size])
            dx[:] = ZERO
            add_inputs(g, back, rows, columns, channels, half, dx)
            if not bipolar:  # dx2 = 1; the square of -1 and 1 tells nothing
                add_weights(z, g_v, rows, columns, channels, half, own[size:])
                add_inputs(g_v, back_v, rows, columns, channels, half, dx)
            send(dx, z, entered, left, shape, rule, floor, stream[0, image], stream[1, image])
        sums[0, shard], sums[1, shard] = own[:size], own[size:]
    collect(sums, totals, shape, half, dweights, dbiases)


@njit(cache=True, error_model="numpy")
def send(dx, z, before, after, shape, rule, floor, dH, dU):
    """Through the units of an image into the stream that entered (theory 3.2, 3.8), nothing where v = 0 (theory 3.17).

    Parameters
    ----------
    dx : (units + 32,) float32
    z : float32, bordered
    before : Pair, of (units,) float32
    after : Pair, of (units,) float32, gradients
    shape : Shape
    rule : Rule
    floor : float32
    dH, dU : (units,) float32, overwritten
    """
    columns, channels, bipolar, _, accumulate = shape
    gain = np.float32(2 if bipolar else 1)  # theory 1.4: dy = 2 dz
    width = columns * channels
    px, pz, pm, pv = address(dx), address(z), address(before.mean), address(before.variance)
    pH, pU = address(after.mean), address(after.variance)
    pH2, pU2, zero = address(dH), address(dU), splat(ZERO)
    for y in range(len(dH) // width):
        at = ((y + 1) * (columns + 2) + 1) * channels
        for i in range(y * width, (y + 1) * width, LANES):
            mean, variance = load(pm, i), load(pv, i)
            s = sqrt(variance)
            k = slope(load(pz, at + i - y * width), mean / s, rule)
            c = cut(splat(gain) * load(px, i) * k, floor) / s
            store(pH2, i, load(pH, i) + select_less(zero, variance, c, zero))
            dv = select_less(zero, variance, splat(-HALF) * c * mean / variance, zero)
            if accumulate:
                dv = dv + load(pU, i)
            store(pU2, i, dv)


@njit(cache=True, error_model="numpy")
def collect(sums, totals, shape, half, dweights, dbiases):
    """The gradients of filters and biases from the shards' sums, in order and in float64.

    Parameters
    ----------
    sums : (2, shards, 9 channels half) float32
    totals : (2, shards, units) float32
    shape : Shape
    half : int
    dweights, dbiases : float32, as in `backward`
    """
    columns, channels, bipolar, scale, _ = shape
    for part in range(2):
        factor = np.float64(scale) if part == 0 else np.float64(scale) * np.float64(scale)
        own, total = np.zeros(sums.shape[2], np.float64), np.zeros(totals.shape[2], np.float64)
        for shard in range(sums.shape[1]):
            own += sums[part, shard]
            total += totals[part, shard]
        taps = covered(total, len(total) // (columns * channels), columns)
        for o in range(channels):
            for k in range(3):
                for l in range(3):
                    for c in range(channels):
                        value = own[((k * 3 + l) * channels + c) * half + o]
                        dweights[part, o, k, l, c] = factor * (taps[k, l, o] if part == 1 and bipolar else value)
        each = np.zeros(channels, np.float64)
        for p in range(len(total) // channels):
            each += total[p * channels : (p + 1) * channels]
        dbiases[part] = factor * each
