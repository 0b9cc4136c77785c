"""Input gradient of a 3x3 convolution of stride 1 by Winograd's minimal filtering F(2x2, 3x3).

Sixteen products for 2x2 outputs in place of 36 (Lavin and Gray 2016, arXiv:1509.09308, section 4.1). With
B^T d B the transform of a 4x4 tile of the gradient, G g G^T that of the filter and A^T M A that of the products,

    B^T = 1 0 -1 0 / 0 1 1 0 / 0 -1 1 0 / 0 1 0 -1    G = 1 0 0 / 1/2 1/2 1/2 / 1/2 -1/2 1/2 / 0 0 1
    A^T = 1 1 1 0 / 0 1 -1 -1

The transforms of gradient and products only add and subtract small numbers of terms, so the rounding error stays of
the order of the direct sum's; the tests bound it.
"""

from typing import Any, NamedTuple

from numba import njit, prange

from refsbnn.kernels.conv2d_image import padded
from refsbnn.kernels.simd import LANES, Factor, Rows, address, load, matmul_add, splat, store

POINTS = 16  # products of a tile
TILES = 32  # tiles at a time: their transforms and the filter's share the second-level cache
DEPTH = 64  # columns of the gradient at a time, for the same reason


class Image(NamedTuple):
    """The gradients of some images.

    Attributes
    ----------
    data : address of floats, (images, rows, columns, width)
    width, rows, columns : int
    """

    data: Any
    width: int
    rows: int
    columns: int


@njit(cache=True)
def _along(a, b, c, half):
    """G (a, b, c)^T.

    Parameters
    ----------
    a, b, c, half : float, or 16 lanes of float; half is 1/2
    """
    return a, half * (a + b + c), half * (a - b + c), c


@njit(cache=True, parallel=True, error_model="numpy")
def filter_transform(weight, start, target):
    """G g G^T of filters turned by 180 degrees, into the rows of `target` from `start` on; zero in the padding.

    Parameters
    ----------
    weight : (out, 9, in) float
    start : int
    target : (16, width, in padded) float, overwritten
    """
    out, _, channels = weight.shape
    one = weight.dtype.type(1.0)
    half = one / (one + one)
    wide = splat(half)
    for o in prange(padded(out)):
        whole = channels // LANES * LANES if o < out else 0
        for c in range(0, whole, LANES):
            g = weight[o]
            left = _along(load(g, 8 * channels + c), load(g, 5 * channels + c), load(g, 2 * channels + c), wide)
            middle = _along(load(g, 7 * channels + c), load(g, 4 * channels + c), load(g, channels + c), wide)
            right = _along(load(g, 6 * channels + c), load(g, 3 * channels + c), load(g, c), wide)
            for i in range(4):
                row = _along(left[i], middle[i], right[i], wide)
                for j in range(4):
                    store(target[4 * i + j, start + o], c, row[j])
        target[:, start + o, whole:] = 0.0
        for c in range(whole, channels if o < out else 0):
            g = weight[o]
            left = _along(g[8, c], g[5, c], g[2, c], half)
            middle = _along(g[7, c], g[4, c], g[1, c], half)
            right = _along(g[6, c], g[3, c], g[0, c], half)
            for i in range(4):
                row = _along(left[i], middle[i], right[i], half)
                for j in range(4):
                    target[4 * i + j, start + o, c] = row[j]


@njit(cache=True)
def scratch_sizes(inner):
    """Elements of the scratch arrays, tiles and products.

    Parameters
    ----------
    inner : int, padded input channels
    """
    return POINTS * _step(DEPTH), POINTS * _step(inner)


@njit(cache=True)
def _step(width):
    """Distance of a point's matrix (TILES, width) from the next: one vector more, or they share cache sets.

    Parameters
    ----------
    width : int
    """
    return TILES * width + LANES


@njit(cache=True)
def _transformed_row(image, base, y, x, zero):
    """Row of d B: the four sums of the gradient's columns x .. x + 3 in row y, zero outside the image.

    Parameters
    ----------
    image : Image
    base : int, of the sixteen channels of the image
    y, x : int
    zero : 16 lanes of float
    """
    gradient, width, rows, columns = image
    d0 = d1 = d2 = d3 = zero
    at = base + (y * columns + x) * width
    if 0 <= y < rows and 0 <= x < columns - 3:
        d0, d1 = load(gradient, at), load(gradient, at + width)
        d2, d3 = load(gradient, at + 2 * width), load(gradient, at + 3 * width)
    elif 0 <= y < rows:
        if 0 <= x < columns:
            d0 = load(gradient, at)
        if 0 <= x + 1 < columns:
            d1 = load(gradient, at + width)
        if 0 <= x + 2 < columns:
            d2 = load(gradient, at + 2 * width)
        if 0 <= x + 3 < columns:
            d3 = load(gradient, at + 3 * width)
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@njit(cache=True)
def _transformed_column(target, at, step, d0, d1, d2, d3):
    """Column of B^T d, into four points of the tile.

    Parameters
    ----------
    target : address of floats
    at, step : int
    d0, d1, d2, d3 : 16 lanes of float
    """
    store(target, at, d0 - d2)
    store(target, at + 4 * step, d1 + d2)
    store(target, at + 8 * step, d2 - d1)
    store(target, at + 12 * step, d1 - d3)


@njit(cache=True)
def _transform_tile(image, begin, depth, top, left, zero, target, start, step):
    """B^T d B of the 4x4 tile with its corner at (top, left), for columns begin .. begin + depth of the gradient.

    Parameters
    ----------
    image : Image
    begin, depth, top, left : int
    zero : 16 lanes of float
    target : address of floats
    start, step : int
    """
    for j in range(0, depth, LANES):
        base = begin + j
        a = _transformed_row(image, base, top, left, zero)
        b = _transformed_row(image, base, top + 1, left, zero)
        c = _transformed_row(image, base, top + 2, left, zero)
        d = _transformed_row(image, base, top + 3, left, zero)
        at = start + j
        _transformed_column(target, at, step, a[0], b[0], c[0], d[0])
        _transformed_column(target, at + step, step, a[1], b[1], c[1], d[1])
        _transformed_column(target, at + 2 * step, step, a[2], b[2], c[2], d[2])
        _transformed_column(target, at + 3 * step, step, a[3], b[3], c[3], d[3])


@njit(cache=True)
def _product_column(products, at, step):
    """Column of A^T M: two sums of the products of four points.

    Parameters
    ----------
    products : address of floats
    at, step : int
    """
    m0, m1 = load(products, at), load(products, at + 4 * step)
    m2, m3 = load(products, at + 8 * step), load(products, at + 12 * step)
    return m0 + m1 + m2, m1 - m2 - m3


@njit(cache=True)
def _add(sums, place, value):
    """Add to sixteen sums.

    Parameters
    ----------
    sums : address of floats
    place : int
    value : 16 lanes of float
    """
    store(sums, place, load(sums, place) + value)


@njit(cache=True)
def _add_tile(products, start, step, inner, sums, first, y, x, grid):
    """Add A^T M A to the 2x2 pixels from (y, x) on, as far as they lie in the image.

    Parameters
    ----------
    products : address of floats
    start, step, inner : int
    sums : address of floats, (images, height, width, inner)
    first, y, x : int, where the image begins and the tile lies in it
    grid : Grid
    """
    height, width = grid.height, grid.width
    for j in range(0, inner, LANES):
        at = start + j
        a = _product_column(products, at, step)
        b = _product_column(products, at + step, step)
        c = _product_column(products, at + 2 * step, step)
        d = _product_column(products, at + 3 * step, step)
        place = first + (y * width + x) * inner + j
        _add(sums, place, a[0] + b[0] + c[0])
        if x + 1 < width:
            _add(sums, place + inner, b[0] - c[0] - d[0])
        if y + 1 < height:
            _add(sums, place + width * inner, a[1] + b[1] + c[1])
            if x + 1 < width:
                _add(sums, place + (width + 1) * inner, b[1] - c[1] - d[1])


@njit(cache=True)
def input_gradient(gradient, images, transformed, grid, tiles, products, sums):
    """As `conv2d_image.input_gradient` for a 3x3 filter of stride 1, of some images: small ones share the weights.

    Parameters
    ----------
    gradient : (images * positions * width,) float
    images : int
    transformed : (16 * width * in padded,) float, from `filter_transform`
    grid : Grid
    tiles, products : flat float, overwritten; sizes from `scratch_sizes`
    sums : (images * pixels * in padded,) float, added to
    """
    inner, width = padded(grid.channels), grid.parts * padded(grid.out)
    across = (grid.width + 1) // 2
    each = (grid.height + 1) // 2 * across
    step, size, pixels = _step(inner), grid.rows * grid.columns * width, grid.height * grid.width * inner
    zero = splat(sums.dtype.type(0.0))
    d, v = Image(address(gradient), width, grid.rows, grid.columns), address(tiles)
    m, y = address(products), address(sums)
    for first in range(0, width, DEPTH):
        deep = min(DEPTH, width - first)
        gap = _step(deep)
        for start in range(0, images * each, TILES):
            batch = min(TILES, images * each - start)
            for t in range(batch):
                image, tile = (start + t) // each, (start + t) % each
                top, left = tile // across * 2 + grid.padding - 2, tile % across * 2 + grid.padding - 2
                _transform_tile(d, image * size + first, deep, top, left, zero, v, t * deep, gap)
            products[:] = 0.0
            for point in range(POINTS):
                factor, weights = Factor(v, point * gap, deep, 1), (point * width + first) * inner
                right, into = Rows(address(transformed), weights, inner), Rows(m, point * step, inner)
                matmul_add(factor, right, into, batch, inner, deep)
            for t in range(batch):
                image, tile = (start + t) // each, (start + t) % each
                top, left = tile // across * 2, tile % across * 2
                _add_tile(m, t * inner, step, inner, y, image * pixels, top, left, grid)
