"""Would it pay to sum over the ranks during the backward pass, layer by layer? Three ways of the same step, in turns.

    mpiexec -n 2 python -m validation.benchmarks.overlap cifar10_resnet18 data.root=DATA

"after": one message after the pass, as training sends it. "pieces": a message is started as soon as the layers behind
it have at least a MiB of sums, and all are waited for at the end. "asked": the same, and after each layer the MPI
library is asked how far the messages are, since many libraries move them only while they are asked. All end in the same
integers, which is checked. A number is the least of the rounds, of the slower rank, by the clock.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from unittest.mock import patch

import numba
import numpy as np

from refsbnn import objective
from refsbnn.console import complain
from refsbnn.errors import InputError
from refsbnn.kernels import fixed_point
from refsbnn.layers import chain
from refsbnn.memory import keep_freed
from refsbnn.ranks import Together, world
from refsbnn.training import sums
from refsbnn.training.config import load
from refsbnn.training.step import passes
from refsbnn.training.task import Parameters
from validation.benchmarks.scaling_measure import Parts, exponent, task_of

WAYS = ("after", "pieces", "asked")
PIECE = 2**20 // 8  # numbers of a message, at least


class Steps:
    """Forward and backward pass of a rank's own shard, and the sum of the gradients.

    Parameters
    ----------
    parts : Parts
    ranks : Together
    """

    def __init__(self, parts: Parts, ranks: Together) -> None:
        self.parts, self.ranks = parts, ranks
        rows = len(parts.index) // ranks.size
        self.shard = parts.shard(rows, ranks.rank * rows)
        self.sums = np.zeros(parts.elements, np.int64)
        found = ranks.gathered({key: exponent(g) + sums.HEADROOM for key, g in parts.gradient.items()})
        self.scale = {key: max(one[key] for one in found) for key in parts.gradient}
        self.at: dict[str, slice] = {}
        begin = 0
        for key, value in parts.state.parameters.items():
            self.at[key] = slice(begin, begin := begin + value.size)
        self.low = self.end = begin  # from where on gradients are there, and are not yet sent
        self.requests: list[Any] = []

    def add(self, gradients: Parameters) -> None:
        """Add gradients as integers."""
        for key, g in gradients.items():
            shift, limit = 59 - self.scale[key], sums.power(self.scale[key])
            assert fixed_point.add(self.sums[self.at[key]], np.ravel(g), shift, limit) < limit

    def send(self, begin: int, end: int) -> None:
        """Start a message of some of the sums."""
        from mpi4py import MPI

        self.requests.append(self.ranks.comm.Iallreduce(MPI.IN_PLACE, self.sums[begin:end], MPI.SUM))

    def backward(self, asked: bool, stages: Any, run: Any, parameters: Any, tapes: Any, g: Any, penalty: float) -> Any:
        """In the place of `chain.backward`: sends what a layer of the network itself has finished."""
        own: Parameters = {}
        whole = any(stages is segment for segment in self.parts.task.network._segments)
        for stage, tape in zip(reversed(stages), reversed(tapes), strict=True):
            g, found = stage.layer.backward(run, stage, chain.own(parameters, stage), tape, g, penalty)
            named = chain.named(stage, found)
            own |= named
            if whole:
                self.add(named)
                low = min((self.at[key].start for key in named), default=self.low)
                if self.end - low >= PIECE:
                    self.send(low, self.end)
                    self.end = low
                self.low = low
                for request in self.requests if asked else ():
                    request.Test()
        return g, own

    def step(self, way: str) -> float:
        """Seconds of a step by the clock."""
        task, parameters = self.parts.task, self.parts.state.parameters
        rows, draws = passes(task, self.shard.rows, 0)
        self.sums[:] = 0
        self.requests.clear()
        self.low = self.end = len(self.sums)
        self.ranks.wait()
        begun = time.perf_counter()
        logits, tape = task.network.forward(parameters, self.shard.x, draws)
        g = -objective.categorical(logits, task.data.train.labels[rows])[1] / len(rows)
        go: Callable[[], Any] = partial(task.network.backward, parameters, tape, g, input_gradient=False)
        if way == "after":
            self.add(go()[0])
            self.ranks.sum(self.sums)
        else:
            with patch.object(chain, "backward", partial(self.backward, way == "asked")):
                go()
            self.send(0, self.end)
            for request in self.requests:
                request.Wait()
        return time.perf_counter() - begun


def race(steps: Steps, rounds: int) -> dict[str, float]:
    """Seconds of each way.

    Raises
    ------
    InputError
        Two ways do not give the same integers.
    """
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds + 1):  # the first does not count
        for way in WAYS:
            seconds = max(steps.ranks.gathered(steps.step(way)))
            if way == "after":
                expected = steps.sums.copy()
            elif (steps.sums != expected).any():
                raise InputError(f"{way!r} does not give the sums of 'after'")
            if number:
                found[way].append(seconds)
    return {way: min(seconds) for way, seconds in found.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Time the three ways and print a line."""
    parser = argparse.ArgumentParser(prog="python -m validation.benchmarks.overlap", description=__doc__)
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_intermixed_args(argv)
    keep_freed()
    ranks = world()
    numba.set_num_threads(1)
    if not isinstance(ranks, Together) or arguments.rounds < 1:
        raise InputError("one process sums over no ranks, and no round has no time; expected mpiexec -n 2 or more")
    config = load(arguments.config, [*arguments.overrides, f"training.shards={ranks.size}"])
    parts = Parts(task_of(config, ranks)[0], 0.0)
    if parts.task.network.chunk:
        raise InputError("model.chunk is not 0: the layers over time finish all at once, at the end")
    seconds = race(Steps(parts, ranks), arguments.rounds)
    if ranks.first:
        times = ", ".join(f"{way} {1e3 * each:.2f} ms ({each / seconds['after']:.3f})" for way, each in seconds.items())
        print(f"{arguments.config}, {ranks.size} ranks, {8 * parts.elements:,} bytes: {times}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(complain(str(error)))
