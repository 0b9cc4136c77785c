"""Spikes and synaptic operations, counted on forward passes.

A synaptic operation is one multiply-add of the mean (an add, where the input is a spike): a value that is not a
silent spike reaches one weight. A spike costs as many as the weights it meets, its fan-out: `out` of a dense layer,
`out` times the positions whose filter covers it of a convolution, all neurons of a recurrent layer. Real values and
{-1, +1} units always count; biases and padding never do. What the variance needs on top, as many again, is not
counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import fsum

import numpy as np

from refsbnn.layers import chain
from refsbnn.network import Network, Tape
from refsbnn.ranks import Ranks


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
    >>> from refsbnn.layers import Dense, Signal, Spike
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
        self._spikes: dict[str, list[float]] = {}  # of each pass: their exact sum has no order
        self._places: dict[str, int] = {}  # units times steps
        self._counted: dict[str, int] = {}
        self._dense: dict[str, int] = {}

    def add(self, tape: Tape) -> None:
        """Count one forward pass of a batch; the network that ran must keep its tapes, see `keeping`."""
        self.passes += tape.run.draws.batch
        for name, stage, own in chain.taped(self.network.stages, tape.stages):
            if (spikes := stage.layer.spikes(own)) is not None:
                self._spikes.setdefault(name, []).append(upper(spikes))
                self._places[name] = int(np.prod(stage.output.shape)) * (stage.output.steps or 1)
            if dense := stage.layer.operations(stage):
                self._counted[name] = self._counted.get(name, 0) + stage.layer.counted(stage, own)
                self._dense[name] = dense

    def gathered(self, ranks: Ranks) -> None:
        """Count the passes of all ranks: those of a rank come before those of the next."""
        own = self.passes, self._spikes, self._places, self._counted, self._dense
        self.passes, self._spikes, self._places, self._counted, self._dense = 0, {}, {}, {}, {}
        for passes, spikes, places, counted, dense in ranks.gathered(own):
            self.passes += passes
            for name, batches in spikes.items():
                self._spikes.setdefault(name, []).extend(batches)
            for name, total in counted.items():
                self._counted[name] = self._counted.get(name, 0) + total
            self._places |= places
            self._dense |= dense

    def rates(self) -> list[Rate]:
        """Firing rates, in forward order."""
        return [Rate(name, fsum(each) / (self._places[name] * self.passes)) for name, each in self._spikes.items()]

    def operations(self) -> list[Operations]:
        """Synaptic operations of every layer with weights, in forward order."""
        return [Operations(name, total / self.passes, self._dense[name]) for name, total in self._counted.items()]


def keeping(network: Network) -> Network:
    """The same network, keeping its tapes."""
    return network.again() if network.recompute or network.chunk else network


def fired(network: Network, tape: Tape) -> Iterator[tuple[str, np.ndarray]]:
    """What the units of each layer gave, as shares of the upper state: (batch, *units), or (steps, batch, *units)."""
    for name, stage, own in chain.taped(network.stages, tape.stages):
        if (spikes := stage.layer.spikes(own)) is not None:
            yield name, spikes


def upper(spikes: np.ndarray) -> float:
    """How many spikes are in the upper state; a relaxed value counts as its share."""
    if spikes.dtype in (np.uint8, np.bool_):
        return int(np.count_nonzero(spikes))
    return float(spikes.sum(dtype=np.float64))
