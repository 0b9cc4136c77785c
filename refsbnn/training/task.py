"""What a run trains: a network and its data."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from refsbnn.data import sources
from refsbnn.data.dataset import Dataset
from refsbnn.errors import InputError
from refsbnn.layers import Layer, Signal
from refsbnn.models import MODELS
from refsbnn.network import Network
from refsbnn.ranks import ALONE, Ranks
from refsbnn.streams import Streams
from refsbnn.training.config import Config
from refsbnn.training.likelihood import Categorical, Likelihood

Parameters = dict[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A network, its data and their likelihood, and the ranks that train it: all a run needs but its parameters."""

    config: Config
    network: Network
    data: Dataset
    streams: Streams
    ranks: Ranks = ALONE
    likelihood: Likelihood = field(default_factory=Categorical)


def prepare(config: Config, ranks: Ranks = ALONE) -> Task:
    """Load the data and connect the network of a configuration, on each of some ranks.

    Raises
    ------
    InputError
        A model that does not fit the data, no examples for training or validation, or a damaged data set.
    """
    over_time = config.data.steps > 0
    if config.model.over_time != over_time:
        fit = [name for name, kind in MODELS.items() if kind.over_time == over_time]
        raise InputError(
            f"model.name is {config.model.name!r} with data.steps = {config.data.steps}; accepted for inputs "
            f"{'over' if over_time else 'without'} time: {', '.join(map(repr, fit))}"
        )
    data = sources.load(config.data, ranks=ranks)
    for part in ("train", "validation"):
        if not len(getattr(data, part).labels):
            raise InputError(f"data.held_out is {config.data.held_out:g}, which leaves no examples for {part}")
    network = connected(config, config.model.layers(data.classes), data.signal)
    if config.objective.kl == "each-draw":
        for name, count in network.draws().items():
            if count is None:
                raise InputError(
                    f"objective.kl is 'each-draw', but no number of draws of {name}mu gives the network's law (theory "
                    "4.6); it takes accumulated noise, Gaussian before a threshold, and no readout of the largest mean"
                )
    return Task(config, network, data, Streams(config.seed), ranks)


def connected(config: Config, layers: Sequence[Layer], signal: Signal) -> Network:
    """A network of some layers as the configuration wants it run."""
    training, kind = config.training, config.objective.penalty_kind
    recompute, chunk = training.recompute, training.chunk
    return Network(layers, signal, backend=training.backend, recompute=recompute, chunk=chunk, penalty=kind)
