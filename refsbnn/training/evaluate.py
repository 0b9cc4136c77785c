"""Scores of a network on one part of its data, as training records them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refsbnn.data.digits import Split
from refsbnn.evaluation.predict import predict
from refsbnn.evaluation.scores import Scores, score
from refsbnn.network import Network
from refsbnn.streams import Draws, Streams
from refsbnn.training.config import Evaluation


@dataclass(frozen=True)
class Coded:
    """Examples in memory, coded when they are asked for."""

    x: np.ndarray
    code: Callable[[np.ndarray, Draws], np.ndarray]

    def batch(self, rows: np.ndarray, draws: Draws) -> np.ndarray:
        """The examples `rows` as the network takes them."""
        return self.code(self.x[rows], draws)


def evaluate(
    network: Network,
    parameters: dict[str, np.ndarray],
    split: Split,
    inputs: Callable[[np.ndarray, Draws], np.ndarray],
    streams: Streams,
    evaluation: Evaluation,
) -> Scores:
    """Scores of the predictive distribution on one part of the data."""
    coded = Coded(split.x, inputs)
    return score(predict(network, parameters, coded, len(split.x), streams, evaluation.samples), split.labels)
