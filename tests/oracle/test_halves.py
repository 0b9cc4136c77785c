"""Sums by halves against plain sums over a table of all rows and states, and the readout against states one by one."""

from math import fsum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from oracle import halves, readout
from oracle.dynamics import output, pull_output
from oracle.noise import GAUSSIAN, law
from oracle.states import joint, patterns, spikes
from oracle.terms import add_totals
from tests.oracle import networks
from tests.oracle.networks import EPS, SEEDS, SETTINGS, layer

UNITS = st.integers(1, 7)
ROWS = st.sampled_from([1, 5])


def some(seed: int, units: int, rows: int) -> tuple:
    rng = np.random.default_rng(seed)
    here = law(GAUSSIAN, rng.normal(size=(rows, units)), rng.uniform(0.5, 1.5, (rows, units)))
    return rng, here, halves.halves(here), joint(here.p0, here.p1)


@SETTINGS
@given(SEEDS, UNITS, ROWS)
def test_means_changes_and_scores_are_sums_over_the_table(seed: int, units: int, rows: int) -> None:
    rng, here, two, table = some(seed, units, rows)
    values, reach = rng.normal(size=2**units), rng.uniform(size=rows)
    z = patterns(units)
    bound = 16 * units * EPS * np.abs(values).max()  # means of numbers, each rounded some units times
    np.testing.assert_allclose(halves.arrive(two, reach), reach @ table, rtol=16 * units * EPS)
    np.testing.assert_allclose(halves.mean(two, values), table @ values, atol=bound)
    score = np.where(z[None] == 1.0, here.hazard(1)[:, None], -here.hazard(0)[:, None])
    expected = np.einsum("rz,z,rzi->ri", table, values, score)
    np.testing.assert_allclose(halves.mean_scores(two, here, values), expected, atol=bound * np.abs(score).max())
    change = np.einsum(
        "rz,z,rzi->ri", table, values, np.where(z == 1.0, 1.0 / here.p1[:, None], -1.0 / here.p0[:, None])
    )
    # The expected sum divides by P(z_i), and its terms are as large as the values over it.
    least = np.minimum(here.p0, here.p1).min()
    np.testing.assert_allclose(halves.mean_changes(two, values), change, atol=2.0 * bound / least)


@SETTINGS
@given(SEEDS, UNITS, ROWS)
def test_slopes_and_pairs_are_sums_over_the_table(seed: int, units: int, rows: int) -> None:
    rng, _, two, table = some(seed, units, rows)
    k1, k2 = rng.normal(size=(2, rows, units, 2))
    message = rng.normal(size=(units, 2**units))
    matrix = rng.normal(size=(units, units, 2**units))
    matrix = matrix + matrix.swapaxes(0, 1)
    bits = patterns(units).astype(int)
    slope, square = (np.stack([k[:, i, bits[:, i]] for i in range(units)], axis=-1) for k in (k1, k2))  # (rows, z, i)
    pairs = slope[..., None] * slope[..., None, :]
    pairs[..., range(units), range(units)] = square
    bound = 64 * units * EPS
    first = np.einsum("rz,rzi,iz->ri", table, slope, message)
    np.testing.assert_allclose(halves.mean_slopes(two, k1, message), first, atol=bound * np.abs(slope).max() * 4)
    second = np.einsum("rz,rzij,ijz->rij", table, pairs, matrix)
    found = halves.mean_pairs(two, k1, k2, matrix)
    np.testing.assert_allclose(found, second, atol=bound * np.abs(pairs).max() * np.abs(matrix).max())


def test_a_constant_does_not_drown_a_change() -> None:
    """Values 2^40 + d, d of order one with few digits so that the sum is exact: changes are those of d to rounding."""
    rng, _, two, _ = some(1, 7, 5)
    d = rng.integers(-8, 8, 2**7) / 4.0
    np.testing.assert_allclose(
        halves.mean_changes(two, 2.0**40 + d), halves.mean_changes(two, d), atol=64 * 7 * EPS * np.abs(d).max()
    )


@pytest.mark.parametrize("pool", [None, "average", "max"])
@pytest.mark.parametrize("variance", ["linear", "quadratic"])
@pytest.mark.parametrize("domain", ["binary", "bipolar"])
def test_the_readout_is_that_of_states_one_by_one(domain: str, variance: str, pool: str | None) -> None:
    """15 units: four blocks, of rows that are not the block's number."""
    rng = np.random.default_rng(5)
    units = 16 if pool else 15
    pools = {"readout": oracle.Pool(pool, 4, 4, 1, 2)} if pool else {}
    out = layer(rng, 3, 4 if pool else units, bias=domain == "binary")
    net = oracle.Layered([layer(rng, units, 2)], out, domain=domain, variance=variance, pools=pools)
    loss = oracle.Bernoulli(rng.uniform(size=3), eps=rng.normal(size=3))
    reach = rng.dirichlet(np.ones(2**units))
    assert 2**units > 3 * readout.BLOCK
    values, gradient = readout.evaluate(net, loss, reach)
    expected = {key: np.zeros(value.shape) for key, value in oracle.parameters(net).items()}
    y = patterns(units, domain)
    value, dm, dv = loss.evaluate(*output(net, rng.normal(size=2), [y]))
    pulled = pull_output(net, np.zeros(2), [y], reach[:, None] * dm, reach[:, None] * dv)
    add_totals(expected, pulled.terms)
    np.testing.assert_allclose(values, value, rtol=1e-12)
    for key, found in gradient.items():
        # A sum of terms weighted by probabilities, each below the largest cotangent.
        np.testing.assert_allclose(found, expected[key], atol=1e-13 * max(np.abs(dm).max(), np.abs(dv).max()))


def test_a_reading_is_rounded_as_one_sum_of_its_units() -> None:
    """Recursive sums of the products of two halves and a bias, and one addition: at most (n + 2) roundings of at most
    the sum of the absolute terms each; the states are 2^20 apart, which would show in a running sum over them."""
    rng = np.random.default_rng(6)
    units = 20
    mu = rng.normal(size=(2, units)) * 10.0 ** rng.integers(-4, 5, (2, units))
    bias = rng.normal(size=2)
    net = oracle.Layered([layer(rng, units, 2)], (mu, np.zeros(mu.shape), bias, np.zeros(2)))
    seen = []

    def function(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(logits.copy())
        return logits[:, 0], np.zeros(logits.shape)

    readout.evaluate(net, oracle.Custom(function), np.full(2**units, 2.0**-units))
    logits = np.concatenate(seen)
    states = np.concatenate([[0, 2**units - 1], rng.integers(0, 2**units, 200)])
    for state, y in zip(states, spikes(states, units), strict=True):
        for o in range(2):
            terms = [*(mu[o] * y), bias[o]]
            assert abs(logits[state, o] - fsum(terms)) <= (units + 2) * EPS / 2 * fsum(map(abs, terms))


def test_wide_layers_by_the_tree() -> None:
    """Odd and even widths, both ways and the moments, against all joint states."""
    rng = np.random.default_rng(11)
    net = oracle.Layered([layer(rng, 7, 3), layer(rng, 6, 7), layer(rng, 1, 6)], layer(rng, 2, 1))
    x, loss = rng.normal(size=3), networks.loss(rng)
    expected = oracle.exact(net, x, loss, method="tree")
    for way in ("difference", "score"):
        found = oracle.exact(net, x, loss, method="transfer", way=way)
        assert found.loss == pytest.approx(expected.loss, rel=1e-13)
        for key, value in expected.gradient.items():
            assert np.linalg.norm(found.gradient[key] - value) <= 1e-12 * np.linalg.norm(value), (way, key)
    by_tree, by_layer = (
        oracle.moments(net, x, loss, oracle.agr(0.5), method=method) for method in ("tree", "transfer")
    )
    for key, value in by_tree.items():
        root = np.sqrt(value.square)
        assert (np.abs(by_layer[key].mean - value.mean) <= 1e-12 * root).all(), key
        assert (np.abs(by_layer[key].square - value.square) <= 1e-12 * value.square).all(), key
