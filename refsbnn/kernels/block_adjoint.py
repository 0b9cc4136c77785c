"""A block of a narrow residual stream, image by image, backward: compiled part of `block` (theory 3.2, 3.3, 3.6, 3.8).

Spikes and gradients of an image lie in memory with a border of one pixel, so that every product runs over neighbours;
gradients of means and variances lie side by side, `row_of` numbers a pixel.
"""

import numpy as np
from numba import njit

from refsbnn.kernels.block_image import Pair, parted, row_of
from refsbnn.kernels.conv2d_image import padded
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
from refsbnn.kernels.tasks import run


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
def turned(weights, shape):
    """The filters as they send gradients back to the sixteen inputs of one pixel, or of two beside each other.

    Parameters
    ----------
    weights : Pair, of (out, 3, 3, in) float32
    shape : Shape

    Returns
    -------
    (3 * taps * row * 16,) float32; taps are the three pixels around one, or the four around two
    """
    channels, scale, row = shape.channels, shape.scale, row_of(shape)
    pixels = LANES // channels
    result = aligned_zeros(3 * (pixels + 2) * row * LANES, np.float32)
    for part in range(row // channels):
        weight = weights.mean if part == 0 else weights.variance
        factor = scale if part == 0 else scale * scale
        for k in range(3):
            for l in range(3):
                for pixel in range(pixels):
                    start = ((k * (pixels + 2) + l + pixel) * row + part * channels) * LANES + pixel * channels
                    for o in range(channels):
                        for c in range(channels):
                            result[start + o * LANES + c] = factor * weight[o, 2 - k, 2 - l, c]
    return result


@njit(cache=True, error_model="numpy")
def bordered(given, shape, target, total):
    """Copy an image's gradients into their bordered form, and add them to a total.

    Parameters
    ----------
    given : Pair, of (units,) float32
    shape : Shape
    target : ((rows + 2) * (columns + 2) * row + 32,) float32, overwritten inside the border
    total : (2, units) float32, added to
    """
    row, width, units = row_of(shape), shape.columns * shape.channels, len(given.mean)
    pm, pv, pt, ps = address(given.mean), address(given.variance), address(target), address(total)
    for y in range(shape.rows):
        at = ((y + 1) * (shape.columns + 2) + 1) * row
        for i in range(0, width, LANES):
            own = y * width + i
            m, v = load(pm, own), load(pv, own)
            store(ps, own, load(ps, own) + m)
            store(ps, units + own, load(ps, units + own) + v)
            if shape.bipolar:
                store(pt, at + i, m)
            else:
                a, b = parted(m, v, shape.channels)
                store(pt, at + 2 * i, a)
                store(pt, at + 2 * i + LANES, b)


@njit(cache=True, error_model="numpy")
def numbers_of(bipolar):
    """The eight units' values of each byte of spikes: (256, 8) float32.

    Parameters
    ----------
    bipolar : bool
    """
    patterns = np.empty((256, 8), np.float32)
    for byte in range(256):
        for bit in range(8):
            patterns[byte, bit] = np.float32(1) if byte >> bit & 1 else np.float32(-1 if bipolar else 0)
    return patterns


@njit(cache=True, error_model="numpy")
def spread_bits(bits, patterns, shape, target):
    """Spikes of an image as numbers, in its bordered form.

    Parameters
    ----------
    bits : (units / 8,) uint8
    patterns : (256, 8) float32, from `numbers_of`
    shape : Shape
    target : ((rows + 2) * (columns + 2) * channels + 32,) float32, overwritten inside the border
    """
    columns, channels = shape.columns, shape.channels
    width = columns * channels // 8
    for y in range(len(bits) // width):
        at = ((y + 1) * (columns + 2) + 1) * channels
        for i in range(width):
            byte = bits[y * width + i]
            for bit in range(8):
                target[at + 8 * i + bit] = patterns[byte, bit]


@njit(cache=True, error_model="numpy")
def add_weights(z, g, shape, sums):
    """sums[(k, l, c), column] += the spikes under each tap times the gradients, over the positions of an image.

    Parameters
    ----------
    z, g : float32, bordered
    shape : Shape
    sums : (9 * channels * whole vectors of a row,) float32
    """
    columns, channels, row = shape.columns, shape.channels, row_of(shape)
    wide, pitch = padded(row), columns + 2
    depth = (shape.rows - 1) * pitch + columns  # from the first position to the last; between rows the gradient is 0
    pz, pg, ps = address(z), address(g), address(sums)
    for k in range(3):
        left, right = Factor(pz, k * pitch * channels, 1, channels), Rows(pg, (pitch + 1) * row, row)
        matmul_add(left, right, Rows(ps, 3 * k * channels * wide, wide), 3 * channels, wide, depth)


@njit(cache=True, error_model="numpy")
def add_inputs(g, weights, shape, sums):
    """sums[pixel, c] += the gradients sent back through the filters.

    Parameters
    ----------
    g : float32, bordered
    weights : float32, from `turned`
    shape : Shape
    sums : (units,) float32
    """
    rows, columns, row = shape.rows, shape.columns, row_of(shape)
    pixels = LANES // shape.channels
    depth, pg, pw, ps = (pixels + 2) * row, address(g), address(weights), address(sums)
    for y in range(rows):
        into = Rows(ps, y * columns * shape.channels, LANES)
        for k in range(3):
            left, right = Factor(pg, (y + k) * (columns + 2) * row, pixels * row, 1), Rows(pw, k * depth * LANES, LANES)
            matmul_add(left, right, into, columns // pixels, LANES, depth)


@njit(cache=True, nogil=True, error_model="numpy")
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
    images, units = len(bits), before.mean.shape[1]
    shards, size = min(SHARDS, images), 9 * shape.channels * padded(row_of(shape))
    tables = numbers_of(shape.bipolar), turned(weights, shape)
    sums, totals = np.zeros((shards, size), np.float32), np.zeros((shards, 2, units), np.float32)
    run(_backward_shard, shards, (after, bits, before, tables, shape, rule, floor, (stream, sums, totals)))
    collect(sums, totals, shape, dweights, dbiases)


@njit(cache=True, error_model="numpy")
def _backward_shard(shard, after, bits, before, tables, shape, rule, floor, out):
    """A fixed part of the batch.

    Parameters
    ----------
    shard : int
    after : Pair
    bits : (images, units / 8) uint8
    before : Pair
    tables : pair, of float32: from `numbers_of` and from `turned`
    shape : Shape
    rule : Rule
    floor : float32
    out : tuple: stream, (2, images, units) float32, and sums, (shards, size) float32, overwritten; totals,
        (shards, 2, units) float32, zero, added to
    """
    (patterns, back), (stream, sums, totals) = tables, out
    images, units, area = len(bits), before.mean.shape[1], (shape.rows + 2) * (shape.columns + 2)
    shards, size = sums.shape
    g = aligned_zeros(area * row_of(shape) + 2 * LANES, np.float32)
    z = aligned_zeros(area * shape.channels + 2 * LANES, np.float32)
    dx, own = aligned_zeros(units, np.float32), aligned_zeros(size, np.float32)
    for image in range(shard * images // shards, (shard + 1) * images // shards):
        entered = Pair(before.mean[image], before.variance[image])
        left = Pair(after.mean[image], after.variance[image])
        bordered(left, shape, g, totals[shard])
        spread_bits(bits[image], patterns, shape, z)
        add_weights(z, g, shape, own)
        dx[:] = ZERO
        add_inputs(g, back, shape, dx)
        send(dx, z, entered, left, shape, rule, floor, stream[0, image], stream[1, image])
    sums[shard] = own


@njit(cache=True, error_model="numpy")
def send(dx, z, before, after, shape, rule, floor, dH, dU):
    """Through the units of an image into the stream that entered (theory 3.2, 3.8), nothing where v = 0 (theory 3.17).

    Parameters
    ----------
    dx : (units,) float32
    z : float32, bordered
    before : Pair, of (units,) float32
    after : Pair, of (units,) float32, gradients
    shape : Shape
    rule : Rule
    floor : float32
    dH, dU : (units,) float32, overwritten
    """
    _, columns, channels, bipolar, _, accumulate = shape
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
def collect(sums, totals, shape, dweights, dbiases):
    """The gradients of filters and biases from the shards' sums, in order and in float64.

    Parameters
    ----------
    sums : (shards, 9 channels * whole vectors of a row) float32
    totals : (shards, 2, units) float32
    shape : Shape
    dweights, dbiases : float32, as in `backward`
    """
    rows, columns, channels, bipolar, scale, _ = shape
    wide, units = padded(row_of(shape)), totals.shape[2]
    own, total = np.zeros(sums.shape[1], np.float64), np.zeros((2, units), np.float64)
    for shard in range(len(sums)):
        for i in range(len(own)):
            own[i] += sums[shard, i]
        for part in range(2):
            for i in range(units):
                total[part, i] += totals[shard, part, i]
    for part in range(2):
        factor = np.float64(scale) if part == 0 else np.float64(scale) * np.float64(scale)
        taps = covered(total[part], rows, columns)
        for o in range(channels):
            for k in range(3):
                for l in range(3):
                    for c in range(channels):
                        value = taps[k, l, o]  # of bipolar variances
                        if part == 0 or not bipolar:
                            value = own[((k * 3 + l) * channels + c) * wide + part * channels + o]
                        dweights[part, o, k, l, c] = factor * value
        for c in range(channels):
            each = 0.0
            for p in range(c, units, channels):
                each += total[part, p]
            dbiases[part, c] = factor * each
