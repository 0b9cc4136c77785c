"""Scores of a network on one part of its data, as training records them."""

from collections.abc import Callable

from refsbnn.data.dataset import Split
from refsbnn.evaluation.predict import predict
from refsbnn.evaluation.scores import Scores, score
from refsbnn.training.task import Parameters, Task


def evaluate(
    task: Task, parameters: Parameters, split: Split, samples: int, report: Callable[[int], None] = lambda passes: None
) -> Scores:
    """Scores of the predictive distribution on one part of the data; `samples` and `report` as in `predict`."""
    examples = len(split.labels)
    p = predict(task.network, parameters, split, examples, task.streams, samples, ranks=task.ranks, report=report)
    return score(p, split.labels)
