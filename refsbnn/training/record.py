"""The record of an epoch: parts of the loss, accuracies, firing rates, spreads of r, gradient signal-to-noise."""

import numpy as np

from refsbnn import elbo
from refsbnn.training.evaluate import evaluate
from refsbnn.training.step import Step
from refsbnn.training.task import Parameters, Task


class GradientMoments:
    """Running sums over an epoch's steps, for the gradient's signal-to-noise ratio of each parameter array."""

    def __init__(self) -> None:
        self.count, self.total, self.square = 0, {}, {}  # type: ignore[var-annotated]

    def add(self, gradients: Parameters) -> None:
        """Count one step's gradients in."""
        self.count += 1
        for key, g in gradients.items():
            self.total[key] = self.total.get(key, 0.0) + g
            self.square[key] = self.square.get(key, 0.0) + g * g

    def ratios(self) -> dict[str, float]:
        """||mean gradient||^2 over the trace of its covariance, estimated over the steps of the epoch."""
        out = {}
        for key, total in self.total.items():
            mean = total / self.count
            variance = float((self.square[key] / self.count - mean * mean).sum())
            out[key] = float((mean * mean).sum()) / variance if variance > 0.0 else 0.0
        return out


def record(
    task: Task,
    parameters: Parameters,
    epoch: int,
    done: list[Step],
    weight: elbo.KLWeight,
    moments: GradientMoments,
) -> dict[str, float]:
    """One epoch's row: parts of the loss, accuracies, rates and spreads by unit layer, gradient signal-to-noise."""
    validation = task.data.validation
    one = type(task.config.evaluation)(samples=1)
    scores = evaluate(task.network, parameters, validation, task.streams, one)
    row = {
        "epoch": epoch + 1,
        "loglik": mean_of(done, "loglik"),
        "kl_per_example": mean_of(done, "kl") / len(task.data.train.labels),
        "kl_weight": weight.value,
        "penalty": mean_of(done, "penalty"),
        "train_accuracy": mean_of(done, "correct"),
        "validation_accuracy": scores.accuracy,
        "validation_nll": scores.nll,
    }
    for layer in range(len(done[0].monitors)):
        row[f"rate.{layer}"] = float(np.mean([step.monitors[layer].rate for step in done]))
        row[f"spread.{layer}"] = float(np.mean([step.monitors[layer].spread for step in done]))
    for key, ratio in moments.ratios().items():
        if key.endswith(".mu") or key.endswith("recurrent_mu"):
            row[f"snr.{key}"] = ratio
    return row


def mean_of(done: list[Step], name: str) -> float:
    """Mean of one number over the steps of an epoch."""
    return float(np.mean([getattr(step, name) for step in done]))
