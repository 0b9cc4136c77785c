"""The numba backend against the numpy backend, network by network; and that its bits know no thread count."""

import os
import subprocess
import sys

import numpy as np
import pytest

from refsbnn import objective
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.events import Events
from refsbnn.layers import (
    LIF,
    AveragePool,
    Conv2d,
    Dense,
    Flatten,
    LeakyReadout,
    MaxPool,
    Residual,
    SampledReadout,
    Signal,
    Spike,
)
from refsbnn.network import Network
from refsbnn.streams import Purpose, Streams
from validation.benchmarks.tape import size_of

BATCH = 9
RNG = np.random.default_rng(1)
IMAGE = RNG.normal(size=(BATCH, 8, 8, 3))
MOVIE = (RNG.random((4, BATCH, 8, 8, 2)) < 0.3).astype(np.uint8)
SOUND = (RNG.random((7, BATCH, 20)) < 0.3).astype(np.uint8)
END = [Dense(5), SampledReadout()]
NETWORKS = {
    "binary and bipolar units": (
        [
            Dense(30),
            Spike(),
            Dense(20),
            Spike(domain="bipolar", member="trapezoid"),
            Dense(5, variance="quadratic"),
            SampledReadout(),
        ],
        Signal("values", (12,)),
        RNG.normal(size=(BATCH, 12)),
    ),
    "residual convolutions": (
        [
            Conv2d(6, padding=1),
            Residual((Spike(), Conv2d(6, padding=1, zero_mean=True)), scale=0.5),
            Spike(domain="bipolar"),
            AveragePool(2),
            Flatten(),
            *END,
        ],
        Signal("values", (8, 8, 3)),
        IMAGE,
    ),
    "recurrent neurons": (
        [Dense(33, zero_mean=True), LIF(recurrent=True, theta=0.3), Dense(5), LeakyReadout(), SampledReadout()],
        Signal("values", (20,), "binary", steps=7),
        SOUND,
    ),
    "units after the readout": (
        [Dense(33), LIF(theta=0.3), Dense(8), LeakyReadout(), Spike(), *END],
        Signal("values", (20,), "binary", steps=7),
        SOUND,
    ),
    "spiking convolutions": (
        [
            Conv2d(5),
            LIF(theta=0.3, reset="soft", member="gr(tau=0.5,K=2)"),
            MaxPool(2),
            Flatten(),
            Dense(5),
            LeakyReadout(reduce="last"),
            SampledReadout(),
        ],
        Signal("values", (8, 8, 2), "binary", steps=4),
        MOVIE,
    ),
    "relaxed units": (
        [Dense(30), Spike(member="gs(tau=0.7)", noise="logistic"), *END],
        Signal("values", (12,)),
        RNG.normal(size=(BATCH, 12)),
    ),
    "point weights": (
        [Dense(30, posterior="point"), Spike(member="arctan(scale=2)"), *END],
        Signal("values", (12,)),
        RNG.normal(size=(BATCH, 12)),
    ),
    "point residual stream": (
        [
            Conv2d(8, padding=1, posterior="point"),
            Residual((Spike(domain="bipolar"), Conv2d(8, padding=1, posterior="point")), scale=0.5),
            Spike(),
            Flatten(),
            Dense(5, posterior="point"),
            SampledReadout(),
        ],
        Signal("values", (6, 6, 3)),
        RNG.normal(size=(BATCH, 6, 6, 3)),
    ),
    "point neurons": (
        [
            Dense(33, posterior="point"),
            LIF(recurrent=True, theta=0.3, member="fast-sigmoid(scale=5)"),
            Dense(5, posterior="point"),
            LeakyReadout(),
            SampledReadout(),
        ],
        Signal("values", (20,), "binary", steps=7),
        SOUND,
    ),
}
EACH = {"learn_beta": True, "beta_spread": 0.7, "learn_theta": True, "theta_spread": 0.2, "theta": 0.4}
NETWORKS |= {
    "neurons with numbers of each": (
        [
            Dense(33),
            LIF(recurrent=True, reset="soft", **EACH),
            Dense(7),
            LIF(learn_beta=True, theta=0.3),
            *[Dense(5), LeakyReadout(), SampledReadout()],
        ],
        Signal("values", (20,), "binary", steps=7),
        SOUND,
    ),
    "channels with numbers of each": (
        [Conv2d(5), LIF(**EACH), MaxPool(2), Flatten(), *[Dense(5), LeakyReadout(reduce="last"), SampledReadout()]],
        Signal("values", (8, 8, 2), "binary", steps=4),
        MOVIE,
    ),
}
SLOW = {"alpha": 0.7, "adapt": 0.6, "adapt_decay": 0.8, "theta": 0.4}
NETWORKS |= {
    "neurons with slow states": (
        [
            Dense(33),
            LIF(recurrent=True, reset="soft", **SLOW | EACH),
            Dense(7),
            LIF(alpha=0.5, theta=0.3),
            Dense(9),
            LIF(adapt=0.5, theta=0.3, accumulate=False),
            *[Dense(5), LeakyReadout(), SampledReadout()],
        ],
        Signal("values", (20,), "binary", steps=7),
        SOUND,
    ),
    "channels with slow states": (
        [Conv2d(5), LIF(**SLOW), MaxPool(2), Flatten(), *[Dense(5), LeakyReadout(reduce="last"), SampledReadout()]],
        Signal("values", (8, 8, 2), "binary", steps=4),
        MOVIE,
    ),
}


RNG_G = RNG.normal(size=100)  # cotangents of the logits


def step(case, **backend):
    """Logits, gradients of the parameters and of the input, of one step."""
    layers, signal, x = case
    network = Network(layers, signal, **backend)
    parameters = network.initial(Streams(1))
    logits, tape = network.forward(parameters, x, CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(BATCH)))
    _, g = objective.categorical(logits, np.arange(BATCH) % 5)
    gradients, dx = network.backward(parameters, tape, g, penalty=0.01)
    return logits, gradients, dx


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("dtype", "eps"), [("float64", 2.0**-52), ("float32", 2.0**-23)])
def test_numba_is_numpy_to_rounding(name, dtype, eps):
    """A spike flips where |u - pi| is below the rounding of pi: of some 2000 float32 units at about 1e-6 each, one
    network in 500. The draws are fixed, so it either happens on no machine or is a finding.

    The bound is 1000 eps of the largest entry: sums of some hundred terms, chained through a handful of layers.
    """
    want, got = step(NETWORKS[name]), step(NETWORKS[name], backend="numba", dtype=dtype)
    pairs = [("logits", want[0], got[0]), ("input", want[2], got[2]), *((k, want[1][k], got[1][k]) for k in want[1])]
    for key, exact, given in pairs:
        assert given.dtype == dtype, key
        assert np.abs(given - exact).max() <= 1000.0 * eps * np.abs(exact).max(), key


@pytest.mark.parametrize("before", [[], [Flatten()]], ids=["alone", "after flatten"])
def test_events_are_bytes_without_an_input_gradient(before):
    layers, signal, x = NETWORKS["recurrent neurons"]
    layers = [*before, *layers]
    network = Network(layers, signal, backend="numba")
    parameters, draws = network.initial(Streams(1)), CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(BATCH))
    results = []
    for form in (x, Events.of(x)):
        logits, tape = network.forward(parameters, form, draws)
        gradients, dx = network.backward(parameters, tape, np.ones_like(logits), input_gradient=False)
        assert dx is None
        results.append((logits, gradients))
    assert (results[0][0] == results[1][0]).all()
    assert all((results[0][1][key] == value).all() for key, value in results[1][1].items())


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_nan_anywhere_is_refused_in_one_line(backend):
    """The kernels look at every entry of what a caller gives them, and inside a network the network does it once."""
    layers, signal, x = NETWORKS["recurrent neurons"]
    network = Network(layers, signal, backend=backend)
    parameters, draws = network.initial(Streams(1)), CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(BATCH))
    logits, tape = network.forward(parameters, x, draws)
    with pytest.raises(InputError, match="the output's gradient holds NaN"):
        network.backward(parameters, tape, np.full_like(logits, np.nan))
    for key in parameters:
        bad = {**parameters, key: np.full_like(parameters[key], np.nan)}
        with pytest.raises(InputError, match=f"parameter '{key}' holds NaN"):
            network.forward(bad, x, draws)
    with pytest.raises(InputError, match="input holds NaN"):
        network.forward(parameters, np.where(x > 0, np.nan, 0.0), draws)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda p: {k: v for k, v in p.items() if k != "0.dense.rho"},
            "do not fit the network: '0.dense.rho' is missing",
        ),
        (lambda p: {**p, "9.dense.mu": p["0.dense.mu"]}, "do not fit the network: '9.dense.mu' is missing or unknown"),
        (lambda p: {**p, "0.dense.mu": p["0.dense.mu"].T.copy()}, r"'0.dense.mu' is float.. of shape \(20, 33\)"),
        (lambda p: {**p, "0.dense.mu": p["0.dense.mu"].astype(np.float16)}, "'0.dense.mu' is float16 of shape"),
    ],
)
def test_parameters_of_another_network_are_named(backend, change, message):
    layers, signal, x = NETWORKS["recurrent neurons"]
    network = Network(layers, signal, backend=backend)
    draws = CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(BATCH))
    with pytest.raises(InputError, match=message):
        network.forward(change(network.initial(Streams(1))), x, draws)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g[:1], r"the output's gradient has shape \(1, 5\); expected"),
        (lambda g: g.astype(complex), "the output's gradient is not a numeric array"),
        (lambda g: np.full(g.shape, "a"), "the output's gradient is not a numeric array"),
    ],
)
def test_a_gradient_that_does_not_fit_is_named(change, message):
    layers, signal, x = NETWORKS["recurrent neurons"]
    network = Network(layers, signal, backend="numba")
    parameters = network.initial(Streams(1))
    logits, tape = network.forward(parameters, x, CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(BATCH)))
    with pytest.raises(InputError, match=message):
        network.backward(parameters, tape, change(logits))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", NETWORKS)
def test_recomputing_gives_the_same_bits_from_a_smaller_tape(name, backend):
    layers, signal, x = NETWORKS[name]
    draws, found, sizes = CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(BATCH)), [], []
    for recompute in (0, 1, 2, len(layers)):
        network = Network(layers, signal, backend=backend, recompute=recompute)
        parameters = network.initial(Streams(1))
        logits, tape = network.forward(parameters, x, draws)
        gradients, dx = network.backward(parameters, tape, np.ones_like(logits), penalty=0.1)
        found.append({"logits": logits, "x": dx, **gradients})
        sizes.append(size_of(tape.segments))
        assert len(network.monitors(tape)) == sum(layer.units for layer in layers)
    for other in found[1:]:
        assert all((other[key] == value).all() for key, value in found[0].items())
    assert sizes[3] <= sizes[2] <= sizes[0]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", [name for name, case in NETWORKS.items() if case[1].steps is not None])
def test_pieces_of_time_give_the_same_bits_forward_and_the_same_gradients(name, backend):
    """Gradients are sums over steps, grouped by pieces: the bound is that of two backends, 1000 eps of the largest."""
    layers, signal, x = NETWORKS[name]
    draws = CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(BATCH))
    found, sizes = [], []
    for chunk in (0, 1, 3, signal.steps):
        network = Network(layers, signal, backend=backend, chunk=chunk)
        parameters = network.initial(Streams(1))
        logits, tape = network.forward(parameters, x, draws)
        gradients, dx = network.backward(parameters, tape, RNG_G[: logits.size].reshape(logits.shape), penalty=0.1)
        monitors = network.monitors(tape)
        found.append(({"x": dx, **gradients}, logits, monitors))
        sizes.append(size_of([tape.segments, tape.pieces and tape.pieces.states]))
    for other, logits, monitors in found[1:]:
        assert (logits == found[0][1]).all()
        for key, value in found[0][0].items():
            bound = 1000 * np.finfo(value.dtype).eps * np.abs(value).max()
            assert np.abs(other[key] - value).max() <= bound, key
        for mine, whole in zip(monitors, found[0][2], strict=True):
            np.testing.assert_allclose(
                (mine.rate, mine.mean, mine.spread, mine.penalty),
                (whole.rate, whole.mean, whole.spread, whole.penalty),
                rtol=1e-4,
            )
    assert sizes[3] <= sizes[2] <= sizes[1] < sizes[0]  # states between pieces instead of every step's


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("options", [{}, {"recompute": 2}, {"chunk": 2}, {"chunk": 3, "recompute": 1}], ids=str)
@pytest.mark.parametrize("name", [name for name, case in NETWORKS.items() if case[1].steps is not None])
def test_a_tape_gives_the_same_gradients_twice(name, options, backend):
    """Also after a pass over other inputs: a backward pass leaves the tape and the states between pieces alone."""
    layers, signal, x = NETWORKS[name]
    network = Network(layers, signal, backend=backend, **options)
    parameters, draws = network.initial(Streams(1)), CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(BATCH))
    logits, tape = network.forward(parameters, x, draws)
    g = RNG_G[: logits.size].reshape(logits.shape)
    first = network.backward(parameters, tape, g, penalty=0.1)
    network.forward(parameters, 1 - x, draws)
    again = network.backward(parameters, tape, g, penalty=0.1)
    assert (first[1] == again[1]).all()
    assert all((again[0][key] == value).all() for key, value in first[0].items())


def test_pieces_of_events_are_pieces_of_bytes():
    layers, signal, x = NETWORKS["recurrent neurons"]
    network = Network(layers, signal, backend="numba", chunk=2)
    parameters, draws = network.initial(Streams(1)), CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(BATCH))
    results = []
    for form in (x, Events.of(x)):
        logits, tape = network.forward(parameters, form, draws)
        results.append((logits, network.backward(parameters, tape, np.ones_like(logits), input_gradient=False)[0]))
    assert (results[0][0] == results[1][0]).all()
    assert all((results[0][1][key] == value).all() for key, value in results[1][1].items())


def test_chunks_need_time():
    with pytest.raises(InputError, match="chunk is 2 but the input has no time"):
        Network([Dense(2)], Signal("values", (4,)), chunk=2)


def test_float32_is_not_for_numpy():
    with pytest.raises(InputError, match="dtype of the numpy backend is 'float32'; accepted: 'float64'"):
        Network([Dense(2)], Signal("values", (4,)), dtype="float32")


TRAIN = """
import hashlib, sys
import numba, numpy as np
from refsbnn import objective, optim
from refsbnn.network import Network
from refsbnn.draws import CounterDraws
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.test_backends import NETWORKS
numba.set_num_threads(int(sys.argv[1]))
digest = hashlib.sha256()
for name in ("recurrent neurons", "residual convolutions"):
    layers, signal, x = NETWORKS[name]
    axis = 0 if signal.steps is None else 1
    x = np.ascontiguousarray(np.repeat(x, 4, axis=axis))
    network, adam = Network(layers, signal, backend="numba"), optim.Adam()
    parameters, labels = network.initial(Streams(3)), np.arange(x.shape[axis]) % 5
    for step in range(20):
        draws = CounterDraws(Streams(3), Purpose.TRAIN, step, np.arange(len(labels)))
        logits, tape = network.forward(parameters, x, draws)
        gradients, _ = network.backward(parameters, tape, -objective.categorical(logits, labels)[1])
        parameters = adam.step(parameters, gradients, 0.01)
    for key in sorted(parameters):
        digest.update(parameters[key].tobytes())
print(digest.hexdigest())
"""


def test_same_bits_for_any_number_of_threads():
    """Twenty steps of two networks with 1, 2, 3 and 16 threads: every parameter, bit for bit."""
    hashes = set()
    for threads in (1, 2, 3, 16):
        command = [sys.executable, "-c", TRAIN, str(threads)]
        run = subprocess.run(
            command, env={**os.environ, "NUMBA_NUM_THREADS": "16"}, capture_output=True, text=True, check=True
        )
        hashes.add(run.stdout.strip())
    assert len(hashes) == 1
