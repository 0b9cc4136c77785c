"""Memory of each rank of a training: before the data set is there, with it, and after some steps.

    mpiexec -n 4 python -m validation.benchmarks.rank_memory shd_recurrent data.root=DATA training.shards=4 --json FILE

The steps are those of training, with the batches that they take. Numbers are of Linux's /proc, in MiB: resident memory
(VmRSS), the largest it has been (VmHWM), and the proportional set size (Pss), in which a page that n processes share
counts 1/n for each. The file system's cache of what was read belongs to the machine and is in none of them.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refsbnn.console import complain
from refsbnn.errors import InputError
from refsbnn.files import write_json
from refsbnn.ranks import world
from refsbnn.training.config import load
from refsbnn.training.loop import Plan, initial
from refsbnn.training.step import estimate, inputs
from refsbnn.training.task import prepare
from validation.benchmarks.step_time import stand_in

FIELDS = {"VmRSS": "/proc/self/status", "VmHWM": "/proc/self/status", "Pss": "/proc/self/smaps_rollup"}


def memory() -> dict[str, float]:
    """This process's memory in MiB."""
    out = {}
    for name, path in FIELDS.items():
        lines = Path(path).read_text(encoding="ascii").splitlines()
        out[name] = int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) / 1024
    return out


def measured(config: str, overrides: Sequence[str], steps: int) -> dict[str, Any]:
    """What this rank takes, and the seconds that it takes to make the inputs of a step."""
    ranks, given, seconds = world(), load(config, overrides), []
    stand_in(given)  # everything is imported now, and a network of this size has been there
    before = memory()
    task = prepare(given, ranks)
    loaded = memory()
    state, plan = initial(task), Plan.of(task)
    order = task.streams.permutation(plan.examples, step=0)
    for step in range(steps):
        index, begun = order[step * plan.batch : (step + 1) * plan.batch], time.perf_counter()
        x = inputs(task, index, step)
        seconds.append(time.perf_counter() - begun)
        now = estimate(task, state.parameters, index, step, plan.weight(step).value, x, scale=state.scale)
        state.parameters = state.optimiser.step(state.parameters, now.gradients, plan.rate(step))
        state.scale = now.scale
    return {"before": before, "loaded": loaded, "after": memory(), "inputs_seconds": min(seconds)}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a row for each rank."""
    parser = argparse.ArgumentParser(prog="python -m validation.benchmarks.rank_memory", description=__doc__)
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_intermixed_args(argv)
    rows = world().gathered(measured(arguments.config, arguments.overrides, arguments.steps))
    if not world().first:
        return 0
    print(f"{arguments.config} on {len(rows)} ranks, MiB: VmRSS and Pss without the data and with it, then after steps")
    for rank, row in enumerate(rows):
        each = (f"{row[when][name]:7.1f}" for when in ("before", "loaded", "after") for name in ("VmRSS", "Pss"))
        print(
            f"rank {rank}  {'  '.join(each)}  VmHWM {row['after']['VmHWM']:7.1f}  inputs {row['inputs_seconds']:.4f} s"
        )
    if arguments.json:
        write_json(arguments.json, {"config": [arguments.config, *arguments.overrides], "ranks": rows})
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(complain(str(error)))
