"""A block of a narrow residual stream, image by image, forward: compiled part of `block` (theory 1.1, 3.6, 3.8).

An image's spikes lie in memory as bits with a border of one pixel, so that the three pixels under a row of the filter
are neighbours. Means and variances of a pixel lie side by side, `row` numbers: sixteen or 32, and eight where eight
channels have means alone. Vectors of sixteen are written from pixel to pixel in order: where a pixel has fewer, the
next one overwrites what is beyond it.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, uint64

from refsbnn.kernels import philox
from refsbnn.kernels.gaussian import ZERO, probability
from refsbnn.kernels.moves import high_halves, low_halves
from refsbnn.kernels.simd import LANES, address, aligned_zeros, less, load, splat, sqrt, store
from refsbnn.kernels.tasks import run
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
    rows, columns, channels : int, of an image
    bipolar : bool, the units' domain
    scale : float32, the branch's
    accumulate : bool, whether the stream keeps its variance
    """

    rows: int
    columns: int
    channels: int
    bipolar: bool
    scale: np.float32
    accumulate: bool


@njit(cache=True)
def row_of(shape):
    """Numbers of a pixel: means and variances, or means alone where no spike changes a variance (theory 3.4).

    Parameters
    ----------
    shape : Shape
    """
    return shape.channels if shape.bipolar else 2 * shape.channels


@njit(cache=True, error_model="numpy")
def nibble_tables(weights, shape):
    """Sums of four rows of the filters, for each pattern of four spikes: (row / 16, 9 channels / 4, 16, 16), flat.

    Parameters
    ----------
    weights : Pair, of (channels, 3, 3, channels) float32
    shape : Shape
    """
    channels, scale = shape.channels, shape.scale
    groups, row = 9 * channels // 4, row_of(shape)
    tables = aligned_zeros(-(-row // LANES) * groups * 16 * LANES, np.float32)
    for column in range(row):
        flat = (weights.mean if column < channels else weights.variance).reshape(channels, 9 * channels)
        factor = scale + scale if shape.bipolar else scale if column < channels else scale * scale
        start = column // LANES * groups * 16 * LANES + column % LANES
        for k in range(9 * channels):
            tables[start + (k // 4 * 16 + (1 << k % 4)) * LANES] = factor * flat[column % channels, k]
    for base in range(0, len(tables), 16 * LANES):
        for bit in range(1, 4):
            own = base + (1 << bit) * LANES
            for pattern in range(1, 1 << bit):
                store(tables, own + pattern * LANES, load(tables, own) + load(tables, base + pattern * LANES))
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
def offsets(weights, biases, shape):
    """What the sums of each pixel start from, and bipolar units' variances, which no spike changes.

    Parameters
    ----------
    weights : Pair, of (channels, 3, 3, channels) float32
    biases : Pair, of (channels,) float32
    shape : Shape

    Returns
    -------
    (positions * row + 16,) float32, and (positions * channels + 16,) float32, empty where units are not bipolar
    """
    rows, columns, channels, bipolar, scale, _ = shape
    square, size, row = scale * scale, rows * columns, row_of(shape)
    start = aligned_zeros(size * row + LANES, np.float32)
    spread = aligned_zeros(size * channels + LANES if bipolar else 0, np.float32)
    for p in range(size):
        for c in range(row):
            start[p * row + c] = scale * biases.mean[c] if c < channels else square * biases.variance[c - channels]
    if (
        bipolar
    ):  # sum of w (2 z - 1) = 2 sum w z - sum w over the pixels inside; the square of -1 and 1 is 1 (theory 3.4)
        mean, variance = inside(weights.mean, rows, columns), inside(weights.variance, rows, columns)
        for i in range(size * channels):
            start[i] -= scale * mean[i]
            spread[i] = square * biases.variance[i % channels] + square * variance[i]
    return start, spread


@njit(cache=True, nogil=True, error_model="numpy")
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
    tables = nibble_tables(weights, shape)
    start, spread = offsets(weights, biases, shape)
    run(_forward_image_of, len(bits), (before, source, tables, start, spread, shape, deterministic, after, bits))


@njit(cache=True, error_model="numpy")
def _forward_image_of(image, before, source, tables, start, spread, shape, deterministic, after, bits):
    """Image `image` of `forward`.

    Parameters
    ----------
    image : int
    before : Pair
    source : Source
    tables : pair of flat float32, of `nibble_tables`
    start : flat float32, of `offsets`
    spread : flat float32, of `offsets`
    shape : Shape
    deterministic : bool
    after : (2, images, units) float32, overwritten
    bits : (images, units / 8) uint8, overwritten
    """
    own = Pair(before.mean[image], before.variance[image])
    into = Pair(after[0, image], after[1, image])
    _forward_image(own, source, image, tables, start, spread, shape, deterministic, into, bits[image])


@njit(cache=True, error_model="numpy")
def _forward_image(before, source, image, tables, start, spread, shape, deterministic, after, bits):
    """One image of `forward`.

    Parameters
    ----------
    before : Pair, of (units,) float32
    source : Source
    image : int
    tables : flat float32, from `nibble_tables`
    start, spread : float32, from `offsets`
    shape : Shape
    deterministic : bool
    after : Pair, of (units,) float32, overwritten
    bits : (units / 8,) uint8, overwritten
    """
    pixel_bytes = shape.channels // 8
    width, pitch = shape.columns * pixel_bytes, (shape.columns + 2) * pixel_bytes
    u, around = aligned_zeros(CHUNK, np.float32), np.zeros((shape.rows + 2) * pitch, np.uint8)
    sums = aligned_zeros(len(start), np.float32)
    fire_image(before.mean, before.variance, source, image, deterministic, u, bits)
    for y in range(shape.rows):
        for i in range(width):
            around[(y + 1) * pitch + pixel_bytes + i] = bits[y * width + i]
    convolve(tables, around, shape, start, sums)
    add_image(before, sums, spread, shape, after)


@njit(cache=True, error_model="numpy")
def convolve(tables, around, shape, start, sums):
    """What each pixel starts from plus what the spikes add to it.

    Parameters
    ----------
    tables : flat float32, from `nibble_tables`
    around : ((rows + 2) * (columns + 2) * channels / 8,) uint8, the image's spikes as bits with a border
    shape : Shape
    start : (positions * row + 16,) float32
    sums : (positions * row + 16,) float32, overwritten
    """
    columns, channels, row = shape.columns, shape.channels, row_of(shape)
    pt, pa, po, ps = address(tables), address(around), address(start), address(sums)
    for j in range(0, row, LANES):
        for y in range(shape.rows):
            for x in range(columns):
                at, first = (y * columns + x) * row + j, (y * (columns + 2) + x) * (channels // 8)
                store(ps, at, add_by_table(pt, j * 9 * channels * 4, pa, first, columns, channels // 8, load(po, at)))


@njit(cache=True, error_model="numpy")
def add_by_table(tables, table, around, first, columns, pixel_bytes, start):
    """start + the table's sums for the 3x3 pixels from the first byte on.

    Parameters
    ----------
    tables : address of float32, from `nibble_tables`
    table : int, where the table of the sixteen columns begins
    around : address of uint8, the image's spikes as bits with a border
    first, columns, pixel_bytes : int
    start : 16 lanes of float32
    """
    a, b = start, splat(ZERO)
    for k in range(3):
        for i in range(3 * pixel_bytes):
            byte = uint64(around[first + k * (columns + 2) * pixel_bytes + i])
            a = a + load(tables, uint64(table) + (byte & uint64(15)) * uint64(LANES))
            b = b + load(tables, uint64(table + 16 * LANES) + (byte >> uint64(4)) * uint64(LANES))
            table += 32 * LANES
    return a + b


@njit(cache=True, error_model="numpy")
def parted(a, b, channels):
    """The means and the variances of sixteen units, from what lies side by side; and the other way round.

    Parameters
    ----------
    a, b : 16 lanes of float32: of one pixel with sixteen channels, or two pixels with eight
    channels : int, 8 or 16
    """
    if channels < LANES:
        return low_halves(a, b), high_halves(a, b)
    return a, b


@njit(cache=True, error_model="numpy")
def add_image(before, sums, spread, shape, after):
    """The stream of an image after the branch, whose scale is in the sums (theory 3.8).

    Parameters
    ----------
    before : Pair, of (units,) float32
    sums : (positions * row + 16,) float32
    spread : (units + 16,) float32, the variances where the sums have means alone, else empty
    shape : Shape
    after : Pair, of (units,) float32, overwritten
    """
    H, U, to_H, to_U = address(before.mean), address(before.variance), address(after.mean), address(after.variance)
    ps, pv = address(sums), address(spread)
    for i in range(0, len(before.mean), LANES):
        if len(spread) > 0:
            m, v = load(ps, i), load(pv, i)
        else:
            m, v = parted(load(ps, 2 * i), load(ps, 2 * i + LANES), shape.channels)
        store(to_H, i, load(H, i) + m)
        if shape.accumulate:
            v = v + load(U, i)
        store(to_U, i, v)
