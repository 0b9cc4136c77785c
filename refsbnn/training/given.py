"""Tasks whose examples or layers are given in Python, or come from a saved run's description."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from refsbnn.arrays import Arrays
from refsbnn.data.dataset import Dataset, Split
from refsbnn.data.objects import examples
from refsbnn.data.spikes import Spikes
from refsbnn.errors import InputError, check_choice, refusing
from refsbnn.layers import Layer, Signal
from refsbnn.layers.description import build, signal_of
from refsbnn.ranks import Ranks
from refsbnn.streams import Streams
from refsbnn.training.config import Config
from refsbnn.training.task import Task, connected, prepare

HELD_OUT = 5  # one example in so many is for validation, where examples are given
PARTS = ("train", "validation", "test")
SPLIT = 2**32 - 1  # the address of the permutation that chooses them: an epoch that no run reaches


def described_task(config: Config, described: dict[str, Any], ranks: Ranks) -> Task:
    """The task of a saved run; without its data where they had been given as arrays."""
    # What is damaged fails in many ways, brackets in brackets by a RecursionError.
    with refusing("the network's description is damaged", KeyError, TypeError, ValueError, RecursionError):
        signal = signal_of(described["input"])
        layers, given = build(described["layers"]), described["data_given"]
    network = connected(config, layers, signal)
    if not given:
        return replace(prepare(config, ranks), network=network)
    empty = Arrays(
        np.zeros((0, *(() if signal.steps is None else (signal.steps,)), *signal.shape)),
        np.zeros(0, int),
        signal.steps is not None,
    )
    return Task(config, network, arrays(signal, empty, empty, empty), Streams(config.seed), ranks)


def given_task(config: Config, data: Arrays | Spikes, layers: Sequence[Layer] | None, ranks: Ranks) -> Task:
    """A task on examples, a fifth of them held out for validation by a permutation of the configuration's seed."""
    if len(data) < 2:
        raise InputError(f"data hold {len(data)} examples; expected at least 2, for training and validation")
    over_time = data.signal.steps is not None
    if layers is None and config.model.over_time != over_time:
        kinds = "Arrays(x, labels, time=True), x of shape (n, steps, ...)", "(x, labels) or Arrays(x, labels)"
        raise InputError(
            f"data are {'over' if over_time else 'without'} time; model.name = {config.model.name!r} takes "
            f"{kinds[over_time]}"
        )
    streams, held = Streams(config.seed), max(len(data) // HELD_OUT, 1)
    order = streams.permutation(len(data), step=SPLIT)
    train, validation, test = (data.part(rows) for rows in (order[held:], order[:held], order[:0]))
    if isinstance(data, Spikes) and isinstance(train, Spikes):
        train = replace(train, augment=data.augment)
    parts = arrays(data.signal, train, validation, test)
    layers = config.model.layers(int(data.labels.max()) + 1) if layers is None else layers
    return Task(config, connected(config, layers, data.signal), parts, streams, ranks)


def arrays(signal: Signal, train: Split, validation: Split, test: Split) -> Dataset:
    """Examples in memory as a data set."""
    classes = int(train.labels.max(initial=-1)) + 1

    def given(x: np.ndarray, labels: np.ndarray) -> Arrays:
        return Arrays(x, labels, signal.steps is not None)

    return Dataset(classes, signal, train, validation, test, given)


def inputs_of(task: Task, part: str | tuple[np.ndarray, np.ndarray]) -> tuple[Any, str]:
    """A part of a task's data, or new examples, and its name; raises InputError where it is none or has no examples."""
    if not isinstance(part, str):
        if isinstance(part, tuple) and len(part) == 2:  # coded as the data are
            return task.data.given(*(np.asarray(each) for each in part)), "given"
        return examples(part, task.config.data), "given"
    check_choice("part", part, PARTS)
    inputs = getattr(task.data, part)
    if not len(inputs.labels):
        raise InputError(f"the run holds no {part} examples; give some as (x, labels)")
    return inputs, part
