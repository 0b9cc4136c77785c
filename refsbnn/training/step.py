"""One step: the loss on a batch and the estimator's gradient (theory 4.1), shard by shard where there are several.

A batch is cut into `training.shards` parts. Each part's gradient is computed alone, by the rank that has it, and the
sum of all is the batch's: its bits depend on the number of shards, and not on that of the ranks (theory 6.2).
"""

import itertools
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.layers.signal import Moments
from refsbnn.streams import Purpose
from refsbnn.training import sums
from refsbnn.training.task import Parameters, Task


@dataclass(frozen=True)
class Step:
    """What one step computed: parts of the loss in nats per example, gradients, what the units did.

    Attributes
    ----------
    loglik, kl : float
    gradients : dict
    others : dict of str to float
        What else the likelihood counts; penalty, firing rate and spread of r of each unit layer, where asked for.
    scale : dict of str to int
        For the sums of the next step; empty where a batch is one shard.
    stop : bool
        Whether any rank was asked to stop.
    """

    loglik: float
    kl: float
    gradients: Parameters
    others: dict[str, float]
    scale: dict[str, int] = field(default_factory=dict)
    stop: bool = False

    def numbers(self) -> dict[str, float]:
        """What the record averages."""
        return {"loglik": self.loglik, "kl": self.kl} | self.others


def passes(task: Task, index: np.ndarray, step: int) -> tuple[np.ndarray, CounterDraws]:
    """The rows of a batch, each example once for each of its samples, and their draws.

    The address of a row is its example's index and its number among the example's samples.
    """
    samples = task.config.training.samples
    rows = np.repeat(index, samples)
    return rows, CounterDraws(
        task.streams, Purpose.TRAIN, step, rows * samples + np.tile(np.arange(samples), len(index))
    )


def shards(task: Task, index: np.ndarray) -> list[np.ndarray]:
    """The parts of a batch that this rank has: whole shards, which differ in length by one at most."""
    every = np.array_split(index, task.config.training.shards)
    return [every[number] for number in task.ranks.share(len(every))]


def inputs(task: Task, index: np.ndarray, step: int) -> list[Any]:
    """What the network takes of each of this rank's shards."""
    return [task.data.train.batch(*passes(task, each, step)) for each in shards(task, index)]


def estimate(
    task: Task,
    parameters: Parameters,
    index: np.ndarray,
    step: int,
    weight: float,
    x: list[Any] | None = None,
    *,
    monitored: bool = True,
    scale: dict[str, int] | None = None,
    stop: bool = False,
) -> Step:
    """Loss and gradient estimate on the training examples `index`; every rank gets the same.

    The loss is -loglik + weight * KL + lambda * penalty, a mean over the batch and over the samples of each example.
    `x` is what `inputs` gives, where it has been made before; without `monitored` the units are not looked at, which
    takes passes over all of them. `scale` is the `Step.scale` of the step before, `stop` whether this rank is asked to
    stop.
    """
    made = inputs(task, index, step) if x is None else x
    mine = [Shard(own, each, len(own) / len(index)) for own, each in zip(shards(task, index), made, strict=True)]
    if task.config.training.shards == 1:
        numbers, gradients = part(task, parameters, mine[0], step, monitored)
        scale = {}
    else:
        numbers, gradients, scale, stop = total(task, parameters, mine, step, monitored, scale or {}, stop)
    each, fitted = task.config.objective.kl == "each-draw", task.config.objective.prior == "fitted"
    kl, gradients = task.network.kl(parameters, gradients, weight, each_draw=each, fitted=fitted)
    return Step(numbers.pop("loglik"), kl, gradients, numbers, scale, stop)


class Shard(NamedTuple):
    """A part of a batch: its examples, what the network takes of them, and their share of the batch."""

    rows: np.ndarray
    x: Any
    share: float


def part(
    task: Task, parameters: Parameters, shard: Shard, step: int, monitored: bool
) -> tuple[dict[str, float], Parameters]:
    """A shard's summands of what is averaged over the batch, by name, and of the gradient, without the KL term's."""
    share, (rows, draws) = shard.share, passes(task, shard.rows, step)
    output, tape = task.network.forward(parameters, shard.x, draws)
    found = task.likelihood.loss(output, task.data.train.labels[rows])
    penalty = task.config.objective.penalty
    wanted = (penalty != 0.0 or monitored) and task.config.objective.penalty_kind == "sensitivity"
    weights = task.network.readout(parameters) if wanted else None
    bent = None if weights is None else task.likelihood.curvature(output, weights)
    g, readout = -found.dm / len(rows), None
    if bent is not None and penalty != 0.0:
        g, readout = g + penalty * bent.logits, share * penalty * bent.weight
    whole = share * g if found.dv is None else Moments(share * g, share * -found.dv / len(rows))
    gradients, _ = task.network.backward(
        parameters, tape, whole, penalty=share * penalty, readout=readout, input_gradient=False
    )
    numbers = {"loglik": float(found.value.mean())} | found.numbers
    if monitored:
        monitors = task.network.monitors(tape)
        layers = [monitor.penalty for monitor in monitors] or [0.0]  # without units there is nothing to penalise
        numbers["penalty"] = float(np.mean(layers)) + (0.0 if bent is None else bent.value)
        for i, monitor in enumerate(monitors):
            numbers |= {f"rate.{i}": monitor.rate, f"spread.{i}": monitor.spread}
    return {name: share * value for name, value in numbers.items()}, gradients


def total(
    task: Task,
    parameters: Parameters,
    mine: list[Shard],
    step: int,
    monitored: bool,
    scale: dict[str, int],
    stop: bool,
) -> tuple[dict[str, float], Parameters, dict[str, int], bool]:
    """The sums over all shards of what `part` gives; the scale for the next step, and whether any rank is to stop.

    One message carries everything: the gradients' sums, and beside them, for each shard, a place that its rank alone
    fills, with the exponents of its gradients and the bits of its numbers.

    Raises
    ------
    InputError
        A gradient that is not finite, naming rank, step and parameter.
    """
    # Compiled with every backend, where there is something to sum: in NumPy it would take 8 % of a small step.
    from refsbnn.kernels import fixed_point

    count, ranks = task.config.training.shards, task.ranks
    shapes = {key: value.shape for key, value in parameters.items()}
    scale = scale or dict.fromkeys(shapes, sums.ZERO)
    elements = sum(value.size for value in parameters.values())
    while True:
        parts = (part(task, parameters, shard, step, monitored) for shard in mine)
        first = next(parts)
        names = list(first[0])
        message = np.empty(elements + count * (len(shapes) + len(names)) + 1, np.int64)
        message[elements:] = 0  # the sums are stored first, and then added to
        places = message[elements:-1].reshape(count, -1)
        gradients = sums.Sum(shapes, scale, count, message[:elements], fixed_point)
        exponents, numbers = places[:, : len(shapes)], places[:, len(shapes) :]
        for place, (own, gradient) in zip(ranks.share(count), itertools.chain([first], parts), strict=True):
            exponents[place] = list(gradients.add(gradient).values())
            numbers[place] = np.array([own[name] for name in names]).view(np.int64)
        message[-1] = stop
        ranks.sum(message)
        found = dict(zip(shapes, exponents.max(axis=0).tolist(), strict=True))
        if wrong := [key for key, each in found.items() if each == sums.NOT_FINITE]:
            where = int(exponents[:, list(shapes).index(wrong[0])].argmax())
            raise InputError(
                f"rank {ranks.owner(where, count)}, step {step + 1}: the gradient of {wrong[0]!r} is not finite; a "
                "lower learning rate or clipping may help"
            )
        following = sums.next_scale(scale, found)
        if all(found[key] <= scale[key] for key in shapes):
            break
        scale = following
    # A shard's numbers are added by every rank for itself; the nearest number to the sum knows no order.
    each = zip(names, np.ascontiguousarray(numbers.T).view(np.float64).tolist(), strict=True)
    values = gradients.value({key: value.dtype for key, value in parameters.items()})
    return {name: math.fsum(of_shards) for name, of_shards in each}, values, following, bool(message[-1])
