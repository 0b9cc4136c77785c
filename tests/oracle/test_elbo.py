"""The evidence lower bound: its divergence against integrals, its gradient against differences, its scaling."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import integrate, stats

import oracle
from tests.oracle import networks
from tests.oracle.networks import SETTINGS, layer


def test_divergence_is_the_integral_of_the_log_ratio() -> None:
    net = oracle.Layered([([[0.7]], [[0.3]])], ([[-1.2]], [[0.5]], [0.1], [2.0]))
    expected = 0.0
    for mu, sigma2 in ((0.7, 0.3), (-1.2, 0.5), (0.1, 2.0)):
        q, p = stats.norm(mu, np.sqrt(sigma2)), stats.norm(0.0, np.sqrt(0.8))
        expected += integrate.quad(lambda w, q=q, p=p: q.pdf(w) * (q.logpdf(w) - p.logpdf(w)), -20, 20, epsabs=1e-12)[0]
    assert oracle.kl(net, 0.8)[0] == pytest.approx(expected, abs=1e-10)


@SETTINGS
@given(networks.EVERY)
def test_divergence_is_zero_only_at_the_prior(case: tuple) -> None:
    net = case[0]
    assert oracle.kl(net, 0.7)[0] > 0.0
    prior = {key: np.full(v.shape, 0.7 if "sigma2" in key else 0.0) for key, v in oracle.parameters(net).items()}
    value, gradient = oracle.kl(oracle.replace(net, prior), 0.7)
    assert value == 0.0
    assert not any(np.abs(slope).max() > 1e-15 for slope in gradient.values())


@settings(SETTINGS, max_examples=12)
@given(networks.EVERY)
def test_gradient_is_the_difference_of_the_bound(case: tuple) -> None:
    net, x, rng = case
    inputs, losses = [x, x + 0.5], [networks.loss(rng), networks.loss(rng)]
    options: dict[str, Any] = {"prior_sigma2": 0.6, "examples": 7, "kl_weight": 0.3}
    found = oracle.elbo(net, inputs, losses, **options)
    h = 1e-4
    for key, value in oracle.parameters(net).items():
        direction = rng.normal(size=value.shape) / np.sqrt(value.size)
        up, down = (
            oracle.elbo(oracle.replace(net, {key: value + k * direction}), inputs, losses, **options).value
            for k in (h, -h)
        )
        # h^2/6 times a third derivative below 1e2, and eps/h times a bound of order 1e2.
        assert (up - down) / (2 * h) == pytest.approx(float((found.gradient[key] * direction).sum()), abs=1e-6), key


def test_value_is_log_likelihood_of_all_examples_minus_divergence() -> None:
    rng = np.random.default_rng(0)
    net = oracle.Layered([layer(rng, 2, 2)], layer(rng, 3, 2))
    inputs, losses = rng.normal(size=(2, 2)), [oracle.Categorical(0), oracle.Categorical(2)]
    loglik = -sum(oracle.exact(net, x, loss).loss for x, loss in zip(inputs, losses, strict=True))
    divergence = oracle.kl(net)[0]
    assert oracle.elbo(net, inputs, losses).value == pytest.approx(loglik - divergence)
    tempered = oracle.elbo(net, inputs, losses, examples=10, kl_weight=0.5)
    assert tempered.value == pytest.approx(5.0 * loglik - 0.5 * divergence)
    assert (tempered.loglik, tempered.kl) == pytest.approx((5.0 * loglik, divergence))
    each = {"layers.0.mu": 0.5, "layers.0.bias_mu": 2.0, "readout.mu": 1.0, "readout.bias_mu": 3.0}
    parts = {
        key: 0.5 * ((mu**2 + s2) / each[key] - 1.0 - np.log(s2 / each[key])).sum()
        for key, mu in oracle.parameters(net).items()
        if key in each
        for s2 in [oracle.parameters(net)[key.removesuffix("mu") + "sigma2"]]
    }
    assert oracle.kl(net, each)[0] == pytest.approx(sum(parts.values()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"losses": []}, "1 inputs and 0 losses were given"),
        ({"prior_sigma2": 0.0}, "prior_sigma2 is 0.0; expected a number > 0"),
        ({"prior_sigma2": {"layers.0.mu": 1.0}}, "prior_sigma2 has no entry 'readout.mu'"),
        ({"kl_weight": -1.0}, "kl_weight is -1.0; expected a number >= 0"),
        ({"examples": 0}, "examples is 0; expected a number > 0"),
    ],
)
def test_what_makes_no_bound_is_refused(options: dict, message: str) -> None:
    net = oracle.Layered([([[0.7]], [[0.3]])], ([[-1.2]], [[0.5]]))
    with pytest.raises(oracle.InputError, match=message):
        oracle.elbo(net, **{"inputs": [[1.0]], "losses": [oracle.Categorical(0)], **options})


def test_a_posterior_without_variance_has_no_divergence() -> None:
    net = oracle.Layered([([[0.7]], [[0.0]])], ([[-1.2]], [[0.5]]))
    with pytest.raises(oracle.InputError, match=r"layers.0.sigma2 holds 0; the KL divergence needs numbers > 0"):
        oracle.kl(net)
    assert oracle.kl(net, times={"layers.0": 0})[0] == pytest.approx(0.5 * (1.44 + 0.5 - 1.0 - np.log(0.5)))
    with pytest.raises(oracle.InputError, match=r"there is no layer 'stem'; accepted: layers.0, readout"):
        oracle.kl(net, times={"stem": 2})


ONE = oracle.Layer([[0.3]], [[0.5]])
BIASED = oracle.Layer([[0.3]], [[0.5]], [0.1])
LOGISTIC = {"noise": "logistic"}


@pytest.mark.parametrize(
    ("net", "steps", "expected"),
    [
        (oracle.Layered([ONE, ONE], ONE), 0, {"layers.0": 1, "layers.1": 1, "readout": 1}),
        (oracle.Layered([ONE], ONE, **LOGISTIC), 0, {"layers.0": 1, "readout": 1}),
        (oracle.Layered([BIASED], ONE, **LOGISTIC), 0, {"layers.0": None, "readout": 1}),
        (
            oracle.Residual(ONE, [[ONE], [ONE, ONE]], ONE),
            0,
            {"stem": 3, "blocks.0.0": 2, "blocks.1.0": 1, "blocks.1.1": 1, "readout": 1},
        ),
        (
            oracle.Residual(ONE, [[ONE], [ONE]], ONE, accumulate=False),
            0,
            {"stem": None, "blocks.0.0": None, "blocks.1.0": 1, "readout": 1},
        ),
        (oracle.LIF([ONE], ONE, beta=0.0), 3, {"layers.0": 3, "readout": 3}),
        (oracle.LIF([ONE], ONE), 3, {"layers.0": 6, "readout": 3}),
        (oracle.LIF([ONE], ONE, beta=0.0, alpha=0.5), 3, {"layers.0": 6, "readout": 3}),
        (oracle.LIF([ONE], ONE, theta=0.0, adapt=0.5, **LOGISTIC), 2, {"layers.0": None, "readout": 2}),
        (oracle.LIF([ONE], ONE, accumulate=False), 3, {"layers.0": None, "readout": 3}),
        (oracle.LIF([ONE], ONE, reduce="max"), 3, {"layers.0": 6, "readout": None}),
        (oracle.LIF([ONE], ONE, reduce="max", accumulate=False), 1, {"layers.0": 1, "readout": 1}),
        (oracle.LIF([ONE], ONE, **LOGISTIC), 1, {"layers.0": None, "readout": 1}),
        (oracle.LIF([ONE], ONE, theta=0.0, **LOGISTIC), 2, {"layers.0": 3, "readout": 2}),
    ],
)
def test_draws_are_counted_layer_by_layer(net: oracle.Network, steps: int, expected: dict) -> None:
    x = np.ones((steps, 1)) if steps else [1.0]
    assert oracle.draws(net, x) == expected
    found = oracle.elbo(net, [x], [oracle.Gaussian([0.0])])
    assert found.bound == all(count == 1 for count in expected.values())
    assert not oracle.elbo(net, [x], [oracle.Gaussian([0.0])], kl_weight=0.5).bound
    if None in expected.values():
        with pytest.raises(oracle.InputError, match="no number of draws of"):
            oracle.elbo(net, [x], [oracle.Gaussian([0.0])], each_draw=True)
        return
    each = oracle.elbo(net, [x], [oracle.Gaussian([0.0])], each_draw=True, known=["readout"])
    assert each.bound
    parts = [
        count * oracle.kl(net, times={**dict.fromkeys(expected, 0), name: 1})[0] for name, count in expected.items()
    ]
    assert each.kl == pytest.approx(sum(parts[:-1]))


class Likelihood:
    """Minus the likelihood itself, N(y; m, v + noise), so that an exact loss is an evidence: the readout integrated."""

    def __init__(self, y: float, noise: float) -> None:
        self.y, self.noise = y, noise

    def check(self, outputs: int) -> None:
        assert outputs == 1

    def evaluate(self, m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        value = -stats.norm.pdf(self.y, m, np.sqrt(v + self.noise))[:, 0]
        return value, np.zeros_like(m), np.zeros_like(v)


def log_evidence(net: oracle.Network, x: np.ndarray, y: float, noise: float) -> float:
    """Of one example, each weight from N(0, 1) anew at every draw."""
    prior = {key: np.full(v.shape, float("sigma2" in key)) for key, v in oracle.parameters(net).items()}
    return float(np.log(-oracle.exact(oracle.replace(net, prior), x, Likelihood(y, noise)).loss))


@settings(SETTINGS, max_examples=60)
@given(networks.EVERY)
def test_with_every_draw_charged_no_objective_exceeds_the_evidence(case: tuple) -> None:
    net, x, rng = case
    net = oracle.replace(
        net, {key: value * rng.uniform(0.2, 3.0) for key, value in oracle.parameters(net).items() if key.endswith("mu")}
    )
    one = {key: value[:1] for key, value in oracle.parameters(net).items() if key.startswith("readout")}
    layers = oracle.Layer(
        one["readout.mu"], one["readout.sigma2"], one.get("readout.bias_mu"), one.get("readout.bias_sigma2")
    )
    net = dataclasses.replace(net, readout=layers)
    if None in oracle.draws(net, x).values():
        return
    y, noise = float(rng.normal()), float(rng.uniform(0.05, 0.5))
    found = oracle.elbo(net, [x], [oracle.Gaussian([y], noise)], each_draw=True)
    assert found.bound
    assert found.value < log_evidence(net, x, y, noise)


def test_charged_once_the_objective_of_neurons_exceeds_the_evidence() -> None:
    """The law of one reading: 20 steps of a neuron that always fires, read as a mean; y ~ N(0, 1/20 + .1)."""
    net = oracle.LIF([ONE._replace(mu=[[0.0]], sigma2=[[1.0]])], oracle.Layer([[0.9]], [[0.67]]), beta=0.0, theta=-50.0)
    net = dataclasses.replace(net, readout_beta=0.0)
    x = np.ones((20, 1))
    once = oracle.elbo(net, [x], [oracle.Gaussian([1.0], 0.1)])
    evidence = stats.norm.logpdf(1.0, 0.0, np.sqrt(1.0 / 20.0 + 0.1))
    assert log_evidence(dataclasses.replace(net), x[:6], 1.0, 0.1) == pytest.approx(
        stats.norm.logpdf(1.0, 0.0, np.sqrt(1.0 / 6.0 + 0.1)), abs=1e-12
    )
    assert once.value > stats.norm.logpdf(1.0, 0.0, np.sqrt(1.1)) > evidence
    assert not once.bound
    assert oracle.elbo(net, [x], [oracle.Gaussian([1.0], 0.1)], each_draw=True).value < evidence
