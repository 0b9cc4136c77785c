"""A network: layers in a row, their parameters in one flat dictionary, forward and backward without autograd."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import refsbnn.reference
from refsbnn import posterior
from refsbnn.errors import InputError, check_array, check_choice
from refsbnn.layers import chain
from refsbnn.layers.layer import Layer, Monitor, Parameters, Pass
from refsbnn.layers.signal import Moments, Signal
from refsbnn.streams import Draws, Streams

BACKENDS = {"numpy": refsbnn.reference}


@dataclass(frozen=True)
class Tape:
    """What `Network.backward` needs of a forward pass."""

    run: Pass
    stages: list[Any]


class Network:
    """Layers in a row.

    Parameters
    ----------
    layers : sequence of Layer
    input : Signal
        Type of the input, for instance ``Signal("values", (64,))``.
    backend : {"numpy"}
        Which implementation of the mathematics runs.

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
    >>> from refsbnn.streams import Draws, Purpose, Streams
    >>> network = Network([Dense(8), Spike(), Dense(3), SampledReadout()], Signal("values", (5,)))
    >>> parameters = network.initial(Streams(1))
    >>> sorted(parameters)[:4]
    ['0.dense.bias_mu', '0.dense.bias_rho', '0.dense.mu', '0.dense.rho']
    >>> logits, tape = network.forward(parameters, np.ones((2, 5)), Draws(Streams(1), Purpose.TRAIN, 0, np.arange(2)))
    >>> gradients, dx = network.backward(parameters, tape, np.ones((2, 3)))
    >>> gradients["2.dense.mu"].shape, dx.shape
    ((3, 8), (2, 5))
    """

    def __init__(self, layers: Sequence[Layer], input: Signal, *, backend: str = "numpy") -> None:
        check_choice("backend", backend, BACKENDS)
        self.backend = BACKENDS[backend]
        self.input = input
        self.stages = chain.connect(layers, input)
        if not self.stages:
            raise InputError("a network needs at least one layer")
        self.output = self.stages[-1].output

    def initial(self, streams: Streams) -> Parameters:
        """Initial parameters: a flat dictionary of float64 arrays, keys such as "2.dense.mu"."""
        return chain.initial(self.stages, streams)

    def forward(self, parameters: Parameters, x: np.ndarray, draws: Draws) -> tuple[Any, Tape]:
        """Run a batch through the network.

        Parameters
        ----------
        parameters : dict
        x : (batch, *input shape) or (steps, batch, *input shape) array
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
        x = check_array("input", x)
        leading = (self.input.steps,) if self.input.steps is not None else ()
        expected = (*leading, len(draws.samples), *self.input.shape)
        if x.shape != expected:
            raise InputError(f"input has shape {x.shape}; the network and the draws expect {expected}")
        run = Pass(self.backend, draws)
        output, tapes = chain.forward(self.stages, run, parameters, x)
        return output, Tape(run, tapes)

    def backward(
        self, parameters: Parameters, tape: Tape, g: np.ndarray | Moments, *, penalty: float = 0.0
    ) -> tuple[Parameters, np.ndarray]:
        """The estimator's gradients of a loss.

        Parameters
        ----------
        parameters : dict
        tape : Tape
            From `forward`.
        g : array or Moments
            Gradient of the output.
        penalty : float
            Weight lambda of the bias penalty, the mean of B over the unit layers (theory 4.5).

        Returns
        -------
        gradients : dict
            One array for every parameter, same keys.
        dx : array
            Gradient of the input.
        """
        layers = len(chain.monitors(self.stages, tape.stages)) if penalty else 1
        dx, gradients = chain.backward(self.stages, tape.run, parameters, tape.stages, g, penalty / max(layers, 1))
        return gradients, dx

    def monitors(self, tape: Tape) -> list[Monitor]:
        """Firing rate, spread of r and bias penalty of every unit layer."""
        return chain.monitors(self.stages, tape.stages)

    def kl(self, parameters: Parameters) -> tuple[float, Parameters]:
        """KL divergence of the posterior from the prior in nats, and its gradients (theory 4.2)."""
        total, gradients = 0.0, {}
        for name, prior in chain.priors(self.stages).items():
            sigma2 = posterior.sigma2_of(parameters[f"{name}rho"])
            mu = parameters[f"{name}mu"]
            value, dmu, dsigma2 = posterior.kl(mu, sigma2, prior)
            total += value
            gradients[f"{name}mu"], gradients[f"{name}rho"] = dmu, dsigma2 * sigma2
        return total, gradients

    def check(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Raise InputError unless the parameters are those of this network: same keys, same shapes, finite."""
        expected = self.initial(Streams(0))
        if set(parameters) != set(expected):
            odd = sorted(set(parameters) ^ set(expected))
            raise InputError(f"parameters do not fit the network: {odd[0]!r} is missing or unknown")
        for key, value in expected.items():
            check_array(f"parameter {key!r}", parameters[key], value.shape)

    def summary(self) -> str:
        """A table of the layers: output shape, parameters, dense multiply-adds per example.

        Examples
        --------
        >>> from refsbnn.layers import Dense, Signal, Spike
        >>> print(Network([Dense(4), Spike()], Signal("values", (3,))).summary())
        layer    output  parameters  multiply-adds
        0.dense  (4,)            32             12
        1.spike  (4,)             0              0
        total                    32             12
        """
        rows: list[tuple[str, str, int, int]] = []
        for stage in self.stages:
            initial = stage.layer.initial(stage.place, Streams(0))
            count = sum(array.size for array in initial.values())
            steps = "" if stage.output.steps is None else f"{stage.output.steps} x "
            rows.append((stage.name, f"{steps}{stage.output.shape}", count, stage.layer.operations(stage.place)))
        rows.append(("total", "", sum(row[2] for row in rows), sum(row[3] for row in rows)))
        table = [("layer", "output", "parameters", "multiply-adds")]
        table += [(name, shape, f"{count:,}", f"{operations:,}") for name, shape, count, operations in rows]
        width = [max(len(row[i]) for row in table) for i in range(4)]
        return "\n".join(
            f"{row[0]:<{width[0]}}  {row[1]:<{width[1]}}  {row[2]:>{width[2]}}  {row[3]:>{width[3]}}" for row in table
        )
