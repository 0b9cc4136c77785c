"""The benchmark networks by name."""

from collections.abc import Callable, Sequence
from typing import Any

from refsbnn.errors import InputError
from refsbnn.layers import (
    LIF,
    AveragePool,
    Conv2d,
    Dense,
    Flatten,
    Layer,
    LeakyReadout,
    MaxPool,
    Residual,
    SampledReadout,
    Spike,
)


def each_layer(units: dict[str, Any], layers: int) -> list[dict[str, Any]]:
    """The options of each unit layer: all alike, but that `member` may list an estimator for each.

    Raises
    ------
    InputError
        A list of another length than there are unit layers.

    Examples
    --------
    >>> each_layer({"member": ["st", "agr(tau=0.5)"], "domain": "bipolar"}, 2)[1]
    {'member': 'agr(tau=0.5)', 'domain': 'bipolar'}
    """
    members = units.get("member")
    if members is None or isinstance(members, str):
        return [units] * layers
    if len(members) != layers:
        raise InputError(f"member lists {len(members)} estimators; the model has {layers} unit layers")
    return [{**units, "member": member} for member in members]


def mlp(hidden: Sequence[int], classes: int, *, units: dict[str, Any], weights: dict[str, Any]) -> list[Layer]:
    """Dense layers of noisy binary units and a sampled readout.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer.
    classes : int
    units, weights : dict
        Options of `Spike` and of `Dense`; here and below, `member` may list one estimator for each layer of units.
    """
    layers: list[Layer] = [Flatten()]
    for size, own in zip(hidden, each_layer(units, len(hidden)), strict=True):
        layers += [Dense(size, **weights), Spike(**own)]
    return [*layers, Dense(classes, **weights), SampledReadout()]


def convnet(channels: Sequence[int], classes: int, *, units: dict[str, Any], weights: dict[str, Any]) -> list[Layer]:
    """3x3 convolutions of noisy binary units, the image halved after each, and a sampled readout.

    Parameters
    ----------
    channels : sequence of int
        Filters of each convolution.
    classes : int
    units, weights : dict
        Options of `Spike`, and of `Conv2d` and `Dense`.
    """
    layers: list[Layer] = []
    for filters, own in zip(channels, each_layer(units, len(channels)), strict=True):
        layers += [Conv2d(filters, padding=1, **weights), Spike(**own), MaxPool(2)]
    return [*layers, Flatten(), Dense(classes, **weights), SampledReadout()]


def resnet(
    depth: int,
    width: int,
    classes: int,
    *,
    pool: int,
    scale: float,
    stages: int = 1,
    convolutions: int = 1,
    stem: int = 3,
    stem_stride: int = 1,
    units: dict[str, Any],
    weights: dict[str, Any],
) -> list[Layer]:
    """Residual streams of noisy binary 3x3 convolutions without normalisation (theory 3.8).

    A stream keeps its shape. Between two stages its moments make spikes, and a convolution of stride 2 with twice the
    filters begins the next. With width 64, four stages, depth 2 and two convolutions a block this is the ResNet-18 of
    He et al. (2016) for small images, whose shortcuts with a projection become those convolutions.

    Parameters
    ----------
    depth : int
        Blocks in each stage.
    width : int
        Filters in the first stage.
    classes : int
    pool : int
        Size of the average pooling before the readout.
    scale : float
        The branches' weight a_l.
    stages : int
    convolutions : int
        Pairs of units and convolution in each block.
    stem, stem_stride : int
        Size and stride of the first convolution's filters.
    units, weights : dict
        Options of `Spike` and of `Conv2d` and `Dense`.
    """
    own = iter(each_layer(units, stages * (depth * convolutions + 1)))
    layers: list[Layer] = [Conv2d(width, size=stem, stride=stem_stride, padding=stem // 2, **weights)]
    for stage in range(stages):
        filters = width * 2**stage
        if stage:
            layers += [Spike(**next(own)), Conv2d(filters, stride=2, padding=1, **weights)]
        for _ in range(depth):
            pairs = [(Spike(**next(own)), Conv2d(filters, padding=1, **weights)) for _ in range(convolutions)]
            layers.append(Residual(tuple(layer for pair in pairs for layer in pair), scale=scale))
    return [*layers, Spike(**next(own)), AveragePool(pool), Flatten(), Dense(classes, **weights), SampledReadout()]


def spiking(
    hidden: Sequence[int],
    classes: int,
    *,
    readout: dict[str, Any],
    units: dict[str, Any],
    weights: dict[str, Any],
) -> list[Layer]:
    """Dense layers of LIF neurons over time and a leaky readout.

    Parameters
    ----------
    hidden : sequence of int
        Neurons of each layer.
    classes : int
    readout, units, weights : dict
        Options of `LeakyReadout`, `LIF` and `Dense`.
    """
    layers: list[Layer] = [Flatten()]
    for size, own in zip(hidden, each_layer(units, len(hidden)), strict=True):
        layers += [Dense(size, **weights), LIF(**own)]
    return [*layers, Dense(classes, **weights), LeakyReadout(**readout), SampledReadout()]


def spiking_convnet(
    channels: Sequence[int],
    classes: int,
    *,
    readout: dict[str, Any],
    units: dict[str, Any],
    weights: dict[str, Any],
) -> list[Layer]:
    """3x3 convolutions of LIF neurons over time, the image halved after each, and a leaky readout.

    Parameters
    ----------
    channels : sequence of int
        Filters of each convolution.
    classes : int
    readout, units, weights : dict
        Options of `LeakyReadout`, of `LIF`, and of `Conv2d` and `Dense`.
    """
    layers: list[Layer] = []
    for filters, own in zip(channels, each_layer(units, len(channels)), strict=True):
        layers += [Conv2d(filters, padding=1, **weights), LIF(**own), MaxPool(2)]
    return [*layers, Flatten(), Dense(classes, **weights), LeakyReadout(**readout), SampledReadout()]


MODELS: dict[str, Callable[..., list[Layer]]] = {
    "mlp": mlp,
    "convnet": convnet,
    "resnet": resnet,
    "spiking": spiking,
    "spiking_convnet": spiking_convnet,
}
