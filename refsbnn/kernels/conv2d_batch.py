"""Convolution of a batch: loops over images in parallel (theory 3.6).

Images are independent, and the gradients of the weights are summed over at most `SHARDS` fixed parts of the batch,
then over the parts in order, so the number of threads cannot change a bit.
Results have a part for the means, and one for the variances unless the weights are points (theory 3.18).
"""

import numpy as np
from numba import njit, prange

from refsbnn.kernels import winograd
from refsbnn.kernels.bits import WORD, patches
from refsbnn.kernels.conv2d_image import (
    gather_gradient,
    input_gradient,
    padded,
    real_sums,
    real_weight_gradient,
    spike_sums,
    spike_weight_gradient,
    weight_tables,
)
from refsbnn.kernels.lookup import TABLE
from refsbnn.kernels.simd import LANES, aligned_zeros

SHARDS = 16


@njit(cache=True, parallel=True, error_model="numpy")
def spike_forward(words, columns, grid, scale, offset):
    """Moments scale * (weights^T patch) + offset, (parts, images, positions, out).

    Parameters
    ----------
    words : (images, words of one) uint64
    columns : (patch * width,) float
    grid : Grid
    scale : (parts,) float; where the variances' is zero their sums are not made
    offset : (parts, 1 or positions, out) float
    """
    size, half, positions = grid.kh * grid.kw * grid.channels, padded(grid.out), grid.rows * grid.columns
    blocks = half // LANES if scale[-1] == 0.0 else len(scale) * half // LANES
    tables = weight_tables(columns, size, grid.parts * half, blocks)
    moments = np.empty((grid.parts, len(words), positions, grid.out), columns.dtype)
    for image in prange(len(words)):
        patch_words = np.empty((-(-size // WORD), positions), np.uint64)
        patches(words[image], grid, patch_words)
        sums = aligned_zeros(grid.parts * positions * half, columns.dtype)
        spike_sums(tables, blocks, patch_words, sums)
        for h in range(grid.parts):
            summed = h * half // LANES < blocks
            for p in range(positions):
                row = p % offset.shape[1]
                for o in range(grid.out):
                    value = offset[h, row, o]
                    if summed:
                        value += scale[h] * sums[((h * half + o) // LANES * positions + p) * LANES + o % LANES]
                    moments[h, image, p, o] = value
    return moments


@njit(cache=True, parallel=True, error_model="numpy")
def real_forward(x, x2, columns, grid, offset):
    """Moments of real inputs, (parts, images, positions, out): x under the means, x2 under the variances.

    Parameters
    ----------
    x, x2 : (images, height * width * in) float; x2 is not read where there is one part
    columns : (patch * width,) float
    grid : Grid
    offset : (parts, 1, out) float
    """
    half, positions = padded(grid.out), grid.rows * grid.columns
    moments = np.empty((grid.parts, len(x), positions, grid.out), columns.dtype)
    for image in prange(len(x)):
        sums = aligned_zeros(grid.parts * positions * half, columns.dtype)
        real_sums(x[image], columns, grid, sums, 0)
        if grid.parts == 2:
            real_sums(x2[image], columns, grid, sums, half)
        for h in range(grid.parts):
            for p in range(positions):
                for o in range(grid.out):
                    moments[h, image, p, o] = sums[(grid.parts * p + h) * half + o] + offset[h, 0, o]
    return moments


@njit(cache=True, parallel=True, error_model="numpy")
def spike_weight_gradients(words, dm, dv, grid):
    """(parts, patch, out): sums over images and positions of spike times gradient.

    Parameters
    ----------
    words : (images, words of one) uint64
    dm : (images, positions, out) float
    dv : (images, positions, out) float; not read where there is one part
    grid : Grid
    """
    size, half, positions = grid.kh * grid.kw * grid.channels, padded(grid.out), grid.rows * grid.columns
    images, patch_count, row_count = len(words), -(-size // WORD), -(-positions // WORD)
    shards, width = min(SHARDS, images), grid.parts * half
    parts = np.zeros((shards, width * patch_count * WORD), dm.dtype)
    for shard in prange(shards):
        patch_words = np.empty((patch_count, positions), np.uint64)
        scratch = np.empty((row_count, patch_count * WORD), np.uint64)
        table = aligned_zeros(TABLE, dm.dtype)
        gradient = aligned_zeros(positions * width, dm.dtype)
        sums = aligned_zeros(parts.shape[1], dm.dtype)
        for image in range(shard * images // shards, (shard + 1) * images // shards):
            patches(words[image], grid, patch_words)
            gather_gradient(dm, dv, image, grid, gradient)
            spike_weight_gradient(gradient, width // LANES, width, patch_words, scratch, table, sums)
        parts[shard] = sums
    total = sum_parts(parts)
    result = np.empty((grid.parts, size, grid.out), dm.dtype)
    for h in range(grid.parts):
        for k in range(size):
            for o in range(grid.out):
                result[h, k, o] = total[((h * half + o) // LANES * patch_count * WORD + k) * LANES + o % LANES]
    return result


@njit(cache=True, parallel=True, error_model="numpy")
def real_weight_gradients(x, x2, dm, dv, grid):
    """(parts, patch, out): sums over images and positions of x times dm, and of x2 times dv.

    Parameters
    ----------
    x, x2 : (images, height * width * in) float
    dm, dv : (images, positions, out) float; x2 and dv are not read where there is one part
    grid : Grid
    """
    size, half, positions = grid.kh * grid.kw * grid.channels, padded(grid.out), grid.rows * grid.columns
    images = len(x)
    shards, width = min(SHARDS, images), grid.parts * half
    parts = np.zeros((shards, width * size), dm.dtype)
    for shard in prange(shards):
        gradient = aligned_zeros(positions * width, dm.dtype)
        sums = aligned_zeros(parts.shape[1], dm.dtype)
        for image in range(shard * images // shards, (shard + 1) * images // shards):
            gather_gradient(dm, dv, image, grid, gradient)
            real_weight_gradient(x[image], gradient, grid, sums, 0)
            if grid.parts == 2:
                real_weight_gradient(x2[image], gradient, grid, sums, half)
        parts[shard] = sums
    total = sum_parts(parts)
    result = np.empty((grid.parts, size, grid.out), dm.dtype)
    for h in range(grid.parts):
        for k in range(size):
            result[h, k] = total[k * width + h * half : k * width + h * half + grid.out]
    return result


@njit(cache=True)
def sum_parts(parts):
    """Sum over shards, in order and in float64.

    Parameters
    ----------
    parts : (shards, n) float
    """
    total = np.zeros(parts.shape[1], np.float64)
    for shard in range(parts.shape[0]):
        total += parts[shard]
    return total.astype(parts.dtype)


@njit(cache=True, parallel=True, error_model="numpy")
def input_gradients(dm, dv, turned, minimal, grid, begin, depth):
    """(images, pixels in): columns begin .. begin + depth of (dm, dv), each padded, sent back through the filters.

    Parameters
    ----------
    dm : (images, positions, out) float
    dv : (images, positions, out) float; not read where there is one part
    turned : flat float, as in `conv2d.Filters`
    minimal : bool, as in `conv2d.Filters`
    grid : Grid
    begin, depth : int, multiples of 16
    """
    half, inner = padded(grid.out), padded(grid.channels)
    positions, pixels, width = grid.rows * grid.columns, grid.height * grid.width, grid.parts * half
    result = np.empty((len(dm), pixels * grid.channels), dm.dtype)
    for image in prange(len(dm)):
        gradient = aligned_zeros(positions * width, dm.dtype)
        gather_gradient(dm, dv, image, grid, gradient)
        sums = aligned_zeros(pixels * inner, dm.dtype)
        if minimal:
            sizes = winograd.scratch_sizes(inner)
            tiles, products = aligned_zeros(sizes[0], dm.dtype), aligned_zeros(sizes[1], dm.dtype)
            winograd.input_gradient(gradient, width, begin, depth, turned, grid, tiles, products, sums)
        else:
            input_gradient(gradient, width, begin, depth, turned, grid, sums)
        for pixel in range(pixels):
            for c in range(grid.channels):
                result[image, pixel * grid.channels + c] = sums[pixel * inner + c]
    return result
