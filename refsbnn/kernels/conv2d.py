"""Two-dimensional convolution with mean-field Gaussian weights (theory 3.6): `reference.conv2d` in Numba.

Spikes go through tables (kernels/lookup.py): one addition for four multiply-adds, in the forward pass and in the
gradient of the weights. Real inputs, and the gradient of the inputs, are matrix products in registers; a 3x3 filter of
stride 1 sends gradients back by Winograd's algorithm. The arithmetic is in the type of `mu`, float32 or float64.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from refsbnn.errors import InputError
from refsbnn.kernels import conv2d_batch as batch
from refsbnn.kernels import conv2d_layout as layout
from refsbnn.kernels import conv2d_spikes as by_table
from refsbnn.kernels.bits import Spikes, pack, unpack
from refsbnn.kernels.check import are_spikes, check_float, check_values, like
from refsbnn.kernels.conv2d_image import Grid
from refsbnn.kernels.dense import floats, present
from refsbnn.reference.conv2d import output_shape
from refsbnn.reference.moments import LinearGradients, check_weights, square


def forward(
    x: np.ndarray,
    mu: np.ndarray,
    sigma2: np.ndarray | None,
    bias_mu: np.ndarray | None = None,
    bias_sigma2: np.ndarray | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    domain: str = "real",
    variance: str = "linear",
) -> tuple[np.ndarray, Any]:
    """Mean and variance of the pre-activations: arguments, results and errors as in `reference.conv2d`.

    Bytes are spikes: 1 is the upper state of the domain "binary" or "bipolar". A float array of those domains may hold
    relaxed values and is treated like a real one.
    """
    mu, sigma2, bias_mu, bias_sigma2 = check_weights(mu, sigma2, bias_mu, bias_sigma2, 4, like("mu", mu))
    weights = present(mu, sigma2)
    values, leading, grid = check_input(x, weights, stride, padding, domain, variance)
    columns = layout.columns(weights)
    offset = np.stack(present(bias_mu, bias_sigma2))[:, None]
    if not isinstance(values, Spikes):
        x2 = values if sigma2 is None else square(values, domain, variance)[0]
        moments = batch.real_forward(values, x2, columns, grid, offset)
    else:
        scale = np.ones(grid.parts, mu.dtype)
        if domain == "bipolar":  # sum of w (2 z - 1) = 2 sum w z - sum w, both over the pixels inside the image
            inside = sums_inside(columns, grid)
            offset = offset + np.array([-1, 1], mu.dtype)[: grid.parts, None, None] * inside
            scale = np.array([2, 0], mu.dtype)[: grid.parts]  # theory 3.4: the square of -1 and 1 is 1
        moments = by_table.forward(values.words, columns, grid, scale, offset)
    m, *rest = moments.reshape(grid.parts, *leading, grid.rows, grid.columns, grid.out)
    return m, rest[0] if rest else None


def backward(
    dm: np.ndarray,
    dv: np.ndarray | None,
    x: np.ndarray,
    mu: np.ndarray,
    sigma2: np.ndarray | None,
    *,
    stride: int = 1,
    padding: int = 0,
    domain: str = "real",
    variance: str = "linear",
    input_gradient: bool = True,
) -> LinearGradients:
    """Gradients of x, the filters and the bias (theory 3.3, 3.6).

    Arguments, results and errors as in `refsbnn.reference.conv2d.backward`, x as in `forward`.
    """
    mu, sigma2, _, _ = check_weights(mu, sigma2, None, None, 4, like("mu", mu))
    weights = present(mu, sigma2)
    values, leading, grid = check_input(x, weights, stride, padding, domain, variance)
    shape = (*leading, grid.rows, grid.columns, grid.out)
    given = [
        check_float(name, g, shape, mu.dtype).reshape(math.prod(leading), grid.rows * grid.columns, grid.out)
        for name, g in (("dm", dm), ("dv", dv))[: grid.parts]
    ]
    dm, dv = (*given, np.zeros((0, *given[0].shape[1:]), mu.dtype))[:2]
    totals = [sum_of_images(g) for g in given]
    if isinstance(values, Spikes):
        # The square of -1 and 1 tells nothing of the spikes.
        parts = 1 if domain == "bipolar" else grid.parts
        sums = list(by_table.weight_gradients(values.words, dm, dv, grid._replace(parts=parts)))
        if domain == "bipolar":  # x = 2 z - 1 in the mean, 1 in the variance; a pixel of ones gives the sums over x = 1
            one = grid._replace(channels=1)
            ones = np.ones((1, grid.height * grid.width), mu.dtype)
            mean, spread = (*(total[None] for total in totals), dv)[:2]
            inside = batch.real_weight_gradients(ones, ones, mean, spread, one).repeat(grid.channels, axis=2)
            sums = [2 * sums[0] - inside[0], *inside[1:]]
    else:
        x2 = values if sigma2 is None else square(values, domain, variance)[0]
        sums = list(batch.real_weight_gradients(values, x2, dm, dv, grid))
    dx = None
    if input_gradient:
        dx = input_gradients(given, values, weights, grid, domain, variance)
        dx = dx.reshape(*leading, grid.height, grid.width, grid.channels)
    of_weights = [g.reshape(mu.shape) for g in sums]
    of_bias = [total.sum(axis=0, dtype=np.float64).astype(mu.dtype) for total in totals]
    dsigma2, dbias_sigma2 = (None, None) if sigma2 is None else (of_weights[1], of_bias[1])
    return LinearGradients(dx, of_weights[0], dsigma2, of_bias[0], dbias_sigma2)


def sum_of_images(gradient: np.ndarray) -> np.ndarray:
    """Sum of (images, positions, out) over the images, in order."""
    total = np.zeros(gradient.shape[1:], gradient.dtype)
    if len(gradient):
        batch.sums_of_images(gradient.reshape(len(gradient), total.size), total.reshape(-1))
    return total


def input_gradients(
    given: Sequence[np.ndarray],
    states: Spikes | np.ndarray,
    weights: Sequence[np.ndarray],
    grid: Grid,
    domain: str,
    variance: str,
) -> np.ndarray:
    """The gradient of x (theory 3.3): (images, height width in)."""

    def through(given: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> np.ndarray:
        minimal = (grid.kh, grid.kw, grid.stride) == (3, 3, 1)
        turned = layout.turned(weights, minimal=minimal)
        return batch.input_gradients(given[0], given[-1], turned, minimal, grid._replace(parts=len(weights)))

    if (domain, variance) == ("binary", "linear"):  # dx2 = 1: means and variances in one product
        return through(given, weights)
    dx = through(given[:1], weights[:1])
    if grid.parts == 1 or (domain, variance) == ("bipolar", "linear"):
        return dx
    if isinstance(states, Spikes):
        states = floats(unpack(states).reshape(dx.shape), domain, dx.dtype)
    return dx + square(states, domain, variance)[1] * through(given[1:], weights[1:])


def sums_inside(columns: np.ndarray, grid: Grid) -> np.ndarray:
    """What an image of ones gives: (parts, positions, out)."""
    pixel = columns.reshape(grid.kh * grid.kw, grid.channels, -1).sum(axis=1).reshape(-1)
    ones = np.ones((1, grid.height * grid.width), columns.dtype)
    none = np.zeros((grid.parts, 1, grid.out), columns.dtype)
    return batch.real_forward(ones, ones, pixel, grid._replace(channels=1), none)[:, 0]


def check_input(
    x: np.ndarray | Spikes, weights: list[np.ndarray], stride: int, padding: int, domain: str, variance: str
) -> tuple[np.ndarray | Spikes, tuple[int, ...], Grid]:
    """x as packed spikes or as flat images of mu's type, the leading axes, and the grid; raises InputError."""
    mu = weights[0]
    x = check_values(x, mu.shape[3], mu.dtype, domain, variance)
    if not isinstance(x, np.ndarray) or x.ndim < 3:
        raise InputError(f"x has shape {x.shape}; expected (..., height, width, {mu.shape[3]})")
    *leading, rows, columns, out = output_shape(x.shape, mu.shape, stride, padding)
    height, width, channels = x.shape[-3:]
    kh, kw = mu.shape[1:3]
    grid = Grid(height, width, channels, kh, kw, stride, padding, rows, columns, out, len(weights))
    images = math.prod(leading)
    if are_spikes(x):
        return pack(x.reshape(images, *x.shape[-3:])), tuple(leading), grid
    return x.reshape(images, math.prod(x.shape[-3:])), tuple(leading), grid
