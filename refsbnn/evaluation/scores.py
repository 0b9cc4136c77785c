"""Scores of predicted probabilities: accuracy, log score, Brier score, calibration."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from refsbnn.errors import InputError, check_array

BINS = 15  # of the confidences


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy in bins of equal width (Guo, Pleiss, Sun and Weinberger, ICML 2017).

    The confidence of an example is its largest probability. Bin b of B holds the confidences in (b / B, (b + 1) / B].

    Attributes
    ----------
    count : (bins,) int64 array
        Examples in the bin.
    confidence, accuracy : (bins,) float64 arrays
        Mean confidence and share of right predictions in the bin; 0 where it is empty.
    """

    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: the mean over examples of |accuracy - confidence| of their bin."""
        return float((self.count * np.abs(self.accuracy - self.confidence)).sum() / self.count.sum())

    def as_dict(self) -> dict[str, list[float]]:
        """The three arrays as lists."""
        return {name: getattr(self, name).tolist() for name in ("count", "confidence", "accuracy")}


@dataclass(frozen=True)
class Scores:
    """Scores of predicted probabilities, as means over examples.

    Attributes
    ----------
    accuracy : float
        Share of examples whose most probable class (the first of equals) is the label.
    nll : float
        Mean of -ln p(label) in nats; a probability below the smallest normal float counts as that float.
    brier : float
        Sum over classes of the squared difference between p and the one-hot label; from 0 to 2.
    calibration_error : float
        Expected calibration error of `Reliability`.
    examples : int
    reliability : Reliability
    """

    accuracy: float
    nll: float
    brier: float
    calibration_error: float
    examples: int
    reliability: Reliability = field(repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """The numbers by name, arrays as lists."""
        numbers = {item.name: getattr(self, item.name) for item in fields(self)}
        return numbers | {"reliability": self.reliability.as_dict()}


def reliability(p: np.ndarray, labels: np.ndarray, bins: int = BINS) -> Reliability:
    """The reliability diagram of predicted probabilities.

    Parameters
    ----------
    p : (n, classes) array
    labels : (n,) array of int
    bins : int

    Raises
    ------
    InputError
        No probabilities, labels that do not fit, no bins.

    Examples
    --------
    >>> bins = reliability(np.array([[0.9, 0.1], [0.7, 0.3], [0.3, 0.7]]), np.array([0, 1, 1]), bins=5)
    >>> bins.count, bins.confidence, bins.accuracy
    (array([0, 0, 0, 2, 1]), array([0. , 0. , 0. , 0.7, 0.9]), array([0. , 0. , 0. , 0.5, 1. ]))
    >>> round(bins.error, 6)
    0.166667
    """
    p, labels = check(p, labels)
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
        raise InputError(f"bins is {bins!r}; expected an integer >= 1")
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    edges = np.arange(1, bins) / bins
    place = np.searchsorted(edges, confidence, side="left")  # a confidence on an edge belongs to the bin below
    count = np.bincount(place, minlength=bins)
    weight = 1.0 / np.maximum(count, 1)
    return Reliability(
        count,
        np.bincount(place, confidence, bins) * weight,
        np.bincount(place, right, bins) * weight,
    )


def score(p: np.ndarray, labels: np.ndarray) -> Scores:
    """Scores of predicted probabilities.

    Parameters
    ----------
    p : (n, classes) array
        Each row sums to one.
    labels : (n,) array of int

    Raises
    ------
    InputError
        No probabilities, labels that do not fit.

    Examples
    --------
    >>> score(np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([0, 1]))
    Scores(accuracy=1.0, nll=0.34657359027997264, brier=0.25, calibration_error=0.25, examples=2)
    """
    p, labels = check(p, labels)
    chosen, bins = p[np.arange(len(p)), labels], reliability(p, labels)
    return Scores(
        accuracy=float((p.argmax(axis=1) == labels).mean()),
        nll=float(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)).mean()),
        brier=float(np.square(p - np.eye(p.shape[1])[labels]).sum(axis=1).mean()),
        calibration_error=bins.error,
        examples=len(p),
        reliability=bins,
    )


def check(p: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and labels, if they are; raises InputError otherwise."""
    p = check_array("probabilities", p, (None, None), nonnegative=True)
    labels = np.asarray(labels)
    if not p.size:
        raise InputError(f"probabilities have shape {p.shape}; expected at least one example and one class")
    # Averages of softmaxes in either float type; rows of logits are far off.
    if np.abs(p.sum(axis=1) - 1.0).max() > 1e-4:
        worst = p.sum(axis=1)[np.abs(p.sum(axis=1) - 1.0).argmax()]
        raise InputError(f"a row of probabilities sums to {worst:g}; expected 1")
    if labels.dtype.kind not in "iu" or labels.shape != (len(p),):
        raise InputError(f"labels are {labels.dtype} of shape {labels.shape}; expected integers {(len(p),)}")
    if labels.min() < 0 or labels.max() >= p.shape[1]:
        raise InputError(f"labels run from {labels.min()} to {labels.max()}; expected 0 to {p.shape[1] - 1}")
    return p, labels
