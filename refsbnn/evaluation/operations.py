"""Spikes and synaptic operations, counted on forward passes.

A synaptic operation is one multiply-add of the mean (an add, where the input is a spike): a value that is not a
silent spike reaches one weight. A spike costs as many as the weights it meets, its fan-out: `out` of a dense layer,
`out` times the positions whose filter covers it of a convolution, all neurons of a recurrent layer. Real values and
{-1, +1} units always count; biases and padding never do. What the variance needs on top, as many again, is not
counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refsbnn.events import Events
from refsbnn.layers import LIF, Conv2d, Dense, Residual, Signal, Spike
from refsbnn.layers.chain import Stage, connect
from refsbnn.network import BACKENDS, Network, Tape


@dataclass(frozen=True)
class Rate:
    """Mean firing rate of a layer of units, per unit and step: the share of {0, 1} at 1, or of {-1, +1} at +1."""

    layer: str
    rate: float


@dataclass(frozen=True)
class Operations:
    """Synaptic operations of a layer for one forward pass of one example: the mean count, and the dense layer's."""

    layer: str
    counted: float
    dense: int


class Counts:
    """Totals over the forward passes that `add` has seen.

    Examples
    --------
    >>> from refsbnn.draws import CounterDraws
    >>> from refsbnn.streams import Purpose, Streams
    >>> network = Network([Dense(4), Spike(), Dense(2)], Signal("values", (3,)))
    >>> counts, draws = Counts(network), CounterDraws(Streams(1), Purpose.PREDICT, 0, np.arange(5))
    >>> counts.add(network.forward(network.initial(Streams(1)), np.ones((5, 3)), draws)[1])
    >>> counts.rates()
    [Rate(layer='1.spike', rate=0.85)]
    >>> counts.operations()
    [Operations(layer='0.dense', counted=12.0, dense=12), Operations(layer='2.dense', counted=6.8, dense=8)]
    """

    def __init__(self, network: Network) -> None:
        self.network, self.passes = network, 0
        self._spikes: dict[str, float] = {}
        self._places: dict[str, int] = {}  # units times steps
        self._counted: dict[str, int] = {}
        self._dense: dict[str, int] = {}

    def add(self, tape: Tape) -> None:
        """Count one forward pass of a batch; the network that ran must keep its tapes, see `keeping`."""
        self.passes += tape.run.draws.batch
        for name, stage, own in leaves(self.network.stages, tape.stages):
            layer = stage.layer
            if isinstance(layer, Dense | Conv2d):
                self._count(name, stage, fan_out(entered(own[0]), layer, stage.place.input))
            elif isinstance(layer, Spike):
                self._fire(name, stage, upper(np.asarray(own[2]), layer.domain))
            elif isinstance(layer, LIF):
                spikes = np.asarray(own[2].z)
                self._fire(name, stage, upper(spikes, "binary"))
                if layer.recurrent:  # the last step's spikes feed no later step
                    self._count(name, stage, count(spikes[:-1], "binary") * spikes.shape[-1])

    def rates(self) -> list[Rate]:
        """Firing rates, in forward order."""
        return [Rate(name, total / (self._places[name] * self.passes)) for name, total in self._spikes.items()]

    def operations(self) -> list[Operations]:
        """Synaptic operations of every layer with weights, in forward order."""
        return [Operations(name, total / self.passes, self._dense[name]) for name, total in self._counted.items()]

    def _fire(self, name: str, stage: Stage, spikes: float) -> None:
        self._spikes[name] = self._spikes.get(name, 0) + spikes
        self._places[name] = int(np.prod(stage.output.shape)) * (stage.output.steps or 1)

    def _count(self, name: str, stage: Stage, operations: int) -> None:
        self._counted[name] = self._counted.get(name, 0) + operations
        self._dense[name] = stage.layer.operations(stage.place)


def keeping(network: Network) -> Network:
    """The same network, keeping its tapes."""
    if not network.recompute and not network.chunk:
        return network
    backend = next(name for name, module in BACKENDS.items() if module == network.backend.__name__)
    return Network([stage.layer for stage in network.stages], network.input, backend=backend, dtype=network.dtype.name)


def leaves(stages: Sequence[Stage], tapes: Sequence[Any], prefix: str = "") -> Iterator[tuple[str, Stage, Any]]:
    """Every layer with its name and its tape in forward order, those inside residual blocks in place of the block."""
    for stage, tape in zip(stages, tapes, strict=True):
        name, layer = prefix + stage.name, stage.layer
        if isinstance(layer, Residual):
            yield from leaves(connect(layer.branch, stage.place.input, stage.place.index), tape, f"{name}.")
        else:
            yield name, stage, tape


def fired(network: Network, tape: Tape) -> Iterator[tuple[str, np.ndarray]]:
    """What the units of each layer gave, as shares of the upper state: (batch, *units), or (steps, batch, *units)."""
    for name, stage, own in leaves(network.stages, tape.stages):
        if isinstance(stage.layer, LIF):
            yield name, np.asarray(own[2].z)
        elif isinstance(stage.layer, Spike):
            z = np.asarray(own[2])
            yield name, (z + 1.0) / 2.0 if stage.layer.domain == "bipolar" and z.dtype.kind == "f" else z


def entered(kept: Any) -> np.ndarray | Events:
    """What a linear layer's tape keeps of its input, as numbers or events."""
    return kept if isinstance(kept, Events) else np.asarray(kept)


def upper(spikes: np.ndarray, domain: str) -> float:
    """How many spikes are in the upper state; a relaxed value counts as its share."""
    if spikes.dtype in (np.uint8, np.bool_):
        return int(np.count_nonzero(spikes))
    total = float(spikes.sum(dtype=np.float64))
    return (total + spikes.size) / 2 if domain == "bipolar" else total


def count(x: np.ndarray | Events, domain: str) -> int:
    """How many entries of x act on the weights: all but the zeros among spikes."""
    if isinstance(x, Events):
        return len(x.columns)
    return int(np.count_nonzero(x)) if domain == "binary" else x.size


def fan_out(x: np.ndarray | Events, layer: Dense | Conv2d, signal: Signal) -> int:
    """Synaptic operations of a layer on an input x of type `signal`."""
    if isinstance(layer, Dense):
        return count(x, signal.domain) * layer.out
    height, width = (covered(size, layer) for size in signal.shape[:2])
    x = np.asarray(x)
    acts = x != 0 if signal.domain == "binary" else np.ones(x.shape, bool)
    places = acts.reshape(-1, *signal.shape).sum(axis=(0, 3), dtype=np.int64)
    return int(height @ places @ width) * layer.out


def covered(length: int, layer: Conv2d) -> np.ndarray:
    """Along one axis of an image, how many positions of the filter cover each pixel: (length,) int64."""
    positions = (length + 2 * layer.padding - layer.size) // layer.stride + 1
    first = np.arange(positions) * layer.stride - layer.padding
    pixel = np.arange(length)[:, None]
    return ((first <= pixel) & (pixel < first + layer.size)).sum(axis=1)
