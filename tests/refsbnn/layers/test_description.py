"""Layers to plain dictionaries and back, through JSON."""

import json
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules

import pytest

from refsbnn import layers as package
from refsbnn.errors import InputError
from refsbnn.layers import Dense, Layer, Residual
from refsbnn.layers.description import KINDS, build, describe
from tests.refsbnn.evaluation.networks import LAYERS


@pytest.mark.parametrize("name", LAYERS)
def test_there_and_back(name: str) -> None:
    layers = LAYERS[name][0]
    assert build(json.loads(json.dumps(describe(layers)))) == layers


def test_every_layer_has_its_kind() -> None:
    """Every class in the files of the package that can be made: none is left out of the package's names."""
    files = [import_module(f"refsbnn.layers.{module.name}") for module in iter_modules(package.__path__)]
    classes = {item for file in files for item in vars(file).values() if isinstance(item, type)}
    layers = {item for item in classes if issubclass(item, Layer) and not isabstract(item)}
    assert layers == set(KINDS.values())
    assert [kind.kind for kind in KINDS.values()] == list(KINDS)


def test_the_small_networks_hold_every_kind() -> None:
    """What is tested on them all, here and in evaluation and figures, is tested on a new layer too."""
    used = [layer for layers, _ in LAYERS.values() for layer in layers]
    used += [inner for layer in used if isinstance(layer, Residual) for inner in layer.branch]
    assert {layer.kind for layer in used} == set(KINDS)


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
