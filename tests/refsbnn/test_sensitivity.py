"""The auxiliary loss: values against sums over single spikes, gradients by differences, what is refused."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsbnn import curvature, objective, sensitivity
from refsbnn.curvature import Curvature
from refsbnn.errors import InputError
from refsbnn.sensitivity import Neurons, Reset, Rows, Weights
from tests.refsbnn.differences import check_gradient

EPS = np.finfo(float).eps
seeds = st.integers(0, 2**32 - 1)
SPANS = {"binary": 1.0, "bipolar": 2.0, "input": 0.0}
CURVATURES: dict[str, Callable[[np.ndarray, np.ndarray], Curvature]] = {
    "categorical": curvature.categorical,
    "bernoulli": curvature.bernoulli,
    "gaussian": lambda logits, weight: curvature.gaussian(logits, weight, 0.7),
}


def moves(weights: Weights, m: np.ndarray, v: np.ndarray) -> np.ndarray:
    """dr_i/dz_j for every sample, unit and spike, by theory 3.2: dr/dm = 1/s, dr/dv = -r/(2 v)."""
    sigma2 = np.zeros(weights.mu.shape) if weights.sigma2 is None else weights.sigma2
    dv = sigma2 if weights.span == 1.0 else 0.0 * sigma2  # of {-1,+1} spikes the square does not move
    s, r = np.sqrt(v), m / np.sqrt(v)
    return weights.span * weights.mu / s[..., None] - r[..., None] * dv / (2.0 * v[..., None])


@given(seed=seeds, domain=st.sampled_from(list(SPANS)), point=st.booleans())
@settings(deadline=None)
def test_units_are_the_sum_over_single_spikes(seed: int, domain: str, point: bool) -> None:
    rng = np.random.default_rng(seed)
    weights = Weights(rng.normal(size=(3, 4)), None if point else rng.uniform(0.1, 1.0, (3, 4)), SPANS[domain])
    m, v = rng.normal(size=(5, 3)), rng.uniform(0.3, 2.0, (5, 3))
    single = moves(weights, m, v)
    # Three terms of opposite signs: their sizes, not their sum, are what rounds.
    sizes = (np.abs(weights.mu).sum() * 2.0 + np.abs(m).sum()) ** 2 / v.min() ** 3
    found = sensitivity.units(weights.rows(), m, v)
    assert abs(found.value - (single**2).sum(axis=2).mean()) <= 100 * EPS * sizes
    assert abs(sensitivity.value(weights.rows(), m, v) - found.value) <= 100 * EPS * sizes


@given(seed=seeds)
@settings(deadline=None)
def test_units_gradients(seed: int) -> None:
    rng = np.random.default_rng(seed)
    arguments = [rng.uniform(1.0, 2.0, 3), rng.normal(size=3), rng.uniform(1.0, 2.0, 3)]
    arguments += [rng.normal(size=(2, 5, 3)), rng.uniform(1.0, 2.0, (2, 5, 3))]
    g = rng.normal()

    def value(a: np.ndarray, c: np.ndarray, q: np.ndarray, m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray]:
        return (np.array(sensitivity.value(Rows(a, c, q), m, v)),)

    one = sensitivity.units(Rows(*arguments[:3]), *arguments[3:])
    check_gradient(value, arguments, [np.array(g)], [g * each for each in (*one.rows, one.m, one.v)], rng)


@given(seed=seeds, span=st.sampled_from([0.0, 1.0, 2.0]), shape=st.sampled_from([(3, 4), (2, 2, 2, 3)]))
@settings(deadline=None)
def test_the_sums_over_weights_have_these_gradients(seed: int, span: float, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    mu, sigma2 = rng.normal(size=shape), rng.uniform(0.1, 1.0, shape)
    scale = rng.uniform(0.5, 1.5)
    cotangents = list(rng.normal(size=(3, shape[0])))
    gradients = Weights(mu, sigma2, span, scale).gradients(Rows(*cotangents))
    check_gradient(lambda a, b: Weights(a, b, span, scale).rows(), [mu, sigma2], cotangents, gradients, rng)


def test_a_unit_without_variance_counts_nothing() -> None:
    rows = Rows(np.ones(2), np.ones(2), np.ones(2))
    found = sensitivity.units(rows, np.array([[3.0, 1.0]]), np.array([[0.0, 1.0]]))
    assert found.value == 0.5 * (1.0 - 1.0 + 0.25)
    assert found.m[0, 0] == found.v[0, 0] == found.rows.norm2[0] == 0.0


def test_without_variances_it_is_the_simple_penalty() -> None:
    rng = np.random.default_rng(0)
    norm2, v = rng.random(3), rng.uniform(0.5, 2.0, (4, 3))
    one = sensitivity.units(Rows(norm2, np.zeros(3), np.zeros(3)), rng.normal(size=(4, 3)), v)
    assert one.value == pytest.approx(objective.bias_penalty(norm2, v)[0], rel=8 * EPS)
    assert one.value == pytest.approx((norm2 / v).mean(), rel=8 * EPS)


def neurons(rng: np.random.Generator, hard: bool, accumulate: bool, started: bool) -> tuple[list[np.ndarray], Callable]:
    """Arguments and what makes `Neurons` of them: sums of both weights, the diagonal, membranes, the state before."""
    units, steps, batch = 3, 4, 2
    mu, sigma2 = rng.normal(size=(units, units)), rng.uniform(0.1, 1.0, (units, units))
    below = Weights(rng.normal(size=(units, 5)), rng.uniform(0.1, 1.0, (units, 5)), 1.0)
    sums = [*below.rows(), *Weights(mu, sigma2, 1.0).rows(), np.diagonal(mu).copy(), np.diagonal(sigma2).copy()]
    membranes = [rng.normal(size=(steps, batch, units)), rng.uniform(1.0, 2.0, (steps, batch, units))]
    before = [rng.normal(size=(batch, units)), rng.uniform(1.0, 2.0, (batch, units))]
    reset = Reset(0.8, 0.7, hard, accumulate)

    def make(*a: np.ndarray) -> Neurons:
        past = (a[10], a[11]) if started else None
        return Neurons(Rows(*a[:3]), Rows(*a[3:6]), (a[6], a[7]), reset, 0.7, a[8], a[9], past)

    make.weights = below, mu, sigma2  # type: ignore[attr-defined]
    return [*sums, *membranes, *before], make


KINDS = list(product((True, False), repeat=3))


@pytest.mark.parametrize(("hard", "accumulate", "started"), KINDS)
def test_neurons_are_the_sum_over_single_spikes(hard: bool, accumulate: bool, started: bool) -> None:
    """A spike of the last step moves the membrane by its recurrent weights, and its own neuron's by the reset too."""
    rng = np.random.default_rng(5)
    arguments, make = neurons(rng, hard, accumulate, started)
    below, mu, sigma2 = make.weights
    M, V, before_M, before_V = arguments[8:]
    total = 0.0
    for t in range(len(M)):
        s, r = np.sqrt(V[t]), (M[t] - 0.7) / np.sqrt(V[t])
        total += (moves(below, M[t] - 0.7, V[t]) ** 2).sum()
        if t == 0 and not started:
            continue
        last_M, last_V = (M[t - 1], V[t - 1]) if t else (before_M, before_V)
        for i in range(3):
            for j in range(3):
                dm, dv = np.full(2, mu[i, j]), np.full(2, sigma2[i, j])
                if i == j:
                    dm = dm - (0.8 * last_M[:, i] if hard else 0.7)
                    dv = dv - (0.64 * last_V[:, i] if hard and accumulate else 0.0)
                total += ((dm / s[:, i] - r[:, i] * dv / (2.0 * V[t][:, i])) ** 2).sum()
    # Some thousand terms of order one to ten.
    assert make(*arguments).value() == pytest.approx(total / M.size, rel=1e-12)


@pytest.mark.parametrize(("hard", "accumulate", "started"), KINDS)
def test_neurons_gradients(hard: bool, accumulate: bool, started: bool) -> None:
    rng = np.random.default_rng(6)
    arguments, make = neurons(rng, hard, accumulate, started)
    one = sensitivity.neurons(make(*arguments))
    gradients = [*one.rows, *one.recurrent, *one.diagonal, one.M, one.V, *one.before[:2]]
    assert one.value == pytest.approx(make(*arguments).value(), rel=100 * EPS)  # the same terms in another order
    check_gradient(lambda *a: (np.array(make(*a).value()),), arguments, [np.array(1.0)], gradients, rng)


@pytest.mark.parametrize(("hard", "accumulate", "started"), KINDS)
def test_neurons_with_a_current_and_a_threshold_that_adapts(hard: bool, accumulate: bool, started: bool) -> None:
    """(3.35): the last spike raises the threshold by rise, and a hard reset erases what membrane and current share.

    The gradient of the threshold, one of each neuron at each step, is that of M - theta with the other sign.
    """
    rng = np.random.default_rng(8)
    arguments, plain = neurons(rng, hard, accumulate, started)
    arguments[9] = arguments[9] + 1.0
    shape, reset = arguments[8].shape, Reset(0.8, 0.7, hard, accumulate, alpha=0.6, rise=0.3)
    C, before_C, theta = rng.uniform(0.1, 0.5, shape), rng.uniform(0.1, 0.5, shape[1:]), rng.normal(size=shape)
    carried = [C, before_C] if accumulate else []

    def make(*a: np.ndarray) -> Neurons:
        *rest, theta = a
        own, past = rest[12:], (rest[10], rest[11], *rest[13:])
        return Neurons(
            Rows(*rest[:3]), Rows(*rest[3:6]), (rest[6], rest[7]), reset, theta, rest[8], rest[9],
            past if started else None, own[0] if own else None,
        )  # fmt: skip

    below, mu, sigma2 = plain.weights
    M, V = arguments[8:10]
    total = 0.0
    for t in range(len(M)):
        r = (M[t] - theta[t]) / np.sqrt(V[t])
        total += (moves(below, M[t] - theta[t], V[t]) ** 2).sum()
        if t == 0 and not started:
            continue
        last_M, last_V, last_C = (M[t - 1], V[t - 1], C[t - 1]) if t else (*arguments[10:12], before_C)
        for i, j in product(range(3), repeat=2):
            dm, dv = np.full(2, mu[i, j]), np.full(2, sigma2[i, j])
            if i == j:
                dm = dm - (0.8 * last_M[:, i] if hard else 0.7) - 0.3
                erased = 0.64 * last_V[:, i] + 2.0 * 0.6 * 0.8 * last_C[:, i]
                dv = dv - (erased if hard and accumulate else 0.0)
            total += ((dm / np.sqrt(V[t][:, i]) - r[:, i] * dv / (2.0 * V[t][:, i])) ** 2).sum()
    every = [*arguments, *carried, theta]
    one = sensitivity.neurons(make(*every))
    assert one.value == pytest.approx(total / M.size, rel=1e-12)
    assert one.value == pytest.approx(make(*every).value(), rel=100 * EPS)
    own = [one.C, one.before[2]] if accumulate else []
    gradients = [*one.rows, *one.recurrent, *one.diagonal, one.M, one.V, *one.before[:2], *own, -one.m]
    check_gradient(lambda *a: (np.array(make(*a).value()),), every, [np.array(1.0)], gradients, rng)


@pytest.mark.parametrize(("hard", "accumulate", "started"), KINDS)
@pytest.mark.parametrize("block", [1, 12, 18])  # one step at a time, two and three of the four
def test_the_value_by_blocks_of_steps(
    block: int, hard: bool, accumulate: bool, started: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, make = neurons(np.random.default_rng(7), hard, accumulate, started)
    monkeypatch.setattr(sensitivity, "BLOCK", block)
    one = make(*arguments)
    assert one.value() == pytest.approx(sensitivity.neurons(one).value, rel=100 * EPS)


def hessian(kind: str, logits: np.ndarray) -> np.ndarray:
    """Of the negative log-likelihood in the logits of one sample, written out."""
    if kind == "gaussian":
        return np.eye(len(logits)) / 0.7
    if kind == "bernoulli":
        p = 1.0 / (1.0 + np.exp(-logits))
        return np.diag(p * (1.0 - p))
    p = np.exp(logits) / np.exp(logits).sum()
    return np.diag(p) - np.outer(p, p)


@given(seed=seeds, kind=st.sampled_from(list(CURVATURES)))
@settings(deadline=None)
def test_curvature_is_the_hessian_along_each_spike(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    logits, weight, g = rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal()
    one = CURVATURES[kind](logits, weight)
    expected = np.mean([np.trace(weight.T @ hessian(kind, row) @ weight) for row in logits])
    assert one.value == pytest.approx(expected, rel=1e-12)  # sums of dozens of terms, half of them may cancel
    gradients = [g * one.logits, g * one.weight]
    check_gradient(
        lambda a, b: (np.array(CURVATURES[kind](a, b).value),), [logits, weight], [np.array(g)], gradients, rng
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sensitivity.units(Rows(*np.ones((3, 3))), np.ones((2, 4)), np.ones((2, 4))), "beside norm2"),
        (lambda: sensitivity.units(Rows(*np.ones((3, 4))), np.ones((2, 3)), np.ones((2, 4))), r"m has shape \(2, 3\)"),
        (lambda: sensitivity.units(Rows(*np.ones((3, 4))), np.ones((2, 4)), -np.ones((2, 4))), "v holds the negative"),
        (lambda: curvature.categorical(np.ones((2, 3)), np.ones((4, 5))), r"weight has shape \(4, 5\)"),
        (lambda: curvature.bernoulli(np.full((2, 3), np.nan), np.ones((3, 5))), "logits holds NaN"),
        (lambda: curvature.gaussian(np.ones((2, 3)), np.ones((3, 5)), 0.0), "noise_variance is 0.0"),
    ],
)
def test_bad_arguments(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
