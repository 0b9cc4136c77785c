"""Convolution of a batch of real images, and the gradients of the inputs: images in parallel (theory 3.6).

Images are independent, and the gradients of the weights are summed over at most `SHARDS` fixed parts of the batch,
then over the parts in order, so the number of threads cannot change a bit.
Results have a part for the means, and one for the variances unless the weights are points (theory 3.18).
"""

import numpy as np
from numba import njit, prange

from refsbnn.kernels import winograd
from refsbnn.kernels.conv2d_image import (
    Grid,
    gather_gradient,
    input_gradient,
    padded,
    real_sums,
    real_weight_gradient,
)
from refsbnn.kernels.conv2d_layout import aligned_empty
from refsbnn.kernels.simd import LANES, aligned_zeros, load, store
from refsbnn.kernels.tasks import run

SHARDS = 16
SPAN = 4096  # sums over images that a task makes


def real_forward(x: np.ndarray, x2: np.ndarray, columns: np.ndarray, grid: Grid, offset: np.ndarray) -> np.ndarray:
    """Moments of real inputs: x under the means, x2 under the variances.

    Parameters
    ----------
    x, x2 : (images, height * width * in) float; x2 is not read where there is one part
    columns : (patch * width,) float
    grid : Grid
    offset : (parts, 1, out) float

    Returns
    -------
    (parts, images, positions, out) array
    """
    shape = grid.parts, len(x), grid.rows * grid.columns, grid.out
    moments = aligned_empty(shape[0] * shape[1] * shape[2] * shape[3], columns.dtype).reshape(shape)
    _real_forward(x, x2, columns, grid, offset, moments)
    return moments


@njit(cache=True, nogil=True, error_model="numpy")
def _real_forward(x, x2, columns, grid, offset, moments):
    """As `real_forward`.

    Parameters
    ----------
    x, x2 : (images, height * width * in) float
    columns : (patch * width,) float
    grid : Grid
    offset : (parts, 1, out) float
    moments : (parts, images, positions, out) float, overwritten
    """
    run(_real_forward_image, len(x), (x, x2, columns, grid, offset, moments))


@njit(cache=True, error_model="numpy")
def _real_forward_image(image, x, x2, columns, grid, offset, moments):
    """One image.

    Parameters
    ----------
    image : int
    x, x2 : (images, height * width * in) float
    columns : (patch * width,) float
    grid : Grid
    offset : (parts, 1, out) float
    moments : (parts, images, positions, out) float, overwritten
    """
    half, positions = padded(grid.out), grid.rows * grid.columns
    sums = aligned_zeros(grid.parts * positions * half, columns.dtype)
    real_sums(x[image], columns, grid, sums, 0)
    if grid.parts == 2:
        real_sums(x2[image], columns, grid, sums, half)
    for h in range(grid.parts):
        for p in range(positions):
            for o in range(grid.out):
                moments[h, image, p, o] = sums[(grid.parts * p + h) * half + o] + offset[h, 0, o]


@njit(cache=True, nogil=True, error_model="numpy")
def real_weight_gradients(x, x2, dm, dv, grid):
    """(parts, out, patch): sums over images and positions of x times dm, and of x2 times dv.

    Parameters
    ----------
    x, x2 : (images, height * width * in) float
    dm, dv : (images, positions, out) float; x2 and dv are not read where there is one part
    grid : Grid
    """
    size, shards = grid.kh * grid.kw * grid.channels, min(SHARDS, len(x))
    parts = np.zeros((shards, grid.parts * padded(grid.out) * size), dm.dtype)
    run(_real_weight_shard, shards, (x, x2, dm, dv, grid, parts))
    result = np.empty((grid.parts, grid.out, size), dm.dtype)
    run(_real_weight_entry, size, (parts, grid, result))
    return result


@njit(cache=True, error_model="numpy")
def _real_weight_shard(shard, x, x2, dm, dv, grid, parts):
    """The sums of a fixed part of the batch.

    Parameters
    ----------
    shard : int
    x, x2 : (images, height * width * in) float
    dm, dv : (images, positions, out) float
    grid : Grid
    parts : (shards, entries) float, overwritten
    """
    half, positions, images, shards = padded(grid.out), grid.rows * grid.columns, len(x), len(parts)
    width = grid.parts * half
    gradient = aligned_zeros(positions * width, dm.dtype)
    sums = aligned_zeros(parts.shape[1], dm.dtype)
    for image in range(shard * images // shards, (shard + 1) * images // shards):
        gather_gradient(dm, dv, image, grid, gradient, 0)
        real_weight_gradient(x[image], gradient, grid, sums, 0)
        if grid.parts == 2:
            real_weight_gradient(x2[image], gradient, grid, sums, half)
    parts[shard] = sums


@njit(cache=True, error_model="numpy")
def _real_weight_entry(k, parts, grid, result):
    """One entry of every filter, its shards added in order.

    Parameters
    ----------
    k : int
    parts : (shards, entries) float
    grid : Grid
    result : (parts, out, patch) float, overwritten
    """
    half, shards = padded(grid.out), len(parts)
    width = grid.parts * half
    total = np.zeros(width, np.float64)
    for shard in range(shards):
        total += parts[shard, k * width : (k + 1) * width]
    for h in range(grid.parts):
        for o in range(grid.out):
            result[h, o, k] = total[h * half + o]


def input_gradients(dm: np.ndarray, dv: np.ndarray, turned: np.ndarray, minimal: bool, grid: Grid) -> np.ndarray:
    """The gradients of the moments sent back through the filters.

    Parameters
    ----------
    dm : (images, positions, out) float
    dv : (images, positions, out) float; not read where there is one part
    turned : flat float, from `conv2d_layout.turned`
    minimal : bool, as there
    grid : Grid

    Returns
    -------
    (images, pixels in) array
    """
    images, pixels = len(dm), grid.height * grid.width
    tiles = (grid.height + 1) // 2 * ((grid.width + 1) // 2)
    group = max(1, min(images, winograd.TILES // tiles)) if minimal else 1  # images a task
    result = aligned_empty(images * pixels * grid.channels, dm.dtype)
    _input_gradients(dm, dv, turned, minimal, grid, group, result)
    return result.reshape(images, pixels * grid.channels)


@njit(cache=True, nogil=True, error_model="numpy")
def _input_gradients(dm, dv, turned, minimal, grid, group, result):
    """As `input_gradients`: a task for every `group` of images.

    Parameters
    ----------
    dm, dv : (images, positions, out) float
    turned : flat float
    minimal : bool
    grid : Grid
    group : int
    result : flat float, (images, pixels, in), overwritten
    """
    run(_input_gradients_of, -(-len(dm) // group), (dm, dv, turned, minimal, grid, group, result))


@njit(cache=True, error_model="numpy")
def _input_gradients_of(task, dm, dv, turned, minimal, grid, group, result):
    """The images of a task.

    Parameters
    ----------
    task : int
    dm, dv : (images, positions, out) float
    turned : flat float
    minimal : bool
    grid : Grid
    group : int
    result : flat float, overwritten
    """
    inner, channels = padded(grid.channels), grid.channels
    positions, pixels, width = grid.rows * grid.columns, grid.height * grid.width, grid.parts * padded(grid.out)
    first, images = task * group, min(group, len(dm) - task * group)
    gradient = aligned_zeros(images * positions * width, dm.dtype)
    for image in range(images):
        gather_gradient(dm, dv, first + image, grid, gradient, image * positions * width)
    sums = aligned_zeros(images * pixels * inner, dm.dtype)
    if minimal:
        sizes = winograd.scratch_sizes(inner)
        tiles, products = aligned_zeros(sizes[0], dm.dtype), aligned_zeros(sizes[1], dm.dtype)
        winograd.input_gradient(gradient, images, turned, grid, tiles, products, sums)
    else:
        input_gradient(gradient, turned, grid, sums)
    for pixel in range(images * pixels):
        place = (first * pixels + pixel) * channels
        for c in range(0, channels - LANES + 1, LANES):
            store(result, place + c, load(sums, pixel * inner + c))
        for c in range(channels // LANES * LANES, channels):
            result[place + c] = sums[pixel * inner + c]


@njit(cache=True, parallel=True, error_model="numpy")
def sums_of_images(gradient, total):
    """Sum over images, in order.

    Parameters
    ----------
    gradient : (images, n) float, one image or more
    total : (n,) float, overwritten
    """
    images, size = gradient.shape
    for block in prange(-(-size // SPAN)):
        first, past = block * SPAN, min(size, (block + 1) * SPAN)
        total[first:past] = gradient[0, first:past]
        whole = first + (past - first) // LANES * LANES
        for image in range(1, images):
            own = gradient[image]
            for i in range(first, whole, LANES):
                store(total, i, load(total, i) + load(own, i))
            for i in range(whole, past):
                total[i] += own[i]
