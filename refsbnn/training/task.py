"""What a run trains: a network, its data, and how inputs are coded."""

from dataclasses import dataclass

import numpy as np

from refsbnn.data import digits
from refsbnn.layers import Signal
from refsbnn.network import Network
from refsbnn.streams import Draws, Purpose, Streams
from refsbnn.training.config import Config

Parameters = dict[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A network, its data and how inputs are coded; everything a run needs but its parameters."""

    config: Config
    network: Network
    splits: digits.Splits
    streams: Streams

    def inputs(self, x: np.ndarray, draws: Draws) -> np.ndarray:
        """A batch as the network takes it; spikes are drawn anew at every step."""
        data = self.config.data
        if data.coding == "none":
            return x
        flat = x.reshape(len(x), -1)
        u = None
        if data.coding == "rate":
            coding = Draws(draws.streams, Purpose.INPUT, draws.step, draws.samples)
            u = coding.uniforms(0, flat.shape[1:], steps=data.steps)
        return digits.encode(flat, data.coding, data.steps, u)


def prepare(config: Config) -> Task:
    """Load the data and connect the network of a configuration.

    Raises
    ------
    InputError
        A model that does not fit the data, or a damaged data set.
    """
    splits = digits.load()
    x = splits.train.x
    if config.data.coding == "none":
        signal = Signal("values", x.shape[1:])
    else:
        signal = Signal("values", (int(np.prod(x.shape[1:])),), "binary", config.data.steps)
    classes = int(splits.train.labels.max()) + 1
    return Task(
        config, Network(config.layers(classes), signal, backend=config.training.backend), splits, Streams(config.seed)
    )
