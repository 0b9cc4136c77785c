"""`refsbnn bench --growth FOLDER`: the engine's time and memory over steps, batch, width, depth, density and threads.

One size of a case changes at a time. Each point is a process of its own, so that its memory is its own, and the points
of a curve take turns. FOLDER gets growth.json, a figure for each curve, and growth.md with two sentences for each.
"""

import math
import os
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from refsbnn.figures import style
from refsbnn.figures.draw import save
from refsbnn.files import write_bytes, write_json
from validation.benchmarks.peers.cases import case_of
from validation.benchmarks.turns import Task, Worker


class Curve(NamedTuple):
    """One size that grows.

    Attributes
    ----------
    case : str
    size : str, a field of the case; "threads" is none
    factors : tuple of float, times the case's own value
    word : str, of the axis
    why : str, a sentence that explains the curve
    changes : dict, other sizes that differ from the case's
    """

    case: str
    size: str
    factors: tuple[float, ...]
    word: str
    why: str
    changes: dict[str, Any] = {}  # noqa: RUF012  # of a tuple that nobody changes


CURVES = {
    "steps": Curve(
        "a", "steps", (0.25, 0.5, 1, 2, 4), "time steps",
        "Every step costs and keeps the same, the membranes and spikes that backward needs; where only memory matters, "
        "`chunk` keeps the states of some steps alone.",
    ),
    "batch": Curve(
        "a", "batch", (0.125, 0.25, 0.5, 1, 2, 4), "examples a batch",
        "Examples share nothing but the weights, so all but KL, Adam and the layout of the weights grows with them.",
    ),
    "width": Curve(
        "a", "hidden", (0.25, 0.5, 1, 2, 4), "hidden units",
        "The input layer and the elementwise work grow with the width; the recurrent weights, which backward "
        "multiplies with densely, grow with its square.",
    ),
    "depth": Curve(
        "b", "layers", (0.25, 0.5, 1, 2), "convolutions",
        "Each block costs and keeps the same; where only memory matters, `recompute` keeps what enters every few "
        "blocks.",
        {"batch": 16},
    ),
    "density": Curve(
        "a", "density", (0.125, 0.25, 0.5, 1, 2, 4, 8), "share of inputs that fire",
        "An event adds one row of weights forward and one back, and memory holds its place alone; what does not depend "
        "on the inputs' events is the floor on the left.",
    ),
    "threads": Curve(
        "a", "threads", (1,), "threads",
        "Samples are independent, so the threads share them; what stays is Python between the kernels, and the memory "
        "that they share.",
    ),
}  # fmt: skip


def values(curve: Curve, small: bool) -> list[Any]:
    """The sizes of a curve's points, in order."""
    if curve.size == "threads":
        allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return sorted({allowed, *(2**i for i in range(allowed.bit_length()) if 2**i <= allowed)})
    own = getattr(case_of(curve.case, small), curve.size)
    scaled = [own * factor for factor in curve.factors]
    return scaled if isinstance(own, float) else sorted({max(round(value), 2) for value in scaled})


def measured(curve: Curve, threads: int, rounds: int, small: bool) -> list[dict[str, Any]]:
    """Median seconds and peak MiB of a step at each point of a curve."""
    points = values(curve, small)
    changes = {} if small else curve.changes
    tasks = [
        Task(curve.case, point, small, None, changes)
        if curve.size == "threads"
        else Task(curve.case, threads, small, None, {**changes, curve.size: point})
        for point in points
    ]
    workers: list[Worker] = []
    try:
        for task in tasks:
            workers.append(Worker("engine", task))
        for number in range(rounds + 1):
            for worker in workers[::-1] if number % 2 else workers:
                seconds = worker.step(1)
                if number:  # the first is not counted
                    worker.seconds.append(seconds)
    finally:
        for worker in workers:
            worker.end()
    return [
        {
            curve.size: point,
            "median_s": statistics.median(worker.seconds),
            "least_s": min(worker.seconds),
            "peak_MiB": worker.last["peak_MiB"],
            "above_import_MiB": worker.last["peak_MiB"] - worker.start["imported_MiB"],
        }
        for point, worker in zip(points, workers, strict=True)
    ]


def exponent(rows: list[dict[str, Any]], size: str, number: str) -> float:
    """The power of the size that a number grows with over the upper half of a curve.

    Examples
    --------
    >>> rows = [{"n": 1, "s": 5.0}, {"n": 2, "s": 6.0}, {"n": 4, "s": 24.0}]
    >>> exponent(rows, "n", "s")
    2.0
    """
    first, last = rows[len(rows) // 2 if len(rows) > 2 else 0], rows[-1]
    if first is last or min(first[number], last[number]) <= 0.0:
        return math.nan
    return math.log(last[number] / first[number]) / math.log(last[size] / first[size])


def sentences(name: str, curve: Curve, rows: list[dict[str, Any]]) -> str:
    """What was measured, then what explains it."""
    first, last = rows[0], rows[-1]
    parts = [
        f"from {1e3 * first['median_s']:.3g} to {1e3 * last['median_s']:.3g} ms (at the end as the power "
        f"{exponent(rows, curve.size, 'median_s'):.2f})",
        f"from {first['above_import_MiB']:.0f} to {last['above_import_MiB']:.0f} MiB (power "
        f"{exponent(rows, curve.size, 'above_import_MiB'):.2f})",
    ]
    sizes = f"From {first[curve.size]:g} to {last[curve.size]:g} {curve.word}"
    said = f"{sizes} a step goes {parts[0]}, its memory {parts[1]}."
    return f"### {name.capitalize()}\n\n![{name}](growth_{name}.svg)\n\n{said} {curve.why}\n"


def figure(curve: Curve, rows: list[dict[str, Any]]) -> Any:
    """Two panels over the size, both axes logarithmic: time, and memory above what the libraries take."""
    out, panels = style.axes(1, 2, 7.6, 2.8)
    x = [row[curve.size] for row in rows]
    shown = ("Time of a step", "ms", "median_s", 1e3), ("Memory above the import", "MiB", "above_import_MiB", 1.0)
    for panel, (title, unit, number, scale), colour in zip(panels.flat, shown, style.COLOURS, strict=False):
        panel.plot(x, [scale * row[number] for row in rows], color=colour, marker="o")
        panel.set_title(title)
        panel.set_ylabel(unit)
        panel.set_xlabel(curve.word)
        panel.set_xscale("log")
        if min(row[number] for row in rows) > 0.0:
            panel.set_yscale("log")
    return out


def run(folder: Path, threads: int, rounds: int, small: bool, told: Callable[[str], None]) -> dict[str, Any]:
    """Measure all curves, draw them and write the folder; gives the numbers by curve.

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    out: dict[str, Any] = {}
    texts = []
    write_json(folder / "growth.json", out)  # a folder that cannot be written to is told before, not after
    for name, curve in CURVES.items():
        out[name] = rows = measured(curve, threads, rounds, small)
        texts.append(sentences(name, curve, rows))
        told(texts[-1])
        write_json(folder / "growth.json", out)
        if style.available():
            save(folder / f"growth_{name}.svg", figure, curve, rows)
    if not style.available():
        told(style.not_drawn([f"growth_{name}.svg" for name in CURVES]))
    write_bytes(folder / "growth.md", "\n".join(texts).encode())
    return out
