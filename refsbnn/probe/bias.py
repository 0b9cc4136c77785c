"""Bias, variance and cosine of an estimator from pairs, free of the noise of the draws, with intervals (theory 5.12).

Five statistics, each an average: |g|^2, |b|^2, <g, e>, |e|^2 and the variance of one estimate, with g the gradient, e
the estimator's mean and b = e - g. Squares of means are sums over pairs of different draws, which noise does not bias.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from refsbnn.errors import InputError

GRADIENT, BIAS, PRODUCT, ESTIMATE, VARIANCE = range(5)
LEVEL = 0.95  # of the intervals


class Means(NamedTuple):
    """Averages of the five statistics, (5,), their covariance, (5, 5), and its degrees of freedom."""

    value: np.ndarray
    covariance: np.ndarray
    freedom: int


class Interval(NamedTuple):
    """An estimate and the ends of its interval; NaN, and what is possible at all, where nothing can be told."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bias:
    """What theory 5.14 defines.

    Attributes
    ----------
    gradient : float
        Root mean square over units, nats per unit of r.
    bias : Interval
        Norm of the bias over that of the gradient.
    scale : Interval
        Length of the estimator's mean along the gradient, over the gradient's.
    cosine : Interval
        Of the angle between the estimator's mean and the gradient.
    variance : float
        Of one estimate, over the squared gradient.
    """

    gradient: float
    bias: Interval
    scale: Interval
    cosine: Interval
    variance: float

    def as_dict(self) -> dict[str, Any]:
        """The numbers by name, for JSON; None where nothing can be told."""

        def known(value: float) -> float | None:
            return float(value) if np.isfinite(value) else None

        return {
            key: {end: known(each) for end, each in value._asdict().items()}
            if isinstance(value, Interval)
            else known(value)
            for key, value in vars(self).items()
        }


def products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean of x_r y_s over all r != s along the last axis: unbiased for E[x] E[y] (theory 5.12)."""
    n = x.shape[-1]
    return (x.sum(axis=-1) * y.sum(axis=-1) - (x * y).sum(axis=-1)) / (n * (n - 1))


def products_without(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`products` without each of the copies in turn, in the shape of x."""
    n, xy = x.shape[-1], x * y
    rest = (part.sum(axis=-1, keepdims=True) - part for part in (x, y, xy))
    a, b, ab = rest
    return (a * b - ab) / ((n - 1) * (n - 2))


def mean_without(x: np.ndarray) -> np.ndarray:
    """Mean along the last axis without each of the copies in turn, in the shape of x."""
    return (x.sum(axis=-1, keepdims=True) - x) / (x.shape[-1] - 1)


def statistics(d: np.ndarray, e: np.ndarray, square: np.ndarray, *, without: bool = False) -> np.ndarray:
    """The five statistics from independent copies along the last axis.

    Parameters
    ----------
    d, e, square : (..., n) arrays
        Unbiased derivatives, estimates and the mean squares of estimates.
    without : bool
        Whether each copy is left out in turn.

    Returns
    -------
    (5, ...) array, or (5, ..., n)
    """
    pairs = products_without if without else products
    second = mean_without(square) if without else square.mean(axis=-1)
    c, own = e - d, pairs(e, e)
    return np.stack([pairs(d, d), pairs(c, c), pairs(d, e), own, second - own])


def of_each_example(d: np.ndarray, e: np.ndarray, cells: int, examples: int) -> Means:
    """For the gradients of single examples (theory 5.13).

    Parameters
    ----------
    d, e : (chosen cells, chosen examples, draws) arrays
        At least 3 examples and draws, and 2 cells where these are not all.
    cells, examples : int
        How many there are to choose from.
    """
    each = statistics(d, e, np.square(e))
    draws = jackknife(statistics(d, e, np.square(e), without=True).mean(axis=(1, 2)))
    return means(each.mean(axis=2), covariance(each.mean(axis=1)), draws, d.shape, cells, examples)


def of_all_examples(d: np.ndarray, e: np.ndarray, cells: int, examples: int) -> Means:
    """For the mean gradient of all examples (theory 5.13); arguments as in `of_each_example`."""
    share, square = 1.0 / examples, np.square(e)
    own = statistics(d, e, square)
    between = statistics(d.mean(axis=-1), e.mean(axis=-1), square.mean(axis=-1))
    value = (1.0 - share) * between + share * own.mean(axis=2)
    others = statistics(d.mean(axis=-1), e.mean(axis=-1), square.mean(axis=-1), without=True)
    without_example = ((1.0 - share) * others + share * mean_without(own)).mean(axis=1)
    rest = [mean_without(values) for values in (d, e, square)]
    others = np.stack([statistics(*(values[..., r] for values in rest)) for r in range(d.shape[2])], axis=-1)
    own = statistics(d, e, square, without=True).mean(axis=2)
    draws = jackknife(((1.0 - share) * others + share * own).mean(axis=1))
    return means(value, jackknife(without_example), draws, d.shape, cells, examples)


def means(
    by_cell: np.ndarray, others: np.ndarray, draws: np.ndarray, shape: tuple[int, ...], cells: int, examples: int
) -> Means:
    """Averages over cells; their covariance, of which `others` is that over examples (theory 5.15)."""
    seen, chosen = shape[1] / examples, shape[0] / cells
    total = seen * draws + (1.0 - seen) * others
    freedom = (shape[2] if seen == 1.0 else shape[1]) - 1
    if chosen < 1.0:
        total = total + (1.0 - chosen) * covariance(by_cell)
        freedom = min(freedom, shape[0] - 1)
    return Means(by_cell.mean(axis=1), total, freedom)


def covariance(values: np.ndarray) -> np.ndarray:
    """Covariance of the mean of n independent vectors, (5, n)."""
    centred = values - values.mean(axis=1, keepdims=True)
    n = values.shape[1]
    return centred @ centred.T / (n * (n - 1))


def jackknife(without: np.ndarray) -> np.ndarray:
    """Covariance of a statistic, from what it is without each of n copies: (5, n)."""
    return (without.shape[1] - 1) ** 2 * covariance(without)


def ratio(means: Means, above: int, below: int) -> Interval:
    """One statistic over another: all q for which above - q below lies within its deviation times t of 0 (Fieller)."""
    value, cov = means.value, means.covariance
    a, b = value[above], value[below]
    t2 = quantile(means) ** 2
    square, middle, constant = (
        b * b - t2 * cov[below, below],
        a * b - t2 * cov[above, below],
        a * a - t2 * cov[above, above],
    )
    if b <= 0.0 or square <= 0.0:
        return Interval(np.nan, -np.inf, np.inf)
    root = np.sqrt(max(middle**2 - square * constant, 0.0))
    return Interval(a / b, (middle - root) / square, (middle + root) / square)


def cosine(means: Means) -> Interval:
    """<g, e> / (|g| |e|) and t times its deviation by the delta method on both sides, cut at -1 and 1."""
    g2, product, e2 = means.value[[GRADIENT, PRODUCT, ESTIMATE]]
    if e2 <= 0.0 or not np.isfinite(ratio(means, PRODUCT, GRADIENT).low):
        return Interval(np.nan, -1.0, 1.0)
    value = np.clip(
        product / np.sqrt(g2 * e2), -1.0, 1.0
    )  # noise may lead beyond, the interval starts from what is possible
    slope = np.zeros(5)
    slope[[GRADIENT, PRODUCT, ESTIMATE]] = -value / (2.0 * g2), 1.0 / np.sqrt(g2 * e2), -value / (2.0 * e2)
    half = quantile(means) * np.sqrt(max(slope @ means.covariance @ slope, 0.0))
    return Interval(*np.clip([value, value - half, value + half], -1.0, 1.0))


def quantile(means: Means) -> float:
    """Of Student's t, for intervals of the level."""
    return float(special.stdtrit(means.freedom, (1.0 + LEVEL) / 2.0))


def bias(means: Means) -> Bias:
    """The ratios and their intervals (theory 5.14, 5.15)."""
    squared = ratio(means, BIAS, GRADIENT)
    value = means.value
    return Bias(
        float(np.sqrt(max(value[GRADIENT], 0.0))),
        Interval(*(float(np.sqrt(np.maximum(each, 0.0))) for each in squared)),
        ratio(means, PRODUCT, GRADIENT),
        cosine(means),
        float(value[VARIANCE] / value[GRADIENT]) if np.isfinite(squared.low) else np.nan,
    )


def check(cells: int, total: int, examples: int, draws: int) -> None:
    """Raise InputError where there are too few of anything for a variance."""
    for name, count, least in (("units", cells, min(2, total)), ("examples", examples, 3), ("draws", draws, 3)):
        if count < least:
            raise InputError(f"{name} is {count}; expected at least {least}")
