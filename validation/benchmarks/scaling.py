"""How training would scale: measured parts of a step, put together for ranks that are not at hand.

    python -m validation.benchmarks.scaling FOLDER

FOLDER holds what `scaling_measure` wrote. Prints the model's error on one and two ranks, tables up to 1,024 ranks,
limits and what would move them, and the cost of whole runs; writes scaling.json and scaling.svg there.

A step of S shards on R ranks takes, on the rank that is last,

    ceil(S/R) shards of ceil(B/S) rows: forward, backward, inputs, adding in fixed point
    + waiting for the slowest rank + the sum over ranks + reading the sums + what every rank does for itself

A sum of n bytes over N nodes of P ranks: in a node as measured between two ranks, n bytes each, so 2 (P-1)/P times
as many, in log2 P exchanges; between nodes the bound that reduce-scatter and allgather reach, 2 (N-1)/N n bytes and
2 log2 N messages.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from refsbnn.errors import InputError
from refsbnn.files import write_json

RANKS = tuple(2**k for k in range(11))
COSTED = (1, 16, 256)
LARGE = 1024  # rows of a larger global batch: one for each of 1,024 ranks
PARTS = ("computing", "waiting", "fixed point", "sum", "replicated")


@dataclass(frozen=True)
class Fabric:
    """What joins the nodes: seconds a message, bytes a second a node."""

    name: str
    latency: float
    bandwidth: float


FABRICS = (Fabric("100 Gbit/s, 1.5 us", 1.5e-6, 100e9 / 8), Fabric("10 Gbit/s Ethernet, 30 us", 30e-6, 10e9 / 8))
NODE = 32  # ranks a node, a core each


@dataclass(frozen=True)
class Model:
    """The measured parts of one configuration's step.

    Parameters
    ----------
    one, two : dict
        What `scaling_measure` wrote for one process and for two ranks.
    fabric : Fabric
    node : int
        Ranks a node.
    width : int
        Bytes of an integer in the sum.
    """

    one: dict[str, Any]
    two: dict[str, Any]
    fabric: Fabric
    node: int = NODE
    width: int = 8

    @property
    def batch(self) -> int:
        """Rows of the configuration's batch."""
        return int(self.one["batch"])

    def computing(self, rows: float, monitored: bool = True) -> float:
        """Forward and backward of a shard, and its inputs; monitored as often as the configuration says."""
        grid = sorted(map(int, self.one["rows"]))
        each = [self.one["rows"][str(number)] for number in grid]
        every = self.one["monitor"] if monitored else math.inf
        own = 1.0 if self.one["own_data"] and monitored else 0.0
        seconds = [one["plain"] + (one["monitored"] - one["plain"]) / every + own * one["inputs"] for one in each]
        if rows <= grid[-1]:
            return float(np.interp(rows, grid, seconds))
        return seconds[-1] * rows / grid[-1]

    def message(self, shards: int) -> float:
        """Bytes of a step's sum: the gradient, and a place of each shard."""
        return self.width * self.one["elements"] + 8.0 * shards * (self.one["arrays"] + 2)

    def sum(self, size: float, ranks: int) -> float:
        """Seconds of a sum of so many bytes over ranks."""
        sizes, seconds = np.array(self.two["sum"]).T
        inside, nodes = min(ranks, self.node), math.ceil(ranks / self.node)
        out = 0.0
        if inside > 1:
            start = seconds[0]
            out += start * math.log2(inside)
            out += (float(np.interp(size, sizes, seconds)) - start) * 2.0 * (inside - 1) / inside
        if nodes > 1:
            out += 2.0 * math.ceil(math.log2(nodes)) * self.fabric.latency
            out += 2.0 * (nodes - 1) / nodes * size / self.fabric.bandwidth
        return out

    def step(self, ranks: int, batch: int | None = None, shards: int | None = None) -> dict[str, float]:
        """Seconds of the parts of a step, by the names of `PARTS`.

        Parameters
        ----------
        ranks : int
        batch : int, optional
            Rows; those of the configuration if not given.
        shards : int, optional
            As many as ranks if not given.
        """
        batch, shards = batch or self.batch, shards or ranks
        mine, rows = math.ceil(shards / ranks), math.ceil(batch / shards)
        computing = mine * self.computing(rows)
        # The largest of `ranks` normal numbers; a row's time differs by `spread`, and rows are drawn apart.
        slowest = float(special.ndtri(0.5264 ** (1.0 / ranks))) if ranks > 1 else 0.0
        numbers, fixed = self.one["fixed_point"], 0.0
        if shards > 1:
            fixed = numbers["first"] + (mine - 1) * numbers["add"] + numbers["value"]
        return {
            "computing": computing,
            "waiting": max(0.0, slowest) * self.one["spread"] * computing / math.sqrt(mine * rows),
            "fixed point": fixed,
            "sum": self.sum(self.message(shards), ranks) if ranks > 1 else 0.0,
            "replicated": self.one["replicated"],
        }

    def seconds(self, ranks: int, batch: int | None = None, shards: int | None = None) -> float:
        """Seconds of a step."""
        return sum(self.step(ranks, batch, shards).values())

    def hours(self, ranks: int, batch: int | None = None) -> float:
        """Of the configuration's epochs, validation after each among them."""
        steps = self.one["steps"] * self.batch / (batch or self.batch)
        validation = self.one["epochs"] * math.ceil(self.one["validation"] / ranks) * self.one["forward"]
        return (steps * self.seconds(ranks, batch) + validation) / 3600.0

    def overlapped(self, ranks: int) -> float:
        """Seconds of a step whose sums begin as soon as each layer's gradient is there, and cost no computing."""
        rows = math.ceil(self.batch / ranks)
        ready = self.one["backward"][min(self.one["backward"], key=lambda each: abs(int(each) - rows))]
        parts, done = self.step(ranks), 0.0
        for seconds, elements in ready:
            done = max(done, seconds) + self.sum(self.width * elements, ranks)
        return sum(parts.values()) - parts["sum"] + max(0.0, done - ready[-1][0])

    def best(self, batch: int | None = None) -> int:
        """The number of ranks, of `RANKS` and no more than rows, with the shortest step."""
        return min((r for r in RANKS if r <= (batch or self.batch)), key=lambda r: self.seconds(r, batch))

    def half(self, batch: int | None = None) -> int:
        """The largest number of ranks that does at least half of what as many times one rank would."""
        able = [r for r in RANKS if r <= (batch or self.batch)]
        alone = self.seconds(1, batch)
        return max(r for r in able if alone / (r * self.seconds(r, batch)) >= 0.5)


def checks(model: Model) -> list[tuple[str, float, float]]:
    """Model and measurement of whole steps, without looking at the units: what, predicted, found."""
    one, two, out = model.one, model.two, []
    for shards, found in one["step"].items():
        count = int(shards)
        parts = model.step(1, shards=count) | {
            "computing": count * model.computing(math.ceil(model.batch / count), False)
        }
        out.append((f"1 rank, {count} shards", sum(parts.values()), found["processor"]))
    rows = next(iter(two["rows"]))
    parts = model.step(2) | {"computing": two["rows"][rows], "replicated": two["replicated"], "waiting": 0.0}
    out.append(("2 ranks, 2 shards", sum(parts.values()), two["step"]["wall"]))
    return out


def table(model: Model, batch: int | None = None) -> list[str]:
    """A line for each number of ranks."""
    alone = model.seconds(1, batch)
    lines = [
        f"{'ranks':>6}{'rows':>6}{'ms':>10}{'speed-up':>10}{'efficiency':>11}" + "".join(f"{p:>13}" for p in PARTS)
    ]
    for ranks in (each for each in RANKS if each <= (batch or model.batch)):
        parts = model.step(ranks, batch)
        total = sum(parts.values())
        rows = math.ceil((batch or model.batch) / ranks)
        lines.append(
            f"{ranks:>6}{rows:>6}{1e3 * total:>10.1f}{alone / total:>10.1f}{alone / total / ranks:>11.0%}"
            + "".join(f"{1e3 * parts[name]:>13.2f}" for name in PARTS)
        )
    return lines


def report(name: str, one: dict[str, Any], two: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """What is told of one configuration, and the same as numbers."""
    models = [Model(one, two, fabric) for fabric in FABRICS]
    lines = [f"{name}: {one['elements']:,} parameters, batch {one['batch']}, {one['steps']:,} steps"]
    kind = "its own examples" if one["own_data"] else "drawn inputs"
    lines.append(f"{kind}; a row's time differs by {one['spread']:.1%}")
    record: dict[str, Any] = {"checks": {}, "fabrics": {}, "rounding": one["rounding"]}
    for what, predicted, found in checks(models[0]):
        record["checks"][what] = {"predicted": predicted, "found": found}
        lines.append(
            f"  {what}: {1e3 * predicted:.1f} ms by the parts, {1e3 * found:.1f} ms whole: {predicted / found - 1:+.1%}"
        )
    for shards in one["step"]:
        parts = models[0].step(1, shards=int(shards))
        lines.append(
            f"  fixed point, {shards} shards on one rank: {parts['fixed point'] / sum(parts.values()):.1%} of a step"
        )
        record.setdefault("fixed_point_share", {})[shards] = parts["fixed point"] / sum(parts.values())
    for model in models:
        numbers = record["fabrics"][model.fabric.name] = told(model)
        lines += [
            "",
            f"{model.fabric.name}, {model.node} ranks a node, one core each, batch {model.batch}:",
            *table(model),
        ]
        lines += [f"batch {LARGE}:", *table(model, LARGE)]
        lines.append(f"shortest step at {numbers['best']} ranks; half of ideal at {numbers['half']}; "
                     f"batch {LARGE}: {numbers['best_large']} and {numbers['half_large']}")  # fmt: skip
        for ranks, each in numbers["cost"].items():
            batch = f", batch {each['batch']}" if each["batch"] != model.batch else ""
            lines.append(f"  a run on {ranks} ranks{batch}: {each['hours']:.3g} h, {each['core_hours']:.3g} core-hours")
        for what, ratio in numbers["levers"].items():
            lines.append(f"  {what}: step times {ratio:.2f}")
    return lines, record


def told(model: Model) -> dict[str, Any]:
    """Limits, costs and levers of a model as numbers."""
    cost = {}
    for ranks in COSTED:
        batch = model.batch if ranks <= model.batch else LARGE
        hours = model.hours(ranks, batch)
        cost[str(ranks)] = {"batch": batch, "hours": hours, "core_hours": ranks * hours}
    levers = {}
    for ranks in sorted({model.half(), model.best()}):
        now = model.seconds(ranks)
        for width in (4, 2):
            narrow = Model(model.one, model.two, model.fabric, model.node, width)
            levers[f"{8 * width}-bit sums, {ranks} ranks"] = narrow.seconds(ranks) / now
        if ranks > 1:
            levers[f"sums during backward, {ranks} ranks"] = model.overlapped(ranks) / now
    return {
        "steps": {str(r): model.step(r) for r in RANKS if r <= model.batch},
        "large": {str(r): model.step(r, LARGE) for r in RANKS},
        "best": model.best(), "half": model.half(), "best_large": model.best(LARGE), "half_large": model.half(LARGE),
        "cost": cost, "levers": levers,
    }  # fmt: skip


def figure(models: dict[str, list[Model]], file: Path) -> None:
    """Speed-up over ranks, a panel for each configuration, and what a step is made of."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(2, len(models), figsize=(4.2 * len(models), 6.6), squeeze=False, layout="constrained")
    for column, (name, each) in enumerate(models.items()):
        top, low = axes[0, column], axes[1, column]
        for model, style in zip(each, ("-", "--"), strict=True):
            for batch, colour in ((model.batch, "#0072b2"), (LARGE, "#d55e00")):
                ranks = [r for r in RANKS if r <= batch]
                speed = [model.seconds(1, batch) / model.seconds(r, batch) for r in ranks]
                label = f"batch {batch:,}, {model.fabric.name.split(',')[0]}"
                top.plot(ranks, speed, style, color=colour, marker="o", markersize=3, label=label)
        top.plot(RANKS, RANKS, ":", color="0.5", label="ideal")
        top.set(xscale="log", yscale="log", title=name, xlabel="ranks", ylim=(0.7, 1400))
        top.legend(fontsize=7)
        ranks = [r for r in RANKS if r <= each[0].batch]
        bottom = np.zeros(len(ranks))
        for part, colour in zip(PARTS, ("#0072b2", "#56b4e9", "#e69f00", "#cc79a7", "#999999"), strict=True):
            parts = [each[0].step(r) for r in ranks]
            share = np.array([one[part] / sum(one.values()) for one in parts])
            low.bar(range(len(ranks)), share, bottom=bottom, color=colour, label=part)
            bottom += share
        low.set(xlabel=f"ranks (batch {each[0].batch}, {each[0].fabric.name.split(',')[0]})", ylim=(0, 1))
        low.set_xticks(range(len(ranks)), list(map(str, ranks)))
    axes[0, 0].set_ylabel("speed-up of a step")
    axes[1, 0].set_ylabel("share of a step")
    axes[1, 0].legend(fontsize=7, loc="lower left")
    fig.savefig(file, metadata={"Date": None})


def main(argv: Sequence[str] | None = None) -> int:
    """Put the parts together for every configuration of a folder."""
    parser = argparse.ArgumentParser(prog="python -m validation.benchmarks.scaling", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(argv).folder
    names = sorted(file.name.removesuffix(".1.json") for file in folder.glob("*.1.json"))
    if not names:
        raise InputError(f"{folder} holds no CONFIG.1.json; expected what scaling_measure wrote")
    record, models = {}, {}
    for name in names:
        one, two = (json.loads((folder / f"{name}.{ranks}.json").read_text()) for ranks in (1, 2))
        lines, record[name] = report(name, one, two)
        models[name] = [Model(one, two, fabric) for fabric in FABRICS]
        print("\n".join(lines), end="\n\n")
    write_json(folder / "scaling.json", record)
    figure(models, folder / "scaling.svg")
    print(f"numbers: {folder / 'scaling.json'}, figure: {folder / 'scaling.svg'}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(f"error: {error}")
