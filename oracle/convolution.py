"""A convolution as the dense layer it is (theory 3.6), so that networks with convolutions can be enumerated too.

Positions are independent given the input, so the dense layer's units are the output positions and channels.
"""

from typing import Any

import numpy as np

from oracle.errors import InputError, array


def unroll(weights: Any, height: int, width: int, *, stride: int = 1, padding: int = 0) -> np.ndarray:
    """The dense matrix of a convolution; the same map serves mu and sigma2.

    Parameters
    ----------
    weights : (out, kernel height, kernel width, in)
    height, width : int
        Of the input; it is flattened from (height, width, in), the output from (rows, columns, out).
    stride, padding : int
        Zeros are added on all four sides.

    Returns
    -------
    ndarray, (rows * columns * out, height * width * in)

    Examples
    --------
    >>> unroll([[[[1.0], [2.0]]]], height=1, width=3)
    array([[1., 2., 0.],
           [0., 1., 2.]])
    """
    weights = array("weights", weights, (None, None, None, None))
    matrix, index = _index(weights.shape, height, width, stride, padding)
    np.put(matrix, index[:, 0], weights.ravel()[index[:, 1]])
    return matrix


def fold(
    gradient: np.ndarray,
    shape: tuple[int, ...],
    height: int,
    width: int,
    *,
    stride: int = 1,
    padding: int = 0,
) -> np.ndarray:
    """Adjoint of `unroll`: from gradients of the dense matrix to gradients of weights of shape `shape`.

    Parameters
    ----------
    gradient : (..., rows * columns * out, height * width * in)
        One matrix or a stack of them. The variance of a shared weight's gradient is not the sum of the variances: give
        this function, with its geometry filled in, to `oracle.moments` as `fold`.
    shape : (out, kernel height, kernel width, in)
    height, width, stride, padding
        As in `unroll`.

    Returns
    -------
    ndarray, (..., *shape)

    Examples
    --------
    >>> import numpy as np, oracle
    >>> oracle.fold(np.ones((2, 3)), shape=(1, 1, 2, 1), height=1, width=3)
    array([[[[2.],
             [2.]]]])
    """
    matrix, index = _index(shape, height, width, stride, padding)
    if gradient.shape[-2:] != matrix.shape:
        raise InputError(f"gradient has shape {gradient.shape}; expected (..., {matrix.shape[0]}, {matrix.shape[1]})")
    flat = gradient.reshape(-1, matrix.size)
    total = np.zeros((flat.shape[0], int(np.prod(shape))))
    for place, weight in index:
        total[:, weight] += flat[:, place]
    return total.reshape(*gradient.shape[:-2], *shape)


def _index(shape: tuple[int, ...], height: int, width: int, stride: int, padding: int) -> tuple[np.ndarray, np.ndarray]:
    """A matrix of zeros, and the pairs (place in the matrix, place in the weights) of its other entries."""
    out, kernel_height, kernel_width, channels = shape
    if stride < 1 or padding < 0:
        raise InputError(f"stride {stride} and padding {padding} were given; expected stride >= 1 and padding >= 0")
    rows = (height + 2 * padding - kernel_height) // stride + 1
    columns = (width + 2 * padding - kernel_width) // stride + 1
    if rows < 1 or columns < 1:
        raise InputError(
            f"a kernel of {kernel_height} x {kernel_width} with stride {stride} and padding {padding} "
            f"has no output on an input of {height} x {width}"
        )
    matrix = np.zeros((rows * columns * out, height * width * channels))
    pairs = []
    for place, (row, column, o) in enumerate(np.ndindex(rows, columns, out)):
        for i, j, c in np.ndindex(kernel_height, kernel_width, channels):
            y, x = row * stride + i - padding, column * stride + j - padding
            if 0 <= y < height and 0 <= x < width:
                source = (y * width + x) * channels + c
                weight = ((o * kernel_height + i) * kernel_width + j) * channels + c
                pairs.append((place * matrix.shape[1] + source, weight))
    return matrix, np.array(pairs, dtype=np.int64).reshape(-1, 2)
