"""Layers to plain dictionaries and back, through JSON."""

import json

import pytest

from refsbnn import layers as package
from refsbnn.errors import InputError
from refsbnn.layers import Dense, Layer
from refsbnn.layers.description import KINDS, build, describe
from tests.refsbnn.evaluation.networks import LAYERS


@pytest.mark.parametrize("name", LAYERS)
def test_there_and_back(name: str) -> None:
    layers = LAYERS[name][0]
    assert build(json.loads(json.dumps(describe(layers)))) == layers


def test_every_layer_has_its_kind() -> None:
    public = {getattr(package, name) for name in package.__all__}
    assert {kind for kind in public if issubclass(kind, Layer)} - {Layer} == set(KINDS.values())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "lstm"}, "layer 1: kind is 'lstm'; accepted: 'average_pool', 'conv2d'"),
        ({}, "layer 1: kind is None"),
        ("dense", "layer 1 is 'dense'; expected its kind and options"),
        ({"kind": "dense"}, "layer 1, dense: .*missing 1 required"),
        ({"kind": "dense", "out": 3, "size": 3}, "layer 1, dense: .*unexpected keyword argument 'size'"),
        ({"kind": "dense", "out": 0}, "dense: out is 0"),
        ({"kind": "residual", "branch": [{"kind": "?"}]}, r"layer 0: kind is '\?'"),
    ],
)
def test_what_is_refused(given: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build([*describe([Dense(2)]), given])  # type: ignore[list-item]
