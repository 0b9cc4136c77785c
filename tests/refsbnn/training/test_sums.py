"""Sums over shards: no order matters, nothing overflows, the error is what theory 6.4 says."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn import fixed_point, optim
from refsbnn.training import sums
from refsbnn.training.config import load
from refsbnn.training.loop import initial
from refsbnn.training.step import estimate
from refsbnn.training.task import prepare

DTYPES = (np.float32, np.float64)


def exponent(g):
    return sums.exponent(fixed_point.largest(g))


def total(each, scale, dtype):
    """The sum of some arrays, in their order, as integers and as numbers."""
    buffer = np.full(each[0].size, 2**62)  # what was there does not count
    one = sums.Sum({"w": each[0].shape}, {"w": scale}, len(each), buffer)
    for g in each:
        one.add({"w": g})
    return buffer, one.value({"w": np.dtype(dtype)})["w"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shards", [2, 3, 8, 1000])
def test_the_error_is_within_its_bound_and_no_order_matters(shards, dtype):
    """Theory 6.2: magnitudes over 40 orders; exact sums as fractions."""
    rng = np.random.default_rng(shards)
    size = 40 if shards == 1000 else 300
    each = (rng.standard_normal((shards, size)) * 10.0 ** rng.uniform(-30, 10, (shards, size))).astype(dtype)
    e = exponent(each)
    q, found = total(list(each), e, np.float64)
    again, _ = total([each[i] for i in rng.permutation(shards)], e, np.float64)
    np.testing.assert_array_equal(q, again)
    b = sums.BITS - (shards - 1).bit_length()
    exact = [sum(map(Fraction, column.tolist())) for column in each.T]
    unit = Fraction(2) ** (e - b)
    for one, right, number in zip(q.tolist(), exact, found.tolist(), strict=True):
        assert abs(one * unit - right) <= shards * unit / 2  # theory 6.4
        assert abs(Fraction(number) - one * unit) <= abs(one * unit) * Fraction(2) ** -53  # float64's rounding alone


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shards", [2, 7, 64])
def test_the_largest_sums_do_not_overflow(shards, dtype):
    for e in (-1000, -120, 0, 100, 1000)[1 if dtype == np.float32 else 0 : 4 if dtype == np.float32 else 5]:
        largest = np.nextafter(dtype(2.0**e), dtype(0))
        for sign in (1, -1):
            q, found = total([np.full(2, sign * largest)] * shards, e, np.float64)
            assert abs(int(q[0])) <= 2**62
            np.testing.assert_allclose(found, sign * shards * float(largest), rtol=2.0**-52)


def test_long_arrays_are_added_to_their_last_number():
    """More numbers than a block of the additions takes."""
    size = optim.BLOCK * 2 + 3
    each = np.random.default_rng(0).standard_normal((2, size)).astype(np.float32)
    _, found = total(list(each), exponent(each), np.float32)
    np.testing.assert_allclose(found, each.sum(axis=0, dtype=np.float64), rtol=2.0**-24, atol=2.0**-50)


def test_what_reaches_its_scale_is_told_and_touches_nothing_else():
    buffer = np.full(3, 2**62)
    one = sums.Sum({"a": (2,), "b": (1,)}, {"a": 1, "b": 1}, 2, buffer)
    found = one.add({"a": np.array([2.0, 0.5]), "b": np.array([1.5])})
    assert found == {"a": 2, "b": 1}
    assert buffer[2] == round(1.5 * 2 ** (61 - 1))


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(DTYPES))
def test_the_exponent_is_the_least(value, dtype):
    with np.errstate(over="ignore"):
        g = np.array([0.0, value], dtype)
    e = exponent(g)
    if not np.isfinite(g[1]):
        assert e == sums.NOT_FINITE
    elif g[1] == 0.0:
        assert e == sums.ZERO
    else:
        magnitude = Fraction(float(abs(g[1])))
        assert Fraction(2) ** (e - 1) <= magnitude < Fraction(2) ** e


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found(odd):
    assert exponent(np.array([1.0, odd, -2.0])) == sums.NOT_FINITE


def test_the_scale_grows_at_once_and_falls_slowly():
    """Theory 6.3."""
    scale = {"w": sums.ZERO}
    seen = []
    for found in (3, 3, -20, -20, 8):
        scale = sums.next_scale(scale, {"w": found})
        seen.append(scale["w"])
    assert seen == [13, 13, 12, 11, 18]


def test_a_step_in_shards_gives_the_same_numbers_for_every_scale_and_those_of_the_whole_batch(monkeypatch):
    """Without a scale, as in the first step, the step is computed again with the one that it needs."""
    options = ["model.hidden=[6]", "data.steps=3", "objective.penalty=0.1", "training.shards=3"]
    task = prepare(load("digits_spiking", options))
    whole = prepare(load("digits_spiking", [*options, "training.shards=1"]))
    parameters, index = initial(task).parameters, np.arange(40, 60)
    expected = estimate(whole, parameters, index, 0, 0.1)
    calls = []
    adding = sums.Sum.add

    def counted(self, gradients):
        calls.append(None)
        return adding(self, gradients)

    monkeypatch.setattr(sums.Sum, "add", counted)
    first = estimate(task, parameters, index, 0, 0.1)
    assert len(calls) == 6
    second = estimate(task, parameters, index, 0, 0.1, scale=first.scale)
    assert len(calls) == 9
    for key, g in expected.gradients.items():
        largest = np.abs(g).max()
        np.testing.assert_allclose(first.gradients[key], g, rtol=0.0, atol=64 * np.finfo(float).eps * largest)
        np.testing.assert_array_equal(first.gradients[key], second.gradients[key])
    for name, value in expected.numbers().items():
        if not name.startswith("spread."):  # the mean of the shards' deviations is not the batch's
            assert first.numbers()[name] == pytest.approx(value, rel=1e-13)
