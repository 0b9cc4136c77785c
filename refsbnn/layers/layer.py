"""What a layer is: a description without state, whose parameters live in the network's flat dictionary."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from refsbnn.draws import Draws
from refsbnn.errors import InputError
from refsbnn.layers.signal import Signal
from refsbnn.streams import Streams

Parameters = dict[str, np.ndarray]


@dataclass(frozen=True)
class Place:
    """Where a layer stands: the type of its input, its number in the streams' addresses, whether it sees the input.

    `first` is true where at most rearrangements lie between the network's input and the layer.
    """

    input: Signal
    index: int
    first: bool = False


@dataclass
class Memory:
    """What neurons hand on where time is cut into pieces, by the layer's index in the streams' addresses.

    Attributes
    ----------
    states : dict
        Forward: where each layer of neurons stands after the steps so far.
    gradients : dict
        Backward: what the steps after these send back to each.
    """

    states: dict[int, Any] = field(default_factory=dict)
    gradients: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pass:
    """What one forward pass gives every layer.

    Attributes
    ----------
    backend : module
        `refsbnn.reference`, or a package with the same functions.
    draws : Draws
    dtype : dtype
        Of parameters and arithmetic.
    input_gradient : bool
        Whether the first layer's backward pass makes the gradient of the network's input.
    memory : Memory or None
        Where time is cut into pieces.
    """

    backend: ModuleType
    draws: Draws
    dtype: np.dtype
    input_gradient: bool = True
    memory: Memory | None = None


@dataclass(frozen=True)
class Monitor:
    """What a unit layer saw, for the training record: mean firing rate, mean and standard deviation of r, penalty B."""

    rate: float
    mean: float
    spread: float
    penalty: float


class Layer(ABC):
    """A layer: `connect` checks its input's type, `initial` draws parameters, `forward` and `backward` run it."""

    kind: ClassVar[str]

    @property
    def addresses(self) -> int:
        """How many layer numbers of the streams this layer uses."""
        return 1

    @property
    def units(self) -> int:
        """How many unit layers this one holds: those that fire and have a bias penalty."""
        return 0

    @abstractmethod
    def connect(self, signal: Signal) -> Signal:
        """Type of the output for an input of type `signal`; raises InputError if it does not fit."""

    def initial(self, place: Place, streams: Streams) -> Parameters:
        """Initial parameters; none by default."""
        return {}

    def priors(self, place: Place) -> dict[str, float]:
        """Prior variance of each pair of mu and rho, by what stands before "mu" in its name; none by default."""
        return {}

    def draws(self, place: Place, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        """How often, at most, noise is drawn for one example (theory 4.6).

        Parameters
        ----------
        place : Place
        readers : int or None
            Draws from what leaves this layer. None, here and below: no number of draws gives the law.

        Returns
        -------
        entering : int or None
            Draws from what enters.
        own : dict
            Draws of the layer's own weights, by the keys of `priors`.
        """
        return readers, {}

    def operations(self, place: Place) -> int:
        """Multiply-adds of the mean's dense forward pass, one example, all steps: what all-ones spikes would cost."""
        return 0

    @abstractmethod
    def forward(self, run: Pass, place: Place, parameters: Parameters, x: Any) -> tuple[Any, Any]:
        """Output and tape."""

    @abstractmethod
    def backward(
        self, run: Pass, place: Place, parameters: Parameters, tape: Any, g: Any, penalty: float
    ) -> tuple[Any, Parameters]:
        """Gradients of the input and of the parameters; `penalty` is the weight of each unit layer's B."""

    def monitors(self, tape: Any) -> list[Monitor]:
        """One record for every unit layer inside."""
        return []


def expect(layer: Layer, signal: Signal, kind: str, ndim: int | None = None, *, time: bool | None = None) -> None:
    """Raise InputError unless the signal is of the kind (with `ndim` axes, with or without time) the layer takes."""
    fits = signal.kind == kind and ndim in (None, len(signal.shape)) and time in (None, signal.steps is not None)
    if not fits:
        axes = {1: " of shape (features,)", 3: " of shape (height, width, channels)"}.get(ndim or 0, "")
        when = {None: "", True: " over time", False: " without time"}[time]
        raise InputError(f"{layer.kind} takes {kind}{axes}{when}; it is given {signal}")
