"""Dense layer with mean-field Gaussian weights under local reparameterisation (theory 3.1 to 3.4)."""

from typing import Any

import numpy as np

from refsbnn.errors import check_array
from refsbnn.reference.moments import LinearGradients, check_weights, square


def forward(
    x: np.ndarray,
    mu: np.ndarray,
    sigma2: np.ndarray | None,
    bias_mu: np.ndarray | None = None,
    bias_sigma2: np.ndarray | None = None,
    *,
    domain: str = "real",
    variance: str = "linear",
) -> tuple[np.ndarray, Any]:
    """Mean and variance of the pre-activations (theory 3.1).

    Parameters
    ----------
    x : (..., in) array
    mu, sigma2 : (out, in) arrays
        Posterior mean and variance of the weights; sigma2 None for point weights (theory 3.18).
    bias_mu, bias_sigma2 : (out,) arrays, optional
    domain : {"real", "binary", "bipolar"}
        What x holds.
    variance : {"linear", "quadratic"}
        Extension of x^2 between the states (theory 3.4).

    Returns
    -------
    m, v : (..., out) float64 arrays
        v None for point weights.

    Raises
    ------
    InputError
        Shapes that do not fit, negative variances, NaN, unknown names.

    Examples
    --------
    >>> import numpy as np
    >>> forward(np.array([[1.0, 0.0]]), np.array([[0.5, 2.0]]), np.array([[0.1, 0.2]]), domain="binary")
    (array([[0.5]]), array([[0.1]]))
    """
    mu, sigma2, bias_mu, bias_sigma2 = check_weights(mu, sigma2, bias_mu, bias_sigma2, ndim=2)
    x = check_array("x", x, (*np.shape(x)[:-1], mu.shape[1]))
    x2, _ = square(x, domain, variance)
    m = x @ mu.T + bias_mu  # theory 3.1
    v = None if sigma2 is None else x2 @ sigma2.T + bias_sigma2  # theory 3.1
    return m, v


def backward(
    dm: np.ndarray,
    dv: np.ndarray | None,
    x: np.ndarray,
    mu: np.ndarray,
    sigma2: np.ndarray | None,
    *,
    domain: str = "real",
    variance: str = "linear",
    input_gradient: bool = True,
) -> LinearGradients:
    """Gradients of x, the weights and the bias, given those of m and v (theory 3.3).

    Parameters
    ----------
    dm, dv : (..., out) arrays
        dv None where sigma2 is None.
    x : (..., in) array
    mu, sigma2 : (out, in) arrays
    domain, variance
        As in `forward`.
    input_gradient : bool
        Whether the gradient of x is wanted.

    Returns
    -------
    LinearGradients
        x (..., in) or None, mu and sigma2 (out, in), bias_mu and bias_sigma2 (out,), summed over the leading axes.
        Those of variances are None for point weights.

    Raises
    ------
    InputError
        Shapes that do not fit, negative variances, NaN, unknown names.

    Examples
    --------
    >>> import numpy as np
    >>> x, mu, sigma2 = np.array([[1.0, 0.0]]), np.array([[0.5, 2.0]]), np.array([[0.1, 0.2]])
    >>> found = backward(np.array([[1.0]]), np.array([[1.0]]), x, mu, sigma2, domain="binary")
    >>> found.x, found.mu, found.sigma2
    (array([[0.6, 2.2]]), array([[1., 0.]]), array([[1., 0.]]))
    """
    mu, sigma2, _, _ = check_weights(mu, sigma2, None, None, ndim=2)
    x = check_array("x", x, (*np.shape(x)[:-1], mu.shape[1]))
    dm = check_array("dm", dm, (*x.shape[:-1], mu.shape[0]))
    x2, dx2 = square(x, domain, variance)
    leading = tuple(range(x.ndim - 1))
    if sigma2 is None:
        dx = dm @ mu if input_gradient else None  # theory 3.18
        return LinearGradients(dx, np.tensordot(dm, x, (leading, leading)), None, dm.sum(axis=leading), None)
    dv = check_array("dv", dv, dm.shape)
    return LinearGradients(
        x=dm @ mu + (dv @ sigma2) * dx2 if input_gradient else None,  # theory 3.3
        mu=np.tensordot(dm, x, (leading, leading)),  # theory 3.3: dm^T x
        sigma2=np.tensordot(dv, x2, (leading, leading)),  # theory 3.3: dv^T x2
        bias_mu=dm.sum(axis=leading),
        bias_sigma2=dv.sum(axis=leading),
    )
