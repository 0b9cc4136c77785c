"""Weight sampling: one draw of the weights for each example, to compare with local reparameterisation (theory 3.15).

A drawn pre-activation a lies (a - m) / s standard deviations from its mean, so u = 1 - Phi((a - m) / s) is uniform and
1[u < Phi(m / s)] = 1[a > 0]: the units' forward and backward apply unchanged, with Gaussian noise. What differs is the
law: uniforms of units, positions and steps that share weights are dependent.
"""

import numpy as np

from refsbnn.errors import InputError, check_array
from refsbnn.noise import GAUSSIAN
from refsbnn.reference import conv2d as convolution
from refsbnn.reference import dense as fully_connected

BELOW_ONE = 1.0 - 2.0**-53


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
    """Moments of a dense layer and the uniforms that its sampled weights amount to (theory 3.15).

    Parameters
    ----------
    x : (..., batch, in) array
        Leading axes (time) share the example's weights.
    mu, sigma2 : (out, in) arrays
    eps : (batch, out, in) array
        Standard normal draws of the weights.
    bias_mu, bias_sigma2 : (out,) arrays, optional
    bias_eps : (batch, out) array, needed where bias_sigma2 is given
    domain : {"real", "binary", "bipolar"}
        What x holds; spikes must be on their states.

    Returns
    -------
    m, v : (..., batch, out) float64 arrays
        As `dense.forward` gives.
    u : (..., batch, out) float64 array
        For `unit.forward` and `unit.backward` with Gaussian noise; 1/2 where v = 0.

    Raises
    ------
    InputError
        As `dense.forward`; draws of a wrong shape; relaxed values in a spike domain.

    Examples
    --------
    >>> import numpy as np
    >>> m, v, u = dense(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)), np.zeros((1, 1, 1)))
    >>> m.item(), v.item(), u.item()
    (1.0, 1.0, 0.5)
    """
    m, v = fully_connected.forward(x, mu, sigma2, bias_mu, bias_sigma2, domain=domain)
    x = check_states(x, domain, 2)
    eps = check_array("eps", eps, (x.shape[-2], *np.shape(mu)))
    deviation = np.einsum("...bi,boi->...bo", x, np.sqrt(sigma2) * eps)  # theory 3.15
    bias = bias_deviation(bias_sigma2, bias_eps, m.shape[-2:])
    return m, v, uniforms(deviation + bias, v)


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
    """Moments of a convolution and the uniforms that its sampled filters amount to (theory 3.15).

    Parameters
    ----------
    x : (..., batch, height, width, in) array
        Leading axes (time) share the example's filters.
    mu, sigma2 : (out, kh, kw, in) arrays
    eps : (batch, out, kh, kw, in) array
        Standard normal draws of the filters.
    bias_mu, bias_sigma2, bias_eps, domain
        As in `dense`.
    stride, padding
        As in `conv2d.forward`.

    Returns
    -------
    m, v, u : (..., batch, rows, columns, out) float64 arrays

    Raises
    ------
    InputError
        As `conv2d.forward`; draws of a wrong shape; relaxed values in a spike domain.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.ones((1, 2, 2, 1)), np.ones((3, 1, 1, 1))
    >>> m, v, u = conv2d(x, w, w, np.zeros((1, 3, 1, 1, 1)))
    >>> m.shape, u[0, 0, 0, 0]
    ((1, 2, 2, 3), np.float64(0.5))
    """
    m, v = convolution.forward(x, mu, sigma2, bias_mu, bias_sigma2, stride=stride, padding=padding, domain=domain)
    x = check_states(x, domain, 4)
    batch = x.shape[-4]
    filters = np.sqrt(sigma2) * check_array("eps", eps, (batch, *np.shape(mu)))
    each = [convolution.correlate(x[..., b, :, :, :], filters[b], stride, padding) for b in range(batch)]
    deviation = np.stack(each, axis=-4)  # theory 3.15
    bias = bias_deviation(bias_sigma2, bias_eps, (batch, m.shape[-1]))
    return m, v, uniforms(deviation + bias[:, None, None, :], v)


def check_states(x: np.ndarray, domain: str, ndim: int) -> np.ndarray:
    """x as float64 after checking its dimensions and, in a spike domain, that x^2 is what v used."""
    x = check_array("x", x)
    if x.ndim < ndim:
        raise InputError(f"x has shape {x.shape}; weight sampling needs a batch axis, {ndim} dimensions at least")
    states = {"binary": (0.0, 1.0), "bipolar": (-1.0, 1.0)}.get(domain)
    if states is not None and not np.isin(x, states).all():
        raise InputError(f"x holds values off the {domain} states; weight sampling needs spikes or domain 'real'")
    return x


def bias_deviation(bias_sigma2: np.ndarray | None, bias_eps: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    """Deviation of each example's sampled bias from its mean, (batch, out)."""
    if bias_sigma2 is None:
        return np.zeros(shape)
    return np.sqrt(bias_sigma2) * check_array("bias_eps", bias_eps, shape)  # theory 3.15


def uniforms(deviation: np.ndarray, v: np.ndarray) -> np.ndarray:
    """u = 1 - Phi((a - m) / s), kept below 1 where Phi underflows."""
    s = np.sqrt(np.where(v > 0.0, v, 1.0))
    return np.minimum(GAUSSIAN.sf(deviation / s), BELOW_ONE)  # theory 3.15
