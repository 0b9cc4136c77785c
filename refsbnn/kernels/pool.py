"""Average and maximum pooling (theory 3.16); the functions of `refsbnn.reference.pool`, fast.

Inputs are floats, or spikes as bytes: their average is float32, their maximum bytes.
"""

import math

import numpy as np
from numba import njit, prange

from refsbnn.errors import InputError
from refsbnn.kernels.check import are_spikes, check_bytes, check_float
from refsbnn.reference.pool import pooled_shape


def average_forward(x: np.ndarray, size: int, stride: int | None = None) -> np.ndarray:
    """Mean over windows; arguments and errors as in `refsbnn.reference.pool.average_forward`.

    Examples
    --------
    >>> import numpy as np
    >>> average_forward(np.ones((2, 2, 1), np.uint8), 2).tolist()
    [[[1.0]]]
    """
    x, shape = check_input(x, size, stride)
    y = np.empty(shape, np.float32 if x.dtype == np.uint8 else x.dtype)
    share = y.dtype.type(1.0 / size**2)
    _average(images(x), size, stride or size, share, images(y))
    return y


def average_backward(g: np.ndarray, x_shape: tuple[int, ...], size: int, stride: int | None = None) -> np.ndarray:
    """Gradient of x; arguments and errors as in `refsbnn.reference.pool.average_backward`."""
    g = check_float("g", g, pooled_shape(x_shape, size, stride))
    dx = np.zeros(x_shape, g.dtype)
    _share(images(g), size, stride or size, g.dtype.type(1.0 / size**2), images(dx))
    return dx


def max_forward(x: np.ndarray, size: int, stride: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Maximum over windows and its place; arguments and errors as in `refsbnn.reference.pool.max_forward`."""
    x, shape = check_input(x, size, stride)
    y, index = np.empty(shape, x.dtype), np.empty(shape, np.int32)
    _largest(images(x), size, stride or size, images(y), images(index))
    return y, index


def max_backward(
    g: np.ndarray, index: np.ndarray, x_shape: tuple[int, ...], size: int, stride: int | None = None
) -> np.ndarray:
    """Gradient of x; arguments and errors as in `refsbnn.reference.pool.max_backward`."""
    g = check_float("g", g, pooled_shape(x_shape, size, stride))
    if index.shape != g.shape or index.dtype != np.int32:
        raise InputError(f"index is {index.dtype} {index.shape}; expected int32 {g.shape}")
    if index.size and not 0 <= index.min() <= index.max() < size**2:
        raise InputError(f"index holds {index.min()} to {index.max()}; expected 0 to {size**2 - 1}")
    dx = np.zeros(x_shape, g.dtype)
    _send(images(g), images(index), size, stride or size, images(dx))
    return dx


def check_input(x: np.ndarray, size: int, stride: int | None) -> tuple[np.ndarray, tuple[int, ...]]:
    """x as bytes or floats, and the pooled shape."""
    shape = pooled_shape(np.shape(x), size, stride)
    x = check_bytes("x", x) if are_spikes(x) else check_float("x", x)
    return x, shape


def images(x: np.ndarray) -> np.ndarray:
    """All leading axes as one."""
    return x.reshape(math.prod(x.shape[:-3]), *x.shape[-3:])


@njit(cache=True, parallel=True, error_model="numpy")
def _average(x, size, step, share, y):
    """Mean over windows.

    Parameters
    ----------
    x : (images, height, width, channels) float or uint8
    size, step : int, of a window and from one to the next, in pixels
    share : float, 1 / size^2, of y's type
    y : (images, rows, columns, channels) float, overwritten
    """
    for n in prange(len(x)):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for c in range(y.shape[3]):
                    total = share * 0
                    for k in range(size):
                        for l in range(size):
                            total += x[n, i * step + k, j * step + l, c]
                    y[n, i, j, c] = total * share


@njit(cache=True, parallel=True, error_model="numpy")
def _share(g, size, step, share, dx):
    """Adjoint of `_average`.

    Parameters
    ----------
    g : (images, rows, columns, channels) float
    size, step : int
    share : float, 1 / size^2
    dx : (images, height, width, channels) float, added to
    """
    for n in prange(len(g)):
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                for k in range(size):
                    for l in range(size):
                        for c in range(g.shape[3]):
                            dx[n, i * step + k, j * step + l, c] += g[n, i, j, c] * share


@njit(cache=True, parallel=True, error_model="numpy")
def _largest(x, size, step, y, index):
    """Maximum over windows and its place in the window.

    Parameters
    ----------
    x : (images, height, width, channels) float or uint8
    size, step : int, of a window and from one to the next, in pixels
    y : (images, rows, columns, channels) of x's type, float or uint8, overwritten
    index : (images, rows, columns, channels) int32, overwritten
    """
    for n in prange(len(x)):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                best, place = y[n, i, j], index[n, i, j]
                best[:] = x[n, i * step, j * step]
                place[:] = 0
                for tap in range(1, size * size):
                    _keep_larger(x[n, i * step + tap // size, j * step + tap % size], tap, best, place)


@njit(cache=True)
def _keep_larger(x, tap, best, place):
    """Take the values that are larger than the best so far; one loop over channels, without branches.

    Parameters
    ----------
    x : (channels,) float or uint8
    tap : int
    best : (channels,) of x's type, float or uint8, overwritten
    place : (channels,) int32, overwritten
    """
    tap = np.int32(tap)
    for c in range(len(best)):
        larger = x[c] > best[c]
        place[c] = tap if larger else place[c]
        best[c] = x[c] if larger else best[c]


@njit(cache=True, parallel=True, error_model="numpy")
def _send(g, index, size, step, dx):
    """Adjoint of `_largest`.

    Parameters
    ----------
    g : (images, rows, columns, channels) float
    index : (images, rows, columns, channels) int32
    size, step : int
    dx : (images, height, width, channels) float, added to
    """
    for n in prange(len(g)):
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                for tap in range(size * size):
                    _add_where(g[n, i, j], index[n, i, j], tap, dx[n, i * step + tap // size, j * step + tap % size])


@njit(cache=True)
def _add_where(g, place, tap, dx):
    """Add the gradient to the channels whose maximum was there; one loop over channels, without branches.

    Parameters
    ----------
    g : (channels,) float
    place : (channels,) int32
    tap : int
    dx : (channels,) float, added to
    """
    tap, none = np.int32(tap), g.dtype.type(0.0)
    for c in range(len(dx)):
        dx[c] += g[c] if place[c] == tap else none
