"""One block of a residual stream, units and a convolution: what the stream's moments become (theory 1.1, 3.6, 3.8).

It composes `unit`, `conv2d` and `residual`, so that a backend may run all three as one pass over the stream.
"""

from typing import Any, NamedTuple

import numpy as np

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.reference import conv2d, residual, unit


class BlockGradients(NamedTuple):
    """Gradients of the stream that enters, of the filters (out, kh, kw, in) and of the biases (out,)."""

    H: np.ndarray
    U: np.ndarray
    mu: np.ndarray
    sigma2: np.ndarray
    bias_mu: np.ndarray
    bias_sigma2: np.ndarray


def forward(
    H: np.ndarray,
    U: np.ndarray,
    u: Any,
    mu: np.ndarray,
    sigma2: np.ndarray,
    bias_mu: np.ndarray,
    bias_sigma2: np.ndarray,
    *,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    domain: str = "binary",
    variance: str = "linear",
    stride: int = 1,
    padding: int = 0,
    scale: float = 1.0,
    accumulate: bool = True,
) -> tuple[np.ndarray, np.ndarray, Any]:
    """The stream after the block, and the values of its units.

    Parameters
    ----------
    H, U : (images, height, width, channels) arrays
        Mean and variance of the stream, U >= 0.
    u : array of the same shape
        Uniforms of the units.
    mu, sigma2 : (channels, kh, kw, channels) arrays
    bias_mu, bias_sigma2 : (channels,) arrays
    noise, member, domain
        Of the units, as in `unit.forward`.
    variance, stride, padding
        Of the convolution, as in `conv2d.forward`; the image keeps its size.
    scale, accumulate
        Of the sum, as in `residual.add_forward`.

    Returns
    -------
    H, U : arrays of the same shape
    h : the units' values

    Raises
    ------
    InputError
        As the three functions that it composes.

    Examples
    --------
    >>> import numpy as np
    >>> one, w = np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1))
    >>> H, U, h = forward(one, one, 0.5 * one, w, w, np.zeros(1), np.zeros(1), noise="gaussian", member="st", scale=0.5)
    >>> H.item(), U.item(), h.item()
    (1.5, 1.25, 1.0)
    """
    h = unit.forward(H, U, u, noise=noise, member=member, domain=domain)  # theory 1.1
    options = {"stride": stride, "padding": padding, "domain": domain, "variance": variance}
    m, v = conv2d.forward(h, mu, sigma2, bias_mu, bias_sigma2, **options)  # type: ignore[arg-type]  # theory 3.6
    return *residual.add_forward(H, U, m, v, scale=scale, accumulate=accumulate), h  # theory 3.8


def backward(
    dH: np.ndarray,
    dU: np.ndarray,
    h: Any,
    H: np.ndarray,
    U: np.ndarray,
    u: Any,
    mu: np.ndarray,
    sigma2: np.ndarray,
    *,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    domain: str = "binary",
    variance: str = "linear",
    stride: int = 1,
    padding: int = 0,
    scale: float = 1.0,
    accumulate: bool = True,
    extra: np.ndarray | None = None,
) -> BlockGradients:
    """Gradients of the stream that enters and of the weights.

    Parameters
    ----------
    dH, dU : (images, height, width, channels) arrays
        Gradients of the stream after the block.
    h : the units' values, from `forward`
    H, U, u, mu, sigma2
        As in `forward`.
    noise, member, domain, variance, stride, padding, scale, accumulate
        As in `forward`.
    extra : array or None
        As in `unit.backward`.

    Returns
    -------
    BlockGradients

    Raises
    ------
    InputError
        As the three functions that it composes.

    Examples
    --------
    >>> import numpy as np
    >>> one, w = np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1))
    >>> options = {"noise": "gaussian", "member": "st", "scale": 0.5}
    >>> H, U, h = forward(one, one, 0.5 * one, w, w, np.zeros(1), np.zeros(1), **options)
    >>> found = backward(one, one, h, one, one, 0.5 * one, w, w, **options)
    >>> found.mu.item(), found.sigma2.item()
    (0.5, 0.25)
    """
    kept, U_kept, dm, dv = residual.add_backward(dH, dU, scale=scale, accumulate=accumulate)
    options = {"stride": stride, "padding": padding, "domain": domain, "variance": variance}
    through = conv2d.backward(dm, dv, h, mu, sigma2, **options)  # type: ignore[arg-type]
    own_m, own_v = unit.backward(through.x, h, H, U, u, noise=noise, member=member, domain=domain, extra=extra)
    return BlockGradients(
        kept + own_m, U_kept + own_v, through.mu, through.sigma2, through.bias_mu, through.bias_sigma2
    )
