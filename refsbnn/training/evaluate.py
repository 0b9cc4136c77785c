"""Scores of a network on one part of its data, as training records them."""

import numpy as np

from refsbnn.data.dataset import Split
from refsbnn.evaluation.predict import predict
from refsbnn.evaluation.scores import Scores, score
from refsbnn.network import Network
from refsbnn.streams import Streams
from refsbnn.training.config import Evaluation


def evaluate(
    network: Network, parameters: dict[str, np.ndarray], split: Split, streams: Streams, evaluation: Evaluation
) -> Scores:
    """Scores of the predictive distribution on one part of the data."""
    return score(predict(network, parameters, split, len(split.labels), streams, evaluation.samples), split.labels)
