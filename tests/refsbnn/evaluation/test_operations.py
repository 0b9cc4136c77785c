"""Spikes and synaptic operations against a count by loops, one weight at a time."""

import itertools

import numpy as np
import pytest

from refsbnn.draws import CounterDraws
from refsbnn.evaluation.operations import Counts
from refsbnn.evaluation.predict import predict
from refsbnn.layers import LIF, Conv2d, Dense, Residual, Spike, chain
from refsbnn.layers.layer import Pass
from refsbnn.network import Network
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.evaluation.networks import LAYERS, build

EXAMPLES = 3


def dense_by_loops(x: np.ndarray, out: int, domain: str) -> int:
    """One weight at a time: every unit of every row, every input."""
    return sum(1 for row in x for value in row for _ in range(out) if domain != "binary" or value != 0)


def convolution_by_loops(x: np.ndarray, layer: Conv2d, domain: str) -> int:
    """One weight at a time: every filter at every position, every tap that lies on the image."""
    total = 0
    images, height, width, channels = x.shape
    rows, columns = ((n + 2 * layer.padding - layer.size) // layer.stride + 1 for n in (height, width))
    for n, i, j, k, l in itertools.product(
        range(images), range(rows), range(columns), range(layer.size), range(layer.size)
    ):
        y, z = i * layer.stride + k - layer.padding, j * layer.stride + l - layer.padding
        if 0 <= y < height and 0 <= z < width:
            total += sum(layer.out for c in range(channels) if domain != "binary" or x[n, y, z, c] != 0)
    return total


def by_loops(network, parameters, x, draws):
    """Operations and mean spikes of each layer, from what layer after layer gives; nothing is read off a tape."""
    operations: dict[str, int] = {}
    rates: dict[str, float] = {}

    def walk(stages, own, value, prefix=""):
        for stage in stages:
            layer, name, entered = stage.layer, prefix + stage.name, value
            signal = stage.place.input
            value, _ = chain.forward([stage], run, own, entered)
            if isinstance(layer, Residual):
                walk(stage.inner, chain.own(own, stage), entered, f"{name}.")
            elif isinstance(layer, Dense):
                flat = np.asarray(entered).reshape(-1, signal.shape[0])
                operations[name] = dense_by_loops(flat, layer.out, signal.domain)
            elif isinstance(layer, Conv2d):
                operations[name] = convolution_by_loops(entered.reshape(-1, *signal.shape), layer, signal.domain)
            elif isinstance(layer, Spike | LIF):
                rates[name] = float(np.mean([spike > 0 for spike in np.ravel(value)]))
                if isinstance(layer, LIF) and layer.recurrent:
                    units = value.shape[-1]
                    earlier = value[:-1].reshape(-1, units)
                    operations[name] = sum(units for row in earlier for spike in row if spike)
        return value

    run = Pass(network.backend, draws, network.dtype)
    walk(network.stages, parameters, x)
    return operations, rates


@pytest.mark.parametrize("name", LAYERS)
def test_against_loops(name: str) -> None:
    network, inputs = build(name, EXAMPLES)
    parameters, rows = network.initial(Streams(2)), np.arange(EXAMPLES)
    counts, expected, rates = Counts(network), {}, {}
    for step in range(2):
        draws = CounterDraws(Streams(3), Purpose.PREDICT, step, rows)
        x = inputs.batch(rows, draws)
        counts.add(network.forward(parameters, x, draws)[1])
        operations, fired = by_loops(network, parameters, np.asarray(x, np.float64), draws)
        for key, value in operations.items():
            expected[key] = expected.get(key, 0) + value / (2 * EXAMPLES)
        for key, value in fired.items():
            rates[key] = rates.get(key, 0.0) + value / 2
    # Integers divided once, against a sum of two quotients.
    assert {row.layer: row.counted for row in counts.operations()} == pytest.approx(expected, rel=1e-14)
    assert {row.layer: row.rate for row in counts.rates()} == pytest.approx(rates, rel=1e-14)
    assert counts.passes == 2 * EXAMPLES


@pytest.mark.parametrize("name", ["bipolar", "convolution", "residual", "spiking"])
def test_both_backends_count_alike(name: str) -> None:
    """Bytes and events in the kernels, floats in the reference; in float64 the spikes are the same."""
    found = []
    for backend in ("numpy", "numba"):
        network, inputs = build(name, EXAMPLES, backend)
        draws = CounterDraws(Streams(3), Purpose.PREDICT, 0, np.arange(EXAMPLES))
        counts = Counts(network)
        counts.add(network.forward(network.initial(Streams(2)), inputs.batch(draws.samples, draws), draws)[1])
        found.append((counts.operations(), counts.rates()))
    assert found[0] == found[1]


def test_dense_operations_are_those_of_the_summary_and_bound_the_count() -> None:
    network, inputs = build("residual", EXAMPLES)
    draws = CounterDraws(Streams(3), Purpose.PREDICT, 0, np.arange(EXAMPLES))
    counts = Counts(network)
    counts.add(network.forward(network.initial(Streams(2)), inputs.batch(draws.samples, draws), draws)[1])
    assert sum(row.dense for row in counts.operations()) == chain.operations(network.stages)
    assert all(0 < row.counted <= row.dense for row in counts.operations())


@pytest.mark.parametrize("name", LAYERS)
def test_a_network_that_runs_layers_again_is_counted_alike(name: str) -> None:
    network, inputs = build(name, EXAMPLES)
    again = Network([stage.layer for stage in network.stages], network.input, recompute=2)
    found = []
    for each in (network, again):
        counts = Counts(each)
        predict(each, network.initial(Streams(2)), inputs, EXAMPLES, Streams(3), 1, counts=counts)
        found.append((counts.operations(), counts.rates()))
    assert found[0] == found[1]
