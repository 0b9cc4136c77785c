"""A network: layers in a row, their parameters in one flat dictionary, forward and backward without autograd."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refsbnn.draws import Draws
from refsbnn.errors import InputError, check_array, check_choice, check_integer
from refsbnn.events import Events
from refsbnn.layers import chain, time
from refsbnn.layers.layer import Layer, Monitor, Parameters, Pass
from refsbnn.layers.signal import Moments, Signal
from refsbnn.sensitivity import KINDS
from refsbnn.streams import Streams

# A backend's package, imported when a network asks for it, and the float types it computes in, its own first.
BACKENDS = {"numpy": "refsbnn.reference", "numba": "refsbnn.kernels"}
DTYPES = {"numpy": ("float64",), "numba": ("float32", "float64")}


@dataclass(frozen=True)
class Segment:
    """A run of layers: what entered it, and its tape; or, where it is to run again, None and what its units saw."""

    x: Any
    stages: list[Any] | None
    monitors: list[Monitor]


@dataclass(frozen=True)
class Tape:
    """What `Network.backward` needs of a forward pass: of the layers in pieces of time, if any, and of the others.

    Examples
    --------
    >>> from refsbnn.layers import Dense, SampledReadout, Signal, Spike
    >>> from refsbnn.draws import MeanDraws
    >>> from refsbnn.streams import Streams
    >>> network = Network([Dense(8), Spike(), Dense(3), SampledReadout()], Signal("values", (5,)))
    >>> logits, tape = network.forward(network.initial(Streams(1)), np.ones((2, 5)), MeanDraws(batch=2))
    >>> len(tape.stages)
    4
    """

    run: Pass
    pieces: time.Pieces | None
    segments: list[Segment]

    @property
    def stages(self) -> list[Any]:
        """The tape of each layer in order; empty where layers are to run again."""
        return [tape for segment in self.segments for tape in segment.stages or ()]


class Network:
    """Layers in a row.

    Parameters
    ----------
    layers : sequence of Layer
    input : Signal
        Type of the input, for instance ``Signal("values", (64,))``.
    backend : {"numpy", "numba"}
        Which implementation of the mathematics runs: the reference, one equation a line, or the compiled kernels.
    dtype : {"float32", "float64"}, optional
        Type of the parameters and of all arithmetic: float64 with "numpy"; float32, or float64 on request, with
        "numba".
    recompute : int
        0 keeps the tape of every layer. n > 0 keeps only what enters each n layers and runs those forward again in the
        backward pass, from the same counters and so to the same bits: less memory for a second forward pass.
    chunk : int
        0 runs all time steps at once. n > 0 runs the layers over time n steps at a time, keeps only the neurons' states
        between, and runs each piece again in the backward pass. Spikes keep their bits; gradients are summed by pieces.
        `recompute` is then for the layers after.
    penalty : {"sensitivity", "norm"}
        Kind of the bias penalty: derived from the bias (theory 4.15), or ||mu_i||^2 / v_i (theory 4.5).

    Attributes
    ----------
    output : Signal
        Type of the output.

    Raises
    ------
    InputError
        A layer that does not take what the one before gives; the message names it.

    Examples
    --------
    >>> from refsbnn.layers import Dense, SampledReadout, Signal, Spike
    >>> from refsbnn.draws import CounterDraws
    >>> from refsbnn.streams import Purpose, Streams
    >>> network = Network([Dense(8), Spike(), Dense(3), SampledReadout()], Signal("values", (5,)))
    >>> parameters = network.initial(Streams(1))
    >>> sorted(parameters)[:4]
    ['0.dense.bias_mu', '0.dense.bias_rho', '0.dense.mu', '0.dense.rho']
    >>> draws = CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(2))
    >>> logits, tape = network.forward(parameters, np.ones((2, 5)), draws)
    >>> gradients, dx = network.backward(parameters, tape, np.ones((2, 3)))
    >>> gradients["2.dense.mu"].shape, dx.shape
    ((3, 8), (2, 5))
    >>> network.check(parameters)  # or InputError
    >>> len(network.monitors(tape)), network.readout(parameters).shape, network.kl(parameters)[0] > 0.0
    (1, (3, 8), True)
    >>> again, _ = network.again(recompute=2).forward(parameters, np.ones((2, 5)), draws)
    >>> bool((again == logits).all())
    True
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input: Signal,
        *,
        backend: str = "numpy",
        dtype: str | None = None,
        recompute: int = 0,
        chunk: int = 0,
        penalty: str = "sensitivity",
    ) -> None:
        check_integer("recompute", recompute, 0)
        check_integer("chunk", chunk, 0)
        if chunk and input.steps is None:
            raise InputError(f"chunk is {chunk} but the input has no time: {input}")
        check_choice("backend", backend, BACKENDS)
        check_choice(f"dtype of the {backend} backend", dtype or DTYPES[backend][0], DTYPES[backend])
        check_choice("penalty", penalty, KINDS)
        self.penalty = penalty
        self.backend = importlib.import_module(BACKENDS[backend])
        self.dtype = np.dtype(dtype or DTYPES[backend][0])
        self.input = input
        self.stages = chain.connect(layers, input, first=True)
        if not self.stages:
            raise InputError("a network needs at least one layer")
        self.output = self.stages[-1].output
        self._shapes: dict[str, tuple[int, ...]] = {}
        self.recompute, self.chunk = recompute, chunk
        timed = time.leading(self.stages) if chunk else 0
        self._timed, rest = self.stages[:timed], self.stages[timed:]
        size = recompute or max(len(rest), 1)
        self._segments = [rest[i : i + size] for i in range(0, len(rest), size)]

    @classmethod
    def from_nir(cls, source: Any, **given: Any) -> "tuple[Network, Parameters]":
        """Network and parameters of a file or graph of NIR; arguments of `refsbnn.exchange.from_nir.from_nir`."""
        reader = importlib.import_module("refsbnn.exchange.from_nir")  # which imports this file
        found: tuple[Network, Parameters] = reader.from_nir(source, **given)
        return found

    def again(self, layers: Sequence[Layer] | None = None, *, recompute: int = 0) -> "Network":
        """The same network, or other layers in the place of its own, with all time steps at once."""
        name = next(name for name, module in BACKENDS.items() if module == self.backend.__name__)
        own = [stage.layer for stage in self.stages] if layers is None else layers
        return Network(own, self.input, backend=name, dtype=self.dtype.name, recompute=recompute)

    def initial(self, streams: Streams) -> Parameters:
        """Initial parameters: a flat dictionary of arrays of the network's type, keys such as "2.dense.mu"."""
        values = {key: value.astype(self.dtype) for key, value in chain.initial(self.stages, streams).items()}
        self._shapes = {key: value.shape for key, value in values.items()}
        return values

    def forward(self, parameters: Parameters, x: np.ndarray | Events, draws: Draws) -> tuple[Any, Tape]:
        """Run a batch through the network.

        Parameters
        ----------
        parameters : dict
        x : (batch, *input shape) or (steps, batch, *input shape) array, or Events
            Spikes may be bytes 0 and 1 where the input's domain is "binary".
        draws : Draws
            Its samples name the rows of the batch.

        Returns
        -------
        output : array, or Moments where the last layer gives moments
        tape : Tape

        Raises
        ------
        InputError
            A batch or parameters that do not fit the network, NaN.
        """
        x = self._input(x)
        leading = (self.input.steps,) if self.input.steps is not None else ()
        expected = (*leading, draws.batch, *self.input.shape)
        if x.shape != expected:
            raise InputError(f"input has shape {x.shape}; the network and the draws expect {expected}")
        self.check(parameters)
        run = Pass(self.backend, draws, self.dtype, penalty=self.penalty)
        segments: list[Segment] = []
        value: Any = x
        pieces = None
        with self.backend.checked_once():
            if self._timed:
                value, pieces = time.forward(self._timed, run, parameters, x, self.chunk)
            for stages, own in zip(self._segments, self._parts(parameters), strict=True):
                entered = value
                value, tapes = chain.forward(stages, run, own, entered)
                if self.recompute:
                    segments.append(Segment(entered, None, chain.monitors(stages, tapes)))
                else:
                    segments.append(Segment(entered, tapes, []))
        return value, Tape(run, pieces, segments)

    def _parts(self, parameters: Parameters) -> list[Parameters]:
        """The parameters of each run of layers: one pass over all, so that a deep network's cost is not quadratic."""
        if len(self._segments) == 1:
            return [parameters]
        parts: list[Parameters] = [{} for _ in self._segments]
        place = {stage.name.partition(".")[0]: i for i, stages in enumerate(self._segments) for stage in stages}
        for key, value in parameters.items():
            if (number := key.partition(".")[0]) in place:
                parts[place[number]][key] = value
        return parts

    def _input(self, x: np.ndarray | Events) -> np.ndarray | Events:
        """The batch in a form the backend takes: events and bytes as they are, other numbers in the network's type."""
        if self.dtype == np.float64 and self.backend.__name__ == BACKENDS["numpy"]:
            return check_array("input", x)
        if isinstance(x, Events) or (self.input.domain == "binary" and getattr(x, "dtype", None) in (bool, np.uint8)):
            return x
        values = check_array("input", x)
        if self.input.domain == "binary":
            spikes = values.astype(np.uint8)
            if (spikes == values).all():  # spikes by value are spikes: bytes, which go event by event
                return spikes
        return np.ascontiguousarray(values, self.dtype)

    def backward(
        self,
        parameters: Parameters,
        tape: Tape,
        g: np.ndarray | Moments,
        *,
        penalty: float = 0.0,
        readout: np.ndarray | None = None,
        input_gradient: bool = True,
    ) -> tuple[Parameters, np.ndarray | None]:
        """The estimator's gradients of a loss.

        Parameters
        ----------
        parameters : dict
        tape : Tape
            From `forward`.
        g : array or Moments
            Gradient of the output.
        penalty : float
            Weight lambda of the unit layers' part of the bias penalty, the mean over them (theory 4.15, 4.5).
        readout : (classes, inputs) array, optional
            Gradient of what `readout` gives, where the loss depends on it besides: the curvature (theory 4.14).
        input_gradient : bool
            Whether dx is wanted; without it a first layer that is linear saves a third of its work. Events have none.

        Returns
        -------
        gradients : dict
            One array for every parameter, same keys.
        dx : array or None
            Gradient of the input; None where the first linear layer was spared it.
        """
        run = replace(tape.run, input_gradient=input_gradient)
        leading = (self.output.steps,) if self.output.steps is not None else ()
        shape = (*leading, run.draws.batch, *self.output.shape)
        if isinstance(g, Moments):
            v = None if g.v is None else self._gradient(g.v, shape)
            g = Moments(self._gradient(g.m, shape), v, rows=g.rows)
        else:
            g = self._gradient(g, shape)
        each = penalty / max(sum(stage.layer.units for stage in self.stages), 1)
        gradients: Parameters = {}
        value: Any = g
        with self.backend.checked_once():
            runs = zip(self._segments, self._parts(parameters), tape.segments, strict=True)
            for stages, given, segment in reversed(list(runs)):
                tapes = segment.stages
                if tapes is None:
                    _, tapes = chain.forward(stages, run, given, segment.x)
                value, own = chain.backward(stages, run, given, tapes, value, each)
                gradients |= own
            if tape.pieces is not None:
                value, own = time.backward(self._timed, run, parameters, tape.pieces, value, each, self.chunk)
                gradients |= own
        if readout is not None:
            for key, more in chain.readout_gradients(self.stages, self.dtype, readout).items():
                gradients[key] = gradients[key] + more
        return gradients, value

    def readout(self, parameters: Parameters) -> np.ndarray | None:
        """How far one spike of the last units moves each output: (outputs, inputs), None without such a layer.

        Over time it is the root of the summed squares of what a spike at each step does (theory 4.14).
        """
        return chain.readout(self.stages, self.dtype, parameters)

    def _gradient(self, g: Any, shape: tuple[int, ...]) -> np.ndarray:
        return np.ascontiguousarray(check_array("the output's gradient", g, shape), self.dtype)

    def monitors(self, tape: Tape) -> list[Monitor]:
        """Firing rate, spread of r and bias penalty of every unit layer."""
        records = [] if tape.pieces is None else list(tape.pieces.monitors)
        for stages, segment in zip(self._segments, tape.segments, strict=True):
            records += segment.monitors if segment.stages is None else chain.monitors(stages, segment.stages)
        return records

    def draws(self) -> dict[str, int | None]:
        """How often, at most, each mu and rho is drawn for one example, by what stands before "mu" (theory 4.6).

        None where no number of draws gives the law. The objective is a bound on the log evidence if all are 1, or if
        KL is charged for each draw and none is None.
        """
        return chain.draws(self.stages, 1)[1]

    def kl(
        self,
        parameters: Parameters,
        into: Parameters | None = None,
        weight: float = 1.0,
        *,
        each_draw: bool = False,
        fitted: bool = False,
    ) -> tuple[float, Parameters]:
        """KL divergence of the posterior from the prior in nats, and its gradients (theory 4.2).

        Parameters
        ----------
        parameters : dict
        into : dict, optional
            Gradients of a loss, which those of KL times `weight` are added to; changed, the arrays too.
        weight : float
        each_draw : bool
            Whether each weight counts as often as it is drawn (theory 4.7), or once.
        fitted : bool
            Whether weights and biases of each layer have the prior variance of least KL (theory 4.18), or the layer's.

        Raises
        ------
        InputError
            `each_draw` where no number of draws gives the law.
        """
        draws = self.draws() if each_draw else None
        if into is None:
            keys = [f"{name}{part}" for name in chain.priors(self.stages) for part in ("mu", "rho")]
            into = {key: np.zeros_like(parameters[key]) for key in keys}
        return chain.add_kl(self.stages, self.backend.posterior, parameters, into, weight, draws, fitted), into

    def check(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Raise InputError unless the parameters are this network's: same keys, shapes and type, finite."""
        if not self._shapes:
            weights, count = chain.weight_count(self.stages), sum(map(np.size, parameters.values()))
            if weights > count:  # a file that describes a network of any size may hold a few numbers
                raise InputError(f"parameters do not fit the network: {count:,} are given; its weights are {weights:,}")
            self.initial(Streams(0))
        if parameters.keys() != self._shapes.keys():
            odd = sorted(parameters.keys() ^ self._shapes.keys())
            raise InputError(f"parameters do not fit the network: {odd[0]!r} is missing or unknown")
        for key, shape in self._shapes.items():
            value = parameters[key]
            if not isinstance(value, np.ndarray) or value.dtype != self.dtype or value.shape != shape:
                given = f"{getattr(value, 'dtype', type(value).__name__)} of shape {np.shape(value)}"
                raise InputError(f"parameter {key!r} is {given}; the network's is {self.dtype} of shape {shape}")
            finite(f"parameter {key!r}", value)

    def summary(self) -> str:
        """A table of the layers: output shape, parameters, dense synaptic operations per example.

        Examples
        --------
        >>> from refsbnn.layers import Dense, Signal, Spike
        >>> print(Network([Dense(4), Spike()], Signal("values", (3,))).summary())
        layer    output  parameters  synaptic operations
        0.dense  (4,)            32                   12
        1.spike  (4,)             0                    0
        total                    32                   12
        """
        rows: list[tuple[str, str, int, int]] = []
        for stage in self.stages:
            count = sum(array.size for array in chain.initial([stage], Streams(0)).values())
            steps = "" if stage.output.steps is None else f"{stage.output.steps} x "
            rows.append((stage.name, f"{steps}{stage.output.shape}", count, chain.operations([stage])))
        rows.append(("total", "", sum(row[2] for row in rows), sum(row[3] for row in rows)))
        table = [("layer", "output", "parameters", "synaptic operations")]
        table += [(name, shape, f"{count:,}", f"{operations:,}") for name, shape, count, operations in rows]
        width = [max(len(row[i]) for row in table) for i in range(4)]
        return "\n".join(
            f"{row[0]:<{width[0]}}  {row[1]:<{width[1]}}  {row[2]:>{width[2]}}  {row[3]:>{width[3]}}" for row in table
        )


def finite(name: str, value: np.ndarray) -> None:
    """Raise InputError where an entry is NaN or infinite; a finite sum proves in one pass that none is."""
    with np.errstate(over="ignore", invalid="ignore"):
        fine = np.isfinite(np.sum(value)) or np.isfinite(value).all()
    if not fine:
        raise InputError(f"{name} holds NaN or infinity; expected finite numbers")
