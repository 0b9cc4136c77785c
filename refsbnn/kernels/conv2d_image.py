"""Convolution of one image, the pieces that run inside a parallel loop over images (theory 3.6).

Weights and gradients are matrices of `width` = parts half columns: the means', padded with zeros to a multiple of
sixteen, then the variances' unless the weights are points. Arrays are flat and belong to the caller, who reuses them
from image to image.
"""

from typing import NamedTuple

from numba import njit, prange

from refsbnn.kernels.bits import WORD, transpose, valid
from refsbnn.kernels.lookup import TABLE, add_products, build_table
from refsbnn.kernels.simd import LANES, Factor, Rows, address, aligned_zeros, matmul_add


class Grid(NamedTuple):
    """Sizes of a convolution of one image.

    Attributes
    ----------
    height, width, channels : int, of the image
    kh, kw : int, of the filters
    stride, padding : int, in pixels
    rows, columns, out : int, of the result
    parts : int, 2 for means and variances, 1 for means alone
    """

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
    parts: int


@njit(cache=True)
def padded(count):
    """`count` rounded up to whole vectors.

    Parameters
    ----------
    count : int
    """
    return -(-count // LANES) * LANES


@njit(cache=True, parallel=True)
def weight_tables(weights, size, width, blocks):
    """Tables of a weight matrix: one for each block of sixteen columns and each word of the patch.

    Parameters
    ----------
    weights : (size * width,) float
    size, width : int
    blocks : int, how many sixteens of columns are wanted
    """
    words = -(-size // WORD)
    tables = aligned_zeros(blocks * words * TABLE, weights.dtype)
    for block in prange(blocks):
        for q in range(words):
            first = q * WORD * width + block * LANES
            build_table(weights, first, width, size - q * WORD, tables, (block * words + q) * TABLE)
    return tables


@njit(cache=True)
def gather_gradient(dm, dv, image, grid, gradient):
    """Put an image's dm, and dv if there are two parts, side by side in the columns of `gradient`.

    Parameters
    ----------
    dm : (images, positions, out) float
    dv : (images, positions, out) float, of no images beside point weights
    image : int
    grid : Grid
    gradient : (positions * width,) float, overwritten but for its padding
    """
    half = padded(grid.out)
    width = grid.parts * half
    for p in range(dm.shape[1]):
        for o in range(dm.shape[2]):
            gradient[p * width + o] = dm[image, p, o]
            if grid.parts == 2:
                gradient[p * width + half + o] = dv[image, p, o]


@njit(cache=True)
def spike_sums(tables, blocks, patch_words, sums):
    """sums[block, position, lane] += weights^T patch, by table.

    Parameters
    ----------
    tables : flat float, from `weight_tables`
    blocks : int
    patch_words : (patch words, positions) uint64
    sums : (blocks * positions * 16,) float, added to
    """
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
    of the gradient.

    Parameters
    ----------
    gradient : (positions * width,) float
    blocks : int, how many sixteens of its columns are wanted
    width : int
    patch_words : (patch words, positions) uint64
    scratch : (ceil(positions / 64), 64 * patch words) uint64, overwritten
    table : (TABLE,) float, overwritten
    sums : (blocks * 64 * patch words * 16,) float, added to
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
def real_sums(x, weights, grid, sums, offset):
    """sums[position, offset ..] += x's patch @ the weights' part of the columns that starts at `offset`.

    Parameters
    ----------
    x : (height * width * in,) float
    weights : (patch * width,) float
    grid : Grid
    sums : (positions * width,) float, added to
    offset : int
    """
    half = padded(grid.out)
    width = grid.parts * half
    for k in range(grid.kh):
        for l in range(grid.kw):
            tap = (k * grid.kw + l) * grid.channels * width + offset
            first, past = valid(l, grid.width, grid.columns, grid.stride, grid.padding)
            for row in range(*valid(k, grid.height, grid.rows, grid.stride, grid.padding)):
                pixel = (row * grid.stride + k - grid.padding) * grid.width + first * grid.stride + l - grid.padding
                target = (row * grid.columns + first) * width + offset
                left = Factor(address(x), pixel * grid.channels, grid.stride * grid.channels, 1)
                right, into = Rows(address(weights), tap, width), Rows(address(sums), target, width)
                matmul_add(left, right, into, past - first, half, grid.channels)


@njit(cache=True)
def real_weight_gradient(x, gradient, grid, sums, offset):
    """sums[patch entry, offset ..] += x's patch^T @ that part of the gradient, over the positions of one image.

    Parameters
    ----------
    x : (height * width * in,) float
    gradient : (positions * width,) float
    grid : Grid
    sums : (patch * width,) float, added to
    offset : int
    """
    half = padded(grid.out)
    width = grid.parts * half
    for k in range(grid.kh):
        for l in range(grid.kw):
            tap = (k * grid.kw + l) * grid.channels * width + offset
            first, past = valid(l, grid.width, grid.columns, grid.stride, grid.padding)
            for row in range(*valid(k, grid.height, grid.rows, grid.stride, grid.padding)):
                pixel = (row * grid.stride + k - grid.padding) * grid.width + first * grid.stride + l - grid.padding
                source = (row * grid.columns + first) * width + offset
                left = Factor(address(x), pixel * grid.channels, 1, grid.stride * grid.channels)
                right, into = Rows(address(gradient), source, width), Rows(address(sums), tap, width)
                matmul_add(left, right, into, grid.channels, half, past - first)


@njit(cache=True)
def input_gradient(gradient, width, begin, depth, weights, grid, sums):
    """sums[pixel, in padded] += gradient's columns begin .. begin + depth, sent back through the filter.

    Parameters
    ----------
    gradient : (positions * width,) float
    width, begin, depth : int
    weights : (kh * kw * width * in padded,) float
    grid : Grid
    sums : (pixels * in padded,) float, added to
    """
    inner = padded(grid.channels)
    for k in range(grid.kh):
        for l in range(grid.kw):
            tap = ((k * grid.kw + l) * width + begin) * inner
            first, past = valid(l, grid.width, grid.columns, grid.stride, grid.padding)
            for row in range(*valid(k, grid.height, grid.rows, grid.stride, grid.padding)):
                pixel = (row * grid.stride + k - grid.padding) * grid.width + first * grid.stride + l - grid.padding
                source = (row * grid.columns + first) * width + begin
                left, right = Factor(address(gradient), source, width, 1), Rows(address(weights), tap, inner)
                into = Rows(address(sums), pixel * inner, grid.stride * inner)
                matmul_add(left, right, into, past - first, inner, depth)
