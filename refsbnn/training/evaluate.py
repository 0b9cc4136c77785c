"""The predictive distribution of a trained network and its scores."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from scipy import special

from refsbnn.data.digits import Split
from refsbnn.network import Network
from refsbnn.streams import Draws, Purpose, Streams
from refsbnn.training.config import Evaluation

BINS = 10  # of the calibration error


@dataclass(frozen=True)
class Scores:
    """Scores of predicted probabilities: share of correct labels, mean -log p and Brier score, calibration error.

    Attributes
    ----------
    accuracy : float
    nll : float
        In nats per example.
    brier : float
        Sum over classes of the squared error, mean over examples.
    calibration_error : float
        Expected calibration error over ten equal bins of confidence.
    examples : int
    """

    accuracy: float
    nll: float
    brier: float
    calibration_error: float
    examples: int

    def as_dict(self) -> dict[str, float]:
        """The numbers by name."""
        return asdict(self)


def predict(
    network: Network,
    parameters: dict[str, np.ndarray],
    x: np.ndarray,
    inputs: Callable[[np.ndarray, Draws], np.ndarray],
    streams: Streams,
    samples: int,
) -> np.ndarray:
    """Class probabilities, averaged over sampled forward passes.

    Parameters
    ----------
    x : (n, ...) array
    inputs : callable
        Turns a batch of x into the network's input.
    samples : int
        Forward passes to average.

    Returns
    -------
    (n, classes) float64 array
    """
    total = 0.0
    for sample in range(samples):
        draws = Draws(streams, Purpose.PREDICT, sample, np.arange(len(x)))
        logits, _ = network.forward(parameters, inputs(x, draws), draws)
        total = total + special.softmax(logits, axis=-1)
    return np.asarray(total / samples)


def score(p: np.ndarray, labels: np.ndarray) -> Scores:
    """Scores of predicted probabilities p (n, classes).

    Examples
    --------
    >>> score(np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([0, 1]))
    Scores(accuracy=1.0, nll=0.34657359027997264, brier=0.25, calibration_error=0.25, examples=2)
    """
    chosen = p[np.arange(len(labels)), labels]
    right = p.argmax(axis=1) == labels
    confidence = p.max(axis=1)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = sum(abs((right[bins == b] - confidence[bins == b]).sum()) for b in range(BINS)) / len(labels)
    return Scores(
        accuracy=float(right.mean()),
        nll=float(-np.log(np.maximum(chosen, np.finfo(float).tiny)).mean()),
        brier=float(np.square(p - np.eye(p.shape[1])[labels]).sum(axis=1).mean()),
        calibration_error=float(gap),
        examples=len(labels),
    )


def evaluate(
    network: Network,
    parameters: dict[str, np.ndarray],
    split: Split,
    inputs: Callable[[np.ndarray, Draws], np.ndarray],
    streams: Streams,
    evaluation: Evaluation,
) -> Scores:
    """Scores on one part of the data."""
    return score(predict(network, parameters, split.x, inputs, streams, evaluation.samples), split.labels)
