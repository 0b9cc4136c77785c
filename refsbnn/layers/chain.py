"""Layers one after another: what the network and the branch of a residual block have in common."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from refsbnn import posterior
from refsbnn.errors import InputError, refusing
from refsbnn.layers.layer import Layer, Monitor, Parameters, Pass, Place, Stage
from refsbnn.layers.signal import Signal
from refsbnn.streams import Streams


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
        with refusing(f"layer {name}"):
            signal = layer.connect(signal)
            stages.append(Stage(name, layer, place, signal, layer.inside(place)))
        index += stages[-1].addresses
        first = first and layer.rearranges
    return tuple(stages)


def own(parameters: Parameters, stage: Stage) -> Parameters:
    """The parameters of one stage, by their names within it."""
    prefix = f"{stage.name}."
    return {key[len(prefix) :]: value for key, value in parameters.items() if key.startswith(prefix)}


def owned(parameters: Parameters, stages: Sequence[Stage]) -> list[Parameters]:
    """As `own` for each stage, in one pass over the parameters however many stages there are."""
    found: list[Parameters] = [{} for _ in stages]
    places = {stage.name.partition(".")[0]: (f"{stage.name}.", i) for i, stage in enumerate(stages)}
    for key, value in parameters.items():
        prefix, i = places.get(key.partition(".")[0], ("", 0))
        if prefix and key.startswith(prefix):
            found[i][key[len(prefix) :]] = value
    return found


def named(stage: Stage, values: dict[str, Any]) -> dict[str, Any]:
    """The same values by their names within the chain."""
    return {f"{stage.name}.{key}": value for key, value in values.items()}


def initial(stages: Sequence[Stage], streams: Streams) -> Parameters:
    """Initial parameters of all stages and those inside."""
    values: Parameters = {}
    for stage in stages:
        values |= named(stage, stage.layer.initial(stage, streams) | initial(stage.inner, streams))
    return values


def weight_count(stages: Sequence[Stage]) -> int:
    """How many weights all stages and those inside have, biases aside."""
    return sum(stage.layer.weight_count(stage) + weight_count(stage.inner) for stage in stages)


def priors(stages: Sequence[Stage]) -> dict[str, float]:
    """Prior variances of all stages and those inside."""
    values: dict[str, float] = {}
    for stage in stages:
        values |= named(stage, stage.layer.priors(stage) | priors(stage.inner))
    return values


def add_kl(
    stages: Sequence[Stage],
    backend: Any,
    parameters: Parameters,
    gradients: Parameters,
    weight: float,
    draws: dict[str, int | None] | None,
    fitted: bool,
) -> float:
    """`Network.kl` with a backend's `add_kl`; `draws` are `Network.draws`, None where each weight counts once."""
    total = 0.0
    for name, prior in priors(stages).items():
        keys = f"{name}mu", f"{name}rho"
        mu, rho = (parameters[key] for key in keys)
        count = 1 if draws is None else draws[name]
        if count is None:
            raise InputError(f"no number of draws of {name}mu gives this network's law: KL of each draw is no bound")
        for key in keys:
            if key not in gradients:
                raise InputError(f"there is no gradient of {key!r} to add KL's to; accepted: those of a backward pass")
            gradients[key] = np.ascontiguousarray(gradients[key])
        own = (gradients[key] for key in keys)
        prior = posterior.fitted_prior(mu, rho) if fitted else prior
        total += backend.add_kl(*own, mu, rho, prior, weight=weight, count=count)
    return total


def last_weights(stages: Sequence[Stage]) -> tuple[Stage, float] | None:
    """The stage whose weights give the chain's output, and the factor of them in it; None where units come after."""
    factor = 1.0
    for stage in reversed(stages):
        if stage.layer.units or stage.inner:
            return None
        if stage.layer.linear:
            return stage, factor * stage.place.input.span
        factor *= stage.layer.passed(stage)
    return None


def readout(stages: Sequence[Stage], dtype: np.dtype, parameters: Parameters) -> np.ndarray | None:
    """As `Network.readout`."""
    found = last_weights(stages)
    if found is None:
        return None
    stage, factor = found
    weight = stage.layer.weights(dtype, own(parameters, stage)).astype(np.float64)
    return factor * weight.reshape(len(weight), -1)


def readout_gradients(stages: Sequence[Stage], dtype: np.dtype, g: np.ndarray) -> Parameters:
    """Gradients of the parameters given that of `readout`."""
    found = last_weights(stages)
    if found is None:
        return {}
    stage, factor = found
    return named(stage, stage.layer.weight_gradients(stage, dtype, factor * g))


def operations(stages: Sequence[Stage]) -> int:
    """Multiply-adds of the dense forward pass of all stages and those inside."""
    return sum(stage.layer.operations(stage) + operations(stage.inner) for stage in stages)


def draws(stages: Sequence[Stage], readers: int | None) -> tuple[int | None, dict[str, int | None]]:
    """Draws of what enters the chain and of all stages' weights, as `Layer.draws` (theory 4.6)."""
    found: dict[str, int | None] = {}
    for stage in reversed(stages):
        readers, own = stage.layer.draws(stage, readers)
        found |= named(stage, own)
    return readers, found


def forward(stages: Sequence[Stage], run: Pass, parameters: Parameters, x: Any) -> tuple[Any, list[Any]]:
    """Output of the last stage, and every stage's tape."""
    tapes = []
    for stage, given in zip(stages, owned(parameters, stages), strict=True):
        x, tape = stage.layer.forward(run, stage, given, x)
        tapes.append(tape)
    return x, tapes


def backward(
    stages: Sequence[Stage], run: Pass, parameters: Parameters, tapes: Sequence[Any], g: Any, penalty: float
) -> tuple[Any, Parameters]:
    """Gradients of the chain's input and of its parameters."""
    gradients: Parameters = {}
    for stage, given, tape in reversed(list(zip(stages, owned(parameters, stages), tapes, strict=True))):
        g, gradient = stage.layer.backward(run, stage, given, tape, g, penalty)
        gradients |= named(stage, gradient)
    return g, gradients


def leaves(stages: Sequence[Stage], prefix: str = "") -> Iterator[tuple[str, Stage]]:
    """Every layer that is not made of layers, by its full name in forward order."""
    for stage in stages:
        if stage.inner:
            yield from leaves(stage.inner, f"{prefix}{stage.name}.")
        else:
            yield prefix + stage.name, stage


def taped(stages: Sequence[Stage], tapes: Sequence[Any], prefix: str = "") -> Iterator[tuple[str, Stage, Any]]:
    """As `leaves`, each with its tape."""
    for stage, tape in zip(stages, tapes, strict=True):
        if stage.inner:
            yield from taped(stage.inner, stage.layer.tapes(tape), f"{prefix}{stage.name}.")
        else:
            yield prefix + stage.name, stage, tape


def monitors(stages: Sequence[Stage], tapes: Sequence[Any]) -> list[Monitor]:
    """The records of all unit layers, in forward order."""
    records = (stage.layer.monitor(tape) for _, stage, tape in taped(stages, tapes))
    return [record for record in records if record is not None]
