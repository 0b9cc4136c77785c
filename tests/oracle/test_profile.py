"""Activity and norms layer by layer, against sums over listed states."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from scipy import special, stats

import oracle
from oracle import dynamics
from tests.oracle import networks
from tests.oracle.networks import SETTINGS, layer


@SETTINGS
@given(networks.EVERY)
def test_activity_is_the_mean_over_joint_spikes(case: tuple) -> None:
    net, x, _ = case
    cdf = {"gaussian": stats.norm.cdf, "logistic": special.expit}[net.noise]
    low = 0.0 if net.domain == "binary" else -1.0
    units = dynamics.stages(net, x)
    if sum(units) > 6:
        return  # the loop below is slow
    found = oracle.activity(net, x)
    assert [one.name for one in found] == list(dynamics.stage_names(net, x))
    sums = [np.zeros((3, n)) for n in units]
    for z in product((low, 1.0), repeat=sum(units)):
        history, rest, p, here = [], np.array(z), 1.0, []
        for t, n in enumerate(units):
            y, rest = rest[None, :n], rest[n:]
            m, v = dynamics.preactivation(net, x, t, history)
            r, inverse = (m / np.sqrt(v))[0], (1.0 / v)[0]
            p *= np.prod(np.where(y == 1.0, cdf(r), 1.0 - cdf(r)))
            here.append(np.stack([cdf(r), r**2, inverse]))
            history.append(y)
        for total, one in zip(sums, here, strict=True):
            total += p * one
    for t, (one, total) in enumerate(zip(found, sums, strict=True)):
        np.testing.assert_allclose(one.rate, total[0], rtol=1e-12)
        assert one.spread == pytest.approx(np.sqrt(total[1].mean()), rel=1e-12)
        if isinstance(net, oracle.Layered):
            norm2 = (net.layers[t].mu ** 2).sum(axis=1)
            assert one.penalty == pytest.approx((norm2 * total[2]).mean(), rel=1e-12)
        else:
            assert one.penalty is None


def change(net: oracle.Layered, t: int, z: np.ndarray, h: float) -> np.ndarray:
    """E[y] of layer t for spikes z + h below and z - h, one spike moved at a time: the difference, (below, units)."""
    law = {"gaussian": stats.norm, "logistic": stats.logistic}[net.noise]
    gain = 1.0 if net.domain == "binary" else 2.0
    rows = []
    for j in range(len(z)):
        step = h * (np.arange(len(z)) == j)
        up, down = (
            law.cdf((m / np.sqrt(v))[0])
            for m, v in (dynamics.preactivation(net, np.zeros(2), t, [y[None]] * t) for y in (z + step, z - step))
        )
        rows.append(gain * (up - down))
    return np.array(rows)


def weighted(net: oracle.Layered, x: np.ndarray, t: int) -> list[tuple[float, np.ndarray]]:
    """Each state of the layer below t and its probability: the mean of its indicator."""
    units = len(net.layers[t - 1].mu)
    plain = oracle.Layered(
        net.layers[:t], oracle.Layer(np.eye(units), np.zeros((units, units))), net.noise, net.domain, net.variance
    )
    low = 0.0 if net.domain == "binary" else -1.0
    found = []
    for state in product((low, 1.0), repeat=units):
        here = np.array(state)
        one = oracle.Custom(lambda y, here=here: ((y == here).all(axis=1).astype(float), np.zeros_like(y)))
        found.append((oracle.exact(plain, x, one).loss, here))
    return found


@SETTINGS
@given(networks.layered(depth=3))
def test_jacobian_is_the_difference_at_every_state(case: tuple) -> None:
    net, x, _ = case
    found = oracle.activity(net, x)
    assert found[0].jacobian is None
    h = 1e-5
    for t in range(1, len(net.layers)):
        expected = sum(p * ((change(net, t, z, h) / (2.0 * h)) ** 2).sum() for p, z in weighted(net, x, t))
        # Central differences: h^2 times third derivatives below 1e2, and eps / h.
        assert found[t].jacobian == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("domain", ["binary", "bipolar"])
def test_jacobian_is_the_step_between_the_states_where_a_spike_does_little(domain: str) -> None:
    rng = np.random.default_rng(1)
    first, second = layer(rng, 3, 2), layer(rng, 2, 3)
    ratios = []
    for small in (2.0**-6, 2.0**-7):
        above = second._replace(mu=small * second.mu, sigma2=small * second.sigma2)
        net, x = oracle.Layered([first, above], layer(rng, 2, 2), domain=domain), np.array([0.3, -0.7])
        low = 0.0 if domain == "binary" else -1.0
        square = 0.0
        for p, z in weighted(net, x, 1):
            for j in range(3):
                ends = np.stack([np.where(np.arange(3) == j, end, z) for end in (low, 1.0)])
                m, v = dynamics.preactivation(net, x, 1, [ends])
                mean = special.ndtr(m / np.sqrt(v)) if domain == "binary" else 2.0 * special.ndtr(m / np.sqrt(v)) - 1.0
                square += p * (((mean[1] - mean[0]) / (1.0 - low)) ** 2).sum()
        ratios.append(oracle.activity(net, x)[1].jacobian / square - 1.0)
    # The two differ by the second order of what a spike does, so by half as much when it does half.
    assert abs(ratios[0]) < 0.1
    assert ratios[1] == pytest.approx(ratios[0] / 2.0, rel=0.1)


def test_a_spike_that_moves_the_variance_alone_has_a_jacobian() -> None:
    """Two {0,1} units in a chain with mu = 0: E[z_2] = F(1 / sqrt(1 + z_1)), dr/dz = -(1 + z)^(-3/2) / 2."""
    net = oracle.Layered(
        [oracle.Layer([[0.5]], [[0.0]], [0.0], [1.0]), oracle.Layer([[0.0]], [[1.0]], [1.0], [1.0])],
        oracle.Layer([[1.0]], [[0.0]]),
    )
    pi = stats.norm.cdf(0.5)
    slopes = [stats.norm.pdf((1.0 + z) ** -0.5) * 0.5 * (1.0 + z) ** -1.5 for z in (0.0, 1.0)]
    expected = (1.0 - pi) * slopes[0] ** 2 + pi * slopes[1] ** 2
    assert oracle.activity(net, [1.0])[1].jacobian == pytest.approx(expected, rel=1e-13)


def test_norms_are_over_one_field_of_each_layer() -> None:
    rng = np.random.default_rng(0)
    net = oracle.Layered([layer(rng, 2, 2), layer(rng, 2, 2)], layer(rng, 2, 2))
    estimates = oracle.moments(net, rng.normal(size=2), networks.loss(rng), oracle.st())
    found = oracle.norms(estimates, "sigma2")
    assert list(found) == ["layers.0", "layers.1", "readout"]
    one, norm = estimates["layers.0.sigma2"], found["layers.0"]
    assert norm.gradient == pytest.approx(np.sqrt((one.gradient**2).sum()))
    assert norm.bias == pytest.approx(np.sqrt((one.bias**2).sum()))
    assert norm.deviation == pytest.approx(np.sqrt(one.variance.sum()))
    assert norm.relative_bias == pytest.approx(norm.bias / norm.gradient)
    assert norm.snr == pytest.approx(norm.gradient / norm.deviation)
    assert found["readout"].relative_bias == pytest.approx(0.0, abs=1e-12)
    assert oracle.Norms(0.0, 0.0, 0.0).snr == 0.0
    assert oracle.Norms(1.0, 0.0, 0.0).snr == float("inf")
