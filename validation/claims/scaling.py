"""Scaling mu and sigma together leaves the law of the spikes unchanged, as it would a normalised layer's.

Source: theory 3 and 1.1 (r = m/s). The law of the last layer's spikes, state by state, before and after each layer is
scaled by a factor of its own; the gradient of mu then shrinks by that factor. With a noise floor that is not scaled
along (noise of fixed size added to v), the law changes: the claim is about the posterior's own noise. It is about joint
scaling only: nothing holds r at a fixed spread, which grows in training (theory 3.1 and the lines below it).
"""

import dataclasses

import numpy as np

import oracle
from validation.evidence import networks
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_least, at_most

CLAIM = Claim(
    title="Joint scaling of mu and sigma",
    sentence="Scaling mu and sigma together leaves r, and so the law of the spikes, unchanged.",
    owner="ours",
    source="theory 3.1",
    statement="The law of the last layer's spikes does not change, state by state, and the gradient of mu shrinks by "
    "the factor; with a noise floor that is not scaled along, the law changes.",
    assumptions=(
        "biases scaled along",
        "no noise but the posterior's",
    ),
    finding="holds",
    reason="to rounding; it is about joint scaling only: nothing holds the spread of r",
    claimed="change 0",
    headline="gaussian, binary: change of a state's probability",
    equations=(
        Formula("3.1", r"m = \mu x + \mu_b, \quad v = \sigma^2 x_2 + \sigma^2_b"),
        Formula("1.1", r"\pi = P(a > 0) = F(r), \quad r = \frac{m}{s}"),
    ),
    code=(
        "refsbnn/reference/dense.py",
        "refsbnn/reference/unit.py",
    ),
)


def check(level: Level) -> Rows:
    """Largest change of a state's probability, and of the rescaled gradient."""
    rng = level.rng(__name__)
    for noise in ("gaussian", "logistic"):
        for domain in ("binary", "bipolar"):
            net = networks.layered(rng, [3, 3, 3], noise=noise, domain=domain)
            factors = np.exp(rng.uniform(-2.0, 2.0, size=2))
            scaled = [scale(layer, c) for layer, c in zip(net.layers, factors, strict=True)]
            same = oracle.Layered(scaled, net.readout, noise=noise, domain=domain)
            x = rng.normal(size=3)
            setting, why = f"{noise}, {domain}", f"rounding; factors {factors[0]:.3g} and {factors[1]:.3g}"
            change = np.abs(probabilities(net, x) - probabilities(same, x)).max()
            yield at_most(CLAIM.title, f"{setting}: change of a state's probability", change, 1e-14, why)
            before, after = (oracle.exact(n, x, oracle.Categorical(0)).gradient for n in (net, same))
            worst = max(
                np.abs(after[f"layers.{i}.mu"] * c - before[f"layers.{i}.mu"]).max() for i, c in enumerate(factors)
            )
            setting = f"{setting}: change of the gradient of mu times its factor"
            yield at_most(CLAIM.title, setting, float(worst), 1e-14, why)
    net = networks.layered(rng, [3, 3, 3])
    floored = [scale(layer, 3.0)._replace(bias_sigma2=layer.bias_sigma2) for layer in net.layers]
    x = rng.normal(size=3)
    change = np.abs(probabilities(net, x) - probabilities(oracle.Layered(floored, net.readout), x)).max()
    setting = "factor 3, noise floor kept: change of a state's probability"
    yield at_least(CLAIM.title, setting, change, 1e-6, "not the law any more: any visible change")


def scale(layer: oracle.Layer, c: float) -> oracle.Layer:
    """mu times c, sigma2 times c^2, biases too."""
    return oracle.Layer(c * layer.mu, c**2 * layer.sigma2, c * layer.bias_mu, c**2 * layer.bias_sigma2)


def probabilities(net: oracle.Layered, x: np.ndarray) -> np.ndarray:
    """Probability of each state of the last layer: the expectation of its indicator, one loss a state."""
    units = len(net.layers[-1].mu)
    high, low = 1.0, 0.0 if net.domain == "binary" else -1.0
    plain = dataclasses.replace(net, readout=oracle.Layer(np.eye(units), np.zeros((units, units))))

    def indicator(state: np.ndarray) -> oracle.Custom:
        return oracle.Custom(lambda z: ((z == state).all(axis=1).astype(float), np.zeros_like(z)))

    states = np.array(np.meshgrid(*[[low, high]] * units)).reshape(units, -1).T
    return np.array([oracle.exact(plain, x, indicator(state)).loss for state in states])
