"""Members with values between the states: exactness by degree, direct integrals, and error bounds that hold."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from scipy import integrate, special, stats

import oracle
from oracle import tree
from oracle.noise import NOISES, law
from oracle.quadrature import coarser
from tests.oracle import networks
from tests.oracle.networks import EPS, SETTINGS, layer

PDF = {"gaussian": stats.norm.pdf, "logistic": stats.logistic.pdf}
CDF = {"gaussian": stats.norm.cdf, "logistic": special.expit}


def power(n: int) -> oracle.Custom:
    """L = logit^n of one output."""
    return oracle.Custom(lambda logits: (logits[:, 0] ** n, n * logits ** (n - 1)))


def one_unit(noise: str = "gaussian", domain: str = "binary", offset: float = 0.3) -> oracle.Layered:
    return oracle.Layered([([[0.9]], [[0.5]])], ([[0.8]], [[0.0]], [offset]), noise, domain)


@pytest.mark.parametrize("noise", list(NOISES))
@pytest.mark.parametrize("domain", ["binary", "bipolar"])
def test_rules_are_exact_for_one_unit_up_to_their_degree(noise: str, domain: str) -> None:
    """Simpson and Gauss-2 integrate a cubic L', so a loss of degree 4; the uniform member every loss (theory 2.12)."""
    net = one_unit(noise, domain)
    for member, degrees in ((oracle.simpson(), 4), (oracle.gauss2(), 4), (oracle.uniform(), 7)):
        for n in range(1, degrees + 1):
            found = oracle.moments(net, [1.2], power(n), member)["layers.0.mu"]
            assert np.abs(found.bias).item() <= 64 * EPS * np.sqrt(found.square).item(), (member.name, n)
        if degrees == 4:
            found = oracle.moments(net, [1.2], power(5), member)["layers.0.mu"]
            assert np.abs(found.bias).item() > 1e-5 * np.sqrt(found.square).item(), member.name


@pytest.mark.parametrize("noise", list(NOISES))
@pytest.mark.parametrize("tau", [0.1, 0.5, 1.0, 3.0])
def test_gs_of_one_unit_is_its_integral(noise: str, tau: float) -> None:
    """Mean and square over the noise by adaptive quadrature; a second deep unit would see h between the states."""
    x, r, s = 1.2, 0.9 * 1.2 / np.sqrt(0.5 * 1.44), np.sqrt(0.5 * 1.44)
    found = oracle.moments(one_unit(noise), [x], power(4), oracle.gs(tau))["layers.0.mu"]

    def integrand(a: float, n: int) -> float:
        h, k = CDF[noise](a / tau), PDF[noise](a / tau) / tau
        return float(PDF[noise](a - r) * (4.0 * 0.8 * (0.8 * h + 0.3) ** 3 * k * x / s) ** n)

    for n, value in ((1, found.mean), (2, found.square)):
        edges = [-40.0, -8.0 * tau, -tau, 0.0, tau, 8.0 * tau, 40.0]
        pieces = [
            integrate.quad(integrand, low, high, args=(n,), epsabs=0, epsrel=1e-12, limit=200)[0]
            for low, high in pairwise(edges)
            if high > low
        ]
        assert value.item() == pytest.approx(sum(pieces), rel=1e-10)


def test_gs_loses_bias_and_gains_variance_as_it_cools() -> None:
    net = one_unit()
    found = [oracle.moments(net, [1.2], power(4), oracle.gs(tau))["layers.0.mu"] for tau in (1.0, 0.3, 0.1, 0.03)]
    bias, variance = ([np.abs(getattr(one, name)).item() for one in found] for name in ("bias", "variance"))
    assert bias == sorted(bias, reverse=True)
    assert variance == sorted(variance)
    # The slope's mean square grows like 1/tau; the bias falls like tau, the first term of f(a) - f(0).
    assert variance[3] / variance[2] == pytest.approx(0.1 / 0.03, rel=0.1)
    assert bias[3] / bias[2] == pytest.approx(0.03 / 0.1, rel=0.1)


@SETTINGS
@given(networks.layered(depth=1, widest=2))
def test_nodes_carry_a_whole_probability(case: tuple) -> None:
    net, x, rng = case
    for member in (oracle.gs(0.4), oracle.uniform(), oracle.simpson(), oracle.surrogate("arctan")):
        nodes = partial(member.nodes, order=14)
        here = law(NOISES[net.noise], np.zeros((1, 1)), np.ones((1, 1)))
        cases = nodes(here).values.shape[-1]
        total = tree.moments(net, x, networks.loss(rng), nodes, cases)[2]
        assert total == pytest.approx(1.0, abs=1e-10), member.name  # logistic density on panels of order 14


@pytest.mark.parametrize("noise", list(NOISES))
@pytest.mark.parametrize("tau", [0.1, 0.7])
@pytest.mark.parametrize("shape", [(1, 1), (2,)])
@pytest.mark.parametrize("order", [4, 5, 8])
def test_stated_errors_bound_the_distance_to_the_truth(noise: str, tau: float, shape: tuple, order: int) -> None:
    """A coarse rule, whose error shows, against the rule that is chosen by itself."""
    rng = np.random.default_rng(2)
    layers = [layer(rng, here, below) for below, here in zip((2, *shape[:-1]), shape, strict=True)]
    net, x, loss = oracle.Layered(layers, layer(rng, 2, shape[-1]), noise), rng.normal(size=2), networks.loss(rng)
    true = oracle.moments(net, x, loss, oracle.gs(tau))
    coarse = oracle.moments(net, x, loss, replace(oracle.gs(tau), orders=(order,)))
    for key, value in true.items():
        # The true one's own error, and rounding over up to a million nodes.
        mean_slack, square_slack = 1e-12 * np.sqrt(value.square), 1e-12 * value.square
        assert (value.mean_error <= mean_slack).all()
        assert (value.square_error <= square_slack).all()
        assert (np.abs(coarse[key].mean - value.mean) <= coarse[key].mean_error + mean_slack).all()
        assert (np.abs(coarse[key].square - value.square) <= coarse[key].square_error + square_slack).all()
    one = coarse["layers.0.mu"]
    assert np.abs(one.mean - true["layers.0.mu"].mean).max() > 1e-14 * np.abs(one.mean).max()  # else nothing was shown


def test_stated_error_is_the_change_from_a_quarter_fewer_nodes() -> None:
    assert [coarser(order) for order in (4, 6, 8, 12, 20, 40)] == [2, 4, 6, 9, 15, 30]
    rng = np.random.default_rng(5)
    net, x, loss = oracle.Layered([layer(rng, 1, 2)], layer(rng, 2, 1)), rng.normal(size=2), networks.loss(rng)
    fine, coarse = (oracle.moments(net, x, loss, replace(oracle.gs(0.2), orders=(order,))) for order in (6, 4))
    mean = max((np.abs(fine[key].mean - coarse[key].mean) / np.sqrt(fine[key].square)).max() for key in fine)
    square = max((np.abs(fine[key].square - coarse[key].square) / fine[key].square).max() for key in fine)
    for value in fine.values():
        np.testing.assert_allclose(value.mean_error, mean * np.sqrt(value.square), rtol=1e-14)
        np.testing.assert_allclose(value.square_error, square * value.square, rtol=1e-14)


@pytest.mark.parametrize(("noise", "tau", "shape"), [("gaussian", 0.1, (3,)), ("logistic", 0.7, (1, 1, 1))])
def test_three_units_are_integrated_with_a_small_stated_error(noise: str, tau: float, shape: tuple) -> None:
    rng = np.random.default_rng(2)
    layers = [layer(rng, here, below) for below, here in zip((2, *shape[:-1]), shape, strict=True)]
    net, x, loss = oracle.Layered(layers, layer(rng, 2, shape[-1]), noise), rng.normal(size=2), networks.loss(rng)
    for value in oracle.moments(net, x, loss, oracle.gs(tau)).values():
        assert (value.mean_error <= 1e-4 * np.sqrt(value.square)).all()
        assert (value.square_error <= 1e-4 * value.square).all()
        assert np.max(value.mean_error) > 0.0


def test_relaxed_values_reach_the_layer_above() -> None:
    """A chain of two units with gauss2: four joint nodes, written out."""
    rng = np.random.default_rng(3)
    one, two, out = layer(rng, 1, 1), layer(rng, 1, 1), layer(rng, 2, 1)
    for variance in ("linear", "quadratic"):
        net = oracle.Layered([one, two], out, variance=variance)
        x, loss = np.array([0.8]), networks.loss(rng)
        found = oracle.moments(net, x, loss, oracle.gauss2())["layers.0.bias_mu"]
        m1, v1 = (one.mu * x + one.bias_mu).item(), (one.sigma2 * x**2 + one.bias_sigma2).item()
        estimates = []
        for h1 in (0.5 - 0.5 / np.sqrt(3), 0.5 + 0.5 / np.sqrt(3)):
            square, slope = (h1, 1.0) if variance == "linear" else (h1**2, 2.0 * h1)
            m2, v2 = (two.mu * h1 + two.bias_mu).item(), (two.sigma2 * square + two.bias_sigma2).item()
            for h2 in (0.5 - 0.5 / np.sqrt(3), 0.5 + 0.5 / np.sqrt(3)):
                square2, slope2 = (h2, 1.0) if variance == "linear" else (h2**2, 2.0 * h2)
                m, v = out.mu[:, 0] * h2 + out.bias_mu, out.sigma2[:, 0] * square2 + out.bias_sigma2
                _, dm, dv = loss.evaluate(m[None], v[None])
                g2 = (dm[0] @ out.mu[:, 0] + dv[0] @ out.sigma2[:, 0] * slope2) * stats.norm.pdf(m2 / np.sqrt(v2))
                g1 = g2 * (two.mu.item() / np.sqrt(v2) - 0.5 * m2 / v2**1.5 * two.sigma2.item() * slope)
                estimates.append(g1 * stats.norm.pdf(m1 / np.sqrt(v1)) / np.sqrt(v1))
        assert found.mean.item() == pytest.approx(np.mean(estimates), rel=1e-13)
        assert found.square.item() == pytest.approx(np.mean(np.square(estimates)), rel=1e-13)


@pytest.mark.parametrize("kind", ["fast-sigmoid", "arctan", "triangular", "gaussian"])
def test_surrogates_are_a_point(kind: str) -> None:
    mu, sigma2, x, scale = 0.4, 0.5, 1.2, 0.7
    net = oracle.Layered([([[mu]], [[sigma2]])], ([[0.8]], [[0.0]], [0.3]))
    found = oracle.moments(net, [x], power(3), oracle.surrogate(kind, scale))["layers.0.mu"]
    s = np.sqrt(sigma2) * x
    q = scale * mu * x / s
    slope = {
        "fast-sigmoid": 1 / (1 + q) ** 2,
        "arctan": scale / 2 / (1 + (np.pi * q / 2) ** 2),
        "triangular": max(0.0, 1 - q),
        "gaussian": scale * stats.norm.pdf(q),
    }
    assert slope[kind] > 0.1
    assert found.mean.item() == pytest.approx(3 * 0.8 * 1.1**2 * slope[kind] * x / s, rel=8 * EPS)  # z = 1
    assert found.variance.item() <= 4 * EPS * found.square.item()
    exact = oracle.exact(net, [x], power(3)).gradient["layers.0.mu"]
    assert found.bias.item() == pytest.approx(found.mean.item() - exact.item(), rel=1e-14)
    below = oracle.Layered([([[-mu]], [[sigma2]])], ([[0.8]], [[0.0]], [0.3]))
    found = oracle.moments(below, [x], power(3), oracle.surrogate(kind, scale))["layers.0.mu"]
    assert found.mean.item() == pytest.approx(3 * 0.8 * 0.3**2 * slope[kind] * x / s, rel=8 * EPS)  # z = 0


def test_units_without_variance_are_steps_for_every_member() -> None:
    net = oracle.Layered([([[1.0], [-1.0]], [[0.0], [0.0]])], ([[1.0, 2.0]], [[0.0, 0.0]]))
    for member in (oracle.gs(0.5), oracle.uniform(), oracle.simpson(), oracle.surrogate("arctan")):
        found = oracle.moments(net, [1.0], power(2), member)
        assert not found["layers.0.mu"].mean.any()
        np.testing.assert_allclose(found["readout.mu"].mean, [[2.0, 0.0]], rtol=1e-10, err_msg=member.name)


def test_a_users_rule_weights_by_weight_over_probability() -> None:
    rule = oracle.rule([0.0, 1.0], [0.5, 0.5], [0.9, 0.1])
    found = oracle.moments(one_unit(), [1.2], power(2), rule)["layers.0.mu"]
    trapezoid = oracle.moments(one_unit(), [1.2], power(2), oracle.trapezoid())["layers.0.mu"]
    assert found.mean.item() == pytest.approx(trapezoid.mean.item(), rel=8 * EPS)
    assert found.variance.item() > trapezoid.variance.item()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.5], [0.5, 0.5]), "nodes holds 1.5; expected numbers in"),
        (([-0.1], [1.0]), "nodes holds -0.1; expected numbers >= 0"),
        (([0.0, 1.0], [1.0]), r"weights has shape \(1,\); expected \(2,\)"),
        (([0.0, 1.0], [0.5, 0.5], [0.5, 0.6]), "expected positive numbers with sum 1"),
        (([0.0, 1.0], [0.5, 0.0]), "expected positive numbers with sum 1"),
    ],
)
def test_a_rule_that_is_none_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(oracle.InputError, match=message):
        oracle.rule(*arguments)


def test_bad_numbers_and_words_are_refused() -> None:
    with pytest.raises(oracle.InputError, match="kind is 'sine'; accepted: fast-sigmoid, arctan, triangular, gaussian"):
        oracle.surrogate("sine")
    with pytest.raises(oracle.InputError, match="scale is 0; expected a number > 0"):
        oracle.surrogate("arctan", 0)
    with pytest.raises(oracle.InputError, match="tau is -1; expected a number > 0"):
        oracle.gs(-1)
