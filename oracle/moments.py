"""The questions one asks: `exact` for the loss and its gradient, `moments` for an estimator's bias and variance."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle import enumerate as tree
from oracle import transfer
from oracle.errors import InputError, choice
from oracle.losses import Loss
from oracle.members import Discrete
from oracle.network import Layered, Network, check_input, named_layers

METHODS = ("auto", "transfer", "tree")
WAYS = ("difference", "score")


@dataclass(frozen=True)
class Exact:
    """An expected loss.

    Attributes
    ----------
    loss : float
    gradient : dict of arrays
        Of the expected loss, by parameter: "layers.0.mu".
    probability : float
        Of all states together: a certificate, 1 to rounding.
    """

    loss: float
    gradient: dict[str, np.ndarray]
    probability: float


@dataclass(frozen=True)
class Estimate:
    """The law of an estimator of one parameter's gradient; every array has the parameter's shape.

    Attributes
    ----------
    gradient : ndarray
        Exact gradient of the expected loss.
    mean : ndarray
        Expectation of the estimate.
    square : ndarray
        Expectation of its square.
    """

    gradient: np.ndarray
    mean: np.ndarray
    square: np.ndarray

    @property
    def bias(self) -> np.ndarray:
        """Mean minus exact gradient."""
        return self.mean - self.gradient

    @property
    def variance(self) -> np.ndarray:
        """Variance of each entry: the diagonal of the covariance. Exact to rounding of `square`."""
        return np.maximum(self.square - self.mean**2, 0.0)

    @property
    def mse(self) -> np.ndarray:
        """Mean squared error of each entry: variance plus squared bias."""
        return self.variance + self.bias**2


def exact(net: Network, x: Any, loss: Loss, *, method: str = "auto", way: str = "difference") -> Exact:
    """Exact expected loss and the gradient of every parameter.

    Parameters
    ----------
    net : Layered, Residual or LIF
    x : (in,), or (steps, in) for LIF
    loss : Loss
    method : "auto", "transfer" or "tree"
        Recursions from layer to layer (`Layered` only), or all joint states. "auto" takes the recursions where it can.
    way : "difference" or "score"
        Two independent sums for the gradient: unit differences (theory 5.3) or the score function (theory 5.2).

    Raises
    ------
    InputError
        Wrong shapes or words, or a network too large.
    """
    x = _check(net, x, loss, method)
    choice("way", way, WAYS)
    if isinstance(net, Layered) and method != "tree":
        return Exact(*transfer.exact(net, x, loss, way))
    return Exact(*tree.exact(net, x, loss, way))


def moments(net: Network, x: Any, loss: Loss, member: Discrete, *, method: str = "auto") -> dict[str, Estimate]:
    """Exact mean, bias, variance and mean squared error of a member's gradient estimate, by parameter.

    Parameters
    ----------
    net, x, loss, method
        As in `exact`.
    member : Discrete
        For example `oracle.agr(tau=0.5)`.

    Raises
    ------
    InputError
        As in `exact`.
    """
    x = _check(net, x, loss, method)
    if not isinstance(member, Discrete):
        raise InputError(f"the member is a {type(member).__name__}; expected one of oracle.st(), oracle.agr(tau), ...")
    gradient = exact(net, x, loss, method=method).gradient
    if isinstance(net, Layered) and method != "tree":
        mean, square, _ = transfer.moments(net, x, loss, member)
    else:
        mean, square, _ = tree.moments(net, x, loss, member.states, 4 if member.random else 2)
    return {key: Estimate(gradient[key], mean[key], square[key]) for key in gradient}


def _check(net: Network, x: Any, loss: Loss, method: str) -> np.ndarray:
    layers = named_layers(net)
    choice("method", method, METHODS)
    if method == "transfer" and not isinstance(net, Layered):
        raise InputError(f"method 'transfer' needs a Layered network; a {type(net).__name__} network takes 'tree'")
    if not hasattr(loss, "evaluate") or not hasattr(loss, "check"):
        raise InputError(f"the loss is a {type(loss).__name__}; accepted: Categorical, Bernoulli, Gaussian, Custom")
    loss.check(layers["readout"].mu.shape[0])
    return check_input(net, x)
