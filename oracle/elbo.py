"""The variational objective exactly (theory 4.1, 4.2): expected log-likelihood minus KL divergence, and its gradient.

It is a lower bound on the log evidence, an ELBO, where each weight is drawn once an example or its divergence is
charged for every draw (theory 4.6, 4.7); `Elbo.bound` says whether it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle.errors import InputError, number
from oracle.losses import Loss
from oracle.moments import exact
from oracle.network import LIF, Network, Residual, check_input, named_layers, parameters


@dataclass(frozen=True)
class Elbo:
    """A variational objective, in nats for the whole data set.

    Attributes
    ----------
    value : float
        loglik - kl_weight * kl.
    loglik : float
        Expected log-likelihood of all examples.
    kl : float
        Divergence of the posterior from the prior, of each draw if so asked.
    gradient : dict of arrays
        Of `value`, by parameter.
    bound : bool
        Whether `value` is a lower bound on the log evidence, for losses that hold the whole expectation over the
        readout's weights: `Gaussian`, or the mean over all eps of the others (theory 4.6).

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[1.0]]))
    >>> loss = oracle.Gaussian(targets=[1.0])
    >>> found = oracle.elbo(net, [[1.0, 0.5]], [loss])
    >>> bool(np.isclose(found.value, found.loglik - found.kl))
    True
    """

    value: float
    loglik: float
    kl: float
    gradient: dict[str, np.ndarray]
    bound: bool


def draws(net: Network, x: Any) -> dict[str, int | None]:
    """How often, at most, the weights of each layer are drawn anew for one example (theory 4.6).

    None where no number of draws gives the law of the spikes: instantaneous variance beside a mean that is carried on,
    a step that the means choose, logistic noise before a known threshold or bias.

    Parameters
    ----------
    net, x
        As in `oracle.exact`.

    Examples
    --------
    >>> from oracle import LIF, Layer
    >>> draws(LIF([Layer([[1.0]], [[1.0]])], Layer([[1.0]], [[1.0]])), [[1.0]] * 4)
    {'layers.0': 10, 'readout': 4}
    """
    layers = named_layers(net)
    steps = len(check_input(net, x))
    hidden = [layer for name, layer in layers.items() if name != "readout"]
    known = any(layer.bias_mu is not None and layer.bias_sigma2 is None for layer in hidden)
    lawful = net.noise == "gaussian" or not known
    found: dict[str, int | None] = {**dict.fromkeys(layers, 1 if lawful else None), "readout": 1}
    if isinstance(net, Residual) and lawful:
        blocks = len(net.blocks)
        for b, block in enumerate(net.blocks):  # its last layer reaches every later block's first units, and the last
            found[f"blocks.{b}.{len(block) - 1}"] = blocks - b if net.accumulate or b == blocks - 1 else None
        found["stem"] = blocks + 1 if net.accumulate else None
    elif isinstance(net, LIF):
        # One draw for each pair of a step and an earlier one whose input membrane or current still hold.
        held = net.beta != 0.0 or net.alpha != 0.0
        one = steps if not held else steps * (steps + 1) // 2 if net.accumulate or steps == 1 else None
        lawful = lawful and (net.noise == "gaussian" or net.theta == net.adapt == 0.0)
        found = {**dict.fromkeys(layers, one if lawful else None), "readout": steps}
        if net.reduce == "max" and steps > 1:
            found["readout"] = None
    return found


def kl(
    net: Network, prior_sigma2: float | Mapping[str, float] = 1.0, times: Mapping[str, int] | None = None
) -> tuple[float, dict[str, np.ndarray]]:
    """KL divergence of the weights' posterior from N(0, prior_sigma2), and its gradient by parameter (theory 4.2).

    Parameters
    ----------
    net : Network
    prior_sigma2 : float, or dict of floats
        One prior variance, or one for each key that ends in "mu".
    times : dict of int, optional
        How often a layer counts, by its name; once if it is not there. 0: its weights are known.

    Raises
    ------
    InputError
        A posterior variance of 0, whose divergence is infinite; an unknown layer; a prior variance that is missing or
        not positive.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[1.0]]))
    >>> value, gradient = oracle.kl(net)
    >>> round(value, 6), gradient["layers.0.mu"]
    (1.318147, array([[ 1. , -0.5]]))
    """
    times = times or {}
    for name in times:
        if name not in named_layers(net):
            raise InputError(f"there is no layer {name!r}; accepted: {', '.join(named_layers(net))}")
    values = parameters(net)
    total, gradient = 0.0, {key: np.zeros(value.shape) for key, value in values.items()}
    for key, sigma2 in values.items():
        factor = times.get(key.rpartition(".")[0], 1)
        if not key.endswith("sigma2") or factor == 0:
            continue
        mu_key = key.removesuffix("sigma2") + "mu"
        mu = values.get(mu_key, np.zeros(sigma2.shape))
        if isinstance(prior_sigma2, Mapping) and mu_key not in prior_sigma2:
            raise InputError(f"prior_sigma2 has no entry {mu_key!r}; expected one for each key that ends in 'mu'")
        given = prior_sigma2[mu_key] if isinstance(prior_sigma2, Mapping) else prior_sigma2
        prior = number("prior_sigma2", given, above=0.0)
        if sigma2.min() == 0.0:
            raise InputError(f"{key} holds 0; the KL divergence needs numbers > 0")
        total += factor * 0.5 * float(((mu**2 + sigma2) / prior - 1.0 - np.log(sigma2 / prior)).sum())
        gradient[key] = factor * 0.5 * (1.0 / prior - 1.0 / sigma2)
        if mu_key in values:
            gradient[mu_key] = factor * mu / prior
    return total, gradient


def elbo(
    net: Network,
    inputs: Sequence[Any],
    losses: Sequence[Loss],
    *,
    prior_sigma2: float | Mapping[str, float] = 1.0,
    examples: int | None = None,
    kl_weight: float = 1.0,
    each_draw: bool = False,
    known: Sequence[str] = (),
) -> Elbo:
    """Exact variational objective of some examples, and its gradient.

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
        Anything but 1 tempers the objective.
    each_draw : bool
        Whether the divergence of a layer's weights is charged for each of their draws (theory 4.6), or once.
    known : sequence of str
        Layers whose weights are known: their divergence is not charged.

    Raises
    ------
    InputError
        As in `exact` and `kl`; `each_draw` where `draws` has no number.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[1.0]]))
    >>> loss = oracle.Gaussian(targets=[1.0])
    >>> found = oracle.elbo(net, [[1.0, 0.5]], [loss])
    >>> round(found.loglik, 5), round(found.kl, 5), found.bound
    (-1.41894, 1.31815, True)
    """
    if len(inputs) != len(losses) or not len(inputs):
        raise InputError(f"{len(inputs)} inputs and {len(losses)} losses were given; expected as many, one or more")
    scale = number("examples", len(inputs) if examples is None else examples, above=0.0) / len(inputs)
    number("kl_weight", kl_weight, lowest=0.0)
    count = {key: value for key, value in draws(net, max(inputs, key=len)).items() if key not in known}
    for name, number_ in count.items():
        if each_draw and number_ is None:
            raise InputError(
                f"no number of draws of {name} gives this network's law (theory 4.6); each_draw must be False"
            )
    times = {name: number_ for name, number_ in count.items() if number_ is not None} if each_draw else {}
    divergence, gradient = kl(net, prior_sigma2, {**times, **dict.fromkeys(known, 0)})
    gradient = {key: -kl_weight * value for key, value in gradient.items()}
    loglik = 0.0
    for x, loss in zip(inputs, losses, strict=True):
        one = exact(net, x, loss)
        loglik -= scale * one.loss
        for key, value in one.gradient.items():
            gradient[key] = gradient[key] - scale * value
    bound = kl_weight == 1.0 and (each_draw or all(value == 1 for value in count.values()))
    return Elbo(loglik - kl_weight * divergence, loglik, divergence, gradient, bound)
