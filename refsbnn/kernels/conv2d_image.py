"""Convolution of one image, the pieces that run inside a parallel loop over images (theory 3.6).

Weights and gradients are matrices of `width` = parts half columns: the means', padded with zeros to a multiple of
sixteen, then the variances' unless the weights are points. Arrays are flat and belong to the caller, who reuses them
from image to image.
"""

from typing import NamedTuple

from numba import njit

from refsbnn.kernels.bits import valid
from refsbnn.kernels.simd import LANES, Factor, Rows, address, load, matmul_add, store


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


@njit(cache=True)
def gather_gradient(dm, dv, image, grid, gradient, start):
    """Put an image's dm, and dv if there are two parts, side by side in the columns of `gradient`.

    Parameters
    ----------
    dm : (images, positions, out) float
    dv : (images, positions, out) float, of no images beside point weights
    image : int
    grid : Grid
    gradient : flat float, rows of `width`, overwritten but for its padding
    start : int, where the image's begin
    """
    half, out = padded(grid.out), grid.out
    width = grid.parts * half
    for h in range(grid.parts):
        own = dm[image] if h == 0 else dv[image]
        for p in range(len(own)):
            place = start + p * width + h * half
            for o in range(0, out - LANES + 1, LANES):
                store(gradient, place + o, load(own, p * out + o))
            for o in range(out // LANES * LANES, out):
                gradient[place + o] = own[p, o]


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
def input_gradient(gradient, weights, grid, sums):
    """sums[pixel, in padded] += the gradient sent back through the filter.

    Parameters
    ----------
    gradient : (positions * width,) float
    weights : (kh * kw * width * in padded,) float
    grid : Grid
    sums : (pixels * in padded,) float, added to
    """
    inner, width = padded(grid.channels), grid.parts * padded(grid.out)
    for k in range(grid.kh):
        for l in range(grid.kw):
            tap = (k * grid.kw + l) * width * inner
            first, past = valid(l, grid.width, grid.columns, grid.stride, grid.padding)
            for row in range(*valid(k, grid.height, grid.rows, grid.stride, grid.padding)):
                pixel = (row * grid.stride + k - grid.padding) * grid.width + first * grid.stride + l - grid.padding
                source = (row * grid.columns + first) * width
                left, right = Factor(address(gradient), source, width, 1), Rows(address(weights), tap, inner)
                into = Rows(address(sums), pixel * inner, grid.stride * inner)
                matmul_add(left, right, into, past - first, inner, width)
