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
    cdf, pdf = {
        "gaussian": (stats.norm.cdf, stats.norm.pdf),
        "logistic": (special.expit, stats.logistic.pdf),
    }[net.noise]
    low, gain = (0.0, 1.0) if net.domain == "binary" else (-1.0, 2.0)
    units = dynamics.stages(net, x)
    if sum(units) > 6:
        return  # the loop below is slow
    found = oracle.activity(net, x)
    assert [one.name for one in found] == list(dynamics.stage_names(net, x))
    sums = [np.zeros((4, n)) for n in units]
    for z in product((low, 1.0), repeat=sum(units)):
        history, rest, p, here = [], np.array(z), 1.0, []
        for t, n in enumerate(units):
            y, rest = rest[None, :n], rest[n:]
            m, v = dynamics.preactivation(net, x, t, history)
            r, inverse = (m / np.sqrt(v))[0], (1.0 / v)[0]
            p *= np.prod(np.where(y == 1.0, cdf(r), 1.0 - cdf(r)))
            here.append(np.stack([cdf(r), r**2, inverse, pdf(r) ** 2 * inverse]))
            history.append(y)
        for total, one in zip(sums, here, strict=True):
            total += p * one
    for t, (one, total) in enumerate(zip(found, sums, strict=True)):
        np.testing.assert_allclose(one.rate, total[0], rtol=1e-12)
        assert one.spread == pytest.approx(np.sqrt(total[1].mean()), rel=1e-12)
        if isinstance(net, oracle.Layered):
            norm2 = (net.layers[t].mu ** 2).sum(axis=1)
            assert one.penalty == pytest.approx((norm2 * total[2]).mean(), rel=1e-12)
            assert one.jacobian == pytest.approx(gain**2 * (norm2 * total[3]).sum(), rel=1e-12)
        else:
            assert one.penalty is None


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
