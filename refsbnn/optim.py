"""Optimisers: one step from parameters and gradients to new parameters. Pure functions of their state."""

from dataclasses import dataclass, field
from math import cos, pi

import numpy as np

from refsbnn.errors import InputError, check_choice

Parameters = dict[str, np.ndarray]


@dataclass
class Adam:
    """Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019).

    Parameters
    ----------
    decay1, decay2 : float
        Of the running mean and mean square of the gradient.
    epsilon : float
    weight_decay : float
    """

    decay1: float = 0.9
    decay2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    steps: int = 0
    mean: Parameters = field(default_factory=dict)
    square: Parameters = field(default_factory=dict)

    def step(self, parameters: Parameters, gradients: Parameters, rate: float) -> Parameters:
        """Parameters after one descent step.

        Examples
        --------
        >>> import numpy as np
        >>> Adam().step({"w": np.array([1.0])}, {"w": np.array([5.0])}, rate=0.1)["w"].round(6)
        array([0.9])
        """
        self.steps += 1
        out = {}
        for key, g in gradients.items():
            mean = self.mean[key] = self.decay1 * self.mean.get(key, 0.0) + (1 - self.decay1) * g
            square = self.square[key] = self.decay2 * self.square.get(key, 0.0) + (1 - self.decay2) * g * g
            scale = np.sqrt(square / (1 - self.decay2**self.steps)) + self.epsilon
            change = mean / (1 - self.decay1**self.steps) / scale
            out[key] = parameters[key] - rate * (change + self.weight_decay * parameters[key])
        return out


@dataclass
class SGD:
    """Gradient descent with momentum.

    Parameters
    ----------
    momentum : float
    """

    momentum: float = 0.9
    velocity: Parameters = field(default_factory=dict)

    def step(self, parameters: Parameters, gradients: Parameters, rate: float) -> Parameters:
        """Parameters after one descent step."""
        out = {}
        for key, g in gradients.items():
            velocity = self.velocity[key] = self.momentum * self.velocity.get(key, 0.0) + g
            out[key] = parameters[key] - rate * velocity
        return out


def rate(schedule: str, peak: float, step: int, steps: int, warmup: int = 0) -> float:
    """Learning rate at a step.

    Parameters
    ----------
    schedule : {"constant", "cosine"}
        After the warm-up; "cosine" falls to 0 at the last step.
    peak : float
    step, steps : int
        Steps done so far, and in all.
    warmup : int
        Steps of linear rise.

    Examples
    --------
    >>> [round(rate("cosine", 1.0, step, 8, warmup=2), 3) for step in range(8)]
    [0.5, 1.0, 1.0, 0.933, 0.75, 0.5, 0.25, 0.067]
    """
    check_choice("schedule", schedule, ("constant", "cosine"))
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule == "constant":
        return peak
    return peak * 0.5 * (1.0 + cos(pi * (step - warmup) / max(steps - warmup, 1)))


def clip(gradients: Parameters, largest: float) -> tuple[Parameters, float]:
    """Scale gradients so that their joint norm is at most `largest`; also returns the norm before.

    Raises
    ------
    InputError
        A gradient that is not finite, naming the parameter.
    """
    for key, g in gradients.items():
        if not np.isfinite(g).all():
            raise InputError(f"the gradient of {key!r} is not finite; a lower learning rate or clipping may help")
    norm = float(np.sqrt(sum(float(np.square(gradients[key]).sum()) for key in sorted(gradients))))
    factor = largest / norm if norm > largest else 1.0
    return {key: factor * g for key, g in gradients.items()}, norm
