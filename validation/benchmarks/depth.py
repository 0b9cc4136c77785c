"""What goes on in each layer of a deep network while it trains: spread of r, firing rate and gradient, start to end.

    python -m validation.benchmarks.depth cifar10_small data.root=DATA model.width=16 model.stages=1 model.depth=128 \
        training.epochs=1 --out noise_128.json

It trains as `refsbnn train` does, to the same bits, scores the validation part and not the test, and looks at the units
in three windows of steps: the first, the middle and the last ones. Of a layer's gradient it gives the root mean square
norm and the signal-to-noise ratio, estimated without bias: what products of different steps' gradients have in common,
over the variance of one. The ratio in metrics.csv is that of an epoch's mean, whose own noise adds 1 / (steps - 1).
"""

import copy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refsbnn import files
from refsbnn.console import DONE, Parser, complain
from refsbnn.errors import InputError
from refsbnn.optim import squares
from refsbnn.training import config as configuration
from refsbnn.training.evaluate import Scores, evaluate
from refsbnn.training.loop import Plan, train
from refsbnn.training.state import State
from refsbnn.training.tally import Tally
from refsbnn.training.task import Task, prepare

WINDOWS = ("start", "middle", "end")


def windows(steps: int, width: int) -> list[tuple[int, int]]:
    """The first, the middle and the last `width` of a run's steps.

    Examples
    --------
    >>> windows(100, 10)
    [(0, 10), (45, 55), (90, 100)]
    """
    if not 2 <= width <= steps // 3:
        raise InputError(f"--window is {width}; expected 2 to {steps // 3}, a third of the run's {steps} steps")
    middle = (steps - width) // 2
    return [(first, first + width) for first in (0, middle, steps - width)]


def between(before: Tally, after: Tally) -> dict[str, Any]:
    """What the steps counted in `after` and not in `before` did: of each unit layer, and of each matrix of weights.

    With n gradients g of mean m and trace t of covariance, sum over pairs of different ones is n (n - 1) |m|^2 in
    expectation, and mean |g|^2 is |m|^2 + t.

    Examples
    --------
    >>> import numpy as np
    >>> tally, before = Tally(), Tally()
    >>> for each in ([1.0, 0.0], [1.0, 2.0], [1.0, -2.0]):
    ...     tally.add({"rate.0": 0.5, "spread.0": 2.0}, {"0.dense.mu": np.array(each)})
    >>> found = between(before, tally)
    >>> found["rate"], found["spread"], [round(each, 3) for each in found["norm"] + found["snr"]]
    ([0.5], [2.0], [1.915, -0.083])
    """
    count = after.count - before.count
    out: dict[str, Any] = {"rate": [], "spread": [], "norm": [], "snr": []}
    for name, total in after.sums.items():
        kind = name.split(".")[0]
        if kind in out:
            seen = after.counts[name] - before.counts.get(name, 0)
            out[kind].append((total - before.sums.get(name, 0.0)) / seen)
    for key in sorted(after.gradients, key=place):
        moved = after.gradients[key] - before.gradients[key] if key in before.gradients else after.gradients[key]
        each = after.squares[key] - before.squares.get(key, 0.0)
        signal = (squares(moved) - each) / (count * (count - 1))
        out["norm"].append((each / count) ** 0.5)
        out["snr"].append(signal / (each / count - signal))
    return out


def place(key: str) -> tuple[int, ...]:
    """Where in the network a parameter is, from its key."""
    return tuple(int(word) for word in key.split(".") if word.isdecimal())


def watched(task: Task, width: int) -> dict[str, Any]:
    """Train, and give the log-likelihood of every step, the windows, and the scores of one sample and the average."""
    plan = Plan.of(task)
    spans = windows(plan.steps, width)
    edges: dict[int, Tally] = {0: Tally()}
    losses: list[float] = []
    # The loop's tally begins anew with each epoch; this one counts all steps, and stays small.
    whole, last = Tally(), Tally()

    def look(state: State) -> None:
        nonlocal last
        now = state.tally
        if now.count == 1:
            last = Tally()
        losses.append(now.sums["loglik"] - last.sums.get("loglik", 0.0))
        whole.count += 1
        for name, total in now.sums.items():
            whole.sums[name] = whole.sums.get(name, 0.0) + total - last.sums.get(name, 0.0)
            whole.counts[name] = whole.counts.get(name, 0) + now.counts[name] - last.counts.get(name, 0)
        for key, summed in now.gradients.items():
            step = summed - last.gradients[key] if key in last.gradients else summed.copy()
            whole.gradients[key] = whole.gradients[key] + step if key in whole.gradients else step
            whole.squares[key] = whole.squares.get(key, 0.0) + now.squares[key] - last.squares.get(key, 0.0)
        last = copy.deepcopy(now)
        if any(state.step in span for span in spans):
            edges[state.step] = copy.deepcopy(whole)
        print(f"step {state.step}: loglik {losses[-1]:.4f}, {state.seconds:.0f} s", flush=True)

    result = train(task, each_step=look)
    one = evaluate(task, result.parameters, task.data.validation, samples=1)
    return {
        "config": task.config.as_dict(),
        "seconds": round(result.seconds, 1),
        "steps": result.steps,
        "parameters": sum(each.size for each in result.parameters.values()),
        "loglik": losses,
        "windows": {
            name: {"first": first, "last": end, **between(edges[first], edges[end])}
            for name, (first, end) in zip(WINDOWS, spans, strict=True)
        },
        "single": short(one),
        "average": short(result.validation),
    }


def short(scores: Scores) -> dict[str, Any]:
    """Scores without the bins of the reliability diagram."""
    return {name: value for name, value in scores.as_dict().items() if name != "reliability"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = Parser(prog="python -m validation.benchmarks.depth", description=__doc__)
    parser.add_argument("config", help="a TOML file, or the name of a shipped configuration")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value")
    parser.add_argument("--window", type=int, default=48, help="steps of each window (default 48)")
    parser.add_argument("--out", type=Path, required=True, help="a name that ends in .json")
    given = parser.parse_intermixed_args(argv)
    try:
        if given.out.suffix != ".json":
            raise InputError(f"--out is {given.out}; expected a name that ends in .json")
        task = prepare(configuration.load(given.config, given.overrides))
        windows(Plan.of(task).steps, given.window)
        files.write_json(given.out, watched(task, given.window))
    except InputError as error:
        return complain(str(error))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
