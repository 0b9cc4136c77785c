"""Every benchmark network runs forward and backward in both backends, and says what it is."""

from typing import Any

import numpy as np
import pytest

from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.layers import Signal
from refsbnn.models import MODELS, Mlp, Resnet
from refsbnn.network import Network
from refsbnn.streams import Purpose, Streams

OPTIONS: dict[str, Any] = {"units": {"member": "agr(tau=0.5)"}, "weights": {"spread": 0.3}}
IMAGE, MOVIE = Signal("values", (8, 8, 2)), Signal("values", (8, 8, 2), "binary", steps=3)
CASES = {
    "mlp": (IMAGE, {"hidden": [7, 6]}),
    "convnet": (IMAGE, {"channels": [4, 5]}),
    "resnet": (IMAGE, {"depth": 3, "width": 4, "pool": 4, "scale": 0.5}),
    "resnet stages": (IMAGE, {"depth": 1, "width": 4, "pool": 2, "scale": 0.5, "stages": 2, "convolutions": 2}),
    "resnet stem": (IMAGE, {"depth": 1, "width": 4, "pool": 4, "scale": 0.5, "stem": 5, "stem_stride": 2}),
    "spiking": (MOVIE, {"hidden": [9], "readout": {"beta": 0.9}}),
    "spiking_convnet": (MOVIE, {"channels": [4, 5], "readout": {}}),
}


def test_stages_of_a_residual_network() -> None:
    """The shapes of ResNet-18's stages, at a fourth of its width; an estimator for each of its layers of units."""
    members = ["st"] * 19 + ["trapezoid"]
    options = {"units": {"member": members}, "weights": {}}
    layers = Resnet(depth=2, width=16, pool=4, scale=1.0, stages=4, convolutions=2, **options).layers(10)
    network = Network(layers, Signal("values", (32, 32, 3)))
    shapes = [stage.output.shape for stage in network.stages if stage.layer.kind == "residual"]
    assert shapes == [shape for n in range(4) for shape in [(32 >> n, 32 >> n, 16 << n)] * 2]
    spikes = [layer for layer in layers if layer.kind == "spike"]
    assert [layer.member for layer in spikes] == ["st"] * 3 + ["trapezoid"]
    with pytest.raises(InputError, match="member lists 2 estimators; the model has 3 unit layers"):
        Mlp(hidden=[4, 4, 4], units={"member": ["st", "st"]}).layers(2)


def test_blocks_beyond_number_are_refused_at_once() -> None:
    """Each number may be a thousand, all of them together are a thousand million convolutions."""
    with pytest.raises(
        InputError, match=r"model\.stages, depth and convolutions make 1000000 convolutions; up to 10000"
    ):
        Resnet(depth=1000, width=2, pool=1, scale=1.0, convolutions=1000)


def test_every_model_is_tested() -> None:
    assert {name.split()[0] for name in CASES} == set(MODELS)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", CASES)
def test_runs(name: str, backend: str) -> None:
    signal, options = CASES[name]
    network = Network(MODELS[name.split()[0]](**options, **OPTIONS).layers(3), signal, backend=backend)
    shape = (5, *signal.shape) if signal.steps is None else (signal.steps, 5, *signal.shape)
    x = np.random.default_rng(0).integers(0, 2, shape).astype(float)
    parameters = network.initial(Streams(1))
    logits, tape = network.forward(parameters, x, CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(5)))
    assert logits.shape == (5, 3)
    gradients, dx = network.backward(parameters, tape, np.ones((5, 3)))
    assert {key: g.shape for key, g in gradients.items()} == {key: p.shape for key, p in parameters.items()}
    assert dx is not None
    assert dx.shape == shape
    assert all(np.isfinite(g).all() for g in gradients.values())
    assert "synaptic operations" in network.summary().splitlines()[0]
