"""What layers hand to the mathematics and make of its answers: options, draws, gradients of norms."""

from typing import Any

import numpy as np
import pytest

from refsbnn import posterior
from refsbnn.draws import GivenDraws
from refsbnn.layers import LIF, Conv2d, Dense, Layer, LeakyReadout, Moments, Signal, Spike
from refsbnn.network import Network
from refsbnn.reference import lif, unit
from refsbnn.sensitivity import Rows
from refsbnn.streams import Streams
from tests.refsbnn.evaluation.networks import LAYERS, build

BATCH, UNITS, STEPS = 3, 4, 5
FRAMES = Signal("values", (6,), "binary", STEPS)
EPS = np.finfo(np.float64).eps


def frames(rng: np.random.Generator) -> np.ndarray:
    """A batch of spikes over time."""
    return (rng.random((STEPS, BATCH, 6)) < 0.5).astype(float)


def moments(layers: list[Layer[Any]], signal: Signal, parameters: dict[str, np.ndarray], x: np.ndarray) -> Moments:
    """What the first layers give: no noise in them."""
    own = {key: value for key, value in parameters.items() if int(key.split(".")[0]) < len(layers)}
    found, _ = Network(layers, signal).forward(own, x, GivenDraws(BATCH))
    return found


@pytest.mark.parametrize(
    "options",
    [
        {"variance": "quadratic", "theta": 0.7},
        {"reset": "soft", "accumulate": False, "beta": 0.6},
        {"reset_gradient": False, "noise": "logistic", "beta": 0.8},
    ],
)
def test_neurons_hand_on_every_option(options: dict[str, Any]) -> None:
    """Spikes, record and gradients are those of the reference called by hand, to the bit."""
    rng = np.random.default_rng(2)
    u, g, x = rng.random((STEPS, BATCH, UNITS)), rng.normal(size=(STEPS, BATCH, UNITS)), frames(rng)
    network = Network([Dense(UNITS), LIF(recurrent=True, member="gs(tau=0.7)", **options)], FRAMES)
    parameters = network.initial(Streams(4))
    z, tape = network.forward(parameters, x, GivenDraws(BATCH, {1: u}))
    found = moments([Dense(UNITS)], FRAMES, parameters, x)
    words = {"beta": 0.9, "theta": 1.0, "noise": "gaussian", "member": "gs(tau=0.7)", **options}
    flows = words.pop("reset_gradient", True)
    weights = parameters["1.lif.recurrent_mu"], posterior.sigma2_of(parameters["1.lif.recurrent_rho"])
    by_hand, states = lif.forward(found.m, found.v, u, weights, **words)
    np.testing.assert_array_equal(z, by_hand)
    (record,) = network.monitors(tape)
    r = (states.M - words["theta"]) / np.sqrt(states.V)
    # Sums of r.size numbers: a rounding each of the largest.
    assert abs(record.mean - r.mean()) <= r.size * EPS * np.abs(r).max()
    assert abs(record.spread - r.std()) <= r.size * EPS * np.abs(r).max()
    gradients, _ = network.backward(parameters, tape, g)
    expected = lif.backward(g, states, u, weights, reset_gradient=flows, **words)
    np.testing.assert_array_equal(gradients["1.lif.recurrent_mu"], expected.recurrent_mu)
    np.testing.assert_array_equal(gradients["1.lif.recurrent_rho"], expected.recurrent_sigma2 * weights[1])


def test_a_members_own_uniforms_are_those_after_the_spikes() -> None:
    """Draw 0 makes the spike; its extra uniforms are draws 1 to K."""
    rng = np.random.default_rng(3)
    x, u, g = rng.normal(size=(BATCH, 6)), rng.random((BATCH, UNITS)), rng.normal(size=(BATCH, UNITS))
    extra, signal = rng.random((2, BATCH, UNITS)), Signal("values", (6,))
    network = Network([Dense(UNITS), Spike("gr(tau=0.5,K=2)")], signal)
    parameters = network.initial(Streams(4))
    _, tape = network.forward(parameters, x, GivenDraws(BATCH, {1: u}, extra={1: extra}))
    found = moments([Dense(UNITS)], signal, parameters, x)
    words = {"noise": "gaussian", "member": "gr(tau=0.5,K=2)"}
    h = unit.forward(found.m, found.v, u, **words)
    dm, _ = unit.backward(g, h, found.m, found.v, u, extra=extra, **words)
    bound = BATCH * EPS * np.abs(dm).sum(axis=0)
    assert (np.abs(network.backward(parameters, tape, g)[0]["0.dense.bias_mu"] - dm.sum(axis=0)) <= bound).all()


@pytest.mark.parametrize("chunk", [0, 2])
def test_the_gradient_of_the_rows_reaches_the_readouts_weights_once(chunk: int) -> None:
    """Sums over weights are no functions of time: the gradients pass the readout, and pieces of time, once."""
    rng = np.random.default_rng(5)
    network = Network([Dense(UNITS), LIF(), Dense(2), LeakyReadout()], FRAMES, chunk=chunk)
    parameters, x, u = network.initial(Streams(4)), frames(rng), rng.random((STEPS, BATCH, UNITS))
    output, tape = network.forward(parameters, x, GivenDraws(BATCH, {1: u}))
    g, none = rng.normal(size=(3, 2, 1)), np.zeros_like(output.m)
    gradients, _ = network.backward(parameters, tape, Moments(none, none, rows=Rows(*g[..., 0])))
    mu, sigma2 = parameters["2.dense.mu"], np.exp(parameters["2.dense.rho"])
    # Of a = ||mu||^2, c = mu . sigma2 and q = ||sigma2||^2. Shares of the pieces add up to one within a rounding a
    # piece, and there are two terms.
    for key, terms in (
        ("mu", (2.0 * mu * g[0], sigma2 * g[1])),
        ("rho", (sigma2 * mu * g[1], 2.0 * sigma2**2 * g[2])),
    ):
        found = gradients.pop(f"2.dense.{key}")
        assert (np.abs(found - sum(terms)) <= 8 * EPS * sum(np.abs(term) for term in terms)).all()
    assert not any(value.any() for value in gradients.values())


@pytest.mark.parametrize("name", LAYERS)
def test_the_divergence_has_a_gradient_for_every_weight(name: str) -> None:
    network = build(name, BATCH)[0]
    parameters = network.initial(Streams(4))
    value, gradients = network.kl(parameters)
    assert value > 0.0
    assert gradients.keys() == parameters.keys()


def test_dense_operations_by_hand() -> None:
    """Positions x filters x taps x channels, at every step; weights between neurons at every step."""
    image = Network([Conv2d(3, size=2)], Signal("values", (4, 5, 7), "binary", 6))
    assert image.summary().splitlines()[-1].split()[-1] == f"{(3 * 4) * 3 * (2 * 2) * 7 * 6:,}"
    sound = Network([Dense(UNITS), LIF(recurrent=True)], FRAMES)
    assert sound.summary().splitlines()[-1].split()[-1] == str(STEPS * (6 * UNITS + UNITS * UNITS))
