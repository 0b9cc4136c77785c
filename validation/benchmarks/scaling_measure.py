"""What the model of scaling needs, measured: the parts of a training step, by one process or by several ranks at once.

    python -m validation.benchmarks.scaling_measure shd_recurrent --out FOLDER
    mpiexec -n 2 python -m validation.benchmarks.scaling_measure shd_recurrent --out FOLDER

Inputs are drawn in the data set's shape (`step_time`), or are the set's own where they are at hand (data.root=DATA). A
number is the least of several; of computing it is time of the processor, so that other programs enter less; of messages
and whole steps it is time of the clock. Every process computes on one thread.
"""

import argparse
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numba
import numpy as np

from refsbnn import optim
from refsbnn.console import complain
from refsbnn.errors import InputError
from refsbnn.evaluation.predict import predict
from refsbnn.files import write_json
from refsbnn.kernels import fixed_point
from refsbnn.layers import chain
from refsbnn.memory import keep_freed
from refsbnn.ranks import ALONE, Ranks, world
from refsbnn.training import sums
from refsbnn.training.config import Config, load
from refsbnn.training.loop import Plan, initial, update
from refsbnn.training.step import Shard, estimate, inputs, part, passes
from refsbnn.training.task import Parameters, Task, prepare
from validation.benchmarks.machine import processor
from validation.benchmarks.step_time import stand_in

ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
WHOLE = (1, 8)  # shards of the whole steps
SHARDS = (2, 16, 128)  # of which sums are rounded
SUMS = ("first", "add", "value", "float first", "float add")
SAMPLE = 4096  # numbers of each array of a gradient to round

Works = Mapping[str, Callable[[], Any]]


def nothing() -> None:
    """What is done before a work that needs nothing before it."""


def least(
    works: Works,
    budget: float,
    ranks: Ranks = ALONE,
    *,
    before: Callable[[], Any] = nothing,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, float]:
    """Seconds of the fastest of several calls of each work.

    The works take turns, so that none has the machine in a better state than another, and all ranks begin each at the
    same time, so that they are in each other's way as in a step. The first round, which finds no memory and nothing
    cached, does not count.

    Parameters
    ----------
    works : mapping of str to callable
    budget : float
        Seconds for each; three rounds at least.
    ranks : Ranks
    before : callable
        Called before each, and not timed: what leaves the caches as a step does.
    clock : callable
        The processor's, or `time.perf_counter` where a rank waits for another.
    """
    found: dict[str, list[float]] = {name: [] for name in works}
    end, rounds = time.perf_counter() + budget * len(works), 0
    while ranks.agreed(ranks.first and (rounds < 3 or (time.perf_counter() < end and rounds < 200))):
        for name, work in works.items():
            before()
            ranks.wait()
            begun = clock()
            work()
            found[name].append(clock() - begun)
        rounds += 1
    return {name: min(values[1:]) for name, values in found.items()}


def slowest(found: Mapping[str, float], ranks: Ranks) -> dict[str, float]:
    """Of each number the largest that a rank has."""
    every = ranks.gathered(dict(found))
    return {name: max(one[name] for one in every) for name in found}


def task_of(config: Config, ranks: Ranks) -> tuple[Task, bool]:
    """The task on the set's own examples where they are at hand, on drawn ones otherwise; and which."""
    try:
        return prepare(config, ranks), True
    except InputError as error:
        with ranks.spoken_by_first():
            print(f"drawn inputs: {error}")
        drawn = stand_in(config)
        return Task(config, drawn.network, drawn.data, drawn.streams, ranks), False


def exponent(g: np.ndarray) -> int:
    """That of the largest magnitude in an array."""
    return sums.exponent(fixed_point.largest(np.ravel(g)))


class Parts:
    """The parts of a step as `estimate` and the loop call them, each alone.

    Parameters
    ----------
    task : Task
    budget : float
        Seconds for the repeats of one number.
    """

    def __init__(self, task: Task, budget: float) -> None:
        self.task, self.state, self.budget = task, initial(task), budget
        self.index = np.arange(Plan.of(task).batch)
        self.shapes = {key: value.shape for key, value in self.state.parameters.items()}
        self.elements = sum(value.size for value in self.state.parameters.values())
        self.gradient = self.part(1)()  # what is compiled, or loaded, is so from here on

    def shard(self, rows: int, first: int = 0) -> Shard:
        """Some rows of a batch, with what the network takes of them."""
        index = (first + np.arange(rows)) % len(self.task.data.train.labels)
        return Shard(index, self.task.data.train.batch(*passes(self.task, index, 0)), rows / len(self.index))

    def part(self, rows: int, first: int = 0) -> Callable[[], Parameters]:
        """What makes a shard's gradient."""
        shard = self.shard(rows, first)
        return lambda: part(self.task, self.state.parameters, shard, 0, False)[1]

    def computing(self, rows: int) -> dict[str, float]:
        """Forward and backward of a shard; the same where the units are looked at; making its inputs.

        Means over the shards of four rows, each after an update, which went through all parameters, as in a step.
        """
        firsts = range(0, len(self.index) // rows * rows, rows)[: max(1, 4 // rows)]
        works: dict[str, Callable[[], Any]] = {}
        for first in firsts:
            shard = self.shard(rows, first)
            for kind, monitored in (("plain", False), ("monitored", True)):
                works[f"{kind} {first}"] = partial(part, self.task, self.state.parameters, shard, 0, monitored)
            works[f"inputs {first}"] = partial(self.shard, rows, first)
        found = least(works, self.budget / len(firsts), before=self.replicated)
        kinds = ("plain", "monitored", "inputs")
        return {kind: float(np.mean([found[f"{kind} {first}"] for first in firsts])) for kind in kinds}

    def fixed_point(self) -> Works:
        """Storing the first shard's gradients as integers in a message; adding another's; reading the sums.

        And what floating-point sums would take in their place: storing, adding; they are read where they are.
        """
        gradient = self.gradient
        scale = {key: exponent(value) + sums.HEADROOM for key, value in gradient.items()}
        kinds = {key: value.dtype for key, value in self.state.parameters.items()}
        total = sums.Sum(self.shapes, scale, 8, np.empty(self.elements, np.int64), fixed_point)

        def first() -> None:
            total.buffer = np.empty(0, np.int64)  # a step gives its message back before it asks for the next
            total.buffer, total.empty = np.empty(self.elements, np.int64), True
            total.add(gradient)

        integers: Works = {"first": first, "add": partial(total.add, gradient), "value": partial(total.value, kinds)}
        floats = np.empty(self.elements, np.result_type(*kinds.values()))

        def place(operation: Callable[[np.ndarray, np.ndarray], Any]) -> None:
            begin = 0
            for g in gradient.values():
                into = floats[begin : begin + g.size]
                operation(into, np.ravel(g))
                begin += g.size

        def float_first() -> None:
            nonlocal floats
            floats = np.empty(0, floats.dtype)
            floats = np.empty(self.elements, floats.dtype)
            place(np.copyto)

        add = partial(place, lambda into, g: np.add(into, g, out=into))
        return {**integers, "float first": float_first, "float add": add}

    def replicated(self) -> None:
        """What every rank does for itself: KL and its gradients, clipping, tally, update."""
        task, state = self.task, self.state
        training, each = task.config.training, task.config.objective.kl == "each-draw"
        gradients = {key: g.copy() for key, g in self.gradient.items()}
        task.network.kl(state.parameters, gradients, 1e-6, each_draw=each)
        clip = optim.clip(gradients, training.clip, task.network.backend.optim.squares)
        state.tally.add({"loglik": 0.0}, gradients, clip.squares)
        state.optimiser.step(state.parameters, gradients, 1e-9, clip.scale)

    def turn(self, rows: int, first: int = 0) -> Works:
        """The parts of a step in their order, but for the sum over ranks: each finds the caches as in a step."""
        works: Works = {"computing": self.part(rows, first), **self.fixed_point(), "replicated": self.replicated}
        return works

    def step(self) -> Works:
        """A whole step on all ranks, on made inputs."""
        task, state = self.task, initial(self.task)
        x = inputs(task, self.index, 0)

        def step() -> None:
            now = estimate(task, state.parameters, self.index, 0, 1e-6, x, monitored=False, scale=state.scale)
            update(task, state, now, 1e-9)

        return {"step": step}

    def backward(self, rows: int) -> list[list[float]]:
        """When each part of the gradient is ready, in seconds of a backward pass, and how many numbers it has."""
        task, shard = self.task, self.shard(rows)
        rows_, draws = passes(task, shard.rows, 0)
        logits, tape = task.network.forward(self.state.parameters, shard.x, draws)
        ready: list[list[float]] = []
        begun = 0.0

        def timed(stages: Any, run: Any, parameters: Any, tapes: Any, g: Any, penalty: float) -> Any:
            gradients: Parameters = {}
            for stage, one in zip(reversed(stages), reversed(tapes), strict=True):
                g, found = stage.layer.backward(run, stage, chain.own(parameters, stage), one, g, penalty)
                if not stage.inner:
                    ready.append([time.process_time() - begun, float(sum(value.size for value in found.values()))])
                gradients |= chain.named(stage, found)
            return g, gradients

        with patch.object(chain, "backward", timed):
            for _ in range(3):
                ready.clear()
                begun = time.process_time()
                task.network.backward(self.state.parameters, tape, logits / len(rows_), input_gradient=False)
        return [each for each in ready if each[1]]


def rounding(parts: Parts, shards: int) -> list[dict[str, float]]:
    """What narrower integers would do to the sum over shards, against the sum in float64: relative to its norm."""
    rows = max(1, len(parts.index) // shards)
    # Of every array some numbers, evenly spaced: 128 whole gradients of a large network fit no memory.
    gradients = [
        {key: g.ravel()[:: max(1, g.size // SAMPLE)].copy() for key, g in parts.part(rows, rows * number)().items()}
        for number in range(shards)
    ]
    out = []
    for bits, headroom in ((64, sums.HEADROOM), (32, sums.HEADROOM), (32, 1), (16, 1)):
        missed = size = lost = whole = 0.0
        for key in parts.shapes:
            each = [g[key].astype(np.float64) for g in gradients]
            exact = np.sum(each, axis=0)
            shift = bits - 2 - (shards - 1).bit_length() - max(map(exponent, each)) - headroom
            found = np.sum([np.ldexp(np.rint(np.ldexp(g, shift)), -shift) for g in each], axis=0)
            missed += float(np.square(found - exact).sum())
            size += float(np.square(exact).sum())
            lost += float(((found == 0.0) & (exact != 0.0)).sum())
            whole += float((exact != 0.0).sum())
        out.append({
            "bits": bits, "headroom": headroom, "shards": shards,
            "error": (missed / size) ** 0.5 if size else 0.0, "lost": lost / max(whole, 1.0),
        })  # fmt: skip
    return out


def messages(ranks: Ranks, elements: int) -> list[list[float]]:
    """Seconds of the ranks' sum by its bytes, up to that of a step."""
    sizes = [*(8**k for k in range(21) if 8**k < elements), elements]
    out = []
    for count in sizes:
        work = {"sum": partial(ranks.sum, np.zeros(count, np.int64))}
        out.append([8.0 * count, slowest(least(work, 0.5, ranks, clock=time.perf_counter), ranks)["sum"]])
    return out


def alone(name: str, given: Sequence[str], budget: float) -> dict[str, Any]:
    """The numbers of one process."""
    config = load(name, given)
    task, own = task_of(config, ALONE)
    parts = Parts(task, budget)
    batch, plan = len(parts.index), Plan.of(task)
    split = task.data.validation if own else task.data.train
    held_out = config.data.held_out
    some = min(batch, 64)
    forward = partial(predict, task.network, parts.state.parameters, split, some, task.streams, 1)
    each_row = least({str(first): parts.part(1, first) for first in range(16)}, budget / 4)
    spread = list(each_row.values())
    turn = least(parts.turn(max(1, batch // 8)), budget)
    steps = {}
    for shards in (each for each in WHOLE if each <= batch):
        cut = replace(task, config=load(name, [*given, f"training.shards={shards}"]))
        steps[str(shards)] = least(Parts(cut, budget).step(), 2.0 * budget)["step"]
    return {
        "elements": parts.elements,
        "arrays": len(parts.shapes),
        "batch": batch,
        "monitor": config.training.monitor,
        "steps": plan.steps,
        "epochs": config.training.epochs,
        "validation": len(split.labels) if own else round(plan.examples * held_out / (1.0 - held_out)),
        "own_data": own,
        "rows": {str(rows): parts.computing(rows) for rows in ROWS if rows <= batch},
        "forward": least({"forward": forward}, budget)["forward"] / some,
        "spread": float(np.std(spread) / np.mean(spread)),
        "fixed_point": {part: turn[part] for part in SUMS},
        "replicated": turn["replicated"],
        "backward": {str(rows): parts.backward(rows) for rows in sorted({1, max(1, batch // 16)})},
        "rounding": [each for shards in SHARDS if shards <= batch for each in rounding(parts, shards)],
        "step": steps,
    }


def together(name: str, given: Sequence[str], budget: float, ranks: Ranks) -> dict[str, Any]:
    """The numbers of several ranks, all at work at once, each on its own rows: the parts of a step, and whole ones."""
    parts = Parts(task_of(load(name, [*given, f"training.shards={ranks.size}"]), ranks)[0], budget)
    own = len(parts.index) // ranks.size
    first = ranks.rank * own
    found = slowest(least(parts.turn(own, first), budget, ranks), ranks)
    row = slowest(least({"row": parts.part(1, first)}, budget, ranks, before=parts.replicated), ranks)
    step = slowest(least(parts.step(), 4.0 * budget, ranks, clock=time.perf_counter), ranks)
    return {
        "rows": {"1": row["row"], str(own): found["computing"]},
        "fixed_point": {part: found[part] for part in SUMS},
        "replicated": found["replicated"],
        "step": step["step"],
        "sum": messages(ranks, parts.elements + ranks.size * (len(parts.shapes) + 2) + 1),
    }


def resident() -> float:
    """MiB of this process in memory now, those of files that are mapped among them."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def memory(name: str, given: Sequence[str], ranks: Ranks) -> dict[str, Any]:
    """MiB of each rank: at the start, with its data, after an epoch of its inputs, after a step; and the most of all.

    The files that are made once from the official ones should be there: making them takes more.
    """
    seen = [resident()]
    task, own = task_of(load(name, [*given, f"training.shards={ranks.size}"]), ranks)
    seen.append(resident())
    plan, state = Plan.of(task), initial(task)
    order = task.streams.permutation(plan.examples, step=0)
    for step in range(plan.per_epoch):
        index = order[step * plan.batch : (step + 1) * plan.batch]
        x = inputs(task, index, step)
    seen.append(resident())
    estimate(task, state.parameters, index, step, 1e-6, x)
    seen += [resident(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0]
    every = np.array(ranks.gathered(seen)).T.tolist()
    return {"own_data": own, "MiB": dict(zip(("start", "data", "epoch", "step", "most"), every, strict=True))}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure a configuration on the ranks there are and write the numbers."""
    parser = argparse.ArgumentParser(prog="python -m validation.benchmarks.scaling_measure", description=__doc__)
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for CONFIG.RANKS.json")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds for the repeats of a number (default 2)")
    parser.add_argument("--memory", action="store_true", help="of each rank, and no times, to CONFIG.memory.RANKS.json")
    arguments = parser.parse_intermixed_args(argv)
    keep_freed()  # as every command does
    ranks = world()
    numba.set_num_threads(1)
    given = (arguments.config, arguments.overrides)
    if arguments.memory:
        found = memory(*given, ranks)
    else:
        found = together(*given, arguments.budget, ranks) if ranks.size > 1 else alone(*given, arguments.budget)
    if ranks.first:
        about = {
            "config": arguments.config, "overrides": arguments.overrides, "ranks": ranks.size,
            "processor": processor(), "python": platform.python_version(), "numpy": np.__version__,
        }  # fmt: skip
        kind = "memory." if arguments.memory else ""
        file = arguments.out / f"{Path(arguments.config).stem}.{kind}{ranks.size}.json"
        write_json(file, about | found)
        print(f"numbers: {file}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(complain(str(error)))
