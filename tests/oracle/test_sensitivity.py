"""The oracle's auxiliary loss against sums written out for networks of a unit or two; its gradient, by differences."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import oracle
from oracle.errors import InputError
from tests.oracle.networks import EPS, EVERY, SETTINGS

PHI = stats.norm.cdf
LAST = oracle.Layer([[0.8], [-0.3]], np.zeros((2, 1)))
W = np.array([0.8, -0.3])


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum()


@pytest.mark.parametrize("domain", ["binary", "bipolar"])
def test_two_units_in_a_chain(domain: str) -> None:
    first, second = oracle.Layer([[0.5]], [[0.4]], [0.1], [0.3]), oracle.Layer([[0.7]], [[0.6]], [-0.2], [0.5])
    net = oracle.Layered([first, second], LAST, domain=domain)
    found = oracle.penalty(net, [1.5], oracle.Categorical(0))
    pi = PHI((0.5 * 1.5 + 0.1) / np.sqrt(0.4 * 1.5**2 + 0.3))
    low, span, step = (0.0, 1.0, 0.6) if domain == "binary" else (-1.0, 2.0, 0.0)
    expected, bent = 0.0, 0.0
    for p, y in ((1.0 - pi, low), (pi, 1.0)):
        m, v = 0.7 * y - 0.2, (0.6 * y if domain == "binary" else 0.6) + 0.5
        r = m / np.sqrt(v)
        expected += p * (span * 0.7 / np.sqrt(v) - r * step / (2.0 * v)) ** 2
        for q, z in ((1.0 - PHI(r), low), (PHI(r), 1.0)):
            prob = softmax(W * z)
            bent += p * q * span**2 * (W @ (np.diag(prob) - np.outer(prob, prob)) @ W)
    assert found.sensitivity["layers.0"] == 0.0
    assert found.sensitivity["layers.1"] == pytest.approx(expected, rel=1e-13)
    assert found.curvature == pytest.approx(bent, rel=1e-13)
    assert found.value == pytest.approx(expected / 2.0 + bent, rel=1e-13)


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_a_neuron_with_itself(reset: str) -> None:
    """Two steps: the spike of the first moves the second by the reset and by its recurrent weight."""
    layer = oracle.Layer([[0.5]], [[0.4]], [0.1], [0.3], [[0.6]], [[0.2]])
    net = oracle.LIF([layer], LAST, beta=0.8, theta=0.7, reset=reset)
    x = np.array([[1.5], [-0.5]])
    m1, v1 = 0.5 * 1.5 + 0.1, 0.4 * 1.5**2 + 0.3
    m2, v2 = 0.5 * -0.5 + 0.1, 0.4 * 0.5**2 + 0.3
    pi = PHI((m1 - 0.7) / np.sqrt(v1))
    expected = 0.0
    for p, z in ((1.0 - pi, 0.0), (pi, 1.0)):
        keep = 1.0 - z if reset == "hard" else 1.0
        M = 0.8 * m1 * keep + m2 + 0.6 * z - (0.0 if reset == "hard" else 0.7 * z)
        V = 0.64 * v1 * keep + v2 + 0.2 * z
        dm, dv = (0.6 - 0.8 * m1, 0.2 - 0.64 * v1) if reset == "hard" else (0.6 - 0.7, 0.2)
        expected += p * (dm / np.sqrt(V) - (M - 0.7) * dv / (2.0 * V * np.sqrt(V))) ** 2
    found = oracle.penalty(net, x, oracle.Gaussian([0.0, 0.0], 0.5))
    assert found.sensitivity["layers.0"] == pytest.approx(expected / 2.0, rel=1e-13)  # the first step counts 0
    read = (0.5 * (1.0 + 0.8)) ** 2 + 0.5**2
    assert found.curvature == pytest.approx(read * (W @ W) / 0.5, rel=1e-13)


def test_a_stream_is_moved_by_every_branch() -> None:
    stem, blocks = oracle.Layer([[0.5]], [[0.4]]), [[oracle.Layer([[mu]], [[0.3]])] for mu in (0.6, -0.9)]
    net = oracle.Residual(stem, blocks, LAST, scales=[0.5, 2.0])
    found = oracle.penalty(net, [1.0], oracle.Bernoulli([1.0, 0.0]))
    assert list(found.sensitivity) == ["blocks.0.0", "blocks.1.0", "stream"]
    pi, expected = PHI(0.5 / np.sqrt(0.4)), 0.0
    for p, z in ((1.0 - pi, 0.0), (pi, 1.0)):
        H, U = 0.5 + 0.3 * z, 0.4 + 0.25 * 0.3 * z
        for q, y in ((PHI(-H / np.sqrt(U)), 0.0), (PHI(H / np.sqrt(U)), 1.0)):
            m, v = H - 1.8 * y, U + 1.2 * y
            moves = [(0.3, 0.075), (-1.8, 1.2)]
            expected += p * q * sum((dm / np.sqrt(v) - m * dv / (2.0 * v * np.sqrt(v))) ** 2 for dm, dv in moves)
    assert found.sensitivity["stream"] == pytest.approx(expected, rel=1e-13)


def test_what_it_does_not_know() -> None:
    net = oracle.Layered([oracle.Layer([[0.5]], [[0.4]])], LAST)
    with pytest.raises(InputError, match="the loss is a Custom"):
        oracle.penalty(net, [1.0], oracle.Custom(lambda y: (y[:, 0], np.stack([y[:, 0], y[:, 1]], 1))))
    wide = oracle.Layer(np.ones((4, 1)), np.ones((4, 1)))
    pooled = oracle.Layered([wide], LAST, pools={"readout": oracle.Pool("max", 2, 2, 1, size=2)})
    with pytest.raises(InputError, match="the network has pools"):
        oracle.penalty(pooled, [1.0], oracle.Categorical(0))
    with pytest.raises(InputError, match="the network has pools"):
        oracle.penalty_gradient(pooled, [1.0], oracle.Categorical(0))


STEP = 2e-3
LOSSES = (
    oracle.Categorical(1),
    oracle.Categorical(1, eps=[0.7, -1.1]),
    oracle.Bernoulli([1.0, 0.3], eps=[0.7, -1.1]),
    oracle.Gaussian([0.4, -0.2], 0.6),
)


def hold(net: oracle.Network, x: Any, loss: Any, rng: np.random.Generator) -> None:
    """Theory 4.16, 4.17: the gradient in a random direction of each parameter is the difference of the exact value.

    The direction multiplies the parameter, so a variance stays positive, or 0. Six points, a step of 2e-3: the error
    is STEP^6 / 140 times a seventh derivative in the factor, below 1e7 here, and rounding over STEP.
    """
    found = oracle.penalty_gradient(net, x, loss)
    assert found.keys() == oracle.parameters(net).keys()
    for key, value in oracle.parameters(net).items():
        direction = rng.uniform(-1.0, 1.0, value.shape)
        ends = [
            oracle.penalty(oracle.replace(net, {key: value * (1.0 + k * STEP * direction)}), x, loss).value
            for k in (-3, -2, -1, 1, 2, 3)
        ]
        slope = float(np.dot(ends, [-1.0, 9.0, -45.0, 45.0, -9.0, 1.0])) / (60.0 * STEP)
        error = 1e-11 * max(1.0, max(ends)) + 100.0 * EPS * max(ends) / STEP
        assert (found[key] * value * direction).sum() == pytest.approx(slope, rel=1e-9, abs=error), key


@given(EVERY, st.sampled_from(LOSSES))
@SETTINGS
def test_the_gradient_is_the_slope_of_the_exact_value(drawn: tuple, loss: Any) -> None:
    """Dense, residual and neurons, with every option of theirs, biased and not, recurrent and not, both domains."""
    hold(drawn[0], drawn[1], loss, drawn[2])


@pytest.mark.parametrize("kind", ["dense", "residual", "neurons"])
def test_the_gradient_of_point_weights(kind: str) -> None:
    """Noise of variance 1 in the place of the weights' own: what is left moves means alone."""
    rng = np.random.default_rng(5)
    point = [oracle.Layer(rng.normal(size=(2, 2)), np.zeros((2, 2)), rng.normal(size=2), np.ones(2)) for _ in range(3)]
    last = oracle.Layer(rng.normal(size=(2, 2)), np.zeros((2, 2)), rng.normal(size=2))
    net: oracle.Network = oracle.Layered(point, last, domain="bipolar")
    if kind == "residual":
        net = oracle.Residual(point[0]._replace(bias_sigma2=np.ones(2)), [[point[1]], [point[2]]], last)
    if kind == "neurons":
        own = point[0]._replace(recurrent_mu=rng.normal(size=(2, 2)), recurrent_sigma2=np.zeros((2, 2)))
        net = oracle.LIF([own, point[1]], last, reset="hard")
    hold(net, rng.normal(size=(2, 2) if kind == "neurons" else 2), LOSSES[0], rng)


def test_a_unit_without_variance_adds_no_gradient() -> None:
    """The second layer has no bias: with all spikes off it is a step, and counts 0."""
    rng = np.random.default_rng(6)
    first = oracle.Layer(rng.normal(size=(2, 2)), np.full((2, 2), 0.4), np.full(2, 0.1), np.full(2, 0.3))
    second = oracle.Layer(rng.normal(size=(3, 2)), np.full((3, 2), 0.5))
    net = oracle.Layered([first, second], oracle.Layer(rng.normal(size=(2, 3)), np.zeros((2, 3))))
    hold(net, rng.normal(size=2), LOSSES[0], rng)
