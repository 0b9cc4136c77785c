"""Scores of a network on one part of its data, as training records them."""

from collections.abc import Callable

import numpy as np

from refsbnn.data.dataset import Split
from refsbnn.evaluation.predict import predict
from refsbnn.evaluation.scores import Scores, score
from refsbnn.network import Network
from refsbnn.streams import Streams
from refsbnn.training.config import Evaluation


def evaluate(
    network: Network,
    parameters: dict[str, np.ndarray],
    split: Split,
    streams: Streams,
    evaluation: Evaluation,
    report: Callable[[int], None] = lambda examples: None,
) -> Scores:
    """Scores of the predictive distribution on one part of the data; `report` as in `predict`."""
    found = predict(network, parameters, split, len(split.labels), streams, evaluation.samples, report=report)
    return score(found, split.labels)
