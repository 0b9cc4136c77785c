"""Descriptions of networks: what they accept, what they refuse and in which words."""

from typing import Any

import numpy as np
import pytest

import oracle
from tests.oracle.networks import layer

RNG = np.random.default_rng(0)
ONE, TWO, OUT = layer(RNG, 3, 2), layer(RNG, 2, 3), layer(RNG, 4, 2)
LOSS = oracle.Categorical(0)


def changed(of: oracle.Layer, **fields: Any) -> oracle.Layer:
    return of._replace(**fields)


def test_parameters_are_named_by_their_place() -> None:
    bare = oracle.Layered([(ONE.mu, ONE.sigma2), TWO], OUT)
    assert list(oracle.parameters(bare))[:4] == ["layers.0.mu", "layers.0.sigma2", "layers.1.mu", "layers.1.sigma2"]
    assert "layers.0.bias_mu" not in oracle.parameters(bare)
    deep = oracle.Residual(TWO, [[layer(RNG, 2, 2)], [ONE, TWO]], OUT)
    assert {"stem.mu", "blocks.0.0.mu", "blocks.1.1.bias_sigma2", "readout.sigma2"} <= set(oracle.parameters(deep))
    spiking = oracle.LIF([layer(RNG, 2, 3, recurrent=True)], OUT)
    assert "layers.0.recurrent_sigma2" in oracle.parameters(spiking)


@pytest.mark.parametrize(
    "net",
    [
        oracle.Layered([ONE, TWO], OUT, "logistic", "bipolar", "quadratic"),
        oracle.Residual(TWO, [[ONE, TWO]], OUT, 0.5, False),
        oracle.LIF([layer(RNG, 2, 3, recurrent=True)], OUT, 0.5, 0.2, "soft", False, False, 0.3, "max"),
    ],
)
def test_replace_changes_one_array_and_nothing_else(net: oracle.Network) -> None:
    key = list(oracle.parameters(net))[2]
    other = oracle.replace(net, {key: oracle.parameters(net)[key] + 1.0})
    for name, value in oracle.parameters(net).items():
        np.testing.assert_array_equal(oracle.parameters(other)[name], value + (name == key))
    for name in ("noise", "domain", "variance"):
        assert getattr(other, name) == getattr(net, name)
    with pytest.raises(oracle.InputError, match=r"there is no parameter 'layers.9.mu'; accepted: "):
        oracle.replace(net, {"layers.9.mu": 1.0})


def test_arrays_are_copied_and_read_only() -> None:
    mu = ONE.mu.copy()
    net = oracle.Layered([(mu, ONE.sigma2)], TWO)
    mu[:] = 0.0
    assert net.layers[0].mu.any()
    with pytest.raises(ValueError, match="read-only"):
        net.layers[0].mu[0, 0] = 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: oracle.Layered([], OUT), "layers is empty"),
        (lambda: oracle.Layered(ONE, OUT), "layers is empty or not a sequence"),
        (lambda: oracle.Layered([ONE.mu], OUT), "layers.0 is not a Layer"),
        (lambda: oracle.Layered([ONE, ONE], OUT), r"layers.1.mu has shape \(3, 2\); expected \(any, 3\)"),
        (lambda: oracle.Layered([ONE], OUT), r"readout.mu has shape \(4, 2\); expected \(any, 3\)"),
        (lambda: oracle.Layered([(ONE.mu, -ONE.sigma2)], TWO), "layers.0.sigma2 holds -.*; expected numbers >= 0"),
        (lambda: oracle.Layered([(ONE.mu, ONE.sigma2.T)], TWO), r"layers.0.sigma2 has shape \(2, 3\); expected \(3, 2"),
        (lambda: oracle.Layered([(ONE.mu * np.nan, ONE.sigma2)], TWO), "layers.0.mu holds NaN"),
        (lambda: oracle.Layered([(ONE.mu, None)], TWO), "layers.0.sigma2 is None"),
        (lambda: oracle.Layered([("a", ONE.sigma2)], TWO), "layers.0.mu is not an array of real numbers"),
        (
            lambda: oracle.Layered([changed(ONE, bias_mu=[1.0])], TWO),
            r"layers.0.bias_mu has shape \(1,\); expected \(3",
        ),
        (lambda: oracle.Layered([ONE], TWO, noise="cauchy"), "noise is 'cauchy'; accepted: gaussian, logistic"),
        (lambda: oracle.Layered([ONE], TWO, domain="real"), "domain is 'real'; accepted: binary, bipolar"),
        (lambda: oracle.Layered([ONE], TWO, variance="cubic"), "variance is 'cubic'; accepted: linear, quadratic"),
        (lambda: oracle.Layered([layer(RNG, 3, 2, recurrent=True)], TWO), "layers.0 has recurrent weights"),
        (lambda: oracle.Layered([layer(RNG, 3, 2)._replace(theta=np.ones(3))], TWO), "layers.0 has thresholds"),
        (lambda: oracle.LIF([layer(RNG, 3, 2)._replace(beta=np.full(3, 1.5))], TWO), "layers.0.beta holds 1.5"),
        (lambda: oracle.LIF([changed(ONE, recurrent_mu=np.eye(3))], TWO), "only one of recurrent_mu and"),
        (lambda: oracle.LIF([ONE], TWO, beta=1.5), r"beta is 1.5; expected a decay in \[0, 1\]"),
        (lambda: oracle.LIF([ONE], TWO, beta="half"), "beta is 'half'; expected a number >= 0"),
        (lambda: oracle.LIF([ONE], TWO, theta=np.inf), "theta is inf; expected a finite number"),
        (lambda: oracle.LIF([ONE], TWO, reset="none"), "reset is 'none'; accepted: hard, soft"),
        (lambda: oracle.LIF([ONE], TWO, reduce="sum"), "reduce is 'sum'; accepted: mean, max, last"),
        (lambda: oracle.LIF([ONE], TWO, accumulate="yes"), "accumulate is 'yes'; accepted: True or False"),
        (lambda: oracle.Residual(TWO, [], OUT), "blocks is empty"),
        (lambda: oracle.Residual(TWO, [ONE], OUT), "blocks.0 is not a sequence of one or two layers"),
        (lambda: oracle.Residual(TWO, [[ONE]], OUT), "blocks.0 ends with 3 units; the stream has 2"),
        (lambda: oracle.Residual(TWO, [[ONE, TWO]], OUT, scales=[1.0, 2.0]), r"scales has shape \(2,\); expected \(1,"),
    ],
)
def test_a_network_that_cannot_be_is_refused_in_one_line(make: Any, message: str) -> None:
    with pytest.raises(oracle.InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda net: oracle.exact(net, [1.0], LOSS), r"x has shape \(1,\); expected \(2,\)"),
        (lambda net: oracle.exact("net", [1.0, 2.0], LOSS), "the network is a str; accepted: Layered, Residual, LIF"),
        (lambda net: oracle.exact(net, [1.0, np.inf], LOSS), "x holds NaN or infinity"),
        (lambda net: oracle.exact(net, [1.0, 2.0], 3), "the loss is a int"),
        (lambda net: oracle.exact(net, [1.0, 2.0], oracle.Categorical(7)), "label is 7"),
        (lambda net: oracle.exact(net, [1.0, 2.0], LOSS, method="fast"), "method is 'fast'; accepted: auto, transfer"),
        (lambda net: oracle.exact(net, [1.0, 2.0], LOSS, way="both"), "way is 'both'; accepted: difference, score"),
        (lambda net: oracle.moments(net, [1.0, 2.0], LOSS, "st"), "the member is a str"),
        (lambda net: oracle.largest(net, [1.0, 2.0], LOSS, oracle.gs()), "the member is a Relaxed"),
        (
            lambda net: oracle.moments(net, [1.0, 2.0], LOSS, oracle.gs(), method="transfer"),
            "'transfer' needs a member",
        ),
        (lambda net: oracle.moments(net, [1.0, 2.0], LOSS, oracle.st(), fold={"a": abs}), "fold names 'a'; accepted"),
        (lambda net: oracle.reinforce(net, [1.0, 2.0], LOSS, draws=1), "draws is 1; expected a number >= 2"),
        (lambda net: oracle.reinforce(net, [1.0, 2.0], LOSS, draws=2.5), "draws is 2.5; expected an integer"),
        (lambda net: oracle.arm(oracle.LIF([ONE], TWO), [[1.0, 2.0]], LOSS), "ARM and DisARM need a Layered network"),
        (lambda net: oracle.exact(oracle.LIF([ONE], TWO), [[1.0, 2.0]], LOSS, method="transfer"), "needs a Layered"),
        (lambda net: oracle.exact(oracle.LIF([ONE], TWO), [1.0, 2.0], LOSS), r"x has shape \(2,\); expected \(any, 2"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_in_one_line(ask: Any, message: str) -> None:
    with pytest.raises(oracle.InputError, match=message) as caught:
        ask(oracle.Layered([ONE], layer(RNG, 2, 3)))
    assert "\n" not in str(caught.value)


def wide(*units: int) -> oracle.Layered:
    layers = [layer(RNG, here, below) for below, here in zip((2, *units), (*units, 2), strict=True)]
    return oracle.Layered(layers[:-1], layers[-1])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: oracle.exact(wide(12, 12), [0.0, 1.0], LOSS, method="tree"), "has 24 units .* at most 22 such units"),
        (
            lambda: oracle.exact(wide(13, 12), [0.0, 1.0], LOSS),
            r"2\^25 transitions; the limit is 2\^24: two neighbouring",
        ),
        (lambda: oracle.moments(wide(18), [0.0, 1.0], LOSS, oracle.st()), r"one layer 16"),
        (lambda: oracle.exact(oracle.LIF([wide(5).layers[0]], layer(RNG, 2, 5)), np.zeros((5, 2)), LOSS), "25 units"),
        (lambda: oracle.moments(wide(12), [0.0, 1.0], LOSS, oracle.st_gs(), method="tree"), "12 units of 4 nodes"),
        (lambda: oracle.moments(wide(4, 2), [0.0, 1.0], LOSS, oracle.gs(0.1)), r"nodes of gs\(tau=0.1\), has 6 units"),
        (lambda: oracle.arm(wide(9), [0.0, 1.0], LOSS), "antithetic cells, has 9 units of 3 .* at most 8 such"),
    ],
)
def test_a_network_too_large_is_refused_at_once_with_what_would_fit(ask: Any, message: str) -> None:
    with pytest.raises(oracle.InputError, match=message):
        ask()
