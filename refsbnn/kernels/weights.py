"""Weight sampling (theory 3.15); the functions of `refsbnn.reference.weights` on the kernels' products.

It exists to be compared with local reparameterisation: one product an example.
"""

import numpy as np

from refsbnn.kernels import conv2d as convolution
from refsbnn.kernels import dense as fully_connected
from refsbnn.kernels.check import check_float
from refsbnn.reference.weights import bias_deviation, check_states, uniforms


def dense(
    x: np.ndarray,
    mu: np.ndarray,
    sigma2: np.ndarray,
    eps: np.ndarray,
    bias_mu: np.ndarray | None = None,
    bias_sigma2: np.ndarray | None = None,
    bias_eps: np.ndarray | None = None,
    *,
    domain: str = "real",
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Moments and uniforms of a dense layer; as in `refsbnn.reference.weights.dense`, u in float64."""
    m, v = fully_connected.forward(x, mu, sigma2, bias_mu, bias_sigma2, domain=domain)
    values = checked(x, domain, mu.dtype, 2)
    eps = check_float("eps", eps, (values.shape[-2], *mu.shape), mu.dtype)
    each = [
        fully_connected.forward(np.ascontiguousarray(values[..., b, :]), np.sqrt(sigma2) * eps[b], np.zeros_like(mu))[0]
        for b in range(len(eps))
    ]
    bias = bias_deviation(bias_sigma2, bias_eps, m.shape[-2:])
    return m, v, uniforms(np.stack(each, axis=-2) + bias, v.astype(np.float64))  # theory 3.15


def conv2d(
    x: np.ndarray,
    mu: np.ndarray,
    sigma2: np.ndarray,
    eps: np.ndarray,
    bias_mu: np.ndarray | None = None,
    bias_sigma2: np.ndarray | None = None,
    bias_eps: np.ndarray | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    domain: str = "real",
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Moments and uniforms of a convolution; as in `refsbnn.reference.weights.conv2d`, u in float64."""
    options = {"stride": stride, "padding": padding}
    m, v = convolution.forward(x, mu, sigma2, bias_mu, bias_sigma2, domain=domain, **options)  # type: ignore[arg-type]
    values = checked(x, domain, mu.dtype, 4)
    eps = check_float("eps", eps, (values.shape[-4], *mu.shape), mu.dtype)
    none = np.zeros_like(mu)
    each = []
    for b in range(len(eps)):
        image = np.ascontiguousarray(values[..., b, :, :, :])
        each.append(convolution.forward(image, np.sqrt(sigma2) * eps[b], none, **options)[0])  # type: ignore[arg-type]
    bias = bias_deviation(bias_sigma2, bias_eps, (len(eps), m.shape[-1]))
    deviation = np.stack(each, axis=-4) + bias[:, None, None, :]  # theory 3.15
    return m, v, uniforms(deviation, v.astype(np.float64))


def checked(x: np.ndarray, domain: str, dtype: np.dtype, ndim: int) -> np.ndarray:
    """The values that x stands for; relaxed ones are refused in a spike domain."""
    values = fully_connected.floats(np.asarray(x), domain, dtype)
    check_states(values, domain, ndim)
    return values
