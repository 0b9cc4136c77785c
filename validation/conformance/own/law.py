"""The exact law of what a case's network draws: joint spikes, and mean, variance and range of its gradients."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

import oracle
from oracle import tree
from oracle.dynamics import output, stages
from validation.conformance.own.cases import LABEL, LayerCase, OwnCase


@dataclass(frozen=True)
class Law:
    """What enumeration says.

    Attributes
    ----------
    joint : (2^units,) array
        Probability of each joint state of all units and steps; the first unit is the most significant bit.
    units : int
    mean, variance, reach : dict of arrays
        Of the gradient from one example, by the suite's name ("drho0"): its mean, variance and largest distance from
        the mean. The KL term is in the mean.
    """

    joint: np.ndarray
    units: int
    mean: dict[str, np.ndarray]
    variance: dict[str, np.ndarray]
    reach: dict[str, np.ndarray]

    @property
    def marginals(self) -> np.ndarray:
        """Probability of a spike of each unit."""
        states = np.arange(self.joint.size)
        bits = (states[:, None] >> np.arange(self.units)[::-1]) & 1
        return self.joint @ bits


@lru_cache(maxsize=64)
def law(case: OwnCase) -> Law:
    """Enumerate a case."""
    loss, o = case.loss(), case.op.options
    _, reach = tree.levels(case.net, case.x)
    if o["member"] == "reinforce":
        estimates = oracle.reinforce(case.net, case.x, loss, draws=case.draws)
        largest = _reinforce_largest(case)
    else:
        member = oracle.member(o["member"])
        assert isinstance(member, oracle.Discrete)
        estimates = oracle.moments(case.net, case.x, loss, member, method="tree")
        largest = oracle.largest(case.net, case.x, loss, member)
    mean, variance, distance = {}, {}, {}
    joint, units = reach[-1], sum(stages(case.net, case.x))
    if isinstance(case, LayerCase):
        parts = (
            {key: getattr(each, attribute) for key, each in estimates.items()} for attribute in ("mean", "variance")
        )
        mean, variance, top = ({f"d{k}": y for k, y in case.named(each).items()} for each in (*parts, largest))
        return Law(joint, units, mean, variance, {key: top[key] + np.abs(mean[key]) for key in mean})
    for key, estimate in estimates.items():
        name, _, field = key.rpartition(".")
        suffix = "" if field.startswith("recurrent") else case.names[name]
        parameter = f"{field.replace('sigma2', 'rho')}{suffix}"
        value = case.parameters[parameter]
        # theory 3.5: the gradient of rho is sigma2 times that of sigma2; KL: theory 4.2.
        factor = np.exp(value) if "rho" in parameter else np.ones(value.shape)
        prior = o["prior_sigma2"]
        kl = 0.5 * (np.exp(value) / prior - 1.0) if "rho" in parameter else value / prior
        mean[f"d{parameter}"] = factor * estimate.mean + o["kl_weight"] * kl
        variance[f"d{parameter}"] = factor**2 * estimate.variance
        distance[f"d{parameter}"] = factor * (largest[key] + np.abs(estimate.mean))
    return Law(joint, units, mean, variance, distance)


def _reinforce_largest(case: OwnCase) -> dict[str, np.ndarray]:
    """Bound on REINFORCE's estimate of a network with one hidden layer.

    |sum_k (L_k - mean of the others) / K score_k| <= (max L - min L) max |score|, times |dr/dtheta|; the readout's
    estimate is a mean of derivatives, so at most the largest of them.
    """
    loss = oracle.Categorical(LABEL)
    largest = dict(oracle.largest(case.net, case.x, loss, oracle.st()))
    laws, _ = tree.levels(case.net, case.x)
    here = laws[0]
    score = np.maximum(here.hazard(0), here.hazard(1))[0]
    values = np.concatenate([loss.evaluate(*_output(case, z))[0] for z in _states(here.p1.shape[1])])
    swing = (values.max() - values.min()) * score
    x = np.abs(case.x)
    mu, sigma2 = swing * here.drdm[0], swing * np.abs(here.drdv[0])
    largest |= {"layers.0.mu": np.outer(mu, x), "layers.0.sigma2": np.outer(sigma2, x**2)}
    return largest | {"layers.0.bias_mu": mu, "layers.0.bias_sigma2": sigma2}


def _states(units: int) -> list[np.ndarray]:
    return [((np.array([[state]]) >> np.arange(units)[::-1]) & 1).astype(float) for state in range(2**units)]


def _output(case: OwnCase, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return output(case.net, case.x, [z])
