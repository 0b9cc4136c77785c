"""What every linear layer shares: the square that carries a value into the variance, and the gradients' names."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refsbnn.errors import InputError, check_array, check_choice

DOMAINS = ("binary", "bipolar", "real")
VARIANCES = ("linear", "quadratic")
LOWEST = {"binary": 0.0, "bipolar": -1.0, "real": -np.inf}


class LinearGradients(NamedTuple):
    """Gradients of a linear layer, each of its argument's shape (theory 3.3).

    x is None where it was not wanted, sigma2 and bias_sigma2 are None for point weights.
    """

    x: Any
    mu: np.ndarray
    sigma2: Any
    bias_mu: np.ndarray
    bias_sigma2: Any


def square(x: np.ndarray, domain: str, variance: str) -> tuple[np.ndarray, np.ndarray]:
    """The square of x that enters v = sigma2 @ x2, and its derivative (theory 3.4).

    On spikes x^2 is x ({0,1}) or 1 ({-1,+1}); between the states the extension is a choice.

    Parameters
    ----------
    x : (...) float array
        Values of the domain, or relaxed values between its two states.
    domain : {"binary", "bipolar", "real"}
    variance : {"linear", "quadratic"}
        "linear": x2 = x on {0,1}, 1 on {-1,+1}; "quadratic": x2 = x^2. Real values use x^2 in both.

    Returns
    -------
    x2, dx2 : (...) float arrays

    Raises
    ------
    InputError
        Unknown name, or a value outside the interval the domain spans.

    Examples
    --------
    >>> import numpy as np
    >>> square(np.array([0.0, 1.0]), "binary", "linear")
    (array([0., 1.]), array([1., 1.]))
    >>> square(np.array([-1.0, 1.0]), "bipolar", "quadratic")
    (array([1., 1.]), array([-2.,  2.]))
    """
    check_choice("domain", domain, DOMAINS)
    check_choice("variance", variance, VARIANCES)
    if domain != "real" and x.size and (x.min() < LOWEST[domain] or x.max() > 1.0):
        raise InputError(
            f"x holds values from {x.min():g} to {x.max():g}; {domain} ones lie in [{LOWEST[domain]:g}, 1]"
        )
    if domain == "real" or variance == "quadratic":
        return x * x, 2.0 * x  # theory 3.4: x2 = x^2
    if domain == "binary":
        return x, np.ones_like(x)  # theory 3.4: x2 = x on {0,1}
    return np.ones_like(x), np.zeros_like(x)  # theory 3.4: x2 = 1 on {-1,+1}


def check_weights(
    mu: np.ndarray,
    sigma2: np.ndarray | None,
    bias_mu: np.ndarray | None,
    bias_sigma2: np.ndarray | None,
    ndim: int,
    check: Callable[..., np.ndarray] = check_array,
) -> tuple[np.ndarray, Any, np.ndarray, Any]:
    """The weights of a linear layer as `check` gives them; an absent bias is zero with variance zero.

    Point weights (theory 3.18) have neither sigma2 nor bias_sigma2.

    Raises
    ------
    InputError
        `mu` has not `ndim` dimensions, a shape does not match it, a variance is negative, or NaN.
    """
    mu = check("mu", mu, (None,) * ndim)
    zero = np.zeros(len(mu), mu.dtype)
    bias_mu = zero if bias_mu is None else check("bias_mu", bias_mu, zero.shape)
    if sigma2 is None:
        if bias_sigma2 is not None:
            raise InputError("bias_sigma2 is given without sigma2; point weights have neither")
        return mu, None, bias_mu, None
    sigma2 = check("sigma2", sigma2, mu.shape, nonnegative=True)
    bias_sigma2 = zero if bias_sigma2 is None else check("bias_sigma2", bias_sigma2, zero.shape, nonnegative=True)
    return mu, sigma2, bias_mu, bias_sigma2
