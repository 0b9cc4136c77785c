"""The table of a sweep: means over seeds and their standard errors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from refsbnn import __version__
from refsbnn.sweeps.names import short
from refsbnn.sweeps.sweep import SCORES, Point, Sweep

SHOWN = 40  # points; of more, the best
BETTER = {"nll": min, "accuracy": max}


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean, and its standard error where there are several.

    Examples
    --------
    >>> mean_and_error([1.0, 3.0]), mean_and_error([2.0])
    ((2.0, 1.0), (2.0, None))
    """
    return mean(values), stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None


@dataclass(frozen=True)
class Row:
    """A point's scores.

    Attributes
    ----------
    point : Point
    results : dict
        What the finished runs left, by seed.
    """

    point: Point
    results: dict[int, dict[str, Any]]

    def score(self, name: str, part: str = "validation") -> tuple[float, float | None]:
        """Mean and standard error of a score; there must be a finished run."""
        return mean_and_error([facts[part][name] for facts in self.results.values()])

    def as_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        parts = ("validation", "test")
        return {
            "name": self.point.name,
            "values": self.point.values,
            "runs": [
                {"seed": seed, "folder": str(job.folder), "finished": seed in self.results}
                | {p: {s: facts[p][s] for s in SCORES} for p in parts if p in (facts := self.results.get(seed, {}))}
                | ({"seconds": facts["seconds"]} if facts else {})
                for seed, job in self.point.runs.items()
            ],
            **{
                part: {
                    name: dict(zip(("mean", "standard_error"), self.score(name, part), strict=True)) for name in SCORES
                }
                for part in parts
                if self.results and all(part in facts for facts in self.results.values())
            },
        }


def best(rows: Sequence[Row], score: str) -> Row | None:
    """The row of the best mean, of equals the first; only those whose runs are all finished count."""
    whole = [row for row in rows if row.results and len(row.results) == len(row.point.runs)]
    return BETTER[score](whole, key=lambda row: row.score(score)[0], default=None)


def table(sweep: Sweep, rows: Sequence[Row], score: str, width: int) -> str:
    """The table as text of at most `width` columns; the best point by a validation score has an asterisk."""
    first, shown = best(rows, score), list(rows)
    if len(rows) > SHOWN:
        sign = 1.0 if score == "nll" else -1.0
        shown = sorted((row for row in rows if row.results), key=lambda row: sign * row.score(score)[0])[:SHOWN]
    keys = short(sweep.grid.keys)
    parts = ("validation", "test") if sweep.test else ("validation",)
    head = ["", *(["trial"] if sweep.search else []), *keys.values(), "runs"]
    head += [f"{part} {name}" for part in parts for name in ("accuracy", "NLL")]
    lines = [head]
    for row in shown:
        own = [row.point.name.removeprefix("trial=")] if sweep.search else []
        values = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.point.values.values()]
        counted = f"{len(row.results)}/{len(row.point.runs)}"
        scores = [cell(row, part, name) for part in parts for name in ("accuracy", "nll")]
        lines.append(["*" if row is first and len(rows) > 1 else "", *own, *values, counted, *scores])
    out = laid_out(lines, len(head) - 2 * len(parts) - 1, width)
    if len(rows) > len(shown):
        out.append(f"the {len(shown)} best of {len(rows)} points; --json writes all")
    if first is not None and len(rows) > 1:
        out.append(f"* best validation {'NLL' if score == 'nll' else 'accuracy'}: {first.point.name}")
    if len(sweep.grid.seeds) > 1:
        out.append(f"mean ± standard error over {len(sweep.grid.seeds)} seeds")
    return "\n".join(out)


def cell(row: Row, part: str, name: str) -> str:
    """Mean and standard error of a score as text."""
    if not row.results:
        return "-"
    scale, digits, unit = (100.0, 2, " %") if name == "accuracy" else (1.0, 4, "")
    middle, error = row.score(name, part)
    more = "" if error is None else f" ± {scale * error:.{digits}f}"
    return f"{scale * middle:.{digits}f}{more}{unit}"


def laid_out(lines: Sequence[Sequence[str]], free: int, width: int) -> list[str]:
    """Columns of equal width; where a line would be too long, the first `free` columns are cut as far as it takes."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths[:free], default=0) > 4:
        widths[widths.index(max(widths[:free]))] -= 1
    return [
        "  ".join(cut(text, size).rjust(size) for text, size in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def cut(text: str, size: int) -> str:
    """A text of at most `size` characters."""
    return text if len(text) <= size else f"{text[: size - 1]}…"


def as_dict(sweep: Sweep, rows: Sequence[Row], score: str, failed: dict[str, str]) -> dict[str, Any]:
    """The whole sweep, for JSON."""
    first = best(rows, score)
    return {
        "refsbnn": __version__,
        "config": sweep.grid.config,
        "fixed": list(sweep.grid.fixed),
        "axes": sweep.grid.axes,
        "ranges": {key: str(span) for key, span in sweep.grid.spans.items()},
        "seeds": list(sweep.grid.seeds),
        "search": sweep.search,
        "score": f"validation {score}",
        "best": None if first is None else first.point.name,
        "points": [row.as_dict() for row in rows],
        "failed": failed,
    }
