"""Training by the ELBO: mini-batches, one gradient estimate a step, a record an epoch (theory 4.1)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from refsbnn import elbo, optim
from refsbnn.training.evaluate import Scores, evaluate
from refsbnn.training.record import GradientMoments, record
from refsbnn.training.step import estimate
from refsbnn.training.task import Parameters, Task


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
    config, n = task.config, len(task.data.train.labels)
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
    scores = evaluate(task.network, parameters, task.data.validation, task.streams, config.evaluation)
    return Result(parameters, history, scores, weight.tempered, n, time.perf_counter() - start)
