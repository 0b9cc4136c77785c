"""Optimisers, learning-rate schedules and clipping.

An update walks through an array in blocks that stay in the processor's cache, with a few of them as scratch. It gives
new parameters and leaves its arguments alone; the optimiser's own buffers, in the parameters' type, change in place.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import cos, pi
from typing import NamedTuple

import numpy as np

from refsbnn.errors import InputError, check_choice

Parameters = dict[str, np.ndarray]
SCHEDULES = ("constant", "cosine", "step")
BLOCK = 1 << 15  # numbers; a block of each array of an update fits a second-level cache


def decayed(key: str) -> bool:
    """Whether weight decay applies: not where 0 would mean a variance of 1, a neuron's decay of 1/2, no threshold.

    Examples
    --------
    >>> decayed("0.dense.mu"), decayed("0.dense.rho"), decayed("1.lif.theta")
    (True, False, False)
    """
    return not key.endswith(("rho", ".beta_logit", ".theta"))


def blocks(length: int) -> Iterator[slice]:
    """Slices that cut a flat array into blocks."""
    return (slice(start, min(start + BLOCK, length)) for start in range(0, length, BLOCK))


class AdamFactors(NamedTuple):
    """What one update of Adam multiplies with.

    Attributes
    ----------
    decay1, decay2 : float
    unbiased1, unbiased2 : float
        1 less the decays to the power of the step.
    epsilon : float
    weight_decay, rate : float
    scale : float
        Of the gradient.
    """

    decay1: float
    decay2: float
    unbiased1: float
    unbiased2: float
    epsilon: float
    weight_decay: float
    rate: float
    scale: float


def adam_update(p: np.ndarray, g: np.ndarray, mean: np.ndarray, square: np.ndarray, factors: AdamFactors) -> np.ndarray:
    """A flat parameter after one step of Adam.

    Parameters
    ----------
    p, g : (n,) arrays of one float type
        Parameter and gradient.
    mean, square : (n,) arrays of that type, changed
    factors : AdamFactors
    """
    decay1, decay2, unbiased1, unbiased2, epsilon, decay, rate, scale = factors
    out = np.empty_like(p)
    scratch = np.empty((3, min(BLOCK, p.size)), p.dtype)
    for at in blocks(p.size):
        m, v, a, b, own = mean[at], square[at], *scratch[:, : at.stop - at.start]
        np.multiply(g[at], scale, out=own)
        np.multiply(m, decay1, out=m)
        m += np.multiply(own, 1 - decay1, out=a)
        np.multiply(v, decay2, out=v)
        np.multiply(own, 1 - decay2, out=a)
        v += np.multiply(a, own, out=a)
        np.sqrt(np.divide(v, unbiased2, out=a), out=a)
        a += epsilon
        np.divide(np.divide(m, unbiased1, out=b), a, out=b)
        if decay:
            b += np.multiply(p[at], decay, out=a)
        np.subtract(p[at], np.multiply(b, rate, out=b), out=out[at])
    return out


@dataclass
class Adam:
    """Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019).

    Parameters
    ----------
    decay1, decay2 : float
        Of the running mean and mean square of the gradient.
    epsilon : float
    weight_decay : float
        Times the rate, what a step takes off every parameter that is `decayed`; not 0 makes this AdamW.
    update : callable
        `adam_update`, or a backend's.

    Attributes
    ----------
    steps : int
    buffers : dict
        "mean" and "square": the running means, a dictionary with the parameters' keys each.

    Examples
    --------
    >>> import numpy as np
    >>> Adam().step({"w": np.array([1.0])}, {"w": np.array([2.0])}, 0.1)["w"].round(6)
    array([0.9])
    """

    decay1: float = 0.9
    decay2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    update: Callable[..., np.ndarray] = adam_update
    steps: int = 0
    buffers: dict[str, Parameters] = field(default_factory=lambda: {"mean": {}, "square": {}})

    def step(self, parameters: Parameters, gradients: Parameters, rate: float, scale: float = 1.0) -> Parameters:
        """Parameters after one descent step with the gradients times `scale`.

        Examples
        --------
        >>> import numpy as np
        >>> Adam().step({"w": np.array([1.0])}, {"w": np.array([5.0])}, rate=0.1)["w"].round(6)
        array([0.9])
        """
        self.steps += 1
        return {key: self._updated(key, parameters[key], g, rate, scale) for key, g in gradients.items()}

    def _updated(self, key: str, parameter: np.ndarray, gradient: np.ndarray, rate: float, scale: float) -> np.ndarray:
        mean, square = (buffer_of(self.buffers[name], key, parameter) for name in ("mean", "square"))
        unbiased1, unbiased2 = 1 - self.decay1**self.steps, 1 - self.decay2**self.steps
        decay = self.weight_decay if decayed(key) else 0.0
        factors = AdamFactors(self.decay1, self.decay2, unbiased1, unbiased2, self.epsilon, decay, rate, scale)
        return self.update(np.ravel(parameter), np.ravel(gradient), mean, square, factors).reshape(parameter.shape)


@dataclass
class SGD:
    """Gradient descent with momentum.

    Parameters
    ----------
    momentum : float
    weight_decay : float
        Added to the gradient, times the parameter, of every parameter but rho.

    Attributes
    ----------
    steps : int
    buffers : dict
        "velocity": a dictionary with the parameters' keys.

    Examples
    --------
    >>> import numpy as np
    >>> SGD().step({"w": np.array([1.0])}, {"w": np.array([2.0])}, 0.1)["w"].round(6)
    array([0.8])
    """

    momentum: float = 0.9
    weight_decay: float = 0.0
    steps: int = 0
    buffers: dict[str, Parameters] = field(default_factory=lambda: {"velocity": {}})

    def step(self, parameters: Parameters, gradients: Parameters, rate: float, scale: float = 1.0) -> Parameters:
        """Parameters after one descent step with the gradients times `scale`."""
        self.steps += 1
        return {key: self._updated(key, parameters[key], g, rate, scale) for key, g in gradients.items()}

    def _updated(self, key: str, parameter: np.ndarray, gradient: np.ndarray, rate: float, scale: float) -> np.ndarray:
        velocity = buffer_of(self.buffers["velocity"], key, parameter)
        p, g = np.ravel(parameter), np.ravel(gradient)
        decay = self.weight_decay if decayed(key) else 0.0
        out = np.empty_like(p)
        scratch = np.empty(min(BLOCK, p.size), p.dtype)
        for at in blocks(p.size):
            v, a = velocity[at], scratch[: at.stop - at.start]
            np.multiply(v, self.momentum, out=v)
            v += np.multiply(g[at], scale, out=a)
            if decay:
                v += np.multiply(p[at], decay, out=a)
            np.subtract(p[at], np.multiply(v, rate, out=a), out=out[at])
        return out.reshape(parameter.shape)


def buffer_of(buffers: Parameters, key: str, like: np.ndarray) -> np.ndarray:
    """A flat view of an optimiser's buffer for one parameter; zeros before the first step."""
    if key not in buffers:
        buffers[key] = np.zeros(like.shape, like.dtype)
    return buffers[key].reshape(-1)


def rate(
    schedule: str,
    peak: float,
    step: int,
    steps: int,
    warmup: int = 0,
    *,
    drops: Sequence[int] = (),
    factor: float = 0.1,
) -> float:
    """Learning rate at a step.

    Parameters
    ----------
    schedule : {"constant", "cosine", "step"}
        After the warm-up; "cosine" falls to 0 at the last step, "step" by `factor` at each of `drops`.
    peak : float
    step, steps : int
        Steps done so far, and in all.
    warmup : int
        Steps of linear rise.
    drops : sequence of int
        Steps at which "step" falls.
    factor : float

    Examples
    --------
    >>> [round(rate("cosine", 1.0, step, 8, warmup=2), 3) for step in range(8)]
    [0.5, 1.0, 1.0, 0.933, 0.75, 0.5, 0.25, 0.067]
    >>> [rate("step", 1.0, step, 4, drops=[1, 3], factor=0.5) for step in range(4)]
    [1.0, 0.5, 0.5, 0.25]
    """
    check_choice("schedule", schedule, SCHEDULES)
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule == "constant":
        return peak
    if schedule == "step":
        return peak * factor ** sum(step >= drop for drop in drops)
    return peak * 0.5 * (1.0 + cos(pi * (step - warmup) / max(steps - warmup, 1)))


def squares(values: np.ndarray) -> float:
    """Sum of squares in float64, in a written order whatever the number of threads.

    Examples
    --------
    >>> squares(np.array([3.0, 4.0]))
    25.0
    """
    flat = np.ravel(values)
    scratch = np.empty(min(BLOCK, flat.size))
    total = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for at in blocks(flat.size):
            block = np.multiply(flat[at], flat[at], out=scratch[: at.stop - at.start], dtype=np.float64)
            total += float(block.sum())
    return total


class Clip(NamedTuple):
    """What clipping finds.

    Attributes
    ----------
    scale : float
        What the gradients are to be multiplied with, 1 at most.
    norm : float
        The joint norm before.
    squares : dict of str to float
        The sum of squares of each gradient.

    Examples
    --------
    >>> import numpy as np
    >>> w, g = {"w": np.array([1.0, 1.0])}, {"w": np.array([3.0, 4.0])}
    >>> found = clip(g, largest=1.0)
    >>> SGD().step(w, g, 0.5, found.scale)["w"].round(6)
    array([0.7, 0.6])
    """

    scale: float
    norm: float
    squares: dict[str, float]


def clip(gradients: Parameters, largest: float, squares: Callable[[np.ndarray], float] = squares) -> Clip:
    """Find the scale that makes the joint norm of the gradients at most `largest`; optimisers apply it as they go.

    Parameters
    ----------
    gradients : dict
    largest : float
    squares : callable
        `squares`, or a backend's.

    Raises
    ------
    InputError
        A gradient that is not finite, naming the parameter.

    Examples
    --------
    >>> import numpy as np
    >>> clip({"w": np.array([3.0, 4.0])}, largest=1.0)
    Clip(scale=0.2, norm=5.0, squares={'w': 25.0})
    """
    sums, total = {}, 0.0
    for key in sorted(gradients):
        sums[key] = squares(gradients[key])
        if not np.isfinite(sums[key]) and not np.isfinite(gradients[key]).all():
            raise InputError(f"the gradient of {key!r} is not finite; a lower learning rate or clipping may help")
        total += sums[key]  # in this order; Python's sum() adds otherwise from 3.12 on
    norm = float(np.sqrt(total))
    return Clip(1.0 if norm <= largest else largest / norm, norm, sums)
