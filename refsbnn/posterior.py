"""Mean-field Gaussian posterior over the weights: its variance's parameter, its KL term, zero-mean filters."""

from typing import NamedTuple

import numpy as np

from refsbnn.errors import InputError, check_array, check_integer, check_number, check_shape

# For |d| below this, d - log(1 + d) is summed as a series; above it, x - 1 - log(x) itself loses under 4 bits.
NEAR_PRIOR = 0.5
# Terms of that series: q^2 <= 1/9 for |d| <= 1/2, so the first one left out is below 9^-17 / 37 of the first.
TERMS = 17


class KL(NamedTuple):
    """KL divergence of a layer's posterior from its prior in nats, with its gradients (theory 4.2).

    Examples
    --------
    >>> import numpy as np
    >>> kl(np.zeros(3), np.ones(3), 1.0).value
    0.0
    """

    value: float
    mu: np.ndarray
    sigma2: np.ndarray


def sigma2_of(rho: np.ndarray) -> np.ndarray:
    """The posterior variance exp(rho) (theory 3.5).

    Examples
    --------
    >>> float(sigma2_of(0.0))
    1.0
    """
    return np.exp(rho)  # theory 3.5


def rho_of(sigma2: np.ndarray) -> np.ndarray:
    """The parameter rho = log(sigma2) of a posterior variance (theory 3.5).

    Raises
    ------
    InputError
        A variance that is not positive.

    Examples
    --------
    >>> float(rho_of(1.0))
    0.0
    """
    return np.log(check_array("sigma2", sigma2, positive=True))  # theory 3.5


def kl(mu: np.ndarray, sigma2: np.ndarray, prior_sigma2: np.ndarray | float) -> KL:
    """KL of N(mu, sigma2) from the prior N(0, prior_sigma2), summed over the weights (theory 4.2).

    With d = sigma2 / prior - 1 each weight counts (mu^2 / prior + d - log(1 + d)) / 2, a sum of terms that are never
    negative, each to a few units in the last place however near sigma2 is to the prior.

    Parameters
    ----------
    mu, sigma2 : (...) arrays
    prior_sigma2 : float, or array that broadcasts to the weights

    Returns
    -------
    KL
        value in nats; gradients mu and sigma2 of shape (...).

    Raises
    ------
    InputError
        Shapes that differ, a variance that is not positive, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> kl(np.array([1.0]), np.array([2.0]), 2.0).value
    0.25
    """
    mu = check_array("mu", mu)
    sigma2 = check_array("sigma2", sigma2, mu.shape, positive=True)
    prior = check_array("prior_sigma2", prior_sigma2, positive=True)
    try:
        prior = np.broadcast_to(prior, mu.shape)
    except ValueError:
        raise InputError(f"prior_sigma2 has shape {prior.shape}; expected one that broadcasts to {mu.shape}") from None
    d = (sigma2 - prior) / prior  # exact difference where it is small
    value = 0.5 * (mu * mu / prior + excess(d, sigma2 / prior))  # theory 4.2
    return KL(float(value.sum()), mu / prior, 0.5 * d / sigma2)  # theory 4.2: (1/prior - 1/sigma2) / 2


def kl_of(mu: np.ndarray, rho: np.ndarray, prior_sigma2: float) -> tuple[float, np.ndarray, np.ndarray]:
    """`kl` in the network's own parameter rho = log(sigma2) (theory 3.5): value in nats, gradients of mu and rho.

    Examples
    --------
    >>> import numpy as np
    >>> value, dmu, drho = kl_of(np.array([1.0]), np.array([0.0]), 1.0)
    >>> value, dmu.item(), drho.item()
    (0.5, 1.0, 0.0)
    """
    sigma2 = sigma2_of(rho)
    value, dmu, dsigma2 = kl(mu, sigma2, prior_sigma2)
    return value, dmu, dsigma2 * sigma2  # theory 3.5: d sigma2 / d rho = sigma2


def add_kl(
    dmu: np.ndarray,
    drho: np.ndarray,
    mu: np.ndarray,
    rho: np.ndarray,
    prior_sigma2: float,
    *,
    weight: float = 1.0,
    count: int = 1,
) -> float:
    """`kl_of`, its gradients times `weight` added where the gradients of a loss are.

    Parameters
    ----------
    dmu, drho : contiguous (...) arrays, changed
    mu, rho : (...) arrays
    prior_sigma2 : float
    weight : float
        Of the gradients alone.
    count : int
        Of value and gradients: how often each weight is charged (theory 4.7).

    Returns
    -------
    float
        `count` times the KL, in nats.

    Raises
    ------
    InputError
        What `kl_of` refuses, gradients of another shape, a weight that is not finite, a count below 1.

    Examples
    --------
    >>> import numpy as np
    >>> dmu, drho = np.array([3.0]), np.array([3.0])
    >>> add_kl(dmu, drho, np.array([1.0]), np.array([0.0]), 1.0, weight=0.5), dmu.item(), drho.item()
    (0.5, 3.5, 3.0)
    """
    check_added(dmu, drho, np.shape(mu), weight, count)
    value, of_mu, of_rho = kl_of(mu, rho, prior_sigma2)
    for into, of_kl in ((dmu, of_mu), (drho, of_rho)):
        into += count * of_kl * weight  # theory 4.7
    return count * value


def check_added(dmu: np.ndarray, drho: np.ndarray, shape: tuple[int, ...], weight: float, count: int) -> None:
    """Raise `InputError` unless KL's gradients can be added to these; they may hold anything, NaN too.

    Examples
    --------
    >>> check_added(np.zeros(2), np.zeros(3), (3,), 1.0, 1)
    Traceback (most recent call last):
    refsbnn.errors.InputError: dmu has shape (2,); expected (3)
    """
    check_shape("dmu", np.shape(dmu), shape)
    check_shape("drho", np.shape(drho), shape)
    check_number("weight", weight, lambda _: True, "a finite number")
    check_integer("count", count, 1)


def fitted_prior(mu: np.ndarray, rho: np.ndarray) -> float:
    """The prior variance of least KL for a layer's weights, mean(mu^2 + sigma2) (theory 4.18).

    KL is stationary in it, so the gradients of `kl_of` at this prior are those of the KL that is left.

    Examples
    --------
    >>> import numpy as np
    >>> fitted_prior(np.array([1.0, 0.0]), np.array([0.0, 0.0]))
    1.5
    """
    return float(np.mean(np.square(mu, dtype=np.float64) + sigma2_of(np.asarray(rho, np.float64))))  # theory 4.18


def excess(d: np.ndarray, x: np.ndarray) -> np.ndarray:
    """x - 1 - log(x) for x = 1 + d, which is never negative, to rounding for x near 1 (from d) and near 0 (from x).

    With q = d / (2 + d), log(1 + d) = 2 atanh(q) and d = 2q / (1 - q), so the difference is
    q (d - 2 q^2 (1/3 + q^2/5 + q^4/7 + ...)).
    """
    near = np.abs(d) < NEAR_PRIOR
    small = np.where(near, d, 0.0)
    q = small / (2.0 + small)
    series = np.zeros_like(q)
    for n in range(TERMS, 0, -1):
        series = series * q * q + 1.0 / (2 * n + 1)
    return np.where(near, q * (small - 2.0 * q * q * series), x - 1.0 - np.log(x))


def zero_mean(mu: np.ndarray) -> np.ndarray:
    """Filters without their mean: mu_i - mean(mu_i) over all axes but the first (theory 3.7).

    Parameters
    ----------
    mu : (out, in) or (out, kh, kw, in) array
        The free parameter.

    Returns
    -------
    array of the same shape, whose filters sum to zero

    Raises
    ------
    InputError
        Fewer than two dimensions, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> zero_mean(np.array([[1.0, 3.0]]))
    array([[-1.,  1.]])
    """
    mu = check_array("mu", mu)
    if mu.ndim < 2:
        raise InputError(f"mu has shape {mu.shape}; expected (out, in) or (out, kh, kw, in)")
    return mu - mu.mean(axis=tuple(range(1, mu.ndim)), keepdims=True)  # theory 3.7


def zero_mean_backward(dmu: np.ndarray) -> np.ndarray:
    """Gradient of the free parameter given that of its zero-mean filters (theory 3.7).

    The projection is symmetric, so its adjoint is the projection itself.

    Parameters
    ----------
    dmu : (out, in) or (out, kh, kw, in) array

    Returns
    -------
    array of the same shape

    Raises
    ------
    InputError
        As `zero_mean`.

    Examples
    --------
    >>> import numpy as np
    >>> zero_mean_backward(np.array([[1.0, 3.0]]))
    array([[-1.,  1.]])
    """
    return zero_mean(dmu)  # theory 3.7
