"""The benchmark networks by name."""

from collections.abc import Callable, Sequence
from typing import Any

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


def mlp(hidden: Sequence[int], classes: int, *, units: dict[str, Any], weights: dict[str, Any]) -> list[Layer]:
    """Dense layers of noisy binary units and a sampled readout.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer.
    classes : int
    units, weights : dict
        Options of `Spike` and of `Dense`.
    """
    layers: list[Layer] = [Flatten()]
    for size in hidden:
        layers += [Dense(size, **weights), Spike(**units)]
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
    for filters in channels:
        layers += [Conv2d(filters, padding=1, **weights), Spike(**units), MaxPool(2)]
    return [*layers, Flatten(), Dense(classes, **weights), SampledReadout()]


def resnet(
    depth: int, width: int, classes: int, *, pool: int, scale: float, units: dict[str, Any], weights: dict[str, Any]
) -> list[Layer]:
    """A residual stream of `depth` noisy binary 3x3 convolutions without normalisation (theory 3.8).

    Parameters
    ----------
    depth, width, classes : int
    pool : int
        Size of the average pooling before the readout.
    scale : float
        The branches' weight a_l.
    units, weights : dict
        Options of `Spike` and of `Conv2d` and `Dense`.
    """
    blocks = [Residual((Spike(**units), Conv2d(width, padding=1, **weights)), scale=scale) for _ in range(depth)]
    stem = Conv2d(width, padding=1, **weights)
    return [stem, *blocks, Spike(**units), AveragePool(pool), Flatten(), Dense(classes, **weights), SampledReadout()]


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
    for size in hidden:
        layers += [Dense(size, **weights), LIF(**units)]
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
    for filters in channels:
        layers += [Conv2d(filters, padding=1, **weights), LIF(**units), MaxPool(2)]
    return [*layers, Flatten(), Dense(classes, **weights), LeakyReadout(**readout), SampledReadout()]


MODELS: dict[str, Callable[..., list[Layer]]] = {
    "mlp": mlp,
    "convnet": convnet,
    "resnet": resnet,
    "spiking": spiking,
    "spiking_convnet": spiking_convnet,
}
