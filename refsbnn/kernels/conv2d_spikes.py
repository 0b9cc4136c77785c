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
from refsbnn.kernels.lookup import TABLE, add_pair, add_products, build_table, tables_at_a_time
from refsbnn.kernels.simd import LANES, aligned_zeros, load, splat, store
from refsbnn.kernels.tasks import run

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
    _forward(patch_words, columns, grid, tables_at_a_time(), scale, offset, moments)
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
    images, positions, size = len(words), grid.rows * grid.columns, grid.kh * grid.kw * grid.channels
    bits = np.empty((images, -(-positions // WORD), patch_words_of(grid) * WORD), np.uint64)
    _pack_positions(words, grid, bits)
    # Where there are few columns and entries, shards are summed by tasks of their own.
    wide, shards = tables_at_a_time(), min(SHARDS, images)
    tasks = -(-grid.parts * padded(grid.out) // (wide * LANES)) * -(-size // ENTRIES)
    sums = np.zeros((tasks, shards if tasks < SHARDS else 1, wide * min(size, ENTRIES) * LANES), np.float64)
    result = np.empty((grid.parts, grid.out, size), dm.dtype)
    _weight_gradients(bits, dm, dv, grid, wide, shards, sums, result)
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


@njit(cache=True, nogil=True, error_model="numpy")
def _forward(patch_words, columns, grid, wide, scale, offset, moments):
    """As `forward`: a task for every group of images and sixteen columns that are summed.

    Parameters
    ----------
    patch_words : (groups, patch words, group * positions) uint64, from `_pack_patches`
    columns : (patch * width,) float
    grid : Grid
    wide : int, 1 or 2
    scale : (parts,) float
    offset : (parts, 1 or positions, out) float
    moments : flat float, (parts, images, positions, out), overwritten
    """
    blocks = padded(grid.out) // LANES
    summed = blocks if scale[-1] == 0.0 else grid.parts * blocks
    run(
        _forward_of,
        len(patch_words) * -(-summed // wide),
        (patch_words, columns, grid, wide, summed, scale, offset, moments),
    )


@njit(cache=True, error_model="numpy")
def _forward_of(task, patch_words, columns, grid, wide, summed, scale, offset, moments):
    """Some positions of a group and some columns.

    Parameters
    ----------
    task : int
    patch_words : (groups, patch words, group * positions) uint64
    columns : (patch * width,) float
    grid : Grid
    wide : int
    summed : int, blocks of columns that are summed
    scale : (parts,) float
    offset : (parts, 1 or positions, out) float
    moments : flat float, overwritten
    """
    size, half = grid.kh * grid.kw * grid.channels, padded(grid.out)
    _, words, room = patch_words.shape
    blocks, total, width = half // LANES, len(moments) // (grid.parts * grid.out), grid.parts * half
    tasks = -(-summed // wide)
    first, block = task // tasks * room, task % tasks * wide
    count, tables = min(room, total - first), min(wide, summed - block)
    table, sums = aligned_zeros(wide * TABLE, columns.dtype), aligned_zeros(wide * count * LANES, columns.dtype)
    for q in range(words):
        rows = size - q * WORD
        for t in range(tables):
            build_table(columns, q * WORD * width + (block + t) * LANES, width, rows, table, t * TABLE)
        own_words = patch_words[task // tasks, q, :count]
        if tables == 2:
            add_pair(table, rows, own_words, sums)
        else:
            add_products(table, rows, own_words, sums)
    for t in range(tables):
        h, begin = (block + t) // blocks, (block + t) % blocks * LANES
        own = sums[t * count * LANES : (t + 1) * count * LANES]
        _finish(own, first, count, scale[h], offset[h], begin, moments, h * total)
        if summed < grid.parts * blocks:
            own[:] = 0.0
            _finish(own, first, count, scale[1], offset[1], begin, moments, total)


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


@njit(cache=True, nogil=True, error_model="numpy")
def _weight_gradients(bits, dm, dv, grid, wide, shards, sums, result):
    """As `weight_gradients`: a task for `wide` times sixteen columns, some entries of the filter, one or all shards.

    Parameters
    ----------
    bits : (images, ceil(positions / 64), entries) uint64, from `_pack_positions`
    dm : (images, positions, out) float
    dv : (images, positions, out) float
    grid : Grid
    wide, shards : int; wide 1 or 2
    sums : (tasks, shards or 1, wide * entries of a task * 16) float64, zero; overwritten
    result : (parts, out, patch) float, overwritten
    """
    tasks, slots, _ = sums.shape
    run(_weight_sums_of, tasks * slots, (bits, dm, dv, grid, wide, shards, result.shape[2], sums))
    run(_weight_total_of, tasks, (sums, grid, wide, result))


@njit(cache=True, error_model="numpy")
def _weight_sums_of(each, bits, dm, dv, grid, wide, shards, size, sums):
    """The sums of some columns and entries over one shard or all.

    Parameters
    ----------
    each : int
    bits : (images, words, entries) uint64
    dm, dv : (images, positions, out) float
    grid : Grid
    wide : int
    shards : int
    size : int, entries of a filter
    sums : (tasks, shards or 1, most) float64, overwritten
    """
    images, blocks, chunks = len(bits), padded(grid.out) // LANES, -(-size // ENTRIES)
    _, slots, most = sums.shape
    task, slot = each // slots, each % slots
    block, first = task // chunks * wide, task % chunks * ENTRIES
    tables, past = min(wide, grid.parts * blocks - block), min(size, first + ENTRIES)
    table, own = aligned_zeros(wide * TABLE, dm.dtype), aligned_zeros(most, dm.dtype)
    for shard in range(slot * shards // slots, (slot + 1) * shards // slots):
        for image in range(shard * images // shards, (shard + 1) * images // shards):
            for word in range(bits.shape[1]):
                for t in range(tables):
                    gradient = dm if block + t < blocks else dv
                    begin = (block + t) % blocks * LANES
                    _build_from_gradient(gradient[image], word * WORD, begin, table, t * TABLE)
                rows = grid.rows * grid.columns - word * WORD
                if tables == 2:
                    add_pair(table, rows, bits[image, word, first:past], own)
                else:
                    add_products(table, rows, bits[image, word, first:past], own)
        _add_shard(own, sums[task, slot])


@njit(cache=True, error_model="numpy")
def _weight_total_of(task, sums, grid, wide, result):
    """Its shards added in order.

    Parameters
    ----------
    task : int
    sums : (tasks, shards or 1, most) float64
    grid : Grid
    wide : int
    result : (parts, out, patch) float, overwritten
    """
    size, blocks = result.shape[2], padded(grid.out) // LANES
    chunks, (_, slots, most) = -(-size // ENTRIES), sums.shape
    block, first = task // chunks * wide, task % chunks * ENTRIES
    past = min(size, first + ENTRIES)
    total = np.zeros(most, np.float64)
    for slot in range(slots):
        total += sums[task, slot]
    for t in range(min(wide, grid.parts * blocks - block)):
        begin, start = (block + t) % blocks * LANES, t * (past - first) * LANES
        for o in range(begin, min(grid.out, begin + LANES)):
            for k in range(first, past):
                result[(block + t) // blocks, o, k] = total[start + (k - first) * LANES + o - begin]


@njit(cache=True)
def _add_shard(own, total):
    """Add a shard's sums to the total, and clear them.

    Parameters
    ----------
    own : (n,) float, zero afterwards
    total : (n,) float64, added to
    """
    for i in range(len(own)):
        total[i] += own[i]
    own[:] = 0.0


@njit(cache=True, error_model="numpy")
def _build_from_gradient(gradient, first, begin, table, start):
    """The table of 64 positions of one image, or as many as are left, and sixteen columns.

    Parameters
    ----------
    gradient : (positions, out) float
    first : int, of the positions
    begin : int, of the columns
    table : flat float, overwritten
    start : int, where the table begins
    """
    positions, out = gradient.shape
    rows = positions - first
    if begin + LANES <= out:
        build_table(gradient, first * out + begin, out, rows, table, start)
    else:
        wide = np.zeros(WORD * LANES, gradient.dtype)
        for p in range(min(WORD, rows)):
            for o in range(out - begin):
                wide[p * LANES + o] = gradient[first + p, begin + o]
        build_table(wide, 0, LANES, rows, table, start)
