"""What a layer is: a description without state, whose parameters live in the network's flat dictionary."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from refsbnn.draws import Draws
from refsbnn.errors import InputError
from refsbnn.layers.signal import Signal
from refsbnn.reference.lif import State
from refsbnn.reference.lif_slow import SlowState
from refsbnn.streams import Streams

Parameters = dict[str, np.ndarray]
TapeT = TypeVar("TapeT")


@dataclass(frozen=True)
class Place:
    """Where a layer stands: the type of its input, its number in the streams' addresses, whether it sees the input.

    `first` is true where at most rearrangements lie between the network's input and the layer.
    """

    input: Signal
    index: int
    first: bool = False


@dataclass(frozen=True)
class Stage:
    """A layer in its place.

    Attributes
    ----------
    name : str
        Within the chain, as "2.dense".
    layer : Layer
    place : Place
    output : Signal
        Type of the layer's output.
    inner : tuple of Stage
        Of a layer made of layers, as a residual block: those, connected.
    """

    name: str
    layer: "Layer[Any]"
    place: Place
    output: Signal
    inner: "tuple[Stage, ...]" = ()

    @property
    def addresses(self) -> int:
        """How many layer numbers of the streams the stage uses."""
        return sum(stage.addresses for stage in self.inner) or 1


@dataclass
class Memory:
    """What neurons hand on where time is cut into pieces, by the layer's index in the streams' addresses.

    Attributes
    ----------
    states : dict
        Forward: where each layer of neurons stands after the steps so far.
    gradients : dict
        Backward: what the steps after these send back to each.
    penalties : dict
        Backward: what their bias penalty sends to the last step here: to mean, variance, covariance with a current.
    """

    states: dict[int, State | SlowState] = field(default_factory=dict)
    gradients: dict[int, State | SlowState] = field(default_factory=dict)
    penalties: dict[int, tuple[np.ndarray, ...]] = field(default_factory=dict)


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
    penalty : {"sensitivity", "norm"}
        Kind of the bias penalty (theory 4.15, 4.5).
    heard : dict or None
        Where each layer of units puts, by its index, its estimates of dL/dr in the backward pass, arrays of the shape
        of its spikes (theory 5.11); None if nobody asks. Not for time in pieces.
    """

    backend: ModuleType
    draws: Draws
    dtype: np.dtype
    input_gradient: bool = True
    memory: Memory | None = None
    penalty: str = "sensitivity"
    heard: dict[int, np.ndarray] | None = None


@dataclass(frozen=True)
class Monitor:
    """What a unit layer saw, for the training record: mean firing rate, mean and standard deviation of r, penalty.

    Examples
    --------
    >>> Monitor(rate=0.5, mean=0.0, spread=1.0, penalty=0.1).rate
    0.5
    """

    rate: float
    mean: float
    spread: float
    penalty: float


@dataclass(frozen=True)
class Layer(ABC, Generic[TapeT]):
    """A layer: `connect` checks its input's type, `initial` draws parameters, `forward` and `backward` run it.

    TapeT is what its forward pass keeps for the backward pass. Nothing but the layer looks into its tapes; it answers
    for them by `monitor`, `spikes`, `densities` and `counted`.

    Examples
    --------
    >>> from refsbnn.draws import CounterDraws
    >>> from refsbnn.layers import Dense, SampledReadout, Spike
    >>> from refsbnn.network import Network
    >>> from refsbnn.streams import Purpose
    >>> network = Network([Dense(3), Spike(), Dense(2), SampledReadout()], Signal("values", (4,)))
    >>> (dense, a), (spike, b) = [(stage.layer, stage) for stage in network.stages[:2]]
    >>> own, draws = dense.initial(a, Streams(1)), CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(5))
    >>> run = Pass(network.backend, draws, network.dtype)

    Forward and backward, as a network calls them; then what the layers say of their tapes and of themselves:

    >>> moments, kept = dense.forward(run, a, own, np.ones((5, 4)))
    >>> z, tape = spike.forward(run, b, {}, moments)
    >>> g, _ = spike.backward(run, b, {}, tape, np.ones((5, 3)), 0.0)
    >>> dx, gradients = dense.backward(run, a, own, kept, g, 0.0)
    >>> dx.shape, sorted(gradients)
    ((5, 4), ['bias_mu', 'bias_rho', 'mu', 'rho'])
    >>> bool(spike.monitor(tape).rate == z.mean()), spike.spikes(tape).shape, spike.densities(tape).shape
    (True, (5, 3), (5, 3))
    >>> dense.counted(a, kept), dense.operations(a), dense.weight_count(a), dense.priors(a)
    (60, 12, 12, {'': 0.25, 'bias_': 0.25})
    >>> dense.linear, dense.weights(run.dtype, own).shape, list(dense.weight_gradients(a, run.dtype, np.ones((3, 4))))
    (True, (3, 4), ['mu'])
    >>> dense.draws(a, readers=1), dense.passed(a), spike.units, dense.rearranges
    ((1, {'': 1, 'bias_': 1}), 1.0, 1, False)
    >>> print(dense.connect(Signal("values", (4,))), dense.inside(a.place), dense.tapes(kept))
    moments of shape (3,) () ()
    """

    kind: ClassVar[str]

    @property
    def units(self) -> int:
        """How many unit layers this one holds: those that fire and have a bias penalty."""
        return 0

    @property
    def rearranges(self) -> bool:
        """Whether the output holds the input's values in another shape: the layer after still sees the input."""
        return False

    @abstractmethod
    def connect(self, signal: Signal) -> Signal:
        """Type of the output for an input of type `signal`; raises InputError if it does not fit."""

    def inside(self, place: Place) -> tuple[Stage, ...]:
        """The stages of a layer made of layers, none by default; raises InputError if they do not fit."""
        return ()

    def initial(self, stage: Stage, streams: Streams) -> Parameters:
        """Initial parameters of its own, not of layers inside; none by default."""
        return {}

    def weight_count(self, stage: Stage) -> int:
        """How many weights it has of its own, biases aside; none by default. Nothing is allocated."""
        return 0

    def priors(self, stage: Stage) -> dict[str, float]:
        """Prior variance of each pair of mu and rho, by what stands before "mu" in its name; none by default."""
        return {}

    def draws(self, stage: Stage, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        """How often, at most, noise is drawn for one example (theory 4.6).

        Parameters
        ----------
        stage : Stage
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

    @property
    def linear(self) -> bool:
        """Whether the layer has `weights`."""
        return False

    def weights(self, dtype: np.dtype, parameters: Parameters) -> np.ndarray:
        """Means by which a linear layer multiplies its input, (out, ...); none, the default, of the others."""
        return np.zeros((0, 0), dtype)

    def weight_gradients(self, stage: Stage, dtype: np.dtype, g: np.ndarray) -> Parameters:
        """Gradients of the parameters given that of `weights`."""
        return {}

    def passed(self, stage: Stage) -> float:
        """How large what leaves is, as a root of summed squares over time, if what enters is 1 at each step."""
        return 1.0

    def operations(self, stage: Stage) -> int:
        """Multiply-adds of the mean's dense forward pass, one example, all steps: what all-ones spikes would cost.

        0, the default, of layers without weights and of those made of layers, which count for themselves.
        """
        return 0

    @abstractmethod
    def forward(self, run: Pass, stage: Stage, parameters: Parameters, x: Any) -> tuple[Any, TapeT]:
        """Output and tape."""

    @abstractmethod
    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: TapeT, g: Any, penalty: float
    ) -> tuple[Any, Parameters]:
        """Gradients of the input and of the parameters; `penalty` is the weight of each unit layer's penalty."""

    def tapes(self, tape: TapeT) -> Sequence[Any]:
        """The tapes of the stages inside, one for each of `Stage.inner`."""
        return ()

    def monitor(self, tape: TapeT) -> Monitor | None:
        """The record of a unit layer's pass; None where the layer is none."""
        return None

    def spikes(self, tape: TapeT) -> np.ndarray | None:
        """What the units gave, as shares of the upper state: (batch, *units) or (steps, batch, *units) bytes or floats.

        None where the layer has no units.
        """
        return None

    def densities(self, tape: TapeT) -> np.ndarray | None:
        """f(r) of every unit, 0 where it has no noise (theory 5.10): float64 of the shape of `spikes`.

        None where the layer has no units.
        """
        return None

    def counted(self, stage: Stage, tape: TapeT) -> int:
        """Synaptic operations of the pass, over the batch and all steps; see `refsbnn.evaluation.operations`."""
        return 0


def expect(layer: Layer[Any], signal: Signal, kind: str, ndim: int | None = None, *, time: bool | None = None) -> None:
    """Raise InputError unless the signal is of the kind (with `ndim` axes, with or without time) the layer takes."""
    fits = signal.kind == kind and ndim in (None, len(signal.shape)) and time in (None, signal.steps is not None)
    if not fits:
        axes = {1: " of shape (features,)", 3: " of shape (height, width, channels)"}.get(ndim or 0, "")
        when = {None: "", True: " over time", False: " without time"}[time]
        hint = "; give data with steps as Arrays(x, labels, time=True)" if time and signal.steps is None else ""
        raise InputError(f"{layer.kind} takes {kind}{axes}{when}; it is given {signal}{hint}")
