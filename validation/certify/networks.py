"""The standard networks and losses on which a stranger's estimator is tried.

Weights are points and every unit's noise has scale 1 (theory 3.18), so r = w h + b: a plain stochastic network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

import oracle

WIDTHS = {"one-unit": (2, 1, 2), "one-one": (2, 1, 1, 2), "two-two": (3, 2, 2, 2)}  # inputs, units, outputs
LOSSES = ("affine", "quadratic", "softmax")
SLOPE = np.array([0.9, 0.6])  # of the affine loss
TARGETS = np.array([0.4, -0.3])  # of the quadratic one


class Loss:
    """A loss that notes the logits it is asked about.

    Parameters
    ----------
    kind : {"affine", "quadratic", "softmax"}
    bend, at : float and (outputs,) array
        Adds bend/2 |y - at|^2: the same value and gradient at `at`, another elsewhere.
    shift : float
        Added to the value.
    """

    def __init__(self, kind: str, bend: float = 0.0, at: Any = 0.0, shift: float = 0.0) -> None:
        self.kind, self.bend, self.at, self.shift = kind, bend, at, shift
        self.seen: list[np.ndarray] = []

    def __call__(self, y: Any) -> float:
        """The loss at logits (outputs,)."""
        return float(self.law(self._noted(y)[None])[0][0])

    def gradient(self, y: Any) -> np.ndarray:
        """Its derivative at logits (outputs,)."""
        return self.law(self._noted(y)[None])[1][0]

    def _noted(self, y: Any) -> np.ndarray:
        y = plain(y).reshape(-1)
        if y.shape != SLOPE.shape:
            raise ValueError(f"the loss got {y.size} logits; the network has {SLOPE.size} outputs")
        self.seen.append(y)
        return y

    def law(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (states,) and gradients of logits (states, outputs)."""
        if self.kind == "affine":
            value, gradient = y @ SLOPE, np.broadcast_to(SLOPE, y.shape)
        elif self.kind == "quadratic":
            value, gradient = 0.5 * ((y - TARGETS) ** 2).sum(axis=1), y - TARGETS
        else:
            value, gradient, _ = oracle.Categorical(0).evaluate(y, np.zeros_like(y))
        away = y - self.at
        return value + self.shift + 0.5 * self.bend * (away**2).sum(axis=1), gradient + self.bend * away


def plain(value: Any) -> np.ndarray:
    """What any framework calls an array, as float64; a tensor leaves its graph and its device."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.array(value, dtype=np.float64)


@dataclass(frozen=True)
class Standard:
    """A network: its widths, its parameters "w0", "b0", ... and its input; the last pair is the readout."""

    name: str
    parameters: Mapping[str, np.ndarray]
    x: np.ndarray
    widths: tuple[int, ...] = field(default=())

    @property
    def layers(self) -> int:
        """How many layers of units."""
        return len(self.widths) - 2

    def r(self, layer: int, h: np.ndarray) -> np.ndarray:
        """Pre-activations of a layer, or the logits."""
        return self.parameters[f"w{layer}"] @ h + self.parameters[f"b{layer}"]

    def net(self, noise: str, domain: str) -> oracle.Network:
        """The same for the oracle."""
        layers = []
        for i in range(self.layers + 1):
            w, b = self.parameters[f"w{i}"], self.parameters[f"b{i}"]
            layers.append(oracle.Layer(w, 0.0 * w, b, np.full(len(b), 1.0 if i < self.layers else 0.0)))
        return oracle.Layered(layers[:-1], layers[-1], noise=noise, domain=domain)

    def named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the oracle says by its names, by those of `parameters`."""
        found = {}
        for i in range(self.layers + 1):
            name = f"layers.{i}" if i < self.layers else "readout"
            found[f"w{i}"], found[f"b{i}"] = values[f"{name}.mu"], values[f"{name}.bias_mu"]
        return found

    def exact(self, noise: str, domain: str, loss: Loss) -> dict[str, np.ndarray]:
        """The oracle's gradient of the expected loss."""
        return self.named(oracle.exact(self.net(noise, domain), self.x, oracle.Custom(loss.law)).gradient)


def standard(name: str) -> Standard:
    """One of `WIDTHS`, always with the same numbers."""
    rng = np.random.default_rng(19)
    widths = WIDTHS[name]
    parameters = {}
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        parameters[f"w{i}"] = rng.uniform(0.4, 1.2, size=(outputs, inputs)) * rng.choice([-1.0, 1.0], (outputs, inputs))
        parameters[f"b{i}"] = rng.normal(size=outputs) / 2.0
    return Standard(name, parameters, rng.normal(size=widths[0]), widths)


def one_unit(r: float) -> Standard:
    """The network of one unit, with its bias such that the unit has this r."""
    net = standard("one-unit")
    bias = np.array([r]) - net.parameters["w0"] @ net.x
    return Standard(net.name, {**net.parameters, "b0": bias}, net.x, net.widths)
