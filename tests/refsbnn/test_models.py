"""Every benchmark network runs forward and backward in both backends, and says what it is."""

from typing import Any

import numpy as np
import pytest

from refsbnn.layers import Signal
from refsbnn.models import MODELS
from refsbnn.network import Network
from refsbnn.streams import Draws, Purpose, Streams

OPTIONS: dict[str, Any] = {"units": {"member": "agr(tau=0.5)"}, "weights": {"spread": 0.3}}
IMAGE, MOVIE = Signal("values", (8, 8, 2)), Signal("values", (8, 8, 2), "binary", steps=3)
CASES = {
    "mlp": (IMAGE, {"hidden": [7, 6]}),
    "convnet": (IMAGE, {"channels": [4, 5]}),
    "resnet": (IMAGE, {"depth": 3, "width": 4, "pool": 4, "scale": 0.5}),
    "spiking": (MOVIE, {"hidden": [9], "readout": {"beta": 0.9}}),
    "spiking_convnet": (MOVIE, {"channels": [4, 5], "readout": {}}),
}


def test_every_model_is_tested() -> None:
    assert CASES.keys() == MODELS.keys()


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", MODELS)
def test_runs(name: str, backend: str) -> None:
    signal, options = CASES[name]
    network = Network(MODELS[name](classes=3, **options, **OPTIONS), signal, backend=backend)
    shape = (5, *signal.shape) if signal.steps is None else (signal.steps, 5, *signal.shape)
    x = np.random.default_rng(0).integers(0, 2, shape).astype(float)
    parameters = network.initial(Streams(1))
    logits, tape = network.forward(parameters, x, Draws(Streams(1), Purpose.TRAIN, 0, np.arange(5)))
    assert logits.shape == (5, 3)
    gradients, dx = network.backward(parameters, tape, np.ones((5, 3)))
    assert {key: g.shape for key, g in gradients.items()} == {key: p.shape for key, p in parameters.items()}
    assert dx is not None
    assert dx.shape == shape
    assert all(np.isfinite(g).all() for g in gradients.values())
    assert "synaptic operations" in network.summary().splitlines()[0]
