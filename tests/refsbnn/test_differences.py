"""The finite differences themselves: right derivatives pass, a planted error of 0.1 % does not."""

import numpy as np
import pytest

from tests.refsbnn.differences import check_gradient, derivative


def test_derivative_of_a_known_function_lies_within_its_own_bound() -> None:
    got, bound = derivative(lambda t: (np.exp(3 * t), np.exp(3 * t)))
    assert abs(got - 3.0) <= bound < 1e-8


def forward(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    return np.tanh(x @ w), (x * x).sum(axis=1)


def backward(a: np.ndarray, b: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inner = a * (1 - np.tanh(x @ w) ** 2)
    return inner @ w.T + 2 * x * b[:, None], x.T @ inner


@pytest.mark.parametrize("planted", ["none", "factor", "one entry", "shape"])
def test_a_planted_error_is_caught(planted: str) -> None:
    rng = np.random.default_rng()
    x, w, a, b = (rng.uniform(0.5, 1.5, shape) for shape in ((3, 4), (4, 2), (3, 2), (3,)))
    dx, dw = backward(a, b, x, w)
    if planted == "none":
        check_gradient(forward, [x, w], [a, b], [dx, dw], rng)
        return
    if planted == "factor":
        dx = dx * 1.001
    if planted == "one entry":
        dw[2, 1] *= 1.001
    if planted == "shape":
        dx = dx.T
    with pytest.raises(AssertionError, match="gradient" if planted == "shape" else "bound"):
        check_gradient(forward, [x, w], [a, b], [dx, dw], rng)
