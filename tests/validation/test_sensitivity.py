"""The auxiliary loss of the network that trains against the oracle, which moves every spike, over all joint states."""

from typing import Any

import numpy as np
import pytest

import oracle
from refsbnn import curvature
from refsbnn.layers import Moments
from tests.validation.twins import CASES
from validation import driver, twin
from validation.evidence.agreement import TOLERANCE

# Surrogates and members that send numbers between the states have other states than the oracle sums over; at a filter's
# border and behind a pool theory 4.11 is a bound.
LEFT_OUT = ("pool", "between the states", "surrogate", "residual of two convolutions")
NAMES = [name for name in CASES if not any(word in name for word in LEFT_OUT)]


def bent_of(loss: Any, logits: np.ndarray, weight: np.ndarray) -> float:
    """The readout's part for one row."""
    if isinstance(loss, oracle.Gaussian):
        return curvature.gaussian(logits, weight, loss.noise_variance).value
    return (curvature.categorical if isinstance(loss, oracle.Categorical) else curvature.bernoulli)(
        logits, weight
    ).value


def expected(one: twin.Twin, x: np.ndarray, loss: Any) -> tuple[list[float], float]:
    """Means over all joint states of what each unit layer's monitor says, and of the readout's curvature."""
    p, draws = driver.states(one, x, loss)
    layers, bent, timed = [], [], int(one.network.input.steps is not None)
    shape = (*x.shape[:timed], *one.network.input.shape)
    for row in driver.each_row(one, draws):
        out, tape = one.network.forward(one.parameters, np.expand_dims(x.reshape(shape), timed), row)
        logits = out.m if isinstance(out, Moments) else out
        layers.append([record.penalty for record in one.network.monitors(tape)])
        bent.append(bent_of(loss, logits.astype(float), one.network.readout(one.parameters)))
    return list(p @ np.array(layers)), float(p @ np.array(bent))


@pytest.mark.parametrize("name", NAMES)
def test_each_layers_part_and_the_readouts_are_the_oracles(name: str) -> None:
    net, x, loss, member, words = CASES[name](np.random.default_rng(len(name)))
    if isinstance(loss, oracle.Custom):
        pytest.skip("no Hessian is known of a loss of the user's")
    one = twin.of(net, x, loss, member, **words)
    found, bent = expected(one, x, loss)
    answer = oracle.penalty(one.net, x, loss)
    by_layer = list(answer.sensitivity.values())
    # Sums of squares in the one and of three terms that may cancel in the other, up to four times their sum.
    np.testing.assert_allclose(found, by_layer, rtol=100 * TOLERANCE["float64"], atol=1e-14)
    assert bent == pytest.approx(answer.curvature, rel=100 * TOLERANCE["float64"])
    assert answer.value == pytest.approx(np.mean(by_layer) + answer.curvature, rel=1e-15)


@pytest.mark.parametrize("name", ["dense", "residual", "neurons on spikes"])
@pytest.mark.parametrize("way", [{"backend": "numba", "dtype": "float32"}, {"recompute": 1}], ids=str)
def test_every_way_of_running_gives_it(name: str, way: dict[str, Any]) -> None:
    net, x, loss, member, words = CASES[name](np.random.default_rng(len(name)))
    one = twin.of(net, x, loss, member, **words, **way)
    found, bent = expected(one, x, loss)
    answer, tolerance = oracle.penalty(one.net, x, loss), 100 * TOLERANCE[one.network.dtype.name]
    np.testing.assert_allclose([*found, bent], [*answer.sensitivity.values(), answer.curvature], rtol=tolerance)
