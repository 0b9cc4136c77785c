"""How training would scale: measured parts of a step, put together for ranks that are not at hand.

    python -m validation.benchmarks.scaling FOLDER [--into docs/cluster.md]

FOLDER holds what `scaling_measure` wrote. Prints the model's error on one and two ranks, tables up to 1,024 ranks,
limits and what would move them, and the cost of whole runs; writes scaling.json and scaling.svg there, and the tables
between two marks of a document.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from refsbnn.console import complain
from refsbnn.errors import InputError
from refsbnn.files import write_json, write_text
from validation.benchmarks.scaling_model import FABRICS, PARTS, RANKS, Model

COSTED = (1, 16, 256)
LARGE = 1024  # rows of a larger global batch: one for each of 1,024 ranks
WIDTHS = {  # bits and headroom of the integers of a sum
    (64, 10): "64 bits",
    (32, 10): "32 bits",
    (32, 1): "32 bits, headroom 2",
    (16, 1): "16 bits, headroom 2",
}
MARKS = ("<!-- tables of validation.benchmarks.scaling -->", "<!-- end of the tables -->")


def checks(model: Model) -> list[tuple[str, float, float]]:
    """Model and measurement of whole steps, without looking at the units: what, predicted, found."""
    one, two, out = model.one, model.two, []
    for shards, found in one["step"].items():
        count = int(shards)
        parts = model.step(1, shards=count) | {
            "computing": count * model.computing(math.ceil(model.batch / count), False)
        }
        out.append((f"1 rank, {count} shards", sum(parts.values()), found))
    # The slower rank's own rows are in the number, so that waiting for it is.
    parts = model.step(2) | {"computing": two["rows"][max(two["rows"], key=int)], "waiting": 0.0}
    out.append(("2 ranks, 2 shards", sum(parts.values()), two["step"]))
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
    shares = record["fixed_point_share"] = {}
    most = min(8, models[0].batch)
    for ranks in (1, most):
        whole, more = models[0].share(ranks, most)
        shares[str(ranks)] = {"shards": most, "whole": whole, "more": more}
        lines.append(f"  sums' arithmetic, {most} shards on {ranks} ranks: {share(shares[str(ranks)])}")
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
    return lines, record


def share(of: dict[str, Any]) -> str:
    """The sums' arithmetic as a part of a step, and what floating-point sums would not take of it."""
    return f"{of['whole']:.1%}" + ("" if of["more"] is None else f", {of['more']:.1%} more than of floats")


def told(model: Model) -> dict[str, Any]:
    """Limits, costs and levers of a model as numbers."""
    cost = {}
    for ranks in COSTED:
        batch = max(model.batch, ranks)
        hours = model.hours(ranks, batch)
        large = batch > model.batch
        cost[str(ranks)] = {"batch": batch, "large": large, "hours": hours, "core_hours": ranks * hours}
    levers: dict[str, dict[str, float]] = {}
    for ranks in sorted({model.half(), model.best()} - {1}):
        now = model.seconds(ranks)
        narrow = {str(8 * width): replace(model, width=width).seconds(ranks) / now for width in (4, 2)}
        levers[str(ranks)] = narrow | {"overlap": model.overlapped(ranks) / now}
    return {
        "steps": {str(r): model.step(r) for r in RANKS if r <= model.batch},
        "large": {str(r): model.step(r, LARGE) for r in RANKS},
        "best": model.best(), "half": model.half(), "best_large": model.best(LARGE), "half_large": model.half(LARGE),
        "cost": cost, "levers": levers,
    }  # fmt: skip


def markdown(record: dict[str, Any], models: dict[str, list[Model]]) -> list[str]:
    """The tables of docs/cluster.md."""
    names, fabrics = list(record), [fabric.name for fabric in FABRICS]
    lines = ["| configuration | network | 1 rank, ms | 16 | 64 | 128 | shortest at | half of ideal to |"]
    lines.append("|---" * 8 + "|")
    for name in names:
        for model in models[name]:
            told = record[name]["fabrics"][model.fabric.name]
            each = [f"{1e3 * model.seconds(r):.1f}" if r <= model.batch else "" for r in (1, 16, 64, 128)]
            ends = f"{told['best']} | {told['half']}"
            lines.append(f"| `{name}`, {model.batch} | {model.fabric.name} | {' | '.join(each)} | {ends} |")
    lines += ["", "| configuration | whole steps, ms: by the parts, found | sums' arithmetic, share of a step |"]
    lines.append("|---" * 3 + "|")
    for name in names:
        told = "; ".join(
            f"{what}: {1e3 * each['predicted']:.1f}, {1e3 * each['found']:.1f}"
            for what, each in record[name]["checks"].items()
        )
        each = record[name]["fixed_point_share"].items()
        arithmetic = "; ".join(f"{one['shards']} shards on {ranks}: {share(one)}" for ranks, one in each)
        lines.append(f"| `{name}` | {told} | {arithmetic} |")
    lines += ["", "| configuration | " + " | ".join(f"{r} ranks, h (core-h)" for r in COSTED) + " |"]
    lines.append("|---" * (1 + len(COSTED)) + "|")
    for name in names:
        cost = record[name]["fabrics"][fabrics[0]]["cost"]
        cells = [
            f"{each['hours']:.3g} ({each['core_hours']:.3g})" + (f", batch {each['batch']}" if each["large"] else "")
            for each in cost.values()
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    lines += ["", "| configuration | network | ranks | 32-bit sums | 16-bit sums | sums during backward |"]
    lines.append("|---" * 6 + "|")
    for name in names:
        for fabric in fabrics:
            for ranks, ratios in record[name]["fabrics"][fabric]["levers"].items():
                cells = [f"{ratios[key]:.2f}" for key in ("32", "16", "overlap")]
                lines.append(f"| `{name}` | {fabric} | {ranks} | {' | '.join(cells)} |")
    lines += ["", "| configuration | shards | " + " | ".join(WIDTHS.values()) + " |", "|---" * (2 + len(WIDTHS)) + "|"]
    for name in names:
        rounded = record[name]["rounding"]
        for shards in sorted({each["shards"] for each in rounded}):
            found = {(e["bits"], e["headroom"]): f"{e['error']:.1e}" for e in rounded if e["shards"] == shards}
            lines.append(f"| `{name}` | {shards} | {' | '.join(found[key] for key in WIDTHS)} |")
    return lines


def resident(folder: Path) -> list[str]:
    """The table of what `scaling_measure --memory` wrote, if it did."""
    found: dict[str, dict[int, dict[str, list[float]]]] = {}
    for file in sorted(folder.glob("*.memory.*.json")):
        one = json.loads(file.read_text())
        found.setdefault(file.name.partition(".")[0], {})[one["ranks"]] = one["MiB"]
    ranks = sorted({number for each in found.values() for number in each})
    lines = ["", "| MiB of the rank that has most | " + " | ".join(f"{r} ranks" for r in ranks) + " |"] if found else []
    lines += ["|---" * (1 + len(ranks)) + "|"] if found else []
    for name, each in found.items():
        for what, told in (("data", "with its data"), ("step", "after an epoch's inputs and a step"), ("most", "peak")):
            cells = [f"{max(each[r][what]):.0f}" if r in each else "" for r in ranks]
            lines.append(f"| `{name}`, {told} | {' | '.join(cells)} |")
    return lines


def between_marks(text: str, tables: str) -> str:
    """A document with other tables between its marks.

    Raises
    ------
    InputError
        A document without them.
    """
    before, first, rest = text.partition(MARKS[0])
    _, second, after = rest.partition(MARKS[1])
    if not second:
        raise InputError(f"the document has no tables of scaling; expected them between {MARKS[0]} and {MARKS[1]}")
    return f"{before}{first}\n{tables}\n{second}{after}"


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
    parser.add_argument("--into", type=Path, metavar="FILE", help="a document whose tables are to be replaced")
    arguments = parser.parse_args(argv)
    folder = arguments.folder
    files = (file.name for file in folder.glob("*.1.json"))
    names = sorted(file.removesuffix(".1.json") for file in files if ".memory." not in file)
    if not names:
        raise InputError(f"{folder} holds no CONFIG.1.json; expected what scaling_measure wrote")
    record, models = {}, {}
    for name in names:
        one, two = (json.loads((folder / f"{name}.{ranks}.json").read_text()) for ranks in (1, 2))
        lines, record[name] = report(name, one, two)
        models[name] = [Model(one, two, fabric) for fabric in FABRICS]
        print("\n".join(lines), end="\n\n")
    tables = "\n".join([*markdown(record, models), *resident(folder)])
    print(tables, end="\n\n")
    if arguments.into:
        write_text(arguments.into, between_marks(arguments.into.read_text(encoding="utf-8"), tables))
    write_json(folder / "scaling.json", record)
    figure(models, folder / "scaling.svg")
    print(f"numbers: {folder / 'scaling.json'}, figure: {folder / 'scaling.svg'}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(complain(str(error)))
