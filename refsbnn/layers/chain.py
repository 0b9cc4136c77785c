"""Layers one after another: what the network and the branch of a residual block have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from refsbnn.errors import InputError
from refsbnn.layers.layer import Layer, Monitor, Parameters, Pass, Place
from refsbnn.layers.shape import Flatten
from refsbnn.layers.signal import Signal
from refsbnn.streams import Streams


@dataclass(frozen=True)
class Stage:
    """A layer in its place: its name within the chain, where it stands, and the type of its output."""

    name: str
    layer: Layer
    place: Place
    output: Signal


def connect(layers: Sequence[Layer], signal: Signal, index: int = 0, first: bool = False) -> tuple[Stage, ...]:
    """Check that each layer takes what the one before gives; `first` where the signal is the network's input.

    Raises
    ------
    InputError
        Naming the layer, as "2.dense".
    """
    stages = []
    for number, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise InputError(f"layer {number} is a {type(layer).__name__}; expected one of refsbnn.layers")
        name, place = f"{number}.{layer.kind}", Place(signal, index, first)
        try:
            signal = layer.connect(signal)
        except InputError as error:
            raise InputError(f"layer {name}: {error}") from None
        stages.append(Stage(name, layer, place, signal))
        index += layer.addresses
        first = first and isinstance(layer, Flatten)
    return tuple(stages)


def own(parameters: Parameters, stage: Stage) -> Parameters:
    """The parameters of one stage, by their names within it."""
    prefix = f"{stage.name}."
    return {key[len(prefix) :]: value for key, value in parameters.items() if key.startswith(prefix)}


def named(stage: Stage, values: dict[str, Any]) -> dict[str, Any]:
    """The same values by their names within the chain."""
    return {f"{stage.name}.{key}": value for key, value in values.items()}


def initial(stages: Sequence[Stage], streams: Streams) -> Parameters:
    """Initial parameters of all stages."""
    return {k: v for stage in stages for k, v in named(stage, stage.layer.initial(stage.place, streams)).items()}


def priors(stages: Sequence[Stage]) -> dict[str, float]:
    """Prior variances of all stages."""
    return {k: v for stage in stages for k, v in named(stage, stage.layer.priors(stage.place)).items()}


def draws(stages: Sequence[Stage], readers: int | None) -> tuple[int | None, dict[str, int | None]]:
    """Draws of what enters the chain and of all stages' weights, as `Layer.draws` (theory 4.6)."""
    found: dict[str, int | None] = {}
    for stage in reversed(stages):
        readers, own = stage.layer.draws(stage.place, readers)
        found |= named(stage, own)
    return readers, found


def forward(stages: Sequence[Stage], run: Pass, parameters: Parameters, x: Any) -> tuple[Any, list[Any]]:
    """Output of the last stage, and every stage's tape."""
    tapes = []
    for stage in stages:
        x, tape = stage.layer.forward(run, stage.place, own(parameters, stage), x)
        tapes.append(tape)
    return x, tapes


def backward(
    stages: Sequence[Stage], run: Pass, parameters: Parameters, tapes: list[Any], g: Any, penalty: float
) -> tuple[Any, Parameters]:
    """Gradients of the chain's input and of its parameters."""
    gradients: Parameters = {}
    for stage, tape in zip(reversed(stages), reversed(tapes), strict=True):
        g, gradient = stage.layer.backward(run, stage.place, own(parameters, stage), tape, g, penalty)
        gradients |= named(stage, gradient)
    return g, gradients


def monitors(stages: Sequence[Stage], tapes: list[Any]) -> list[Monitor]:
    """The records of all unit layers, in forward order."""
    return [record for stage, tape in zip(stages, tapes, strict=True) for record in stage.layer.monitors(tape)]
