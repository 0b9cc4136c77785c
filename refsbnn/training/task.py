"""What a run trains: a network and its data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refsbnn.data import sources
from refsbnn.data.dataset import Dataset
from refsbnn.layers import Layer, Signal
from refsbnn.network import Network
from refsbnn.streams import Streams
from refsbnn.training.config import Config

Parameters = dict[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A network and its data; everything a run needs but its parameters."""

    config: Config
    network: Network
    data: Dataset
    streams: Streams


def prepare(config: Config) -> Task:
    """Load the data and connect the network of a configuration.

    Raises
    ------
    InputError
        A model that does not fit the data, or a damaged data set.
    """
    data = sources.load(config.data)
    return Task(config, connected(config, config.layers(data.classes), data.signal), data, Streams(config.seed))


def connected(config: Config, layers: Sequence[Layer], signal: Signal) -> Network:
    """A network of some layers as the configuration wants it run."""
    training = config.training
    recompute, chunk = training.recompute, training.chunk
    return Network(layers, signal, backend=training.backend, recompute=recompute, chunk=chunk)
