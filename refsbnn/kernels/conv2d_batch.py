"""Convolution of a batch: loops over images in parallel (theory 3.6).

Images are independent, and the gradients of the weights are summed over at most `SHARDS` fixed parts of the batch,
then over the parts in order, so the number of threads cannot change a bit.
Shapes: x (images, height width in), dm and dv (images, positions, out), moments (2, images, positions, out).
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
    """Moments scale * (weights^T patch) + offset; offset is (2, 1 or positions, out). A zero scale skips its half."""
    size, half, positions = grid.kh * grid.kw * grid.channels, padded(grid.out), grid.rows * grid.columns
    tables = weight_tables(columns, size, 2 * half)
    moments = np.empty((2, len(words), positions, grid.out), columns.dtype)
    halves = 2 if scale[1] != 0.0 else 1
    for image in prange(len(words)):
        patch_words = np.empty((-(-size // WORD), positions), np.uint64)
        patches(words[image], grid, patch_words)
        sums = aligned_zeros(2 * positions * half, columns.dtype)
        spike_sums(tables, halves * half // LANES, patch_words, sums)
        for h in range(2):
            for p in range(positions):
                for o in range(grid.out):
                    value = sums[((h * half + o) // LANES * positions + p) * LANES + o % LANES]
                    moments[h, image, p, o] = scale[h] * value + offset[h, p % offset.shape[1], o]
    return moments


@njit(cache=True, parallel=True, error_model="numpy")
def real_forward(x, x2, columns, grid, offset):
    """Moments of real inputs: x under the means, x2 under the variances, plus the offset (2, 1, out)."""
    half, positions = padded(grid.out), grid.rows * grid.columns
    moments = np.empty((2, len(x), positions, grid.out), columns.dtype)
    for image in prange(len(x)):
        sums = aligned_zeros(2 * positions * half, columns.dtype)
        real_sums(x[image], columns, half, grid, sums, 0)
        real_sums(x2[image], columns, half, grid, sums, half)
        for h in range(2):
            for p in range(positions):
                for o in range(grid.out):
                    moments[h, image, p, o] = sums[(2 * p + h) * half + o] + offset[h, 0, o]
    return moments


@njit(cache=True, parallel=True, error_model="numpy")
def spike_weight_gradients(words, dm, dv, grid, halves):
    """(2, patch, out): sums over images and positions of spike times gradient; with one half, only those of dm."""
    size, half, positions = grid.kh * grid.kw * grid.channels, padded(grid.out), grid.rows * grid.columns
    images, patch_count, row_count = len(words), -(-size // WORD), -(-positions // WORD)
    shards = min(SHARDS, images)
    parts = np.zeros((shards, 2 * half * patch_count * WORD), dm.dtype)
    for shard in prange(shards):
        patch_words = np.empty((patch_count, positions), np.uint64)
        scratch = np.empty((row_count, patch_count * WORD), np.uint64)
        table = aligned_zeros(TABLE, dm.dtype)
        gradient = aligned_zeros(2 * positions * half, dm.dtype)
        sums = aligned_zeros(parts.shape[1], dm.dtype)
        for image in range(shard * images // shards, (shard + 1) * images // shards):
            patches(words[image], grid, patch_words)
            gather_gradient(dm[image], dv[image], half, gradient)
            spike_weight_gradient(gradient, halves * half // LANES, 2 * half, patch_words, scratch, table, sums)
        parts[shard] = sums
    total = sum_parts(parts)
    result = np.empty((2, size, grid.out), dm.dtype)
    for h in range(2):
        for k in range(size):
            for o in range(grid.out):
                result[h, k, o] = total[((h * half + o) // LANES * patch_count * WORD + k) * LANES + o % LANES]
    return result


@njit(cache=True, parallel=True, error_model="numpy")
def real_weight_gradients(x, x2, dm, dv, grid):
    """(2, patch, out): sums over images and positions of x times dm, and of x2 times dv."""
    size, half, positions = grid.kh * grid.kw * grid.channels, padded(grid.out), grid.rows * grid.columns
    images = len(x)
    shards = min(SHARDS, images)
    parts = np.zeros((shards, 2 * half * size), dm.dtype)
    for shard in prange(shards):
        gradient = aligned_zeros(2 * positions * half, dm.dtype)
        sums = aligned_zeros(parts.shape[1], dm.dtype)
        for image in range(shard * images // shards, (shard + 1) * images // shards):
            gather_gradient(dm[image], dv[image], half, gradient)
            real_weight_gradient(x[image], gradient, half, grid, sums, 0)
            real_weight_gradient(x2[image], gradient, half, grid, sums, half)
        parts[shard] = sums
    total = sum_parts(parts)
    result = np.empty((2, size, grid.out), dm.dtype)
    for h in range(2):
        for k in range(size):
            result[h, k] = total[(2 * k + h) * half : (2 * k + h) * half + grid.out]
    return result


@njit(cache=True)
def sum_parts(parts):
    """Sum over shards, in order and in float64."""
    total = np.zeros(parts.shape[1], np.float64)
    for shard in range(parts.shape[0]):
        total += parts[shard]
    return total.astype(parts.dtype)


@njit(cache=True, parallel=True, error_model="numpy")
def input_gradients(dm, dv, turned, minimal, grid, begin, depth):
    """(images, pixels in): columns begin .. begin + depth of (dm, dv), each padded, sent back through the filters."""
    half, inner = padded(grid.out), padded(grid.channels)
    positions, pixels = grid.rows * grid.columns, grid.height * grid.width
    result = np.empty((len(dm), pixels * grid.channels), dm.dtype)
    for image in prange(len(dm)):
        gradient = aligned_zeros(2 * positions * half, dm.dtype)
        gather_gradient(dm[image], dv[image], half, gradient)
        sums = aligned_zeros(pixels * inner, dm.dtype)
        if minimal:
            sizes = winograd.scratch_sizes(inner)
            tiles, products = aligned_zeros(sizes[0], dm.dtype), aligned_zeros(sizes[1], dm.dtype)
            winograd.input_gradient(gradient, 2 * half, begin, depth, turned, grid, tiles, products, sums, inner)
        else:
            input_gradient(gradient, 2 * half, begin, depth, turned, grid, sums)
        for pixel in range(pixels):
            for c in range(grid.channels):
                result[image, pixel * grid.channels + c] = sums[pixel * inner + c]
    return result
