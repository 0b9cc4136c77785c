"""Exact evidence lower bound (theory 4.1, 4.2): expected log-likelihood minus KL divergence, and its gradient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle.errors import InputError, number
from oracle.losses import Loss
from oracle.moments import exact
from oracle.network import Network, parameters


@dataclass(frozen=True)
class Elbo:
    """An evidence lower bound, in nats for the whole data set.

    Attributes
    ----------
    value : float
        loglik - kl_weight * kl.
    loglik : float
        Expected log-likelihood of all examples.
    kl : float
        Divergence of the posterior from the prior.
    gradient : dict of arrays
        Of `value`, by parameter.
    """

    value: float
    loglik: float
    kl: float
    gradient: dict[str, np.ndarray]


def kl(net: Network, prior_sigma2: float | Mapping[str, float] = 1.0) -> tuple[float, dict[str, np.ndarray]]:
    """KL divergence of the weights' posterior from N(0, prior_sigma2), and its gradient by parameter (theory 4.2).

    Parameters
    ----------
    net : Network
    prior_sigma2 : float, or dict of floats
        One prior variance, or one for each key that ends in "mu".

    Raises
    ------
    InputError
        A posterior variance of 0, whose divergence is infinite; a prior variance that is missing or not positive.
    """
    values = parameters(net)
    total, gradient = 0.0, {key: np.zeros(value.shape) for key, value in values.items()}
    for key, sigma2 in values.items():
        if not key.endswith("sigma2"):
            continue
        mu_key = key.removesuffix("sigma2") + "mu"
        mu = values.get(mu_key, np.zeros(sigma2.shape))
        if isinstance(prior_sigma2, Mapping) and mu_key not in prior_sigma2:
            raise InputError(f"prior_sigma2 has no entry {mu_key!r}; expected one for each key that ends in 'mu'")
        given = prior_sigma2[mu_key] if isinstance(prior_sigma2, Mapping) else prior_sigma2
        prior = number("prior_sigma2", given, above=0.0)
        if sigma2.min() == 0.0:
            raise InputError(f"{key} holds 0; the KL divergence needs numbers > 0")
        total += 0.5 * float(((mu**2 + sigma2) / prior - 1.0 - np.log(sigma2 / prior)).sum())
        gradient[key] = 0.5 * (1.0 / prior - 1.0 / sigma2)
        if mu_key in values:
            gradient[mu_key] = mu / prior
    return total, gradient


def elbo(
    net: Network,
    inputs: Sequence[Any],
    losses: Sequence[Loss],
    *,
    prior_sigma2: float | Mapping[str, float] = 1.0,
    examples: int | None = None,
    kl_weight: float = 1.0,
) -> Elbo:
    """Exact evidence lower bound of some examples, and its gradient.

    Parameters
    ----------
    net : Network
    inputs, losses : sequences of the same length
        One input and one negative log-likelihood for each example.
    prior_sigma2
        As in `kl`.
    examples : int, optional
        Size N of the data set the given examples stand for; their number if not given.
    kl_weight : float
        Anything but 1 makes the bound a tempered one.

    Raises
    ------
    InputError
        As in `exact` and `kl`.
    """
    if len(inputs) != len(losses) or not len(inputs):
        raise InputError(f"{len(inputs)} inputs and {len(losses)} losses were given; expected as many, one or more")
    scale = number("examples", len(inputs) if examples is None else examples, above=0.0) / len(inputs)
    number("kl_weight", kl_weight, lowest=0.0)
    divergence, gradient = kl(net, prior_sigma2)
    gradient = {key: -kl_weight * value for key, value in gradient.items()}
    loglik = 0.0
    for x, loss in zip(inputs, losses, strict=True):
        one = exact(net, x, loss)
        loglik -= scale * one.loss
        for key, value in one.gradient.items():
            gradient[key] = gradient[key] - scale * value
    return Elbo(loglik - kl_weight * divergence, loglik, divergence, gradient)
