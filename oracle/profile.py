"""A network layer by layer: what its units do, and how an estimator's gradient compares with the exact one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle import transfer, tree
from oracle.dynamics import stage_names
from oracle.moments import Estimate
from oracle.network import Layered, Network, check_input, named_layers
from oracle.noise import Law


@dataclass(frozen=True)
class Norms:
    """Euclidean norms over the parameters of one layer.

    Attributes
    ----------
    gradient : float
        Of the exact gradient.
    bias : float
        Of the estimate's bias.
    deviation : float
        Root of the summed variances.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> w, s = np.array([[0.5, -1.0], [0.8, 0.3]]), np.full((2, 2), 0.4)
    >>> net = oracle.Layered(layers=[(w, s), (w, s)], readout=(w, 0 * s))
    >>> laws = oracle.moments(net, [1.0, -0.5], oracle.Categorical(label=0), oracle.st())
    >>> one = oracle.norms(laws)["layers.0"]
    >>> bool(np.isclose(one.relative_bias, one.bias / one.gradient))
    True
    >>> bool(np.isclose(one.snr, one.gradient / one.deviation))
    True
    """

    gradient: float
    bias: float
    deviation: float

    @property
    def relative_bias(self) -> float:
        """Bias over gradient; infinite where the gradient is 0 and the bias is not."""
        return _ratio(self.bias, self.gradient)

    @property
    def snr(self) -> float:
        """Gradient over deviation: the signal-to-noise ratio of one draw."""
        return _ratio(self.gradient, self.deviation)


def norms(estimates: Mapping[str, Estimate], field: str = "mu") -> dict[str, Norms]:
    """Norms of the gradient, of the bias and of the deviation for each layer.

    Parameters
    ----------
    estimates : dict
        From `oracle.moments`.
    field : str
        Which of a layer's parameters counts, for example "mu" or "sigma2".

    Examples
    --------
    >>> import numpy as np, oracle
    >>> w, s = np.array([[0.5, -1.0], [0.8, 0.3]]), np.full((2, 2), 0.4)
    >>> net = oracle.Layered(layers=[(w, s), (w, s)], readout=(w, 0 * s))
    >>> laws = oracle.moments(net, [1.0, -0.5], oracle.Categorical(label=0), oracle.st())
    >>> round(oracle.norms(laws)["layers.0"].relative_bias, 4)
    0.4972
    """
    return {
        key.removesuffix(f".{field}"): Norms(
            float(np.linalg.norm(estimate.gradient)),
            float(np.linalg.norm(estimate.bias)),
            float(np.sqrt(estimate.variance.sum())),
        )
        for key, estimate in estimates.items()
        if key.rpartition(".")[2] == field
    }


@dataclass(frozen=True)
class Activity:
    """Exact expectations over the units of one stage.

    Attributes
    ----------
    name : str
        The layer that spikes.
    rate : (units,)
        Probability of a spike.
    spread : float
        Root mean square of r = m / sqrt(v) over units.
    penalty : float or None
        Mean over units of ||mu_i||^2 / v_i (theory 4.5); `Layered` networks only.
    jacobian : float or None
        Expected squared norm of dE[y_i]/dy_j through mean and variance (theory 4.5, J of 5.5); `Layered` networks only,
        and None for the first layer, which sees no spikes.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> w, s = np.array([[0.5, -1.0], [0.8, 0.3]]), np.full((2, 2), 0.4)
    >>> net = oracle.Layered(layers=[(w, s), (w, s)], readout=(w, 0 * s))
    >>> oracle.activity(net, [1.0, -0.5])[0].name
    'layers.0'
    """

    name: str
    rate: np.ndarray
    spread: float
    penalty: float | None = None
    jacobian: float | None = None


def activity(net: Network, x: Any) -> list[Activity]:
    """Exact activity of every stage, in firing order; a LIF network has its layers once for each step.

    Parameters
    ----------
    net, x
        As in `oracle.exact`.

    Raises
    ------
    InputError
        As in `oracle.exact`.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> w, s = np.array([[0.5, -1.0], [0.8, 0.3]]), np.full((2, 2), 0.4)
    >>> net = oracle.Layered(layers=[(w, s), (w, s)], readout=(w, 0 * s))
    >>> [(each.name, each.rate.round(3)) for each in oracle.activity(net, [1.0, -0.5])]
    [('layers.0', array([0.921, 0.821])), ('layers.1', array([0.351, 0.866]))]
    """
    named_layers(net)
    x = check_input(net, x)
    if not isinstance(net, Layered):
        laws, reach = tree.levels(net, x)
        return [
            Activity(name, p @ law.p1, _spread(law, p))
            for name, law, p in zip(stage_names(net, x), laws, reach, strict=False)  # reach has the leaves besides
        ]
    transfer.check(net, squares=False)
    gain = 1.0 if net.domain == "binary" else 2.0  # dy/dz
    found = []
    for name, layer, step in zip(stage_names(net, x), net.layers, transfer.climb(net, x)[0], strict=True):
        law, p = step.law, step.reach
        penalty = float(p @ ((layer.mu**2).sum(axis=1) * law.drdm**2).mean(axis=1))  # drdm = 1 / s
        jacobian = None
        if step.stage:
            slopes = gain * law.f[:, :, None] * transfer.jacobian(net, x, step)
            jacobian = float(p @ (slopes**2).sum(axis=(1, 2)))
        found.append(Activity(name, p @ law.p1, _spread(law, p), penalty, jacobian))
    return found


def _spread(law: Law, p: np.ndarray) -> float:
    return float(np.sqrt(p @ (law.r**2).mean(axis=1)))


def _ratio(above: float, below: float) -> float:
    if below > 0.0:
        return above / below
    return float("inf") if above > 0.0 else 0.0
