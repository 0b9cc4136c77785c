"""Convolution of one image, the pieces that run inside a parallel loop over images (theory 3.6).

Weights and gradients are matrices of `width` = 2 half columns: the means', padded with zeros to a multiple of sixteen,
then the variances'. Arrays are flat and belong to the caller, who reuses them from image to image.
"""

from typing import NamedTuple

from numba import njit, prange

from refsbnn.kernels.bits import WORD, transpose, valid
from refsbnn.kernels.lookup import TABLE, add_products, build_table
from refsbnn.kernels.simd import LANES, aligned_zeros, matmul_add


class Grid(NamedTuple):
    """Sizes of a convolution of one image."""

    height: int
    width: int
    channels: int
    kh: int
    kw: int
    stride: int
    padding: int
    rows: int
    columns: int
    out: int


@njit(cache=True)
def padded(count):
    """`count` rounded up to whole vectors."""
    return -(-count // LANES) * LANES


@njit(cache=True, parallel=True)
def weight_tables(weights, size, width):
    """Tables of a weight matrix (size, width): one for each block of sixteen columns and each word of the patch."""
    blocks, words = width // LANES, -(-size // WORD)
    tables = aligned_zeros(blocks * words * TABLE, weights.dtype)
    for block in prange(blocks):
        for q in range(words):
            first = q * WORD * width + block * LANES
            build_table(weights, first, width, size - q * WORD, tables, (block * words + q) * TABLE)
    return tables


@njit(cache=True)
def gather_gradient(dm, dv, half, gradient):
    """Put dm and dv (positions, out) side by side in the columns of `gradient`, whose padding stays as it is."""
    for p in range(dm.shape[0]):
        for o in range(dm.shape[1]):
            gradient[2 * p * half + o] = dm[p, o]
            gradient[(2 * p + 1) * half + o] = dv[p, o]


@njit(cache=True)
def spike_sums(tables, blocks, patch_words, sums):
    """sums[block, position, lane] += weights^T patch, by table."""
    words, positions = patch_words.shape
    for block in range(blocks):
        for q in range(words):
            add_products(
                tables, (block * words + q) * TABLE, patch_words[q], positions, sums, block * positions * LANES
            )


@njit(cache=True)
def spike_weight_gradient(gradient, blocks, width, patch_words, scratch, table, sums):
    """sums[block, patch entry, lane] += sum over positions of spike times gradient, by table.

    Here the bits run along positions: 64 positions make a word of each patch entry, and the table holds sums of rows
    of the gradient, a (positions, width) matrix, of which the first `blocks` sixteens of columns are wanted.
    scratch : (ceil(positions / 64), 64 * patch words) uint64; table : TABLE floats.
    """
    words, positions = patch_words.shape
    entries = words * WORD
    for start in range(0, positions, WORD):
        count = min(WORD, positions - start)
        for q in range(words):
            block = scratch[start // WORD, q * WORD : (q + 1) * WORD]
            block[:count] = patch_words[q, start : start + count]
            block[count:] = 0
            transpose(block)
    for block in range(blocks):
        for start in range(0, positions, WORD):
            build_table(gradient, start * width + block * LANES, width, positions - start, table, 0)
            add_products(table, 0, scratch[start // WORD], entries, sums, block * entries * LANES)


@njit(cache=True)
def real_sums(x, weights, half, grid, sums, offset):
    """sums[position, offset ..] += x's patch @ the weights' half of the columns that starts at `offset`.

    x : (height width in) flat; weights : (patch, width) flat; sums : (positions, width) flat; width = 2 half.
    """
    width = 2 * half
    for k in range(grid.kh):
        for l in range(grid.kw):
            tap = (k * grid.kw + l) * grid.channels * width + offset
            first, past = valid(l, grid.width, grid.columns, grid.stride, grid.padding)
            for row in range(*valid(k, grid.height, grid.rows, grid.stride, grid.padding)):
                pixel = (row * grid.stride + k - grid.padding) * grid.width + first * grid.stride + l - grid.padding
                target = (row * grid.columns + first) * width + offset
                matmul_add(
                    x, pixel * grid.channels, grid.stride * grid.channels, 1,
                    weights, tap, width, sums, target, width, past - first, half, grid.channels,
                )  # fmt: skip


@njit(cache=True)
def real_weight_gradient(x, gradient, half, grid, sums, offset):
    """sums[patch entry, offset ..] += x's patch^T @ that half of the gradient, over the positions of one image."""
    width = 2 * half
    for k in range(grid.kh):
        for l in range(grid.kw):
            tap = (k * grid.kw + l) * grid.channels * width + offset
            first, past = valid(l, grid.width, grid.columns, grid.stride, grid.padding)
            for row in range(*valid(k, grid.height, grid.rows, grid.stride, grid.padding)):
                pixel = (row * grid.stride + k - grid.padding) * grid.width + first * grid.stride + l - grid.padding
                source = (row * grid.columns + first) * width + offset
                matmul_add(
                    x, pixel * grid.channels, 1, grid.stride * grid.channels,
                    gradient, source, width, sums, tap, width, grid.channels, half, past - first,
                )  # fmt: skip


@njit(cache=True)
def input_gradient(gradient, width, begin, depth, weights, grid, sums):
    """sums[pixel, in padded] += gradient's columns begin .. begin + depth, sent back through the filter.

    gradient : (positions, width) flat; weights : (kh, kw, width, in padded) flat.
    """
    inner = padded(grid.channels)
    for k in range(grid.kh):
        for l in range(grid.kw):
            tap = ((k * grid.kw + l) * width + begin) * inner
            first, past = valid(l, grid.width, grid.columns, grid.stride, grid.padding)
            for row in range(*valid(k, grid.height, grid.rows, grid.stride, grid.padding)):
                pixel = (row * grid.stride + k - grid.padding) * grid.width + first * grid.stride + l - grid.padding
                source = (row * grid.columns + first) * width + begin
                matmul_add(
                    gradient, source, width, 1, weights, tap, inner,
                    sums, pixel * inner, grid.stride * inner, past - first, inner, depth,
                )  # fmt: skip
