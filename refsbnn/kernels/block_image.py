"""A block of a narrow residual stream, image by image, forward: compiled part of `block` (theory 1.1, 3.6, 3.8).

An image's spikes lie in memory as bits with a border of one pixel, so that the three pixels under a row of the filter
are neighbours. Vectors of sixteen channels are written from pixel to pixel in order: where a pixel has fewer, the next
one overwrites what is beyond it.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange, uint64

from refsbnn.kernels import philox
from refsbnn.kernels.gaussian import ZERO, probability
from refsbnn.kernels.simd import LANES, address, aligned_zeros, less, load, splat, sqrt, store
from refsbnn.kernels.unit import CHUNK


class Pair(NamedTuple):
    """What goes with the mean and with the variance: of a stream, its gradient, or the weights.

    Attributes
    ----------
    mean, variance : arrays of float32
    """

    mean: Any
    variance: Any


class Shape(NamedTuple):
    """A block but for its arrays.

    Attributes
    ----------
    columns, channels : int, of an image
    bipolar : bool, the units' domain
    scale : float32, the branch's
    accumulate : bool, whether the stream keeps its variance
    """

    columns: int
    channels: int
    bipolar: bool
    scale: np.float32
    accumulate: bool


@njit(cache=True, error_model="numpy")
def nibble_tables(weights, factor, half):
    """Sums of four rows of the filters, for each pattern of four spikes: (9 channels / 4, 16, half), flat.

    Parameters
    ----------
    weights : (out, 3, 3, in) float32
    factor : float32, of every weight
    half : int, `out` in whole vectors
    """
    out, _, _, channels = weights.shape
    flat = weights.reshape(out, 9 * channels)
    tables = aligned_zeros(9 * channels // 4 * 16 * half, np.float32)
    for group in range(9 * channels // 4):
        base = group * 16 * half
        for bit in range(4):
            row = base + (1 << bit) * half
            for o in range(out):
                tables[row + o] = factor * flat[o, 4 * group + bit]
            for pattern in range(1, 1 << bit):
                for j in range(0, half, LANES):
                    both = load(tables, row + j) + load(tables, base + pattern * half + j)
                    store(tables, row + pattern * half + j, both)
    return tables


@njit(cache=True, error_model="numpy")
def inside(weights, rows, columns):
    """Sum of the weights whose pixel lies in the image, at each position: (rows * columns * out,) float32.

    Parameters
    ----------
    weights : (out, 3, 3, in) float32
    rows, columns : int
    """
    out = len(weights)
    taps = np.zeros((3, 3, out), np.float32)
    for o in range(out):
        for k in range(3):
            for l in range(3):
                taps[k, l, o] = weights[o, k, l].sum()
    sums = np.zeros((rows, columns, out), np.float32)
    for y in range(rows):
        for x in range(columns):
            for k in range(3):
                for l in range(3):
                    if 0 <= y + k - 1 < rows and 0 <= x + l - 1 < columns:
                        sums[y, x] += taps[k, l]
    return sums.reshape(-1)


@njit(cache=True, error_model="numpy")
def fire_image(m, v, source, image, deterministic, u, bits):
    """Spikes of one image as bits, the first unit in the lowest (theory 1.1); v = 0 is a step (theory 3.17).

    Parameters
    ----------
    m, v : (units,) float32
    source : Source
    image : int, its row in the batch
    deterministic : bool, spikes are 1[m > 0] and no uniforms are used
    u : (CHUNK,) float32, overwritten
    bits : (units / 8,) uint8, overwritten
    """
    pm, pv, pu = address(m), address(v), address(u)
    for first in range(0, len(m), CHUNK):
        count = min(CHUNK, len(m) - first)
        if len(source.given) > 0:
            start = image * len(m) + first
            u[:count] = source.given[start : start + count]
        elif not deterministic:
            philox.uniforms(source.key, source.samples[image], source.word, source.step, first // 4, u[:count])
        for i in range(0, count, LANES):
            r = load(pm, first + i) / sqrt(load(pv, first + i))
            fired = less(splat(ZERO), r) if deterministic else less(load(pu, i), probability(r))
            at = (first + i) // 8
            bits[at] = fired & uint64(255)
            bits[at + 1] = fired >> uint64(8)


@njit(cache=True, error_model="numpy")
def add_by_table(tables, half, around, columns, pixel_bytes, y, x, j, start):
    """start + the table's sums for the 3x3 pixels around (y, x): columns j to j + 15 of the filters.

    Parameters
    ----------
    tables : address of float32, from `nibble_tables`
    half : int
    around : address of uint8, the image's spikes as bits with a border
    columns, pixel_bytes, y, x, j : int
    start : 16 lanes of float32
    """
    a, b = start, splat(ZERO)
    table = j
    for k in range(3):
        first = ((y + k) * (columns + 2) + x) * pixel_bytes
        for i in range(3 * pixel_bytes):
            byte = uint64(around[first + i])
            a = a + load(tables, uint64(table) + (byte & uint64(15)) * uint64(half))
            b = b + load(tables, uint64(table + 16 * half) + (byte >> uint64(4)) * uint64(half))
            table += 32 * half
    return a + b


@njit(cache=True, parallel=True, error_model="numpy")
def forward(before, source, weights, biases, shape, deterministic, after, bits):
    """The stream after the block, a task for every image.

    Parameters
    ----------
    before : Pair, of (images, units) float32, the stream that enters
    source : Source
    weights : Pair, of (channels, 3, 3, channels) float32
    biases : Pair, of (channels,) float32
    shape : Shape
    deterministic : bool, as in `fire_image`
    after : (2, images, units) float32, overwritten
    bits : (images, units / 8) uint8, overwritten
    """
    columns, channels, bipolar, scale, accumulate = shape
    units, half, pixel_bytes = before.mean.shape[1], -(-channels // LANES) * LANES, channels // 8
    rows, width, square = units // (columns * channels), columns * pixel_bytes, scale * scale
    mean = nibble_tables(weights.mean, scale + scale if bipolar else scale, half)
    spread = nibble_tables(weights.variance[:0] if bipolar else weights.variance, square, half)
    # sum of w (2 z - 1) = 2 sum w z - sum w over the pixels inside; the square of -1 and 1 is 1 (theory 3.4)
    offset, offset_v = aligned_zeros(units + LANES, np.float32), aligned_zeros(units + LANES, np.float32)
    for p in range(rows * columns):
        offset[p * channels : (p + 1) * channels] = scale * biases.mean
        offset_v[p * channels : (p + 1) * channels] = square * biases.variance
    if bipolar:
        offset[:units] -= scale * inside(weights.mean, rows, columns)
        offset_v[:units] += square * inside(weights.variance, rows, columns)
    for image in prange(len(bits)):
        u, around = aligned_zeros(CHUNK, np.float32), np.zeros((rows + 2) * (columns + 2) * pixel_bytes, np.uint8)
        sums, sums_v = aligned_zeros(units + LANES, np.float32), aligned_zeros(units + LANES, np.float32)
        H, U = before.mean[image], before.variance[image]
        fire_image(H, U, source, image, deterministic, u, bits[image])
        for y in range(rows):
            start = ((y + 1) * (columns + 2) + 1) * pixel_bytes
            around[start : start + width] = bits[image, y * width : (y + 1) * width]
        convolve(mean, half, around, columns, channels, offset, sums)
        if bipolar:
            sums_v = offset_v
        else:
            convolve(spread, half, around, columns, channels, offset_v, sums_v)
        add_image(H, U, sums, sums_v, accumulate, after[0, image], after[1, image])


@njit(cache=True, error_model="numpy")
def convolve(tables, half, around, columns, channels, offset, sums):
    """The offset plus what the spikes add to it, from position to position in order.

    Parameters
    ----------
    tables : flat float32, from `nibble_tables`
    half : int
    around : ((rows + 2) * (columns + 2) * channels / 8,) uint8, the image's spikes as bits with a border
    columns, channels : int
    offset : (units + 16,) float32
    sums : (units + 16,) float32, overwritten
    """
    pt, pa, po, ps = address(tables), address(around), address(offset), address(sums)
    for p in range((len(sums) - LANES) // channels):
        y, x = p // columns, p % columns
        for j in range(0, half, LANES):
            at = p * channels + j
            store(ps, at, add_by_table(pt, half, pa, columns, channels // 8, y, x, j, load(po, at)))


@njit(cache=True, error_model="numpy")
def add_image(H, U, m, v, accumulate, H2, U2):
    """The stream of an image after the branch, whose scale is in m and v (theory 3.8).

    Parameters
    ----------
    H, U : (units,) float32
    m, v : (units + 16,) float32
    accumulate : bool
    H2, U2 : (units,) float32, overwritten
    """
    pH, pU, pm, pv, pH2, pU2 = address(H), address(U), address(m), address(v), address(H2), address(U2)
    for i in range(0, len(H), LANES):
        store(pH2, i, load(pH, i) + load(pm, i))
        kept = load(pv, i)
        if accumulate:
            kept = kept + load(pU, i)
        store(pU2, i, kept)
