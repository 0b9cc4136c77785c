"""Two-dimensional convolution with mean-field Gaussian weights (theory 3.6).

Weights are shared over positions; local reparameterisation treats the positions as independent. Mean and variance
are the same linear map with two sets of weights. Padding is with zeros that carry neither mean nor variance.
"""

from typing import Any

import numpy as np

from refsbnn.errors import InputError, check_array
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
    """Mean and variance of the pre-activations (theory 3.1 and 3.6).

    Parameters
    ----------
    x : (..., height, width, in) array
    mu, sigma2 : (out, kh, kw, in) arrays
        Posterior mean and variance of the filters; sigma2 None for point weights (theory 3.18).
    bias_mu, bias_sigma2 : (out,) arrays, optional
    stride : int
        Step between positions, at least 1.
    padding : int
        Rows and columns of zeros added on every side, at least 0.
    domain, variance
        As in `dense.forward`.

    Returns
    -------
    m, v : (..., rows, columns, out) float64 arrays
        rows = (height + 2 padding - kh) // stride + 1, columns likewise; v None for point weights.

    Raises
    ------
    InputError
        Shapes that do not fit, a filter larger than its padded input, negative variances, NaN, unknown names.

    Examples
    --------
    >>> import numpy as np
    >>> m, v = forward(np.ones((5, 6, 1)), np.ones((2, 3, 3, 1)), np.ones((2, 3, 3, 1)), stride=2, padding=1)
    >>> m.shape, m[0, 0, 0], v[1, 1, 0]
    ((3, 3, 2), np.float64(4.0), np.float64(9.0))
    """
    mu, sigma2, bias_mu, bias_sigma2 = check_weights(mu, sigma2, bias_mu, bias_sigma2, ndim=4)
    x = check_input(x, mu, stride, padding)
    x2, _ = square(x, domain, variance)
    m = correlate(x, mu, stride, padding) + bias_mu  # theory 3.6
    v = None if sigma2 is None else correlate(x2, sigma2, stride, padding) + bias_sigma2  # theory 3.6
    return m, v


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
    """Gradients of x, the filters and the bias, given those of m and v (theory 3.3 and 3.6).

    Parameters
    ----------
    dm, dv : (..., rows, columns, out) arrays
        dv None where sigma2 is None.
    x : (..., height, width, in) array
    mu, sigma2 : (out, kh, kw, in) arrays
    stride, padding, domain, variance
        As in `forward`.
    input_gradient : bool
        Whether the gradient of x is wanted.

    Returns
    -------
    LinearGradients
        x (..., height, width, in) or None, mu and sigma2 (out, kh, kw, in), bias_mu and bias_sigma2 (out,).
        Those of variances are None for point weights.

    Raises
    ------
    InputError
        As `forward`.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.ones((5, 6, 1)), np.ones((2, 3, 3, 1))
    >>> g = np.ones((3, 3, 2))
    >>> found = backward(g, g, x, w, w, stride=2, padding=1)
    >>> found.x.shape, found.mu.shape, found.mu[0, 1, 1, 0]
    ((5, 6, 1), (2, 3, 3, 1), np.float64(9.0))
    """
    mu, sigma2, _, _ = check_weights(mu, sigma2, None, None, ndim=4)
    x = check_input(x, mu, stride, padding)
    dm = check_array("dm", dm, output_shape(x.shape, mu.shape, stride, padding))
    x2, dx2 = square(x, domain, variance)
    positions = tuple(range(dm.ndim - 1))
    dx = correlate_input_gradient(dm, x.shape, mu, stride, padding) if input_gradient else None
    dmu = correlate_weight_gradient(dm, x, mu.shape, stride, padding)  # theory 3.3
    if sigma2 is None:
        return LinearGradients(dx, dmu, None, dm.sum(axis=positions), None)  # theory 3.18
    dv = check_array("dv", dv, dm.shape)
    if input_gradient:
        dx_variance = correlate_input_gradient(dv, x.shape, sigma2, stride, padding)
        dx = dx + dx_variance * dx2  # theory 3.3
    return LinearGradients(
        x=dx,
        mu=dmu,
        sigma2=correlate_weight_gradient(dv, x2, mu.shape, stride, padding),  # theory 3.3
        bias_mu=dm.sum(axis=positions),
        bias_sigma2=dv.sum(axis=positions),
    )


def output_shape(x_shape: tuple[int, ...], weight_shape: tuple[int, ...], stride: int, padding: int) -> tuple[int, ...]:
    """Shape of the convolution's output, channels last; raises InputError where no filter fits."""
    if stride < 1 or padding < 0:
        raise InputError(f"stride and padding are {stride} and {padding}; accepted: stride >= 1, padding >= 0")
    *leading, height, width, _ = x_shape
    out, kh, kw, _ = weight_shape
    rows, columns = ((n + 2 * padding - k) // stride + 1 for n, k in ((height, kh), (width, kw)))
    if min(rows, columns) < 1:
        raise InputError(f"filter {(kh, kw)} is larger than the padded input of x {x_shape}, padding {padding}")
    return *leading, rows, columns, out


def check_input(x: np.ndarray, mu: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """`x` as float64 after checking that the filters fit on it; raises InputError otherwise."""
    x = check_array("x", x, (*np.shape(x)[:-3], None, None, mu.shape[3]))
    output_shape(x.shape, mu.shape, stride, padding)
    return x


def pad(x: np.ndarray, padding: int) -> np.ndarray:
    """x with `padding` rows and columns of zeros on every side of its image axes."""
    return np.pad(x, [(0, 0)] * (x.ndim - 3) + [(padding, padding)] * 2 + [(0, 0)])


def windows(x: np.ndarray, kh: int, kw: int, stride: int, padding: int) -> np.ndarray:
    """The patches under the filter, as a view (..., rows, columns, in, kh, kw) of the padded x."""
    patches = np.lib.stride_tricks.sliding_window_view(pad(x, padding), (kh, kw), axis=(-3, -2))
    return patches[..., ::stride, ::stride, :, :, :]


def correlate(x: np.ndarray, weight: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """y[.., p, q, o] = sum_kli weight[o, k, l, i] x[.., p stride + k - padding, q stride + l - padding, i]."""
    _, kh, kw, _ = weight.shape
    return np.tensordot(windows(x, kh, kw, stride, padding), weight, ((-3, -2, -1), (3, 1, 2)))


def correlate_input_gradient(
    dy: np.ndarray, x_shape: tuple[int, ...], weight: np.ndarray, stride: int, padding: int
) -> np.ndarray:
    """The gradient of x under y = correlate(x, weight): each filter tap sends dy back to where it read."""
    _, kh, kw, _ = weight.shape
    rows, columns = dy.shape[-3:-1]
    dx = pad(np.zeros(x_shape), padding)
    for k in range(kh):
        for l in range(kw):
            read = (..., slice(k, k + stride * rows, stride), slice(l, l + stride * columns, stride), slice(None))
            dx[read] += dy @ weight[:, k, l, :]
    return dx[..., padding : padding + x_shape[-3], padding : padding + x_shape[-2], :]


def correlate_weight_gradient(
    dy: np.ndarray, x: np.ndarray, weight_shape: tuple[int, ...], stride: int, padding: int
) -> np.ndarray:
    """The gradient of the weight under y = correlate(x, weight): dy times the patch it saw, over all positions."""
    _, kh, kw, _ = weight_shape
    positions = tuple(range(dy.ndim - 1))
    gradient = np.tensordot(dy, windows(x, kh, kw, stride, padding), (positions, positions))
    return gradient.transpose(0, 2, 3, 1)
