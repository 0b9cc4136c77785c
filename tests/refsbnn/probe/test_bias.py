"""The statistics of a probe: unbiased by enumeration, copies left out one by one, known numbers without noise."""

from itertools import product

import numpy as np
import pytest

from refsbnn.probe import bias

RNG = np.random.default_rng(0)
LAW = np.array([[1.0, -0.5], [0.2, 1.5], [-2.0, 0.4]])  # (d, e) of three equally likely draws


def test_sums_over_pairs_are_unbiased_for_products_of_means() -> None:
    """All 3^4 samples of four draws, equally likely (theory 5.12)."""
    samples = np.array([LAW[list(which)] for which in product(range(3), repeat=4)])
    d, e = samples[..., 0], samples[..., 1]
    mean = bias.statistics(d, e, e**2).mean(axis=1)
    g, mu = LAW.mean(axis=0)
    # Sums of 81 numbers of order 1.
    np.testing.assert_allclose(mean, [g**2, (mu - g) ** 2, g * mu, mu**2, LAW[:, 1].var()], atol=1e-14)


def test_leaving_each_copy_out_is_leaving_it_out() -> None:
    d, e = RNG.normal(size=(2, 3, 6))
    without = bias.statistics(d, e, e**2, without=True)
    for r in range(6):
        left = [np.delete(values, r, axis=-1) for values in (d, e, e**2)]
        np.testing.assert_allclose(without[..., r], bias.statistics(*left), atol=1e-13)


def test_the_mean_of_some_examples_is_unbiased_for_that_of_all() -> None:
    """All choices of 3 of 4 examples, without noise in the draws: the squares of the mean gradient (theory 5.13)."""
    g, mu = RNG.normal(size=(2, 2, 4))
    found = []
    for left in range(4):
        d, e = (np.repeat(np.delete(values, left, axis=1)[..., None], 4, axis=2) for values in (g, mu))
        found.append(bias.of_all_examples(d, e, 2, 4).value)
    mean = np.mean(found, axis=0)
    a, b = g.mean(axis=1), mu.mean(axis=1)
    wanted = [a @ a, (b - a) @ (b - a), a @ b, b @ b]
    np.testing.assert_allclose(mean[:4], np.array(wanted) / 2, atol=1e-13)
    np.testing.assert_allclose(mean[4], (mu**2).mean() - b @ b / 2, atol=1e-13)


def test_numbers_without_noise() -> None:
    """Theory 5.14."""
    g = RNG.normal(size=(5, 4, 1))
    for of in (bias.of_each_example, bias.of_all_examples):
        found = bias.bias(of(np.repeat(g, 3, axis=2), np.repeat(0.5 * g, 3, axis=2), 5, 4))
        values = found.bias.value, found.scale.value, found.cosine.value
        np.testing.assert_allclose(values, (0.5, 0.5, 1.0), atol=1e-7)  # the root of a rounding error in the square
        np.testing.assert_allclose((found.bias.low, found.bias.high), 0.5, atol=1e-6)


def test_the_interval_of_a_ratio_is_where_the_difference_is_not_told_from_zero() -> None:
    """Theory 5.15."""
    value, spread = np.array([2.0, 0.3, 0.0, 0.0, 0.0]), np.zeros((5, 5))
    spread[:2, :2] = [[0.04, 0.01], [0.01, 0.02]]
    means = bias.Means(value, spread, 10**6)
    found = bias.ratio(means, bias.BIAS, bias.GRADIENT)
    t = 1.959966  # Student's t at 10^6 degrees of freedom, 97.5 %: that of the normal to 3e-6
    for q in (found.low, found.high):
        deviation = np.sqrt(0.02 - 2 * q * 0.01 + q * q * 0.04)
        assert abs(0.3 - q * 2.0) == pytest.approx(t * deviation, rel=1e-5)
    assert found.low < found.value == 0.15 < found.high


def test_a_gradient_that_may_be_zero_says_nothing() -> None:
    means = bias.Means(np.ones(5), np.eye(5), 10)
    found = bias.bias(means)
    assert np.isnan([found.bias.value, found.scale.value, found.cosine.value, found.variance]).all()
    assert found.bias[1:] == (0.0, np.inf)
    assert found.cosine[1:] == (-1.0, 1.0)
    assert found.as_dict()["bias"] == {"value": None, "low": 0.0, "high": None}


def test_a_square_below_zero_says_nothing() -> None:
    """What is unbiased for a square may come out negative, by more than its deviation says."""
    value = np.ones(5)
    value[bias.GRADIENT] = -1.0
    found = bias.bias(bias.Means(value, 1e-6 * np.eye(5), 10))
    assert np.isnan([found.bias.value, found.scale.value, found.cosine.value, found.variance]).all()
    assert found.gradient == 0.0


def test_fewer_cells_than_there_are_widen_the_interval() -> None:
    d = RNG.normal(size=(4, 5, 6)) + 1.0
    part, whole = (bias.of_each_example(d, 0.5 * d, cells, 50) for cells in (8, 4))
    each = bias.statistics(d, 0.5 * d, 0.25 * d**2).mean(axis=2)
    np.testing.assert_allclose(part.covariance - whole.covariance, np.cov(each) / 4 / 2, atol=1e-14)
    assert (part.freedom, whole.freedom) == (3, 4)
