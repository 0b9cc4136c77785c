"""Average and maximum pooling of values over windows (theory 3.16). Both give values of domain "real" downstream,
except that the maximum of spikes is a spike."""

import numpy as np

from refsbnn.errors import InputError, check_array


def average_forward(x: np.ndarray, size: int, stride: int | None = None) -> np.ndarray:
    """Mean over windows of `size` x `size` (theory 3.16).

    Parameters
    ----------
    x : (..., height, width, channels) array
    size : int
        Side of the window.
    stride : int, optional
        Step between windows; default `size`. Rows and columns that fill no window are left out.

    Returns
    -------
    (..., rows, columns, channels) float64 array

    Raises
    ------
    InputError
        A window larger than the input, size or stride below 1, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> average_forward(np.arange(8.0).reshape(2, 4, 1), 2)[..., 0]
    array([[2.5, 4.5]])
    """
    return windows(x, size, stride).mean(axis=-1)  # theory 3.16


def average_backward(g: np.ndarray, x_shape: tuple[int, ...], size: int, stride: int | None = None) -> np.ndarray:
    """Gradient of x: each window shares its cotangent equally among its inputs (theory 3.16).

    Parameters
    ----------
    g : (..., rows, columns, channels) array
    x_shape : tuple of int
        Shape of the forward pass's x.
    size, stride
        As in `average_forward`.

    Returns
    -------
    array of shape `x_shape`

    Raises
    ------
    InputError
        Shapes that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> average_backward(np.ones((1, 1, 1)), (2, 2, 1), 2)[..., 0]
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    return scatter(g, None, x_shape, size, stride)


def max_forward(x: np.ndarray, size: int, stride: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Maximum over windows of `size` x `size`, and where it lies (theory 3.16).

    Parameters
    ----------
    x, size, stride
        As in `average_forward`.

    Returns
    -------
    y : (..., rows, columns, channels) float64 array
    index : (..., rows, columns, channels) int array
        Place of the maximum in its window, row by row; of equal maxima the first.

    Raises
    ------
    InputError
        As `average_forward`.

    Examples
    --------
    >>> import numpy as np
    >>> y, index = max_forward(np.array([[0.0, 1.0], [1.0, 0.0]])[..., None], 2)
    >>> y.item(), index.item()
    (1.0, 1)
    """
    patches = windows(x, size, stride)
    index = patches.argmax(axis=-1)  # theory 3.16: argmax takes the first of equals
    y = np.take_along_axis(patches, index[..., None], axis=-1)[..., 0]
    return y, index


def max_backward(
    g: np.ndarray, index: np.ndarray, x_shape: tuple[int, ...], size: int, stride: int | None = None
) -> np.ndarray:
    """Gradient of x: each window sends its cotangent to its maximum (theory 3.16).

    Parameters
    ----------
    g : (..., rows, columns, channels) array
    index : (..., rows, columns, channels) int array
        From `max_forward`.
    x_shape, size, stride
        As in `average_backward`.

    Returns
    -------
    array of shape `x_shape`

    Raises
    ------
    InputError
        Shapes that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> y, index = max_forward(np.array([[0.0, 1.0], [1.0, 0.0]])[..., None], 2)
    >>> max_backward(np.ones((1, 1, 1)), index, (2, 2, 1), 2)[..., 0]
    array([[0., 1.],
           [0., 0.]])
    """
    return scatter(g, index, x_shape, size, stride)


def pooled_shape(x_shape: tuple[int, ...], size: int, stride: int | None) -> tuple[int, ...]:
    """Shape after pooling; raises InputError where no window fits."""
    step = size if stride is None else stride
    if size < 1 or step < 1:
        raise InputError(f"pooling size and stride are {size} and {step}; both must be at least 1")
    if len(x_shape) < 3 or min(x_shape[-3:-1]) < size:
        raise InputError(
            f"x has shape {x_shape}; a pooling window of {size} x {size} needs (..., height, width, channels)"
        )
    *leading, height, width, channels = x_shape
    return (*leading, (height - size) // step + 1, (width - size) // step + 1, channels)


def windows(x: np.ndarray, size: int, stride: int | None) -> np.ndarray:
    """The windows of x, (..., rows, columns, channels, size * size)."""
    x = check_array("x", x)
    shape = pooled_shape(x.shape, size, stride)
    step = size if stride is None else stride
    patches = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(-3, -2))
    return patches[..., ::step, ::step, :, :, :].reshape(*shape, size * size)


def scatter(
    g: np.ndarray, index: np.ndarray | None, x_shape: tuple[int, ...], size: int, stride: int | None
) -> np.ndarray:
    """Send each window's cotangent to its place `index`, or a share to every place where that is None."""
    shape = pooled_shape(x_shape, size, stride)
    g = check_array("g", g, shape)
    if index is not None and index.shape != shape:
        raise InputError(f"index has shape {index.shape}; expected {shape}")
    step = size if stride is None else stride
    rows, columns = shape[-3:-1]
    dx = np.zeros(x_shape)
    for place in range(size * size):
        k, l = divmod(place, size)
        read = (..., slice(k, k + step * rows, step), slice(l, l + step * columns, step), slice(None))
        dx[read] += g / size**2 if index is None else g * (index == place)  # theory 3.16
    return dx
