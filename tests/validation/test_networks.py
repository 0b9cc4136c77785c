"""What claims about error by firing rate stand on: networks that fire at a rate, and errors from exact moments."""

import numpy as np
import pytest

import oracle
from validation.evidence import hidden, networks


@pytest.mark.parametrize("rate", [0.5, 0.05])
def test_every_unit_fires_at_the_rate(rate: float) -> None:
    rng = np.random.default_rng(3)
    net, x = networks.layered(rng, [2, 3, 4, 3]), rng.normal(size=2)
    for stage in oracle.activity(networks.at_rate(net, x, rate), x):
        assert stage.rate == pytest.approx(rate, abs=1e-12)


def test_the_error_of_a_batch_is_bias_and_variance_and_that_of_a_multiple_is_its_own() -> None:
    """Of n draws and a scale, by the moments of scale times the mean: E|s g - t|^2 = |s E g - t|^2 + s^2 var / n."""
    rng, batch, scale = np.random.default_rng(4), 7, 0.6
    net, x = networks.layered(rng, [2, 3, 2]), rng.normal(size=2)
    found = oracle.moments(net, x, oracle.Categorical(0), oracle.trapezoid())
    parts = [found[f"layers.{i}.mu"] for i in range(2)]
    sums, size = hidden.sums([(net, x)], oracle.trapezoid()), sum((e.gradient**2).sum() for e in parts)
    for s in (1.0, scale):
        expected = sum(((s * e.mean - e.gradient) ** 2 + s**2 * e.variance / batch).sum() for e in parts) / size
        assert sums.error(batch, s) == pytest.approx([expected], rel=1e-12)
