"""The exact loss and gradient: by hand, by plain loops, two ways, two methods, and by finite differences."""

from dataclasses import replace
from itertools import product

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

import oracle
from oracle import dynamics
from tests.oracle import networks
from tests.oracle.networks import EPS, SETTINGS, layer, layered, lif, residual


def test_one_unit_by_hand() -> None:
    """E L = (1-pi) L(0) + pi L(1) and its derivatives, written out with mpmath."""
    mu, sigma2, b, c, x, w = 0.7, 0.4, -0.3, 0.2, 1.5, (1.0, -2.0)
    net = oracle.Layered([([[mu]], [[sigma2]], [b], [c])], ([[w[0]], [w[1]]], [[0.0], [0.0]]))
    found = oracle.exact(net, [x], oracle.Categorical(0))

    def expected_loss(mu, sigma2, b, c, w0, w1):
        pi = mpmath.ncdf((mu * x + b) / mpmath.sqrt(sigma2 * x**2 + c))
        return (1 - pi) * mpmath.log(2) + pi * mpmath.log(1 + mpmath.exp(w1 - w0))

    with mpmath.workdps(40):
        values = [mpmath.mpf(value) for value in (mu, sigma2, b, c, *w)]
        slopes = [
            float(mpmath.diff(expected_loss, values, tuple(int(i == j) for j in range(6)))) for i in range(len(values))
        ]
        assert found.loss == pytest.approx(float(expected_loss(*values)), rel=8 * EPS)
    g = found.gradient
    parts = [g["layers.0.mu"], g["layers.0.sigma2"], g["layers.0.bias_mu"], g["layers.0.bias_sigma2"], *g["readout.mu"]]
    np.testing.assert_allclose(np.concatenate([part.ravel() for part in parts]), slopes, rtol=32 * EPS)
    assert found.probability == pytest.approx(1.0, abs=2 * EPS)


def loops(net: oracle.Network, x: np.ndarray, loss: oracle.Loss) -> float:
    """Expected loss by one plain loop over joint spikes, with SciPy's distributions."""
    cdf = {"gaussian": stats.norm.cdf, "logistic": special.expit}[net.noise]
    low = 0.0 if net.domain == "binary" else -1.0
    total = 0.0
    for z in product((low, 1.0), repeat=sum(dynamics.stages(net, x))):
        history, rest, p = [], np.array(z), 1.0
        for t, n in enumerate(dynamics.stages(net, x)):
            y, rest = rest[None, :n], rest[n:]
            m, v = dynamics.preactivation(net, x, t, history)
            pi = cdf(m / np.sqrt(v))
            p *= np.prod(np.where(y == 1.0, pi, 1.0 - pi))
            history.append(y)
        total += p * loss.evaluate(*dynamics.output(net, x, history))[0][0]
    return float(total)


@settings(SETTINGS, max_examples=10)
@given(networks.EVERY)
def test_loss_is_the_loop_over_joint_spikes(case: tuple) -> None:
    net, x, rng = case
    loss = networks.loss(rng)
    # Losses are positive here: a sum of positive terms, each right to some ten roundings for each unit.
    assert oracle.exact(net, x, loss, method="tree").loss == pytest.approx(loops(net, x, loss), rel=200 * EPS)


def check_two_ways(net: oracle.Network, x: np.ndarray, loss: oracle.Loss, methods: tuple[str, ...]) -> None:
    found = [oracle.exact(net, x, loss, method=m, way=w) for m in methods for w in ("difference", "score")]
    spread = oracle.reinforce(net, x, loss)
    for one in found:
        units = sum(dynamics.stages(net, x))
        assert one.probability == pytest.approx(1.0, abs=8 * units * EPS)
        assert one.loss == pytest.approx(found[0].loss, rel=200 * EPS)
        for key, value in found[0].gradient.items():
            # Rounding scales with the terms of the sum, E|loss score| <= sqrt(E loss^2 E score^2), and the deviation
            # of the leave-one-out estimate, plus the mean loss times the score's, is of that size.
            scale = np.abs(value) + np.sqrt(spread[key].square) * (1.0 + found[0].loss)
            assert (np.abs(one.gradient[key] - value) <= 1e-12 * scale).all(), key


@SETTINGS
@given(layered())
def test_layered_two_ways_and_two_methods_agree(case: tuple) -> None:
    net, x, rng = case
    check_two_ways(net, x, networks.loss(rng), ("transfer", "tree"))


@SETTINGS
@given(residual())
def test_residual_two_ways_agree(case: tuple) -> None:
    net, x, rng = case
    check_two_ways(net, x, networks.loss(rng), ("tree",))


@SETTINGS
@given(lif())
def test_lif_two_ways_agree(case: tuple) -> None:
    net, x, rng = case
    check_two_ways(net, x, networks.loss(rng), ("tree",))


SMOOTH = st.one_of(networks.layered(depth=2), networks.residual(), lif(reduce="mean"), lif(reduce="last"))


@settings(SETTINGS, max_examples=30)
@given(SMOOTH)
def test_gradient_is_the_finite_difference_of_the_loss(case: tuple) -> None:
    """A readout by its maximum is left out: where two steps tie its variance jumps, and differences across a jump are
    no derivatives. `test_lif_adjoints` holds it by complex step.

    Fourth-order differences with h = 1e-3: h^4/30 times a fifth derivative below 1e2, and eps/h of the loss."""
    net, x, rng = case
    loss = networks.loss(rng)
    gradient = oracle.exact(net, x, loss).gradient
    h = 1e-3
    for key, value in oracle.parameters(net).items():
        direction = rng.normal(size=value.shape) / np.sqrt(value.size)
        at = {
            k: oracle.exact(oracle.replace(net, {key: value + k * h * direction}), x, loss).loss for k in (-2, -1, 1, 2)
        }
        difference = (8.0 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12.0 * h)
        assert difference == pytest.approx(float((gradient[key] * direction).sum()), abs=1e-10), key


def test_large_networks_agree_to_twelve_digits() -> None:
    """Ten units and sixteen, norm by norm and with nothing random about the tolerance."""
    rng = np.random.default_rng(8)
    deep = oracle.Layered([layer(rng, 4, 3), *(layer(rng, 4, 4) for _ in range(3))], layer(rng, 2, 4), "logistic")
    spiking = oracle.LIF([layer(rng, 2, 3, recurrent=True)], layer(rng, 2, 2))
    for net, x in ((deep, rng.normal(size=3)), (spiking, rng.normal(size=(5, 3)))):
        loss = networks.loss(rng)
        one, two = (oracle.exact(net, x, loss, method="tree", way=way).gradient for way in ("difference", "score"))
        for key, value in one.items():
            assert np.linalg.norm(value - two[key]) <= 1e-12 * np.linalg.norm(value), key


@SETTINGS
@given(networks.EVERY)
def test_scaling_mu_and_sigma_together_changes_no_spike(case: tuple) -> None:
    net, x, _ = case
    if isinstance(net, oracle.LIF):
        return  # its threshold does not scale
    hidden = {key: value for key, value in oracle.parameters(net).items() if not key.startswith("readout")}
    scaled = {key: value * (4.0 if key.endswith("sigma2") else 2.0) for key, value in hidden.items()}
    one, other = oracle.activity(net, x), oracle.activity(oracle.replace(net, scaled), x)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.rate, b.rate)  # powers of two: nothing rounds


@SETTINGS
@given(lif())
def test_exact_gradient_knows_neither_extension_nor_detached_resets(case: tuple) -> None:
    net, x, rng = case
    loss = networks.loss(rng)
    first = oracle.exact(net, x, loss).gradient
    for variance, kept in product(("linear", "quadratic"), (True, False)):
        other = oracle.exact(replace(net, variance=variance, reset_gradient=kept), x, loss).gradient
        for key, value in first.items():
            np.testing.assert_array_equal(other[key], value)


def test_units_without_variance_are_steps_and_have_no_gradient() -> None:
    """A network of steps is one path; the readout still learns, and a noisy unit above a step too."""
    rng = np.random.default_rng(2)
    one, two, out = layer(rng, 3, 2), layer(rng, 2, 3), layer(rng, 2, 2)
    still = [(some.mu, 0.0 * some.sigma2, some.bias_mu) for some in (one, two)]
    net, x, loss = oracle.Layered(still, out), rng.normal(size=2), networks.loss(rng)
    first = (one.mu @ x + one.bias_mu > 0.0).astype(float)
    second = (two.mu @ first + two.bias_mu > 0.0).astype(float)
    m, v = out.mu @ second + out.bias_mu, out.sigma2 @ second + out.bias_sigma2
    for method in ("transfer", "tree"):
        found = oracle.exact(net, x, loss, method=method)
        assert found.loss == pytest.approx(loss.evaluate(m[None], v[None])[0][0], rel=8 * EPS)
        for key, value in found.gradient.items():
            assert value.any() == key.startswith("readout"), key
            assert np.isfinite(value).all()
    mixed = oracle.exact(oracle.Layered([still[0], two], out), x, loss)
    assert not mixed.gradient["layers.0.mu"].any()
    assert mixed.gradient["layers.1.mu"].any()
    assert mixed.probability == pytest.approx(1.0, abs=16 * EPS)


def test_a_unit_with_no_active_input_and_no_bias_is_a_step_at_that_state_only() -> None:
    """Layer 1 has no bias: at z = (0, 0) its m and v are 0, so z = 0 there; elsewhere it is noisy (theory 3.17)."""
    rng = np.random.default_rng(3)
    one, out = layer(rng, 2, 2), layer(rng, 2, 1)
    two = layer(rng, 1, 2, bias=False)
    net, x, loss = oracle.Layered([one, two], out), rng.normal(size=2), networks.loss(rng)
    check_two_ways(net, x, loss, ("transfer", "tree"))
    pi = stats.norm.cdf((one.mu @ x + one.bias_mu) / np.sqrt(one.sigma2 @ x**2 + one.bias_sigma2))
    silent = (1.0 - pi).prod()
    rate = 0.0
    for z in product((0.0, 1.0), repeat=2):
        p = np.prod(np.where(z, pi, 1.0 - pi))
        rate += p * (stats.norm.cdf(two.mu[0] @ z / np.sqrt(two.sigma2[0] @ z)) if any(z) else 0.0)
    assert 0.0 < silent < 1.0
    assert oracle.activity(net, x)[1].rate[0] == pytest.approx(rate, rel=1e-14)
