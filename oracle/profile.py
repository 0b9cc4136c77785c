"""A network layer by layer: what its units do, and how an estimator's gradient compares with the exact one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle import transfer, tree
from oracle.dynamics import stage_names
from oracle.moments import Estimate
from oracle.network import Layered, Network, check_input, named_layers


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
        Sum over i, j of (dy/dz f(r_i) mu_ij)^2 / v_i, the expected squared norm of dE[y_i]/dy_j; `Layered` only.
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
    """
    named_layers(net)
    x = check_input(net, x)
    if isinstance(net, Layered):
        transfer.check(net, squares=False)
        pairs = [(step.law, step.reach) for step in transfer.climb(net, x)[0]]
    else:
        laws, reach = tree.levels(net, x)
        pairs = list(zip(laws, reach, strict=False))
    found = []
    for name, (law, p) in zip(stage_names(net, x), pairs, strict=True):
        rate, spread = p @ law.p1, float(np.sqrt(p @ (law.r**2).mean(axis=1)))
        if not isinstance(net, Layered):
            found.append(Activity(name, rate, spread))
            continue
        norm2 = (named_layers(net)[name].mu ** 2).sum(axis=1)
        gain = 1.0 if net.domain == "binary" else 2.0
        ratio = norm2 * law.drdm**2  # drdm = 1 / s
        jacobian = gain**2 * float(p @ (law.f**2 * ratio).sum(axis=1))
        found.append(Activity(name, rate, spread, float(p @ ratio.mean(axis=1)), jacobian))
    return found


def _ratio(above: float, below: float) -> float:
    if below > 0.0:
        return above / below
    return float("inf") if above > 0.0 else 0.0
