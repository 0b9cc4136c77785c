"""Training by the variational objective: mini-batches, one gradient estimate a step, a record an epoch (theory 4.1)."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from refsbnn import objective, optim
from refsbnn.data.loader import ahead
from refsbnn.errors import InputError
from refsbnn.training.evaluate import Scores, evaluate
from refsbnn.training.record import record
from refsbnn.training.state import Best, Row, State
from refsbnn.training.step import Step, estimate, inputs
from refsbnn.training.task import Parameters, Task


class Interrupted(Exception):
    """Training was asked to stop; its state has been saved."""


@dataclass
class Result:
    """A finished training run.

    Attributes
    ----------
    parameters : dict
        Of the last epoch; where validation chose, of the best one.
    history : list of dict
        An epoch a row.
    validation : Scores
    objective : str
        What the objective was, in the words of `refsbnn.objective.name`.
    examples : int
        For training.
    seconds : float
    steps : int
    best : int or None
        The epoch after which the validation score was best, where validation chose.
    """

    parameters: Parameters
    history: list[Row]
    validation: Scores
    objective: str
    examples: int
    seconds: float
    steps: int
    best: int | None


@dataclass(frozen=True)
class Plan:
    """What follows from a task alone: which examples each step takes, with which KL weight and learning rate.

    An epoch is as many whole batches as the examples fill, in an order of its own; what is left of that order is not
    seen in that epoch.
    """

    task: Task
    examples: int
    batch: int
    per_epoch: int

    @classmethod
    def of(cls, task: Task) -> "Plan":
        """The plan of a task."""
        examples = len(task.data.train.labels)
        batch = min(task.config.training.batch, examples)
        shards, ranks = task.config.training.shards, task.ranks.size
        if not ranks <= shards <= batch:
            raise InputError(
                f"training.shards is {shards}; expected {ranks} to {batch}: a shard for each rank at least, and an "
                "example for each shard (a run's bits depend on their number, so give it from the start)"
            )
        return cls(task, examples, batch, examples // batch)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.per_epoch * self.task.config.training.epochs

    def weight(self, step: int) -> objective.KLWeight:
        """Weight of the KL term (theory 4.4)."""
        given = self.task.config.objective
        warmup = round(given.warmup * self.per_epoch)
        return objective.kl_weight(step, self.examples, warmup=warmup, temperature=given.temperature)

    def objective(self, step: int) -> str:
        """What the objective is at a step (theory 4.6)."""
        each, counts = self.task.config.objective.kl == "each-draw", self.task.network.draws().values()
        return objective.name(self.weight(step).tempered, each or all(count == 1 for count in counts))

    def rate(self, step: int) -> float:
        """Learning rate."""
        training = self.task.config.training
        return optim.rate(
            training.schedule,
            training.rate,
            step,
            self.steps,
            round(training.warmup * self.per_epoch),
            drops=[epoch * self.per_epoch for epoch in training.drops],
            factor=training.factor,
        )


def initial(task: Task) -> State:
    """The state before the first step."""
    training = task.config.training
    decay = training.weight_decay
    update = task.network.backend.optim.adam_update
    adam = optim.Adam(weight_decay=decay, update=update)
    optimiser = optim.SGD(training.momentum, decay) if training.optimiser == "sgd" else adam
    return State(task.network.initial(task.streams), optimiser)


def train(
    task: Task,
    report: Callable[[Row], None] = lambda row: None,
    *,
    state: State | None = None,
    each_step: Callable[[State], None] = lambda state: None,
    save: Callable[[State], None] = lambda state: None,
    stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Train to the last epoch, or until validation has not improved for `training.patience` epochs.

    Parameters
    ----------
    task : Task
    report : callable
        Gets a row of numbers after each epoch.
    state : State, optional
        Where to begin: `initial(task)`, or what a checkpoint held. It is changed.
    each_step, save : callable
        Called with the state after each step; after each epoch, and within one every `training.checkpoint` minutes.
    stop : callable
        Asked after each step and epoch, and while the result is scored; where it says yes the state is saved and
        Interrupted raised.

    Raises
    ------
    Interrupted
    InputError
        A gradient that is not finite.
    """
    config, plan = task.config, Plan.of(task)
    state = initial(task) if state is None else state
    begun = time.perf_counter() - state.seconds
    while not finished(task, state):
        epoch_steps(plan, state, begun, each_step, save, stop)
        row = record(task, state, plan.weight(state.step - 1).value)
        state.seconds = row["seconds"] = time.perf_counter() - begun
        state.history.append(row)
        state.tally = type(state.tally)()
        choose(task, state)
        report(row)
        save(state)
        if task.ranks.agreed(stop()):
            raise Interrupted
    parameters = state.parameters if state.best is None else state.best.parameters

    def unless_stopped(examples: int) -> None:
        if task.ranks.size == 1 and stop():  # all steps are saved, the scores are made again
            raise Interrupted

    return Result(
        parameters,
        state.history,
        evaluate(task, parameters, task.data.validation, config.evaluation.samples, unless_stopped),
        plan.objective(state.step),
        plan.examples,
        state.seconds,
        state.step,
        None if state.best is None else state.best.epoch,
    )


def epoch_steps(
    plan: Plan,
    state: State,
    begun: float,
    each_step: Callable[[State], None] = lambda state: None,
    save: Callable[[State], None] = lambda state: None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """What is left of an epoch's steps."""
    task, training = plan.task, plan.task.config.training
    epoch = len(state.history)
    order = task.streams.permutation(plan.examples, step=epoch)
    saved = time.perf_counter()
    first = epoch * plan.per_epoch

    def made(step: int) -> tuple[np.ndarray, list[Any]]:
        index = order[(step - first) * plan.batch : (step - first + 1) * plan.batch]
        return index, inputs(task, index, step)

    with closing(ahead(made, range(state.step, first + plan.per_epoch))) as batches:
        for index, x in batches:
            weight, monitored = plan.weight(state.step).value, (state.step - first) % training.monitor == 0
            now = estimate(
                *(task, state.parameters, index, state.step, weight, x),
                monitored=monitored,
                scale=state.scale,
                stop=stop(),
            )
            update(task, state, now, plan.rate(state.step))
            state.seconds = time.perf_counter() - begun
            each_step(state)
            if now.stop or (task.ranks.size == 1 and stop()):
                save(state)
                raise Interrupted
            if time.perf_counter() - saved >= 60.0 * training.checkpoint and state.step < first + plan.per_epoch:
                save(state)
                saved = time.perf_counter()


def one_step(task: Task, state: State, weight: float) -> Step:
    """A step of the peak's learning rate on all training examples as one batch; `weight` is the KL term's."""
    training, index = task.config.training, np.arange(len(task.data.train.labels))
    now = estimate(task, state.parameters, index, state.step, weight, monitored=False, scale=state.scale)
    update(task, state, now, training.rate)
    return now


def update(task: Task, state: State, now: Step, rate: float) -> None:
    """Take a step that has been computed."""
    clip = optim.clip(now.gradients, task.config.training.clip, task.network.backend.optim.squares)
    state.tally.add(now.numbers(), now.gradients, clip.squares)
    state.parameters = state.optimiser.step(state.parameters, now.gradients, rate, clip.scale)
    state.scale = now.scale
    state.step += 1


def finished(task: Task, state: State) -> bool:
    """Whether the last epoch is done, or validation has not improved for as long as `training.patience` says."""
    training, epochs = task.config.training, len(state.history)
    patient = state.best is None or epochs - state.best.epoch < training.patience
    return epochs >= training.epochs or not patient


def choose(task: Task, state: State) -> None:
    """Keep the parameters after an epoch if its validation score is the best so far, where `training.patience` asks."""
    training = task.config.training
    if not training.patience:
        return
    row = state.history[-1]
    score = row["validation_accuracy"] if training.score == "validation_accuracy" else -row["validation_nll"]
    if state.best is None or score > state.best.score:
        state.best = Best(len(state.history), score, state.parameters)
