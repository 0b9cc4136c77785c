"""Examples in memory: rows in any order, time first, and what is refused."""

import numpy as np
import pytest

from refsbnn.arrays import Arrays
from refsbnn.errors import InputError
from refsbnn.layers import Signal


def test_rows_in_any_order_and_more_than_once() -> None:
    x = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(Arrays(x, np.arange(4)).batch(np.array([2, 0, 2]), None), x[[2, 0, 2]])


def test_time_comes_first() -> None:
    x = np.random.default_rng(1).integers(0, 2, (4, 5, 3), np.uint8)
    got = Arrays(x, np.zeros(4, int), time=True).batch(np.array([3, 1]), None)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, np.stack([x[3], x[1]], axis=1))


def test_bytes_are_spikes_and_floats_are_not() -> None:
    still, moving = np.zeros((3, 4, 4, 1)), np.zeros((3, 5, 6), np.uint8)
    assert Arrays(still, np.zeros(3, int)).signal == Signal("values", (4, 4, 1))
    assert Arrays(moving, np.zeros(3, int), time=True).signal == Signal("values", (6,), "binary", 5)


def test_a_part_holds_its_rows() -> None:
    whole = Arrays(np.arange(12.0).reshape(3, 2, 2), np.array([5, 6, 7]), time=True)
    part = whole.part(np.array([2, 0]))
    assert len(part) == 2
    assert part.labels.tolist() == [7, 5]
    np.testing.assert_array_equal(part.x, whole.x[[2, 0]])


@pytest.mark.parametrize(
    ("x", "labels", "options", "message"),
    [
        (np.zeros(3), np.zeros(3, int), {}, r"x has shape \(3,\); expected \(n, ...\)"),
        (np.zeros((3, 2)), np.zeros(2, int), {"time": True}, r"expected \(n, steps, ...\)"),
        (np.full((2, 2), np.nan), np.zeros(2, int), {}, "x holds NaN"),
        ([["a"]], [0], {}, "x is not a numeric array"),
        (np.zeros((3, 2)), np.zeros(2, int), {}, r"labels are int64 of shape \(2,\); expected integers \(3,\)"),
        (np.zeros((2, 2)), np.zeros(2), {}, "labels are float64"),
        (np.full((2, 2), 255, np.uint8), np.zeros(2, int), {}, "x holds the byte 255; bytes are spikes"),
        (np.zeros((2, 2)), np.array([0, -1]), {}, "labels hold -1"),
    ],
)
def test_bad_input(x: object, labels: object, options: dict[str, bool], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Arrays(x, labels, **options)  # type: ignore[arg-type]
