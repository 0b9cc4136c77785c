"""The questions one asks: `exact` for the loss and its gradient, `moments` for an estimator's bias and variance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from oracle import transfer, tree
from oracle.dynamics import stages
from oracle.errors import InputError, choice
from oracle.losses import Loss
from oracle.members import Discrete
from oracle.network import Layered, Network, check_input, named_layers
from oracle.noise import NOISES, law
from oracle.quadrature import Relaxed, coarser
from oracle.states import check_states

Fold = Mapping[str, Callable[[np.ndarray], np.ndarray]]
Member = Discrete | Relaxed
NODE_BITS = 20  # joint nodes of a quadrature: about a second
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

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> bool(abs(oracle.exact(net, [1.0, 0.5], loss).probability - 1.0) < 1e-15)
    True
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
    mean_error, square_error : ndarray
        Estimates of the error of the two, other than rounding: 0 unless the member needs quadrature, see `moments`.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> law = oracle.moments(net, [1.0, 0.5], loss, oracle.st())["layers.0.mu"]
    >>> bool(np.allclose(law.mse, law.variance + law.bias**2))
    True
    """

    gradient: np.ndarray
    mean: np.ndarray
    square: np.ndarray
    mean_error: np.ndarray | float = 0.0
    square_error: np.ndarray | float = 0.0

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

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> found = oracle.exact(net, [1.0, 0.5], loss)
    >>> round(found.loss, 6), found.gradient["layers.0.mu"].round(6)
    (0.378371, array([[-0.122234, -0.061117]]))
    """
    x = check(net, x, loss, method)
    choice("way", way, WAYS)
    if isinstance(net, Layered) and method != "tree":
        return Exact(*transfer.exact(net, x, loss, way))
    return Exact(*tree.exact(net, x, loss, way))


def moments(
    net: Network, x: Any, loss: Loss, member: Member, *, method: str = "auto", fold: Fold | None = None
) -> dict[str, Estimate]:
    """Exact mean, bias, variance and mean squared error of a member's gradient estimate, by parameter.

    Parameters
    ----------
    net, x, loss, method
        As in `exact`.
    member : Discrete or Relaxed
        For example `oracle.agr(tau=0.5)`. One that sends numbers between the states forward, `gs` or `uniform`, is
        integrated by quadrature over all units together: up to three units. The error stated is the change from a
        rule with a quarter fewer nodes a unit, the largest over all parameters relative to root mean squares. The rule
        converges geometrically: in 20,000 entries of random networks the true error stayed below a tenth of it.
    fold : dict of callables, optional
        Linear maps {key: function} from a stack of that parameter's gradients, (states, *shape), to a stack of others:
        the gradient of shared weights, `oracle.fold`. The estimate's law is then that of the result. By "tree" only.

    Raises
    ------
    InputError
        As in `exact`.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> law = oracle.moments(net, [1.0, 0.5], loss, oracle.trapezoid())["layers.0.mu"]
    >>> law.bias.round(5), law.variance.round(5)
    (array([[-0.00148, -0.00074]]), array([[0.02471, 0.00618]]))
    """
    x = check(net, x, loss, method)
    if not isinstance(member, Member):
        raise InputError(f"the member is a {type(member).__name__}; expected one of oracle.st(), oracle.agr(tau), ...")
    if isinstance(member, Relaxed):
        return _relaxed(net, x, loss, member, method, fold)
    if isinstance(net, Layered) and method != "tree" and not fold:
        mean, square, _ = transfer.moments(net, x, loss, member)
    else:
        mean, square, _ = tree.moments(net, x, loss, member.states, 4 if member.random else 2, fold)
    gradient = _folded(exact(net, x, loss, method=method).gradient, fold)
    return {key: Estimate(gradient[key], mean[key], square[key]) for key in gradient}


def largest(net: Network, x: Any, loss: Loss, member: Discrete) -> dict[str, np.ndarray]:
    """The largest absolute value that any draw of the estimate can take, by parameter: for Bernstein's inequality.

    Exact where the slope is a function of the spike; an upper bound for `st_gs` and `gr`, whose slopes have a range.
    Every network, by all joint states.

    Parameters
    ----------
    net, x, loss
        As in `exact`.
    member : Discrete

    Raises
    ------
    InputError
        As in `exact`.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> oracle.largest(net, [1.0, 0.5], loss, oracle.st())["layers.0.mu"].round(4)
    array([[0.1609, 0.0804]])
    """
    x = check(net, x, loss)
    if not isinstance(member, Discrete):
        raise InputError(f"the member is a {type(member).__name__}; expected one that sends spikes forward")
    return tree.largest(net, x, loss, member.corners, 4 if member.random else 2)


def _folded(gradient: dict[str, np.ndarray], fold: Fold | None) -> dict[str, np.ndarray]:
    for key in fold or {}:
        if key not in gradient:
            raise InputError(f"fold names {key!r}; accepted: {', '.join(gradient)}")
    return {key: fold[key](value[None])[0] if fold and key in fold else value for key, value in gradient.items()}


def _relaxed(
    net: Network, x: np.ndarray, loss: Loss, member: Relaxed, method: str, fold: Fold | None
) -> dict[str, Estimate]:
    if method == "transfer":
        raise InputError(f"method 'transfer' needs a member that sends spikes forward; {member.name} takes 'tree'")
    units = sum(stages(net, x))
    one = law(NOISES[net.noise], np.zeros((1, 1)), np.ones((1, 1)))
    orders = member.orders or (0,)
    cases = {order: member.nodes(one, order).values.shape[-1] for order in orders}
    order = next((order for order in orders if cases[order] ** units <= 2**NODE_BITS), orders[-1])
    check_states(units, cases[order], f"the network, with the nodes of {member.name},", NODE_BITS)

    def rule(order: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        nodes = partial(member.nodes, order=order)
        return tree.moments(net, x, loss, nodes, nodes(one).values.shape[-1], fold)[:2]

    mean, square = rule(order)
    sizes = {key: np.sqrt(value) for key, value in square.items()}
    mean_error = square_error = 0.0
    if member.orders:
        other_mean, other_square = rule(coarser(order))
        mean_error = max(_relative(mean[key] - other_mean[key], sizes[key]) for key in mean)
        square_error = max(_relative(square[key] - other_square[key], square[key]) for key in mean)
    gradient = _folded(exact(net, x, loss).gradient, fold)
    return {
        key: Estimate(gradient[key], mean[key], square[key], mean_error * sizes[key], square_error * square[key])
        for key in gradient
    }


def _relative(change: np.ndarray, size: np.ndarray) -> float:
    """The largest change relative to the size, where there is any."""
    return float((np.abs(change[size > 0.0]) / size[size > 0.0]).max(initial=0.0))


def check(net: Network, x: Any, loss: Loss, method: str = "auto") -> np.ndarray:
    """Return x as an array after checking that network, input, loss and method fit together."""
    layers = named_layers(net)
    choice("method", method, METHODS)
    if method == "transfer" and not isinstance(net, Layered):
        raise InputError(f"method 'transfer' needs a Layered network; a {type(net).__name__} network takes 'tree'")
    if not hasattr(loss, "evaluate") or not hasattr(loss, "check"):
        raise InputError(f"the loss is a {type(loss).__name__}; accepted: Categorical, Bernoulli, Gaussian, Custom")
    loss.check(layers["readout"].mu.shape[0])
    return check_input(net, x)
