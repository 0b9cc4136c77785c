"""Training by the ELBO: mini-batches, one gradient estimate a step, a record an epoch (theory 4.1)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from refsbnn import elbo, optim
from refsbnn.data import digits
from refsbnn.layers import Signal
from refsbnn.network import Network
from refsbnn.streams import Draws, Purpose, Streams
from refsbnn.training.config import Config
from refsbnn.training.evaluate import Scores, evaluate

Parameters = dict[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A network, its data and how inputs are coded; everything a run needs but its parameters."""

    config: Config
    network: Network
    splits: digits.Splits
    streams: Streams

    def inputs(self, x: np.ndarray, draws: Draws) -> np.ndarray:
        """A batch as the network takes it; spikes are drawn anew at every step."""
        data = self.config.data
        if data.coding == "none":
            return x
        flat = x.reshape(len(x), -1)
        u = None
        if data.coding == "rate":
            coding = Draws(draws.streams, Purpose.INPUT, draws.step, draws.samples)
            u = coding.uniforms(0, flat.shape[1:], steps=data.steps)
        return digits.encode(flat, data.coding, data.steps, u)


def prepare(config: Config) -> Task:
    """Load the data and connect the network of a configuration.

    Raises
    ------
    InputError
        A model that does not fit the data, or a damaged data set.
    """
    splits = digits.load()
    x = splits.train.x
    if config.data.coding == "none":
        signal = Signal("values", x.shape[1:])
    else:
        signal = Signal("values", (int(np.prod(x.shape[1:])),), "binary", config.data.steps)
    classes = int(splits.train.labels.max()) + 1
    return Task(
        config, Network(config.layers(classes), signal, backend=config.training.backend), splits, Streams(config.seed)
    )


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
    samples, examples = task.config.training.samples, task.splits.train
    rows = np.repeat(index, samples)
    # The address of a row is its example's index and its number among the example's samples.
    draws = Draws(task.streams, Purpose.TRAIN, step, rows * samples + np.tile(np.arange(samples), len(index)))
    logits, tape = task.network.forward(parameters, task.inputs(examples.x[rows], draws), draws)
    loglik, dlogits = elbo.categorical(logits, examples.labels[rows])
    penalty = task.config.objective.penalty
    gradients, _ = task.network.backward(parameters, tape, -dlogits / len(rows), penalty=penalty)
    kl, kl_gradients = task.network.kl(parameters)
    gradients = {key: g + weight * kl_gradients[key] if key in kl_gradients else g for key, g in gradients.items()}
    monitors = task.network.monitors(tape)
    bias = float(np.mean([record.penalty for record in monitors]))
    correct = float((logits.argmax(axis=1) == examples.labels[rows]).mean())
    return Step(float(loglik.mean()), kl, bias, correct, gradients, monitors)


@dataclass
class Result:
    """A finished training run."""

    parameters: Parameters
    history: list[dict[str, float]]
    validation: Scores
    tempered: bool
    examples: int
    seconds: float


def train(task: Task, report: Callable[[dict[str, float]], None] = lambda row: None) -> Result:
    """Train to the last epoch; `report` gets one row of numbers an epoch.

    The parameters of the last epoch are the result: nothing is selected by validation accuracy.
    """
    config, n = task.config, len(task.splits.train.labels)
    batch = min(config.training.batch, n)
    per_epoch = n // batch
    steps = per_epoch * config.training.epochs
    optimiser = optim.Adam() if config.training.optimiser == "adam" else optim.SGD()
    parameters = task.network.initial(task.streams)
    history: list[dict[str, float]] = []
    start, step, weight = time.perf_counter(), 0, elbo.KLWeight(0.0, True)
    for epoch in range(config.training.epochs):
        order = task.streams.permutation(n, step=epoch)
        done, moments = [], GradientMoments()
        for b in range(per_epoch):
            warmup = round(config.objective.warmup * per_epoch)
            weight = elbo.kl_weight(step, n, warmup=warmup, temperature=config.objective.temperature)
            now = estimate(task, parameters, order[b * batch : (b + 1) * batch], step, weight.value)
            gradients, _ = optim.clip(now.gradients, config.training.clip)
            moments.add(now.gradients)
            warm = round(config.training.warmup * per_epoch)
            rate = optim.rate(config.training.schedule, config.training.rate, step, steps, warm)
            parameters = optimiser.step(parameters, gradients, rate)
            done.append(now)
            step += 1
        row = record(task, parameters, epoch, done, weight, moments)
        row["seconds"] = time.perf_counter() - start
        history.append(row)
        report(row)
    scores = evaluate(task.network, parameters, task.splits.validation, task.inputs, task.streams, config.evaluation)
    return Result(parameters, history, scores, weight.tempered, n, time.perf_counter() - start)


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
    validation = task.splits.validation
    one = type(task.config.evaluation)(samples=1)
    scores = evaluate(task.network, parameters, validation, task.inputs, task.streams, one)
    row = {
        "epoch": epoch + 1,
        "loglik": mean_of(done, "loglik"),
        "kl_per_example": mean_of(done, "kl") / len(task.splits.train.labels),
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
