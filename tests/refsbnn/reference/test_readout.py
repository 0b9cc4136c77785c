"""Readouts: the integrator against its membrane written out and sampled, backward by finite differences."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsbnn.errors import InputError
from refsbnn.reference import readout
from tests.refsbnn.differences import STEP, check_gradient

EPS = np.finfo(float).eps
seeds = st.integers(0, 2**32 - 1)
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)
betas = st.sampled_from([0.0, 0.3, 0.9, 1.0])


def membrane(a: np.ndarray, beta: float) -> np.ndarray:
    """A_t = beta A_{t-1} + a_t."""
    A = np.zeros_like(a)
    for t in range(len(a)):
        A[t] = (beta * A[t - 1] if t else 0.0) + a[t]
    return A


def read(A: np.ndarray, mean: np.ndarray, reduce: str) -> np.ndarray:
    """What a readout of the membrane A gives; the maximum is read where the mean membrane is largest."""
    if reduce == "max":
        return np.take_along_axis(A, mean.argmax(axis=0)[None], axis=0)[0]
    return A.mean(axis=0) if reduce == "mean" else A[-1]


@given(seed=seeds, shape=shapes, beta=betas, reduce=st.sampled_from(readout.REDUCTIONS))
@settings(deadline=None)
def test_moments_are_those_of_the_membrane(seed: int, shape: tuple[int, ...], beta: float, reduce: str) -> None:
    """What is read is linear in the inputs a: one input alone gives its coefficient, and they make both moments."""
    rng = np.random.default_rng(seed)
    m, v = rng.normal(size=shape), rng.uniform(0.1, 2.0, shape)
    m_out, v_out, _ = readout.integrate_forward(m, v, beta=beta, reduce=reduce)
    mean, variance, size = np.zeros(shape[1:]), np.zeros(shape[1:]), np.zeros(shape[1:])
    for t in range(shape[0]):
        alone = np.zeros(shape)
        alone[t] = 1.0
        c = read(membrane(alone, beta), membrane(m, beta), reduce)
        mean, variance, size = mean + c * m[t], variance + c * c * v[t], size + np.abs(c * m[t])
    # T terms, each with its coefficient's T products and the sum's T additions.
    bound = 8 * shape[0] * EPS
    assert (np.abs(m_out - mean) <= bound * size).all()
    assert (np.abs(m_out - read(membrane(m, beta), membrane(m, beta), reduce)) <= bound * size).all()
    assert (np.abs(v_out - variance) <= bound * variance).all()


@given(seed=seeds, shape=shapes, beta=betas, reduce=st.sampled_from(readout.REDUCTIONS))
@settings(deadline=None)
def test_integrator_backward(seed: int, shape: tuple[int, ...], beta: float, reduce: str) -> None:
    rng = np.random.default_rng(seed)
    m, v = rng.normal(size=shape), rng.uniform(0.2, 2.0, shape)
    if reduce == "max":  # away from ties: one step stands out by more than the inputs move
        M = membrane(m, beta)
        best = rng.integers(shape[0], size=shape[1:])
        lift = np.zeros(shape)
        np.put_along_axis(lift, best[None], np.ptp(M, axis=0)[None] + 4 * len(m) * 8 * STEP, axis=0)
        m = m + lift - np.concatenate([np.zeros_like(m[:1]), beta * lift[:-1]])  # lifts M at that step alone
    dm_out, dv_out = rng.normal(size=(2, *shape[1:]))
    *_, tape = readout.integrate_forward(m, v, beta=beta, reduce=reduce)
    gradients = readout.integrate_backward(dm_out, dv_out, tape)
    check_gradient(
        lambda a, b: readout.integrate_forward(a, b, beta=beta, reduce=reduce)[:2],
        [m, v],
        [dm_out, dv_out],
        gradients,
        rng,
    )


def test_the_maximum_is_read_at_the_first_of_equal_steps() -> None:
    m = np.array([[1.0], [1.0], [0.0]])
    _, v_out, tape = readout.integrate_forward(m, np.array([[1.0], [2.0], [4.0]]), beta=0.0, reduce="max")
    assert v_out.item() == 1.0
    np.testing.assert_array_equal(tape[:, 0], [1.0, 0.0, 0.0])


@given(seed=seeds, shape=shapes)
@settings(deadline=None)
def test_sampled_logits(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    m, v = rng.normal(size=shape), rng.uniform(0.2, 2.0, shape)
    eps, g = rng.normal(size=(2, *shape))
    gradients = readout.sample_backward(g, v, eps)
    check_gradient(lambda a, b: (readout.sample_forward(a, b, eps),), [m, v], [g], gradients, rng)


def test_sampled_logits_without_variance_are_their_mean_and_send_no_gradient_to_it() -> None:
    m, v, eps = np.array([1.5, 2.5]), np.array([0.0, 4.0]), np.array([3.0, 0.5])
    np.testing.assert_array_equal(readout.sample_forward(m, v, eps), [1.5, 3.5])
    dm, dv = readout.sample_backward(np.array([2.0, 8.0]), v, eps)
    np.testing.assert_array_equal(dm, [2.0, 8.0])
    np.testing.assert_array_equal(dv, [0.0, 1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: readout.integrate_forward(m, -m, beta=0.5), "v holds the negative value"),
        (lambda m: readout.integrate_forward(m, m[:1], beta=0.5), r"v has shape \(1, 3\); expected \(2, 3\)"),
        (lambda m: readout.integrate_forward(m, m, beta=1.5), r"beta is 1.5; expected a number in \[0, 1\]"),
        (lambda m: readout.integrate_forward(m[:0], m[:0], beta=0.5), "at least one step"),
        (lambda m: readout.integrate_forward(m, m, beta=0.5, reduce="sum"), "reduce is 'sum'; accepted: 'mean', 'max'"),
        (lambda m: readout.integrate_backward(m, m[0], m), r"dm has shape \(2, 3\); expected \(3\)"),
        (lambda m: readout.sample_forward(m, -m, m), "v holds the negative value"),
        (lambda m: readout.sample_backward(m, m, m * np.nan), "eps holds NaN"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: Callable[..., object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call(np.ones((2, 3)))
    assert "\n" not in str(caught.value)
