"""NIR: what is written is read back to the same spikes, by this package and by the libraries in use."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from refsbnn.draws import MeanDraws
from refsbnn.errors import InputError
from refsbnn.exchange import nir_file
from refsbnn.exchange.from_nir import from_nir
from refsbnn.exchange.to_nir import to_nir
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
from refsbnn.streams import Streams
from validation.benchmarks import exchange

nir = pytest.importorskip("nir")
RNG = np.random.default_rng(0)
STEPS, BATCH = 12, 5
SPOKEN = Signal("values", (30,), "binary", STEPS)
SEEN = Signal("values", (7, 6, 2), "binary", STEPS)
IMAGE = Signal("values", (7, 6, 2))
OWN = {"learn_beta": True, "beta_spread": 0.5}
EACH = {**OWN, "learn_theta": True, "theta_spread": 0.2}
NETWORKS: dict[str, tuple[list[Any], Signal]] = {
    "neurons": ([Dense(16), LIF(beta=0.9), Dense(9), LIF(beta=0.7, theta=0.5), Dense(3), LeakyReadout(0.95)], SPOKEN),
    "recurrent": ([Dense(16), LIF(beta=0.83, recurrent=True), Dense(3), LeakyReadout(beta=0.5, reduce="last")], SPOKEN),
    "points": ([Dense(16, posterior="point"), LIF(beta=0.9), Dense(3, posterior="point"), LeakyReadout()], SPOKEN),
    "integrators": ([Dense(16), LIF(beta=1.0), Dense(3), LeakyReadout(beta=1.0)], SPOKEN),
    "camera": (
        [Conv2d(4, padding=1), LIF(beta=0.6, theta=0.3), MaxPool(2), Conv2d(3, size=2, stride=2), LIF(beta=0.5),
         AveragePool(1), Flatten(), Dense(3), LeakyReadout(reduce="max")],
        SEEN,
    ),
    "decays of each": ([Dense(16), LIF(beta=0.8, recurrent=True, **OWN), Dense(3), LeakyReadout()], SPOKEN),
    "numbers of each": ([Dense(16), LIF(beta=0.8, recurrent=True, **EACH), Dense(3), LeakyReadout()], SPOKEN),
    "numbers of each channel": (
        [Conv2d(4), LIF(beta=0.6, theta=0.3, **EACH), Flatten(), Dense(6), LIF(**EACH), Dense(3), LeakyReadout()],
        SEEN,
    ),
    "currents": (
        [Dense(16), LIF(beta=0.7, alpha=0.6), Dense(9), LIF(alpha=0.5, theta=0.5), Dense(3), LeakyReadout()], SPOKEN
    ),
    "recurrent current": (
        [Dense(16), LIF(beta=0.5, alpha=0.4, recurrent=True), Dense(3), LeakyReadout(reduce="last")], SPOKEN
    ),
    "currents of each": (
        [Dense(16), LIF(beta=0.6, alpha=0.5, recurrent=True, **EACH), Dense(3), LeakyReadout()], SPOKEN
    ),
    "currents of images": ([Conv2d(4), LIF(beta=0.5, alpha=0.4, **EACH), Flatten(), Dense(3), LeakyReadout()], SEEN),
    "units": ([Conv2d(4, zero_mean=True), Spike(), MaxPool(2), Flatten(), Dense(8), Spike(), Dense(3)], IMAGE),
}  # fmt: skip


def made(name: str, **options: Any) -> tuple[Network, dict[str, np.ndarray], np.ndarray]:
    """A network with random weights and biases that fires, and a batch."""
    layers, signal = NETWORKS[name]
    network = Network([*layers, SampledReadout()], signal, **options)
    parameters = network.initial(Streams(3))
    for key, value in parameters.items():
        factor = 3.0 if key.endswith(".mu") else 1.0
        parameters[key] = (factor * value + 0.2 * RNG.normal(size=value.shape)).astype(value.dtype)
    leading = (STEPS,) if signal.steps else ()
    shape = (*leading, BATCH, *signal.shape)
    x = (RNG.random(shape) < 0.4).astype(float) if signal.steps else RNG.normal(size=shape)
    return network, parameters, x


def spikes(network: Network, parameters: dict[str, np.ndarray], x: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Of each layer of units, with the mean weights, and the outputs."""
    y, tape = network.forward(parameters, x, MeanDraws(x.shape[network.input.steps is not None]))
    fired = [
        np.asarray(stage.layer.spikes(each))
        for stage, each in zip(network.stages, tape.stages, strict=True)
        if isinstance(stage.layer, LIF | Spike)
    ]
    assert all(0.02 < layer.mean() < 0.98 for layer in fired)
    return fired, y


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_written_is_read_back_to_the_same_spikes(name, tmp_path):
    network, parameters, x = made(name)
    nir_file.write(tmp_path / "network.nir", to_nir(network, parameters))
    again, read = from_nir(tmp_path / "network.nir")
    assert again.output == network.output
    assert [stage.layer.kind for stage in again.stages] == [stage.layer.kind for stage in network.stages]
    before, after = spikes(network, parameters, x), spikes(again, read, x)
    for one, other in zip(before[0], after[0], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(after[1], before[1], rtol=1e-12, atol=1e-12)
    for key in parameters.keys() & read.keys():  # variances come back through their logarithms
        if key.endswith("rho"):
            np.testing.assert_allclose(read[key], parameters[key], rtol=0, atol=1e-12)
    assert parameters.keys() == read.keys()


@pytest.mark.parametrize("name", ["neurons", "recurrent", "integrators"])
def test_without_a_readout_the_currents_and_their_coefficients_are_the_outputs(name):
    network, parameters, x = made(name)
    graph = to_nir(network, parameters, readout=False)
    last = next(graph.nodes[a] for a, b in graph.edges if b == "output")
    fired, y = spikes(network, parameters, x)
    currents = fired[-1] @ last.weight.T + last.bias
    np.testing.assert_allclose(np.tensordot(graph.metadata["coefficients"], currents, 1), y, rtol=1e-12, atol=1e-12)
    again, read = from_nir(graph)
    np.testing.assert_allclose(spikes(again, read, x)[1], y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "library"),
    [
        *product(["neurons", "recurrent"], exchange.LIBRARIES),
        ("decays of each", "snntorch"),
        ("currents", "snntorch"),
        ("recurrent current", "snntorch"),
    ],
)
def test_libraries_spike_alike(name, library, tmp_path):
    """Sums in float32 have another order there; no membrane here is as close to its threshold as their rounding."""
    pytest.importorskip(library)
    network, parameters, x = made(name)
    own = exchange.spikes(network, parameters, x, BATCH)
    assert own.nearest > 1e-5
    nir_file.write(tmp_path / "network.nir", to_nir(network, parameters, readout=False))
    found = exchange.stepped(exchange.LIBRARIES[library](tmp_path / "network.nir"), x, list(own.fired))
    for layer, want in own.fired.items():
        assert 0.02 < want.mean() < 0.98
        np.testing.assert_array_equal(found[layer], want)


def test_a_cycle_of_nodes_is_read_as_neurons_that_feed_one_another():
    """The other way to write them, which libraries export."""
    network, parameters, x = made("recurrent")
    graph = to_nir(network, parameters)
    nodes = dict(graph.nodes)
    inner = nodes.pop("layer1_lif").nodes
    nodes |= {"layer1_lif": inner["lif"], "feed": inner["w_rec"]}
    edges = [*graph.edges, ("layer1_lif", "feed"), ("feed", "layer1_lif")]
    again, read = from_nir(nir.NIRGraph(nodes=nodes, edges=edges, metadata=graph.metadata, type_check=False))
    np.testing.assert_array_equal(spikes(again, read, x)[0][0], spikes(network, parameters, x)[0][0])


def test_what_a_current_is_scaled_by_the_membrane_may_undo():
    """Both are linear: the same spikes."""
    network, parameters, x = made("currents")
    graph = to_nir(network, parameters)
    node = graph.nodes["layer1_lif"]
    node.w_in, node.r = node.w_in / 4.0, node.r * 4.0
    np.testing.assert_array_equal(spikes(*from_nir(graph), x)[0][0], spikes(network, parameters, x)[0][0])


def test_variances_are_in_the_metadata(tmp_path):
    network, parameters, _ = made("recurrent")
    nir_file.write(tmp_path / "network.nir", to_nir(network, parameters))
    graph = nir.read(tmp_path / "network.nir")
    np.testing.assert_allclose(graph.nodes["layer0_dense"].metadata["sigma2"], np.exp(parameters["0.dense.rho"]), 1e-12)
    fed = graph.nodes["layer1_lif"].nodes["w_rec"].metadata["sigma2"]
    np.testing.assert_allclose(fed, np.exp(parameters["1.lif.recurrent_rho"]), 1e-12)
    assert "sigma2" not in to_nir(*made("points")[:2]).nodes["layer0_dense"].metadata


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [Dense(3), LIF(reset="soft"), Dense(2), LeakyReadout()],
            "layer 1.lif has a soft reset, .* accepted: dense",
        ),
        (
            [Dense(3), LIF(adapt=0.5), Dense(2), LeakyReadout()],
            "layer 1.lif has a threshold that adapts, for which NIR",
        ),
        ([Dense(3), LIF(alpha=1.0), Dense(2), LeakyReadout()], "layer 1.lif has a current and a decay of 1, for which"),
        ([Dense(3), LIF(alpha=0.5, beta=1.0), Dense(2), LeakyReadout()], "layer 1.lif has a current and a decay of 1"),
        ([Flatten(), Dense(3), Spike(domain="bipolar"), Dense(2)], "layer 2.spike has the states -1 and"),
        ([Dense(3), Residual((Spike(), Dense(3))), Spike(), Dense(2)], "layer 1.residual has no word in NIR"),
    ],
)
def test_what_has_no_word(layers, message):
    signal = SPOKEN if isinstance(layers[1], LIF) else Signal("values", (4,))
    network = Network([*layers, SampledReadout()], signal)
    with pytest.raises(InputError, match=message):
        to_nir(network, network.initial(Streams(0)))


def changed(name: str, **values: Any) -> Any:
    """The graph of a network with other values of its neurons."""
    graph = to_nir(*made(name)[:2])
    for key, value in values.items():
        setattr(graph.nodes["layer1_lif"], key, value)
    return graph


def refused(graph: Any, message: str, **options: Any) -> None:
    with pytest.raises(InputError, match=message) as error:
        from_nir(graph, **options)
    assert "\n" not in str(error.value)


def test_what_is_refused(tmp_path):
    refused(changed("neurons", tau=np.linspace(1e-3, 2e-3, 16)), r"node layer1_lif: r dt / tau is 0\.9.*; expected 1")
    tau = np.linspace(1e-4, 2e-3, 16)
    refused(changed("neurons", tau=tau, r=tau / 1e-4), "its neurons differ and the tau of one is a step")
    tau = np.tile(np.linspace(1e-3, 2e-3, 7)[:, None], (4, 1, 6))
    refused(changed("camera", tau=tau, r=tau / 1e-4), "node layer1_lif: its neurons differ within a channel")
    refused(changed("neurons", v_reset=np.ones(16)), "node layer1_lif: its v_reset is not 0")
    refused(changed("neurons", v_leak=np.ones(16)), "node layer1_lif: its v_leak is not 0")
    refused(changed("neurons", r=np.ones(16)), r"node layer1_lif: r dt / tau is 0\.1; expected 1")
    refused(changed("neurons", tau=np.full(16, 1e-5), r=np.full(16, 0.1)), "its tau is 1e-05 s with steps of 0.0001 s")
    refused(changed("currents", w_in=np.ones(16)), r"w_in dt / tau_syn times r dt / tau_mem is 0\.4; expected 1")
    refused(changed("currents", w_in=np.ones(2)), "node layer1_lif: its parameters have different shapes: ")
    refused(changed("neurons", r=np.ones(2)), "node layer1_lif: its parameters have different shapes: ")
    refused(changed("currents", tau_syn=np.zeros(16)), r"times r dt / tau_mem is inf; expected 1")
    tau = np.linspace(1.5e-4, 2e-3, 16)
    refused(changed("currents", tau_syn=tau, w_in=tau / 1e-4), r"node layer1_lif: its neurons differ \(16 values\)")
    graph = to_nir(*made("neurons")[:2])
    graph.edges.append(("layer0_dense", "layer2_dense"))
    refused(graph, "node layer0_dense leads to 2 nodes; expected a row of layers")
    graph = to_nir(*made("neurons")[:2])
    del graph.metadata["steps"]
    refused(graph, "the graph has neurons over time; give steps=")
    assert from_nir(graph, steps=7)[0].input.steps == 7
    refused(graph, "steps is -1; expected an integer >= 1", steps=-1)
    refused(graph, "dt is nan; expected a number of seconds > 0", dt=np.nan, steps=3)
    for name, value, message in (
        ("steps", -3, "steps of the metadata is -3"),
        ("dt", 0.0, "dt of the metadata is 0.0; expected a number of seconds > 0"),
        ("readout", "sum", "a word of the metadata is 'sum'; accepted: 'mean'"),
    ):
        wrong = to_nir(*made("neurons")[:2])
        wrong.metadata[name] = value
        refused(wrong, message)
    for value in (np.nan, np.inf, -1.0):
        wrong = to_nir(*made("neurons")[:2])
        wrong.nodes["layer0_dense"].metadata["sigma2"][2, 3] = value
        refused(wrong, "node layer0_dense: its sigma2 holds NaN, infinity or a negative number")
    wrong = to_nir(*made("neurons")[:2])
    wrong.edges.append(("nowhere", "output"))
    refused(wrong, "an edge of the graph names 'nowhere', which is no node")
    graph.nodes["layer1_lif"] = nir.Delay(delay=np.ones(16))
    refused(graph, "node layer1_lif: it is a Delay; accepted: Affine", steps=3)
    refused(tmp_path / "none.nir", "none.nir cannot be read as NIR")
    (tmp_path / "torn.nir").write_bytes(b"no HDF5")
    refused(str(tmp_path / "torn.nir"), "torn.nir cannot be read as NIR")
    refused(3, "source is a int; expected a file or a NIRGraph")
