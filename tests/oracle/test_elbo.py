"""The evidence lower bound: its divergence against integrals, its gradient against differences, its scaling."""

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
