"""Sums over joint states against plain loops."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle import InputError
from oracle.states import check_states, differences, joint, patterns, score_sums, spikes
from tests.oracle.networks import EPS, SEEDS, SETTINGS

ROWS = 3


def draws(seed: int, units: int) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p1 = rng.uniform(size=(ROWS, units))
    return rng, 1.0 - p1, p1


def test_patterns_list_the_states_with_unit_0_most_significant() -> None:
    np.testing.assert_array_equal(patterns(3), list(product((0.0, 1.0), repeat=3)))
    np.testing.assert_array_equal(patterns(2, "bipolar"), list(product((-1.0, 1.0), repeat=2)))
    np.testing.assert_array_equal(spikes(np.array([6, 13]), 3), [[1, 1, 0], [1, 0, 1]])  # higher digits are others'


@SETTINGS
@given(SEEDS, st.integers(1, 6))
def test_joint_probabilities_are_products_and_add_up_to_one(seed: int, units: int) -> None:
    _, p0, p1 = draws(seed, units)
    table = joint(p0, p1)
    for state, z in enumerate(product((0, 1), repeat=units)):
        expected = np.prod([p1[:, i] if z[i] else p0[:, i] for i in range(units)], axis=0)
        np.testing.assert_allclose(table[:, state], expected, rtol=units * EPS)
    np.testing.assert_allclose(table.sum(axis=1), 1.0, rtol=4 * units * EPS)


@SETTINGS
@given(SEEDS, st.integers(1, 6))
def test_score_sums_and_differences_are_their_loops(seed: int, units: int) -> None:
    rng, p0, p1 = draws(seed, units)
    table, (s0, s1) = rng.normal(size=(ROWS, 2**units)), rng.normal(size=(2, ROWS, units))
    probabilities = joint(p0, p1)
    sums, change = np.zeros((ROWS, units)), np.zeros((ROWS, units))
    for state, z in enumerate(product((0, 1), repeat=units)):
        for i in range(units):
            sums[:, i] += table[:, state] * (s1 if z[i] else s0)[:, i]
            sign, own = (1.0, p1) if z[i] else (-1.0, p0)
            change[:, i] += sign * probabilities[:, state] / own[:, i] * table[:, state]
    # Sums of 2^units numbers of order one, each rounded a few times.
    bound = 16 * 2**units * EPS
    np.testing.assert_allclose(score_sums(table, s0, s1), sums, atol=bound * 4)
    found, mean = differences(table, p0, p1)
    np.testing.assert_allclose(found, change, atol=bound)
    np.testing.assert_allclose(mean, (probabilities * table).sum(axis=1), atol=bound)


def test_too_many_states_are_refused_with_the_count_the_limit_and_what_fits() -> None:
    check_states(22, 2, "the network")
    with pytest.raises(
        InputError, match=r"the network has 23 units .* 2\^23 = 8.389e\+06 .* 4194304.* at most 22 such"
    ):
        check_states(23, 2, "the network")
    with pytest.raises(InputError, match=r"12 units of 4 nodes .* at most 11 such"):
        check_states(12, 4, "the network")
