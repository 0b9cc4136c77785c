"""One step: the loss on a batch and the estimator's gradient (theory 4.1)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from refsbnn import curvature, objective
from refsbnn.draws import CounterDraws
from refsbnn.layers import Monitor
from refsbnn.streams import Purpose
from refsbnn.training.task import Parameters, Task


@dataclass(frozen=True)
class Step:
    """What one step computed: parts of the loss in nats per example, gradients, what the units did, None if not asked.

    `curvature` is the readout's part of the bias penalty, where it is wanted.
    """

    loglik: float
    kl: float
    correct: float
    gradients: Parameters
    monitors: list[Monitor] | None
    curvature: float = 0.0

    def numbers(self) -> dict[str, float]:
        """What the record averages: parts of the loss; penalty, firing rate and spread of r of each unit layer."""
        out = {name: getattr(self, name) for name in ("loglik", "kl", "correct")}
        if self.monitors is None:
            return out
        layers = [monitor.penalty for monitor in self.monitors] or [0.0]  # without units there is nothing to penalise
        out["penalty"] = float(np.mean(layers)) + self.curvature
        for i, monitor in enumerate(self.monitors):
            out |= {f"rate.{i}": monitor.rate, f"spread.{i}": monitor.spread}
        return out


def passes(task: Task, index: np.ndarray, step: int) -> tuple[np.ndarray, CounterDraws]:
    """The rows of a batch, each example once for each of its samples, and their draws.

    The address of a row is its example's index and its number among the example's samples.
    """
    samples = task.config.training.samples
    rows = np.repeat(index, samples)
    return rows, CounterDraws(
        task.streams, Purpose.TRAIN, step, rows * samples + np.tile(np.arange(samples), len(index))
    )


def estimate(
    task: Task,
    parameters: Parameters,
    index: np.ndarray,
    step: int,
    weight: float,
    x: Any = None,
    *,
    monitored: bool = True,
) -> Step:
    """Loss and gradient estimate on the training examples `index`.

    The loss is -loglik + weight * KL + lambda * penalty, a mean over the batch and over the samples of each example.
    `x` is the batch, where it has been made before; without `monitored` the units are not looked at, which takes passes
    over all of them.
    """
    examples = task.data.train
    rows, draws = passes(task, index, step)
    logits, tape = task.network.forward(parameters, examples.batch(rows, draws) if x is None else x, draws)
    loglik, dlogits = objective.categorical(logits, examples.labels[rows])
    penalty = task.config.objective.penalty
    wanted = (penalty != 0.0 or monitored) and task.config.objective.penalty_kind == "sensitivity"
    weights = task.network.readout(parameters) if wanted else None
    bent = None if weights is None else curvature.categorical(logits, weights)
    g, readout = -dlogits / len(rows), None
    if bent is not None and penalty != 0.0:
        g, readout = g + penalty * bent.logits, penalty * bent.weight
    gradients, _ = task.network.backward(parameters, tape, g, penalty=penalty, readout=readout, input_gradient=False)
    kl, kl_gradients = task.network.kl(parameters, each_draw=task.config.objective.kl == "each-draw")
    for key, g in kl_gradients.items():
        gradients[key] = gradients[key] + np.multiply(g, weight, out=g)
    monitors = task.network.monitors(tape) if monitored else None
    correct = float((logits.argmax(axis=1) == examples.labels[rows]).mean())
    return Step(float(loglik.mean()), kl, correct, gradients, monitors, 0.0 if bent is None else bent.value)
