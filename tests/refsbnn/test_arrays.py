"""Examples in memory: rows in any order, time first, and what is refused."""

import numpy as np
import pytest

from refsbnn.arrays import Arrays
from refsbnn.errors import InputError


def test_rows_in_any_order_and_more_than_once() -> None:
    x = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(Arrays(x, np.arange(4)).batch(np.array([2, 0, 2]), None), x[[2, 0, 2]])


def test_time_comes_first() -> None:
    x = np.random.default_rng(1).integers(0, 2, (5, 4, 3), np.uint8)
    got = Arrays(x, np.zeros(4, int), time=True).batch(np.array([3, 1]), None)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, x[:, [3, 1]])


@pytest.mark.parametrize(
    ("x", "labels", "options", "message"),
    [
        (np.zeros(3), np.zeros(3, int), {}, r"x has shape \(3,\); expected \(n, ...\)"),
        (np.zeros((3, 2)), np.zeros(2, int), {"time": True}, r"expected \(steps, n, ...\)"),
        (np.full((2, 2), np.nan), np.zeros(2, int), {}, "x holds NaN"),
        ([["a"]], [0], {}, "x is not a numeric array"),
        (np.zeros((3, 2)), np.zeros(2, int), {}, r"labels are int64 of shape \(2,\); expected integers \(3,\)"),
        (np.zeros((2, 2)), np.zeros(2), {}, "labels are float64"),
        (np.zeros((2, 2)), np.array([0, -1]), {}, "labels hold -1"),
    ],
)
def test_bad_input(x: object, labels: object, options: dict[str, bool], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Arrays(x, labels, **options)  # type: ignore[arg-type]
