"""The intervals cover what they claim to, by enumeration and by SciPy's own tests."""

import numpy as np
import pytest
from scipy import stats

from validation.evidence import intervals


@pytest.mark.parametrize("p", [0.02, 0.5, 0.87])
def test_the_interval_of_a_fraction_misses_no_more_often_than_stated(p: float) -> None:
    trials, confidence = 20, 0.95
    found = [intervals.fraction(count, trials, confidence) for count in range(trials + 1)]
    miss = sum(stats.binom.pmf(k, trials, p) for k, each in enumerate(found) if not each.low <= p <= each.high)
    assert 0.0 < miss <= 1.0 - confidence or p == 0.02  # near 0 no count's interval need miss
    assert found[0].low == 0.0
    assert found[trials].high == 1.0


@pytest.mark.parametrize("count", [0, 3, 20])
def test_the_interval_of_a_fraction_is_that_of_the_binomial_test(count: int) -> None:
    found, known = intervals.fraction(count, 20, 0.95), stats.binomtest(count, 20).proportion_ci(0.95, "exact")
    assert found == pytest.approx((count / 20, known.low, known.high), abs=1e-12)


def test_the_interval_of_a_mean_is_that_of_the_t_test() -> None:
    values = np.random.default_rng(0).normal(size=7)
    known = stats.ttest_1samp(values, 0.0).confidence_interval(0.99)
    assert intervals.mean(values) == pytest.approx((values.mean(), known.low, known.high), abs=1e-12)
    ratios = intervals.geometric_mean(np.exp(values))
    assert np.log(ratios) == pytest.approx((values.mean(), known.low, known.high), abs=1e-12)


def test_the_interval_of_a_difference_is_made_of_two_of_wilson() -> None:
    """Newcombe (1998), method 10, from the Wilson intervals of the two counts as SciPy has them."""
    found = intervals.difference(0.8, 0.6, 70)
    one, other = (stats.binomtest(count, 70).proportion_ci(0.95, "wilson") for count in (56, 42))
    assert found.low == pytest.approx(0.2 - np.hypot(0.8 - one.low, other.high - 0.6), abs=1e-12)
    assert found.high == pytest.approx(0.2 + np.hypot(one.high - 0.8, 0.6 - other.low), abs=1e-12)


def test_the_interval_of_a_difference_covers() -> None:
    """All pairs of counts of two binomials of 40: within two points of the stated 95 %."""
    p, q, trials = 0.85, 0.8, 40
    counts = range(trials + 1)
    found = [[intervals.difference(i / trials, j / trials, trials) for j in counts] for i in counts]
    covered = np.array([[each.low <= p - q <= each.high for each in line] for line in found])
    weights = np.outer(stats.binom.pmf(counts, trials, p), stats.binom.pmf(counts, trials, q))
    assert (weights * covered).sum() == pytest.approx(0.95, abs=0.02)
