"""How far the network of a twin is from the oracle: over all states, by rounding; over samples, by a bound."""

from collections.abc import Mapping
from typing import Any

import numpy as np

import oracle
from validation import driver
from validation.evidence import bounds
from validation.twin import Twin

# An estimate is a product of some ten factors, each a sum of up to ten numbers or a function of one; r and r^2 as
# conditions of F, f and the slope, with |r| up to about 6, make each of them worth up to forty roundings: 4,000 eps.
TOLERANCE = {dtype: 4_000 * float(np.finfo(dtype).eps) for dtype in ("float64", "float32")}
WHY = "rounding: 4,000 eps of the type, relative to the estimate's root mean square"


def deviation(twin: Twin, x: np.ndarray, loss: Any, *, squares: bool = True) -> float:
    """Largest difference of the estimate's mean, relative to its parameter's root mean square, and of the loss.

    With `squares` each state is also run by itself, for bias, variance and mean squared error.
    """
    states, truth = driver.states(twin, x, loss), driver.answers(twin, x, loss)
    value, mean = driver.mean(twin, x, loss, states)
    gaps = [gap(mean[key], each.mean, size(each)) for key, each in truth.items()]
    if isinstance(oracle.member(twin.member), oracle.Discrete):  # others have another loss: values between the states
        gaps.append(abs(value - oracle.exact(twin.net, x, loss).loss))
    if squares:
        gaps.append(apart(driver.moments(twin, x, loss, states), truth))
    return max(gaps)


def apart(found: Mapping[str, oracle.Estimate], truth: Mapping[str, oracle.Estimate]) -> float:
    """The largest difference of mean, bias, variance or mean squared error, relative to the parameter's `size`."""
    if found.keys() != truth.keys():
        raise AssertionError(f"parameters differ: {sorted(found)} and {sorted(truth)}")
    powers = {"mean": 1, "bias": 1, "square": 2, "variance": 2, "mse": 2}
    return max(
        gap(getattr(found[key], name), getattr(each, name), size(each) ** power)
        for key, each in truth.items()
        for name, power in powers.items()
    )


def size(truth: oracle.Estimate) -> float:
    """What a deviation of a parameter's estimate is relative to: its largest root mean square, 1 where that is 0."""
    return float(np.sqrt(truth.square.max())) or 1.0


def gap(found: np.ndarray, truth: np.ndarray, unit: float) -> float:
    """The largest difference, in some unit."""
    return float(np.abs(found - truth).max()) / unit


def distance(twin: Twin, x: np.ndarray, loss: Any, samples: int, false_alarm: float, rng: np.random.Generator) -> float:
    """Largest distance of a mean over samples from the exact one over all entries, in units of each one's bound."""
    member = oracle.member(twin.member)
    assert isinstance(member, oracle.Discrete)
    draws = driver.random(twin, x, loss, samples, rng)
    _, mean = driver.run(twin, x, loss, draws, np.full(samples, 1.0 / samples))
    exact = twin.named(bounds.spread(twin.net, x, loss, member, twin.fold))
    return max(
        float((np.abs(mean[key] - each.mean) / bounds.bernstein(each, samples, false_alarm)).max())
        for key, each in exact.items()
    )
