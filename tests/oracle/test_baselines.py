"""REINFORCE with leave-one-out, ARM and DisARM: exact mean = exact gradient; the variance by listing the draws."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given

import oracle
from oracle import dynamics
from oracle.noise import NOISES, law
from tests.oracle import networks
from tests.oracle.networks import EPS, SETTINGS, layer, layered


@SETTINGS
@given(networks.EVERY)
def test_reinforce_is_unbiased_on_every_network(case: tuple) -> None:
    net, x, rng = case
    for value in oracle.reinforce(net, x, networks.loss(rng)).values():
        assert (np.abs(value.bias) <= 1e-12 * (np.sqrt(value.square) + np.abs(value.gradient))).all()


@SETTINGS
@given(layered(depth=3))
def test_arm_and_disarm_are_unbiased_at_any_depth(case: tuple) -> None:
    net, x, rng = case
    loss = networks.loss(rng)
    spread = oracle.reinforce(net, x, loss)
    for method in (oracle.arm, oracle.disarm):
        for key, mean in method(net, x, loss).items():
            error = np.abs(mean - spread[key].gradient)
            # Differences of losses of order one: the deviation of the estimate plus the loss's own rounding.
            assert (error <= 1e-12 * (np.sqrt(spread[key].square) + np.abs(mean) + 1.0)).all(), key


@pytest.mark.parametrize("draws", [2, 3])
def test_reinforce_has_the_variance_of_its_draws(draws: int) -> None:
    """One unit below one: all tuples of joint states, and the leave-one-out estimate written out."""
    rng = np.random.default_rng(1)
    net = oracle.Layered([layer(rng, 1, 2), layer(rng, 1, 1)], layer(rng, 2, 1), "logistic")
    x, loss = rng.normal(size=2), networks.loss(rng)
    states = []
    for z in product((0, 1), repeat=2):
        history, p, scores = [np.array([[float(bit)]]) for bit in z], 1.0, []
        for t, bit in enumerate(z):
            here = law(NOISES[net.noise], *dynamics.preactivation(net, x, t, history[:t]))
            p *= (here.p1 if bit else here.p0).item()
            scores.append((here.score()[bit] * here.drdm).item())
        value, dm, _ = loss.evaluate(*dynamics.output(net, x, history))
        states.append((p, value.item(), scores[0], scores[1], dm[0, 0]))
    for column, key in ((2, "layers.0.bias_mu"), (3, "layers.1.bias_mu"), (4, "readout.bias_mu")):
        mean, square = 0.0, 0.0
        for several in product(states, repeat=draws):
            p = np.prod([state[0] for state in several])
            losses = np.array([state[1] for state in several])
            if column < 4:
                others = (losses.sum() - losses) / (draws - 1)
                estimate = np.mean([(l - o) * s[column] for l, o, s in zip(losses, others, several, strict=True)])
            else:
                estimate = np.mean([state[column] for state in several])
            mean += p * estimate
            square += p * estimate**2
        found = oracle.reinforce(net, x, loss, draws=draws)[key]
        assert found.mean.ravel()[0] == pytest.approx(mean, abs=64 * EPS)
        assert found.square.ravel()[0] == pytest.approx(square, rel=1e-12)


def test_arm_of_one_unit_is_its_integral_over_the_uniform() -> None:
    """Theory 2.14 as it stands, on a fine midpoint grid: exact but for the two cells that a threshold cuts."""
    net = oracle.Layered([([[0.9]], [[0.8]])], ([[1.0], [-0.5]], [[0.0], [0.0]]), "logistic")
    loss, cells = oracle.Categorical(0), 200_000
    r = 0.9 / np.sqrt(0.8)
    pi = 1.0 / (1.0 + np.exp(-r))
    u = (np.arange(cells) + 0.5) / cells
    at = [loss.evaluate(np.array([[z, -0.5 * z]]), np.zeros((1, 2)))[0].item() for z in (0.0, 1.0)]
    values = np.where(u > 1.0 - pi, at[1], at[0]) - np.where(u < pi, at[1], at[0])
    expected = (values * (u - 0.5)).mean() / np.sqrt(0.8)  # the logit of a logistic unit is r itself
    found = oracle.arm(net, [1.0], loss)["layers.0.mu"].item()
    assert found == pytest.approx(expected, abs=2.0 / cells)
    assert oracle.disarm(net, [1.0], loss)["layers.0.mu"].item() == pytest.approx(found, rel=8 * EPS)
