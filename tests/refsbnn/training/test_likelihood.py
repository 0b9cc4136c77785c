"""Likelihoods in a training step: gradients by finite differences and quadrature, what learnt noise maximises."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from refsbnn.arrays import Arrays, Measured
from refsbnn.data.dataset import Dataset
from refsbnn.errors import InputError
from refsbnn.layers import Dense, Signal, Spike
from refsbnn.layers.signal import Moments
from refsbnn.network import Network
from refsbnn.streams import Streams
from refsbnn.training.config import read
from refsbnn.training.likelihood import Gaussian
from refsbnn.training.step import Shard, estimate, part, passes
from refsbnn.training.task import Task

NOISE = 0.3


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(1)
    data = Measured(rng.normal(size=(5, 3)), rng.normal(size=(5, 2)))
    network = Network([Dense(4), Spike("agr(tau=0.5)", domain="bipolar"), Dense(2)], Signal("values", (3,)))
    config = read({"model": {"name": "mlp", "hidden": [4]}, "objective": {"penalty": 0.7}})
    return Task(
        config, network, Dataset(2, network.input, data, data, data, Arrays), Streams(4), likelihood=Gaussian(NOISE)
    )


def objective(task, parameters):
    """-loglik by Gauss-Hermite quadrature over the readout's own noise, and the readout's curvature sum ||w||^2 / n."""
    data, n = task.data.train, len(task.data.train.labels)
    output, _ = task.network.forward(parameters, data.x, passes(task, np.arange(n), 0)[1])
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    drawn = output.m[..., None] + np.sqrt(output.v)[..., None] * nodes
    log = norm.logpdf(data.labels[..., None], drawn, np.sqrt(NOISE)) @ weights / np.sqrt(2.0 * np.pi)
    span = 2.0  # of a unit of -1 and +1
    return -log.sum() / n + 0.7 * np.square(span * parameters["2.dense.mu"]).sum() / NOISE


def test_the_steps_gradient_at_the_readout(task) -> None:
    """Its parameters move no spike, so finite differences at the same draws are the derivative, to O(h^2)."""
    rng = np.random.default_rng(2)
    parameters = {
        key: value + 0.1 * rng.normal(size=value.shape) for key, value in task.network.initial(task.streams).items()
    }
    index = np.arange(5)
    numbers, gradients = part(task, parameters, Shard(index, task.data.train.batch(index, None), 1.0), 0, True)
    for key in ("2.dense.mu", "2.dense.rho", "2.dense.bias_mu", "2.dense.bias_rho"):
        way = rng.normal(size=parameters[key].shape)
        up, down = (objective(task, parameters | {key: parameters[key] + h * way}) for h in (1e-5, -1e-5))
        assert (up - down) / 2e-5 == pytest.approx((way * gradients[key]).sum(), rel=1e-7)
    output, _ = task.network.forward(parameters, task.data.train.x, passes(task, index, 0)[1])
    assert numbers["square"] == pytest.approx(np.mean((task.data.train.labels - output.m) ** 2 + output.v), rel=1e-14)
    whole = estimate(task, parameters, index, 0, weight=0.0)
    np.testing.assert_array_equal(whole.gradients["0.dense.mu"], gradients["0.dense.mu"])


def test_the_gradient_below_is_that_of_the_moments(task) -> None:
    """What enters the backward pass: -dm and -dv over the rows, the penalty's share aside."""
    free = Task(
        read({"model": {"name": "mlp", "hidden": [4]}}),
        *(getattr(task, name) for name in ("network", "data", "streams")),
        likelihood=Gaussian(NOISE),
    )
    parameters, index = task.network.initial(task.streams), np.arange(5)
    _, gradients = part(free, parameters, Shard(index, task.data.train.x, 1.0), 0, False)
    output, tape = task.network.forward(parameters, task.data.train.x, passes(task, index, 0)[1])
    g = Moments((output.m - task.data.train.labels) / NOISE / 5, np.full(output.m.shape, 0.5 / NOISE / 5))
    expected, _ = task.network.backward(parameters, tape, g)
    for key, value in expected.items():
        np.testing.assert_allclose(gradients[key], value, rtol=1e-12, atol=1e-15)


def test_the_learnt_noise_is_the_most_likely_one() -> None:
    """Theory 4.20, by a search over n: the bracket's end is known to sqrt(eps), as the objective is flat there."""
    rng = np.random.default_rng(7)
    output, targets = Moments(rng.normal(size=(6, 3)), rng.uniform(0.1, 2.0, (6, 3))), rng.normal(size=(6, 3))
    best = minimize_scalar(lambda log: -Gaussian(np.exp(log)).loss(output, targets).value.sum(), (-3.0, 3.0), tol=1e-10)
    assert np.exp(best.x) == pytest.approx(Gaussian(1.0).loss(output, targets).numbers["square"], rel=1e-6)


def test_targets_that_do_not_fit() -> None:
    with pytest.raises(InputError, match=r"targets has shape \(3,\)"):
        Measured(np.zeros((3, 2)), np.zeros(3))
    with pytest.raises(InputError, match=r"targets has shape \(2, 1\)"):
        Measured(np.zeros((3, 2)), np.zeros((2, 1)))
    with pytest.raises(InputError, match="targets"):
        Measured(np.zeros((2, 2)), np.array([[np.nan], [0.0]]))
    with pytest.raises(InputError, match=r"x has shape \(3,\); expected \(n, ...\)"):
        Measured(np.zeros(3), np.zeros((3, 1)))
