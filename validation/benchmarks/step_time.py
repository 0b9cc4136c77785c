"""How long a configuration's training would take: a few steps on drawn inputs of the data set's shape.

    python -m validation.benchmarks.step_time cifar10_resnet18 training.batch=64

No file of the data set is read. The step is that of training: forward, backward, KL, clipping, record and update.
Reading and moving examples goes on beside it in a thread, and is not in it; nor are validation and the final scores.
"""

import argparse
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from refsbnn.data.dataset import Dataset
from refsbnn.data.sources import SETS
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.events import Events
from refsbnn.layers import Signal
from refsbnn.memory import keep_freed
from refsbnn.streams import Streams
from refsbnn.training.config import Config, load
from refsbnn.training.loop import Plan, initial, update
from refsbnn.training.step import estimate, inputs
from refsbnn.training.task import Task, connected


@dataclass(frozen=True)
class Drawn:
    """Inputs of a signal's type that stand for examples: real values from a normal, or events of a given density."""

    labels: np.ndarray
    signal: Signal
    density: float

    def batch(self, rows: np.ndarray, draws: CounterDraws) -> Any:
        """The same kind of batch for all rows."""
        rng = np.random.default_rng(int(rows[0]))
        if self.signal.steps is None:
            return rng.standard_normal((len(rows), *self.signal.shape))
        flat = rng.random((self.signal.steps, len(rows), int(np.prod(self.signal.shape)))) < self.density
        if len(self.signal.shape) == 1:
            return Events.of(flat.astype(np.uint8))
        return flat.astype(np.uint8).reshape(self.signal.steps, len(rows), *self.signal.shape)


def stand_in(config: Config) -> Task:
    """The task of a configuration on drawn inputs; no file of its data is read."""
    record = SETS[config.data.name]
    signal = record.signal(config.data)
    if signal.steps is not None and record.density is None:
        known = ", ".join(name for name, each in SETS.items() if each.density is not None)
        raise InputError(f"data.name is {record.name!r}, whose density of events is not known; that of {known} is")
    examples = round(record.counts[0] * (1.0 - config.data.held_out))
    drawn = Drawn(np.arange(examples) % record.classes, signal, record.density or 0.0)
    data = Dataset(record.classes, signal, drawn, drawn, drawn, lambda x, labels: drawn)
    return Task(config, connected(config, config.model.layers(record.classes), signal), data, Streams(config.seed))


def timed(task: Task, steps: int) -> list[float]:
    """Seconds of each of some steps, the first of which compiles or loads kernels."""
    state, plan, every, out = initial(task), Plan.of(task), task.config.training.monitor, []
    for step in range(steps):
        index = np.arange(plan.batch)
        x = inputs(task, index, step)
        begun = time.perf_counter()
        now = estimate(task, state.parameters, index, step, plan.weight(step).value, x, monitored=step % every == 0)
        update(task, state, now, plan.rate(step))
        out.append(time.perf_counter() - begun)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Time the steps of a configuration and print what a run would take."""
    parser = argparse.ArgumentParser(prog="python -m validation.benchmarks.step_time", description=__doc__)
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--steps", type=int, default=8)
    arguments = parser.parse_intermixed_args(argv)
    keep_freed()  # as every command does
    task = stand_in(load(arguments.config, arguments.overrides))
    plan, threads = Plan.of(task), numba.get_num_threads()
    seconds = float(np.mean(timed(task, arguments.steps + 1)[1:]))
    parameters = sum(array.size for array in initial(task).parameters.values())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{arguments.config}: {parameters:,} parameters; {seconds:.3g} s a step of {plan.batch} examples on {threads} "
        f"threads, {plan.steps:,} steps: {seconds * plan.steps / 3600:.3g} h, "
        f"{seconds * plan.steps * threads / 3600:.3g} core-hours; {memory:.1f} GiB at most"
    )
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(f"error: {error}")
