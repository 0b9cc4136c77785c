"""Probabilities from few recordings: an average over a posterior, networks without noise, an ensemble of those.

python -m validation.benchmarks.small_data shd_small data.root=DATA --recordings 80 240 --passes 9000 15000 --out a.json
python -m validation.benchmarks.small_data CONFIG data.root=DATA --leave-one-out --out b.json
python -m validation.benchmarks.small_data shd_small data.root=DATA --runs FOLDER --out c.json

The SBNN is the configuration's; networks without noise have point weights and its slope exactly ("twin"), or the fast
sigmoid ("surrogate"). All have the same data, initial weights, steps and rate. With --recordings the last n of a fixed
permutation of the training recordings are trained on, for about so many passes of an example, and the test part is
scored; with --leave-one-out each training recording is predicted by networks that have seen all others; --runs scores
the runs agr_seed0, surrogate_seed0, ... of a comparison on the test part. A network of each seed, their mean and
deviation; the ensemble is the average of all the networks of a kind.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from refsbnn import files
from refsbnn.console import DONE, Parser, complain
from refsbnn.data.options import Data
from refsbnn.data.spikes import Spikes
from refsbnn.errors import InputError
from refsbnn.evaluation.predict import predict
from refsbnn.evaluation.scores import score
from refsbnn.run import Run
from refsbnn.streams import Streams
from refsbnn.training import config as configuration
from refsbnn.training.loop import train
from refsbnn.training.task import Task, prepare
from validation.benchmarks.compare import SURROGATE

KINDS = {"sbnn": "SBNN, average", "single": "SBNN, one sample", "surrogate": "surrogate", "twin": "twin"}
KEYS = ("accuracy", "nll", "brier", "calibration_error")


class Probabilities(dict[str, list[np.ndarray]]):
    """Of each kind of network (examples, classes) for each seed."""


def twin(member: str) -> str:
    """The slope that `agr` has on average, N(r; 0, 1 + tau^2), as a surrogate in units of r (theory 2.7).

    Examples
    --------
    >>> twin("agr(tau=0.5)")
    'gaussian(scale=0.8944271909999159)'
    """
    if not (member.startswith("agr(tau=") and member.endswith(")")):
        raise InputError(f"model.units.member is {member!r}; expected agr(tau=...)")
    return f"gaussian(scale={1.0 / np.sqrt(1.0 + float(member[8:-1]) ** 2)})"


def tasks(config: str, overrides: Sequence[str], kinds: Sequence[str]) -> dict[str, Task]:
    """A task for each kind of network."""
    member = configuration.load(config, overrides).model.units.get("member", "")
    point = ["model.weights.posterior=point"]
    own: dict[str, list[str]] = {
        "sbnn": [],
        "surrogate": [*point, f"model.units.member={SURROGATE}"],
        "twin": [*point, f"model.units.member={twin(member)}"] if "twin" in kinds else [],
    }
    return {kind: prepare(configuration.load(config, [*overrides, *own[kind]])) for kind in kinds}


def trained(
    task: Task, rows: np.ndarray, held: np.ndarray, seed: int, epochs: int
) -> tuple[Task, dict[str, np.ndarray]]:
    """A network of a seed, trained on the recordings `rows`; those held out are its validation part."""
    part, _ = everything(task)
    data = replace(task.data, train=replace(part, rows=rows), validation=Spikes(part.recordings, held, part.signal))
    training = replace(task.config.training, epochs=epochs)
    own = replace(task, config=replace(task.config, seed=seed, training=training), data=data, streams=Streams(seed))
    return own, train(own).parameters


def probabilities(task: Task, parameters: dict[str, np.ndarray], part: Any, samples: int) -> np.ndarray:
    """Class probabilities of a part of the data: (examples, classes)."""
    return predict(task.network, parameters, part, len(part.labels), task.streams, samples)


def predicted(kind: str, task: Task, parameters: dict[str, np.ndarray], part: Any) -> dict[str, np.ndarray]:
    """What a network says of a part of the data, by kind; of an SBNN the average and one sample."""
    if kind != "sbnn":
        return {kind: probabilities(task, parameters, part, 1)}
    return {
        "sbnn": probabilities(task, parameters, part, task.config.evaluation.samples),
        "single": probabilities(task, parameters, part, 1),
    }


def rows_of(found: Probabilities, labels: np.ndarray, recordings: int) -> list[dict[str, Any]]:
    """The scores of each kind, seed by seed, and of the ensemble of all its networks."""
    out = []
    for kind, each in found.items():
        scores = {kind: [score(p, labels) for p in each]}
        if len(each) > 1 and kind != "single":
            scores[f"{kind}, ensemble"] = [score(np.mean(each, axis=0), labels)]
        for name, several in scores.items():
            numbers = {key: [getattr(one, key) for one in several] for key in KEYS}
            out.append({"recordings": recordings, "kind": name, "networks": len(each), **numbers})
    return out


def collect(found: Probabilities, more: dict[str, np.ndarray]) -> None:
    """Put what one network says beside what the others of its kind say."""
    for kind, p in more.items():
        found.setdefault(kind, []).append(p)


def everything(task: Task) -> tuple[Spikes, np.ndarray]:
    """The training part, and the rows of all recordings, held out or not."""
    train, held = task.data.train, task.data.validation
    if not isinstance(train, Spikes) or not isinstance(held, Spikes):
        raise InputError(f"data.name is {task.config.data.name!r}; expected a set of recorded events")
    return train, np.sort(np.concatenate([train.rows, held.rows]))


def fraction(each: dict[str, Task], count: int, passes: int, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Networks of `count` training recordings, scored on the test part."""
    some = next(iter(each.values()))
    _, every = everything(some)
    if not 1 <= count < len(every):
        raise InputError(f"--recordings holds {count}; expected 1 to {len(every) - 1}, so that one is for validation")
    order, found = every[Streams(0).permutation(len(every), step=0)], Probabilities()
    for kind, task in each.items():
        for seed in seeds:
            epochs = max(round(passes / count), 1)
            own, parameters = trained(task, np.sort(order[-count:]), order[:1], seed, epochs)
            collect(found, predicted(kind, own, parameters, task.data.test))
    return rows_of(found, some.data.test.labels, count)


def left_out(each: dict[str, Task], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Each training recording predicted by networks that have seen all the others."""
    part, every = everything(next(iter(each.values())))
    found = Probabilities()
    for kind, task in each.items():
        for seed in seeds:
            said = Probabilities()
            for place in range(len(every)):
                rest, one = np.delete(every, place), every[[place]]
                own, parameters = trained(task, rest, one, seed, task.config.training.epochs)
                collect(said, predicted(kind, own, parameters, own.data.validation))
            collect(found, {name: np.concatenate(p) for name, p in said.items()})
    return rows_of(found, part.recordings.labels[every], len(every) - 1)


def of_runs(folder: Path, root: str) -> list[dict[str, Any]]:
    """The runs of a comparison on the test part."""
    found, labels, count = Probabilities(), np.zeros(0, np.int64), 0
    for kind, name in (("sbnn", "agr"), ("surrogate", "surrogate")):
        paths = sorted(folder.glob(f"{name}_seed*"))
        if not paths:
            raise InputError(f"{folder} holds no {name}_seed0; expected the runs of a comparison")
        for path in paths:
            run = Run.load(path, root=root)
            labels, count = run.task.data.test.labels, len(run.task.data.train.labels)
            collect(found, predicted(kind, run.task, run.parameters, run.task.data.test))
    return rows_of(found, labels, count)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a row for each number of recordings and kind of network."""
    lines = ["| recordings | network | networks | accuracy | NLL | Brier | ECE |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        name, dot, more = row["kind"].partition(", ")
        cells = [spread(row["accuracy"], 1, 100.0), *(spread(row[key], 3) for key in KEYS[1:])]
        cells[0] += " %"
        lines.append(f"| {row['recordings']:,} | {KINDS[name]}{dot}{more} | {row['networks']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: Sequence[float], digits: int, times: float = 1.0) -> str:
    """Mean and standard deviation.

    Examples
    --------
    >>> spread([0.9, 0.92], 1, 100.0)
    '91.0 ± 1.4'
    """
    some = times * np.asarray(values)
    return f"{some.mean():.{digits}f}" + (f" ± {some.std(ddof=1):.{digits}f}" if len(some) > 1 else "")


def main(argv: Sequence[str] | None = None) -> int:
    """Train and score, write the numbers, print the table; returns the exit code."""
    parser = Parser(
        prog="python -m validation.benchmarks.small_data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", help="a TOML file, or the name of a shipped configuration, of event data")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--recordings", type=int, nargs="+", help="numbers of training recordings")
    how.add_argument("--leave-one-out", action="store_true")
    how.add_argument("--runs", type=Path, help="folder of a comparison's runs, of which the configuration is")
    parser.add_argument("--passes", type=int, nargs="+", default=[], help="of an example, for each of --recordings")
    parser.add_argument("--kinds", nargs="+", choices=("sbnn", "surrogate", "twin"), default=["sbnn", "surrogate"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, required=True, help="file for all numbers, JSON")
    given = parser.parse_intermixed_args(argv)
    counts = given.recordings or []
    try:
        files.writable(given.out)
        if len(given.passes) != len(counts):
            raise InputError(f"--passes holds {len(given.passes)} numbers; expected {len(counts)}, as --recordings")
        config = configuration.load(given.config, given.overrides)
        each = {} if given.runs else tasks(given.config, given.overrides, given.kinds)
        if given.runs:
            rows = of_runs(given.runs, config.data.root)
        elif given.leave_one_out:
            rows = left_out(each, given.seeds)
        else:
            rows = []
            for count, passes in zip(counts, given.passes, strict=True):
                rows += fraction(each, count, passes, given.seeds)
                print(f"{count} recordings: done", file=sys.stderr, flush=True)
        about = replace(config, data=replace(config.data, root=Data().root)).as_dict()
        files.write_json(
            given.out, {"config": about, "passes": dict(zip(map(str, counts), given.passes, strict=True)), "rows": rows}
        )
        print(table(rows))
    except InputError as error:
        return complain(str(error))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
