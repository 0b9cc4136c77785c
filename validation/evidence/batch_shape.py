"""What many small networks have in common, their parameters and examples, and what their penalties charge."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Parameters = dict[str, np.ndarray]
CLASSES = 3


@dataclass(frozen=True)
class Shape:
    """What the networks of a batch have in common.

    Attributes
    ----------
    kind : "dense", "residual" or "lif"
    domain : "binary" or "bipolar"
    width, stages, inputs : int
        Stages are layers, or the stem and blocks, or steps.
    beta, theta, hard
        Of neurons, whose readout decays by beta as well and is read as a mean.
    """

    kind: str
    domain: str = "binary"
    width: int = 3
    stages: int = 2
    inputs: int = 2
    beta: float = 0.8
    theta: float = 1.0
    hard: bool = False

    @property
    def layers(self) -> int:
        """Stages with weights of their own."""
        return 1 if self.kind == "lif" else self.stages

    @property
    def span(self) -> float:
        """How far a spike moves a value."""
        return 1.0 if self.domain == "binary" else 2.0

    @property
    def patterns(self) -> np.ndarray:
        """The joint states of a stage, in {0, 1}: (states, units)."""
        return ((np.arange(2**self.width)[:, None] >> np.arange(self.width)[::-1]) & 1).astype(float)

    @property
    def read(self) -> np.ndarray:
        """How much the readout takes of each stage's spikes."""
        if self.kind != "lif":
            return np.eye(self.stages)[-1]
        return np.array([sum(self.beta**k for k in range(self.stages - t)) for t in range(self.stages)]) / self.stages

    def initial(self, rng: np.random.Generator, count: int) -> Parameters:
        """Random parameters of `count` networks."""
        values: Parameters = {}
        for t in range(self.layers):
            fan = self.inputs if t == 0 else self.width
            values[f"{t}.mu"] = np.sqrt(1.5 / fan) * rng.normal(size=(count, self.width, fan))
            values[f"{t}.rho"] = np.full((count, self.width, fan), np.log(0.5 / fan))
            values[f"{t}.bias_mu"] = 0.3 * rng.normal(size=(count, self.width))
            values[f"{t}.bias_rho"] = np.full((count, self.width), np.log(0.3))
        values["readout.mu"] = rng.normal(size=(count, CLASSES, self.width)) / np.sqrt(self.width)
        values["readout.bias_mu"] = np.zeros((count, CLASSES))
        return values

    def examples(self, rng: np.random.Generator, count: int, examples: int) -> tuple[np.ndarray, np.ndarray]:
        """Random inputs and labels for `count` networks."""
        steps = (self.stages,) if self.kind == "lif" else ()
        return rng.normal(size=(count, examples, *steps, self.inputs)), rng.integers(0, CLASSES, (count, examples))


class Charges(NamedTuple):
    """What each network's penalty charges: weights (networks,) of the parts.

    Attributes
    ----------
    first, rest : of ||mu_i||^2 / v_i in the first layer and in the others (theory 4.5)
    moved : of the squared sensitivity (theory 4.11, 4.13)
    bent : of the readout's curvature (theory 4.14)
    kl : of the KL divergence from N(0, 1 / fan_in) of each hidden weight
    """

    first: np.ndarray
    rest: np.ndarray
    moved: np.ndarray
    bent: np.ndarray
    kl: np.ndarray


class Batch(NamedTuple):
    """Networks and their examples."""

    shape: Shape
    parameters: Parameters
    x: np.ndarray
    labels: np.ndarray

    def take(self, which: np.ndarray) -> "Batch":
        """Some of the networks."""
        return self._replace(
            parameters={key: value[which] for key, value in self.parameters.items()},
            x=self.x[which],
            labels=self.labels[which],
        )
