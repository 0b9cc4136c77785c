"""One step: the loss on a batch and the estimator's gradient (theory 4.1)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from refsbnn import elbo
from refsbnn.streams import Draws, Purpose
from refsbnn.training.task import Parameters, Task


@dataclass(frozen=True)
class Step:
    """What one step computed: parts of the loss in nats per example, and the gradients."""

    loglik: float
    kl: float
    penalty: float
    correct: float
    gradients: Parameters
    monitors: list[Any]


def estimate(task: Task, parameters: Parameters, index: np.ndarray, step: int, weight: float) -> Step:
    """Loss and gradient estimate on the training examples `index`.

    The loss is -loglik + weight * KL + lambda * B, a mean over the batch and over the samples of each example.
    """
    samples, examples = task.config.training.samples, task.data.train
    rows = np.repeat(index, samples)
    # The address of a row is its example's index and its number among the example's samples.
    draws = Draws(task.streams, Purpose.TRAIN, step, rows * samples + np.tile(np.arange(samples), len(index)))
    logits, tape = task.network.forward(parameters, examples.batch(rows, draws), draws)
    loglik, dlogits = elbo.categorical(logits, examples.labels[rows])
    penalty = task.config.objective.penalty
    gradients, _ = task.network.backward(parameters, tape, -dlogits / len(rows), penalty=penalty)
    kl, kl_gradients = task.network.kl(parameters)
    gradients = {key: g + weight * kl_gradients[key] if key in kl_gradients else g for key, g in gradients.items()}
    monitors = task.network.monitors(tape)
    bias = float(np.mean([record.penalty for record in monitors]))
    correct = float((logits.argmax(axis=1) == examples.labels[rows]).mean())
    return Step(float(loglik.mean()), kl, bias, correct, gradients, monitors)
