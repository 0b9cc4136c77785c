"""The ledger in the terminal and as JSON: a line for each claim, whose sentence it is, its verdict and its number."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from validation.evidence.claim import FINDINGS, Claim, Entry, Verdict
from validation.report.table import WIDTH, expectation

OWNERS = {
    "paper": "The paper's claims, in the order of its abstract; only the abstract of arXiv:2505.17962 is at hand",
    "ours": "This project's own claims (docs/theory.md)",
    "others": "Claims of other works",
}
WORDS = (*FINDINGS, "failed")


def lines(entries: Sequence[Entry], verdicts: Sequence[Verdict]) -> str:
    """A line for each claim: verdict, the number found, the number predicted, its name and its sentence.

    Parameters
    ----------
    entries : sequence of Entry
    verdicts : sequence of Verdict
        One for each entry.
    """
    cells = {
        entry.name: (entry.name, verdict.word, *_numbers(verdict))
        for entry, verdict in zip(entries, verdicts, strict=True)
    }
    return _columns(("claim", "verdict", "found", "predicted"), [(each.name, each.claim) for each in entries], cells)


def contents(named: Sequence[tuple[str, Claim]]) -> str:
    """A line for each claim without running it: its name, the finding on record and its sentence."""
    return _columns(("claim", "finding"), named, {name: (name, claim.finding) for name, claim in named})


def _columns(header: tuple[str, ...], named: Sequence[tuple[str, Claim]], cells: Mapping[str, tuple[str, ...]]) -> str:
    """Aligned columns, claims of one owner under its line, and of the sentence what is left of `WIDTH`."""
    widths = [max(map(len, column)) for column in zip(header, *cells.values(), strict=True)]
    left = WIDTH - sum(widths) - 2 * len(widths)

    def line(some: Sequence[str], sentence: str) -> str:
        told = textwrap.shorten(sentence, left, placeholder=" ...")
        return "  ".join([*(cell.ljust(width) for cell, width in zip(some, widths, strict=True)), told]).rstrip()

    parts = [line(header, "sentence")]
    for owner, some in groupby(named, key=lambda one: one[1].owner):
        parts += ["", *textwrap.wrap(OWNERS[owner], WIDTH)]
        parts += [line(cells[name], claim.sentence) for name, claim in some]
    return "\n".join(parts)


def heading(entry: Entry, verdict: Verdict) -> str:
    """What stands above a claim's rows: name, title, verdict and the reason for it."""
    told = f"{entry.name}: {entry.claim.title}: {verdict.word}. {entry.claim.reason}."
    return "\n".join(textwrap.wrap(told, WIDTH))


def summary(verdicts: Sequence[Verdict], rows: dict[str, int]) -> str:
    """How many claims have each verdict, and how many rows."""
    claims = ", ".join(f"{number} {word}" for word, number in count(verdicts).items())
    checks = ", ".join(f"{number} {word}" for word, number in rows.items())
    return f"{len(verdicts)} claims: {claims}\n{sum(rows.values())} checks: {checks}"


def count(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many claims have each verdict.

    >>> count([Verdict("holds", None)])
    {'holds': 1, 'holds with conditions': 0, 'does not hold': 0, 'not decidable here': 0, 'failed': 0}
    """
    counted = Counter(verdict.word for verdict in verdicts)
    return {word: counted[word] for word in WORDS}


def command(facts: Mapping[str, str], name: str = "") -> str:
    """What to type for all numbers, or those of one claim, at the level and seed of this run.

    >>> command({"level": "quick", "seed": "3"}, "deep_bias")
    'refsbnn audit --claim deep_bias --quick --seed 3'
    """
    claim = f" --claim {name}" if name else ""
    quick = " --quick" if facts["level"] == "quick" else ""
    seed = f" --seed {facts['seed']}" if facts["seed"] != "0" else ""
    return f"refsbnn audit{claim}{quick}{seed}"


def record(entry: Entry, verdict: Verdict, facts: Mapping[str, str]) -> dict[str, Any]:
    """A claim's line as plain JSON values: the record, its verdict, what was found and predicted, and the command."""
    row = None if verdict.row is None else verdict.row.to_json()
    told = asdict(entry.claim)
    told["equations"] = [formula._asdict() for formula in entry.claim.equations]
    return {
        "name": entry.name,
        "verdict": verdict.word,
        **told,
        "found": None if row is None else row["exact"],
        "predicted": None if row is None else {key: row[key] for key in ("relation", "expected", "tolerance")},
        "command": command(facts, entry.name),
    }


def _numbers(verdict: Verdict) -> tuple[str, str]:
    """The headline's number, and what is predicted of it."""
    if verdict.row is None:
        return "-", "-"
    return f"{verdict.row.exact:.3g}", expectation(verdict.row, short=True)
