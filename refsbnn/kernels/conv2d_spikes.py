"""Convolution of packed spikes by table (theory 3.6): moments, and the gradients of the filters.

A task takes sixteen columns of the weights, or of the gradient, for many positions, so that the table it needs is
built in the first-level cache, used there and forgotten. Every sum runs in an order that depends on the shapes alone.
Results have a part for the means, and one for the variances unless the weights are points (theory 3.18).
"""

import numpy as np
from numba import njit, prange

from refsbnn.kernels.bits import WORD, patches, transpose
from refsbnn.kernels.conv2d_batch import SHARDS
from refsbnn.kernels.conv2d_image import Grid, padded
from refsbnn.kernels.conv2d_layout import aligned_empty
from refsbnn.kernels.lookup import TABLE, add_products, build_table
from refsbnn.kernels.simd import LANES, aligned_zeros, load, splat, store

POSITIONS = 512  # that a task sums for, or one image
ENTRIES = 320  # of the filters that a task sums gradients for, whole words


def forward(words: np.ndarray, columns: np.ndarray, grid: Grid, scale: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Moments scale * (weights^T patch) + offset.

    Parameters
    ----------
    words : (images, words of one) uint64
    columns : (patch * width,) float
    grid : Grid
    scale : (parts,) float; where the variances' is zero their sums are not made
    offset : (parts, 1 or positions, out) float

    Returns
    -------
    (parts, images, positions, out) array
    """
    images, positions = len(words), grid.rows * grid.columns
    group = max(1, min(images, POSITIONS // positions))  # images a task
    patch_words = np.empty((-(-images // group), patch_words_of(grid), group * positions), np.uint64)
    moments = aligned_empty(grid.parts * images * positions * grid.out, columns.dtype)
    _pack_patches(words, grid, group, patch_words)
    _forward(patch_words, columns, grid, images, scale, offset, moments)
    return moments.reshape(grid.parts, images, positions, grid.out)


def weight_gradients(words: np.ndarray, dm: np.ndarray, dv: np.ndarray, grid: Grid) -> np.ndarray:
    """Sums over images and positions of spike times gradient.

    Parameters
    ----------
    words : (images, words of one) uint64
    dm : (images, positions, out) float
    dv : (images, positions, out) float; not read where there is one part
    grid : Grid

    Returns
    -------
    (parts, out, patch) array
    """
    images, positions, entries = len(words), grid.rows * grid.columns, patch_words_of(grid) * WORD
    bits = np.empty((images, -(-positions // WORD), entries), np.uint64)
    _pack_positions(words, grid, bits)
    # Where there are few columns and entries, shards are summed by tasks of their own.
    shards, tasks = min(SHARDS, images), grid.parts * padded(grid.out) // LANES * -(-entries // ENTRIES)
    sums = np.zeros((tasks, shards if tasks < SHARDS else 1, min(entries, ENTRIES) * LANES), np.float64)
    result = np.empty((grid.parts, grid.out, grid.kh * grid.kw * grid.channels), dm.dtype)
    _weight_gradients(bits, dm, dv, grid, shards, sums, result)
    return result


def patch_words_of(grid: Grid) -> int:
    """Words that hold the bits under the filter."""
    return -(-grid.kh * grid.kw * grid.channels // WORD)


@njit(cache=True, parallel=True, error_model="numpy")
def _pack_patches(words, grid, group, patch_words):
    """The bits under the filter, of all images.

    Parameters
    ----------
    words : (images, words of one) uint64
    grid : Grid
    group : int
    patch_words : (groups, patch words, group * positions) uint64, overwritten as far as there are images
    """
    for image in prange(len(words)):
        patches(words[image], grid, patch_words[image // group], image % group * grid.rows * grid.columns)


@njit(cache=True, parallel=True, error_model="numpy")
def _forward(patch_words, columns, grid, images, scale, offset, moments):
    """As `forward`: a task for every group of images and sixteen columns that are summed.

    Parameters
    ----------
    patch_words : (groups, patch words, group * positions) uint64, from `_pack_patches`
    columns : (patch * width,) float
    grid : Grid
    images : int
    scale : (parts,) float
    offset : (parts, 1 or positions, out) float
    moments : flat float, (parts, images, positions, out), overwritten
    """
    size, half, positions = grid.kh * grid.kw * grid.channels, padded(grid.out), grid.rows * grid.columns
    groups, words, room = patch_words.shape
    blocks, total = half // LANES, images * positions
    summed = 1 if scale[-1] == 0.0 else grid.parts
    for task in prange(groups * summed * blocks):
        group, block = task // (summed * blocks), task % (summed * blocks)
        first, h = group * room, block // blocks
        count = min(room, total - first)
        table, sums = aligned_zeros(TABLE, columns.dtype), aligned_zeros(count * LANES, columns.dtype)
        for q in range(words):
            rows = size - q * WORD
            build_table(columns, q * WORD * grid.parts * half + block * LANES, grid.parts * half, rows, table)
            add_products(table, rows, patch_words[group, q, :count], sums)
        begin = block % blocks * LANES
        _finish(sums, first, count, scale[h], offset[h], begin, moments, h * total)
        if summed < grid.parts:
            sums[:] = 0.0
            _finish(sums, first, count, scale[1], offset[1], begin, moments, total)


@njit(cache=True, error_model="numpy")
def _finish(sums, first, count, scale, offset, begin, moments, start):
    """moments = scale * sums + offset, for sixteen columns or as many as there are.

    Parameters
    ----------
    sums : (count * 16,) float
    first, count : int, position in the batch
    scale : float
    offset : (1 or positions, out) float
    begin : int, first of the columns
    moments : flat float, rows of out, overwritten
    start : int, row of the part
    """
    rows, out = offset.shape
    row = first % rows
    for p in range(count):
        place = (start + first + p) * out + begin
        if begin + LANES <= out:
            value = splat(scale) * load(sums, p * LANES)
            store(moments, place, load(offset, row * out + begin) + value)
        else:
            for o in range(out - begin):
                moments[place + o] = offset[row, begin + o] + scale * sums[p * LANES + o]
        row = row + 1 if row + 1 < rows else 0


@njit(cache=True, parallel=True, error_model="numpy")
def _pack_positions(words, grid, bits):
    """The bits of each entry of the filter at 64 positions, of all images.

    Parameters
    ----------
    words : (images, words of one) uint64
    grid : Grid
    bits : (images, ceil(positions / 64), patch words * 64) uint64, overwritten
    """
    positions, count = grid.rows * grid.columns, bits.shape[2] // WORD
    for image in prange(len(words)):
        patch_words = np.empty((count, positions), np.uint64)
        patches(words[image], grid, patch_words, 0)
        for start in range(0, positions, WORD):
            rows = min(WORD, positions - start)
            for q in range(count):
                block = bits[image, start // WORD, q * WORD : (q + 1) * WORD]
                block[:rows] = patch_words[q, start : start + rows]
                block[rows:] = 0
                transpose(block)


@njit(cache=True, parallel=True, error_model="numpy")
def _weight_gradients(bits, dm, dv, grid, shards, sums, result):
    """As `weight_gradients`: a task for sixteen columns, some entries of the filter, and one or all shards.

    Parameters
    ----------
    bits : (images, ceil(positions / 64), entries) uint64, from `_pack_positions`
    dm : (images, positions, out) float
    dv : (images, positions, out) float
    grid : Grid
    shards : int
    sums : (tasks, shards or 1, entries of a task * 16) float64, zero; overwritten
    result : (parts, out, patch) float, overwritten
    """
    images, entries, size = len(bits), bits.shape[2], result.shape[2]
    blocks, chunks = padded(grid.out) // LANES, -(-entries // ENTRIES)
    tasks, slots, most = sums.shape
    for each in prange(tasks * slots):
        task, slot = each // slots, each % slots
        block, first = task // chunks, task % chunks * ENTRIES
        gradient = dm if block < blocks else dv
        table, own = aligned_zeros(TABLE, dm.dtype), aligned_zeros(most, dm.dtype)
        for shard in range(slot * shards // slots, (slot + 1) * shards // slots):
            own[:] = 0.0
            for image in range(shard * images // shards, (shard + 1) * images // shards):
                chunk = bits[image, :, first : min(entries, first + ENTRIES)]
                _add_image(gradient[image], block % blocks * LANES, chunk, table, own)
            sums[task, slot] += own
    for task in prange(tasks):
        block, first = task // chunks, task % chunks * ENTRIES
        total = np.zeros(most, np.float64)
        for slot in range(slots):
            total += sums[task, slot]
        begin = block % blocks * LANES
        for o in range(begin, min(grid.out, begin + LANES)):
            for k in range(first, min(size, first + ENTRIES)):
                result[block // blocks, o, k] = total[(k - first) * LANES + o - begin]


@njit(cache=True, error_model="numpy")
def _add_image(gradient, begin, bits, table, sums):
    """sums[entry, lane] += sum over one image's positions of spike times gradient, 64 positions a table.

    Parameters
    ----------
    gradient : (positions, out) float
    begin : int, first of sixteen columns
    bits : (ceil(positions / 64), entries) uint64
    table : (TABLE,) float, overwritten
    sums : (entries * 16 or more,) float, added to
    """
    positions, out = gradient.shape
    for start in range(0, positions, WORD):
        rows = positions - start
        if begin + LANES <= out:
            build_table(gradient, start * out + begin, out, rows, table)
        else:
            wide = np.zeros(WORD * LANES, gradient.dtype)
            for p in range(min(WORD, rows)):
                for o in range(out - begin):
                    wide[p * LANES + o] = gradient[start + p, begin + o]
            build_table(wide, 0, LANES, rows, table)
        add_products(table, rows, bits[start // WORD], sums)
