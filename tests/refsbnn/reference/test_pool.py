"""Pooling: forward against windows written out, backward by finite differences, ties by the stated rule."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsbnn.errors import InputError
from refsbnn.reference import pool
from tests.refsbnn.differences import STEP, check_gradient

EPS = np.finfo(float).eps
seeds = st.integers(0, 2**32 - 1)


@st.composite
def geometries(draw: st.DrawFn) -> tuple[tuple[int, ...], int, int | None]:
    """Shape of x, size and stride; strides below the size overlap, above it skip."""
    size = draw(st.integers(1, 3))
    lead = tuple(draw(st.lists(st.integers(1, 2), max_size=2)))
    sides = (draw(st.integers(size, 7)), draw(st.integers(size, 7)), draw(st.integers(1, 3)))
    return (*lead, *sides), size, draw(st.none() | st.integers(1, 4))


def distinct(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Values whose distances, 16 steps at least, keep every maximum in place while an entry moves by 4 steps."""
    return rng.permutation(np.prod(shape)).reshape(shape) * 16 * STEP


def window(x: np.ndarray, p: int, q: int, size: int, step: int) -> np.ndarray:
    return x[..., p * step : p * step + size, q * step : q * step + size, :]


@given(seed=seeds, geometry=geometries())
@settings(deadline=None)
def test_forward_takes_mean_and_maximum_of_each_window(seed: int, geometry: tuple) -> None:
    shape, size, stride = geometry
    x = np.random.default_rng(seed).normal(size=shape)
    step = stride or size
    average, (largest, index) = pool.average_forward(x, size, stride), pool.max_forward(x, size, stride)
    rows, columns = (shape[-3] - size) // step + 1, (shape[-2] - size) // step + 1
    assert average.shape == largest.shape == index.shape == (*shape[:-3], rows, columns, shape[-1])
    for p, q in np.ndindex(rows, columns):
        seen = window(x, p, q, size, step)
        mean, total = seen.mean(axis=(-3, -2)), np.abs(seen).sum(axis=(-3, -2))
        assert (np.abs(average[..., p, q, :] - mean) <= 2 * size**2 * EPS * total).all()
        np.testing.assert_array_equal(largest[..., p, q, :], seen.max(axis=(-3, -2)))
        for place in np.ndindex(largest[..., p, q, :].shape):
            k, l = divmod(index[(*place[:-1], p, q, place[-1])], size)
            assert seen[(*place[:-1], k, l, place[-1])] == largest[(*place[:-1], p, q, place[-1])]


@given(seed=seeds, geometry=geometries())
@settings(deadline=None)
def test_backward(seed: int, geometry: tuple) -> None:
    shape, size, stride = geometry
    rng = np.random.default_rng(seed)
    x = distinct(rng, shape)
    y, index = pool.max_forward(x, size, stride)
    g = rng.normal(size=y.shape)
    average, largest = pool.average_backward(g, shape, size, stride), pool.max_backward(g, index, shape, size, stride)
    check_gradient(lambda a: (pool.average_forward(a, size, stride),), [x], [g], [average], rng)
    check_gradient(lambda a: (pool.max_forward(a, size, stride)[0],), [x], [g], [largest], rng)


def test_of_equal_maxima_the_first_row_by_row_gets_the_gradient() -> None:
    x = np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])[..., None]
    y, index = pool.max_forward(x, 2, 1)
    np.testing.assert_array_equal(index[..., 0], [[1, 0], [0, 0]])
    dx = pool.max_backward(np.array([[1.0, 2.0], [4.0, 8.0]])[..., None], index, x.shape, 2, 1)
    np.testing.assert_array_equal(dx[..., 0], [[0, 3, 0], [4, 8, 0], [0, 0, 0]])
    np.testing.assert_array_equal(y[..., 0], np.ones((2, 2)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: pool.average_forward(x, 5), r"x has shape \(4, 6, 2\); a pooling window of 5 x 5"),
        (lambda x: pool.max_forward(x[0], 2), r"x has shape \(6, 2\)"),
        (lambda x: pool.average_forward(x, 0), "pooling size and stride are 0 and 0"),
        (lambda x: pool.average_forward(x, 2, 0), "pooling size and stride are 2 and 0"),
        (lambda x: pool.average_forward(x * np.nan, 2), "x holds NaN"),
        (lambda x: pool.average_backward(x, x.shape, 2), r"g has shape \(4, 6, 2\); expected \(2, 3, 2\)"),
        (lambda x: pool.max_backward(x[:2, :3], np.zeros((2, 3)), x.shape, 2), r"index has shape \(2, 3\)"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: Callable[..., object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call(np.ones((4, 6, 2)))
    assert "\n" not in str(caught.value)
