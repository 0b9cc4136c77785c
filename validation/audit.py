"""`refsbnn audit`: hold every claim to exact numbers, print the ledger, write the report."""

import argparse
import importlib
import json
import multiprocessing
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import scipy
from tqdm import tqdm

import refsbnn
from refsbnn import files, interrupt
from refsbnn.console import BAD_INPUT, Parser
from refsbnn.errors import InputError
from refsbnn.ranks import ALONE, Ranks, Together, ended, world
from validation import claims
from validation.evidence.claim import Entry, Verdict, judge
from validation.evidence.record import Level
from validation.report import ledger
from validation.report.page import page
from validation.report.table import count, table

SHARED = True  # among ranks
EXAMPLE = "example: refsbnn audit --quick --claim unification --json audit/report.json"
# By level, of all claims: neither a part of them nor fewer settings replace the full page.
PAGES = {"full": Path("audit/report.html"), "quick": Path("audit/quick.html")}
# Those that take longest, in this order; ranks begin with them. Another order changes the time and nothing else.
HEAVY = ("enumerated", "auxiliary", "monte_carlo", "least_error", "depth", "matched_loss", "link", "bound", "trade_off")
UNMET = ("does not hold", "not decidable here")  # what --strict does not let pass


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 20) or int(text) >= 2**64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed; expected a whole number from 0 to 2^64-1")
    return int(text)


def _parser() -> Parser:
    parser = Parser(
        prog="refsbnn audit",
        description="Hold every claim to exact numbers: print the ledger and a row for each check, write the report.",
        epilog=EXAMPLE,
    )
    parser.add_argument("--quick", action="store_true", help="fewer settings; under a minute")
    parser.add_argument("--seed", type=_seed, default=0, help="picks the random networks (default 0)")
    parser.add_argument("--claim", action="append", metavar="NAME", help="this claim alone; again for another")
    parser.add_argument("--list", action="store_true", help="name the claims with their findings, and run nothing")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit code 1 also where a row is refuted, or a claim does not hold or is not decidable here",
    )
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="where the page goes (default audit/report.html; with --quick audit/quick.html; with --claim none)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write ledger, rows and curves as JSON too")
    return parser


def module(name: str) -> ModuleType:
    """The module of a claim."""
    return importlib.import_module(f"validation.claims.{name}")


def entry(name: str, level: Level) -> Entry:
    """Check one claim."""
    found = module(name)
    figures = found.figures(level) if hasattr(found, "figures") else []
    return Entry(name, found.CLAIM, list(found.check(level)), figures, found.__doc__ or "")


def run(level: Level, names: Sequence[str], ranks: Ranks = ALONE) -> list[Entry]:
    """Check claims, on all cores or ranks: each has random networks of its own, so their number changes no bit.

    Parameters
    ----------
    level : Level
    names : sequence of str
        Of `claims.NAMES`.
    ranks : Ranks, optional

    Returns
    -------
    list of Entry
        In the order of `names`; of several ranks the first has them.
    """
    if isinstance(ranks, Together):
        return _over_ranks(level, names, ranks)
    workers = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, len(names))
    if workers == 1:
        return list(_shown(map(partial(entry, level=level), names), names))
    # Processes of their own, not copies of this one: its threads may be running. While they start a signal waits, so
    # that none of them is left to find out by itself, with a traceback, that this one is gone.
    with interrupt.asked_to_stop() as stop:
        started = multiprocessing.get_context("spawn").Pool(workers, _worker)
    with started as pool:
        if stop.number is not None:
            interrupt.interrupt(stop.number, None)
        return list(_shown(pool.imap(partial(entry, level=level), names), names))


def _over_ranks(level: Level, names: Sequence[str], ranks: Together) -> list[Entry]:
    """A rank that is free takes the next claim: the first rank the lightest, the others the heaviest that is left."""
    from mpi4py.futures import MPICommExecutor

    ordered = sorted(names, key=lambda name: HEAVY.index(name) if name in HEAVY else len(HEAVY))
    with MPICommExecutor(ranks.comm, root=0) as executor:
        pool: Any = executor
        if pool is None:  # the first rank has let this one go
            return []
        futures = {name: pool.submit(entry, name, level) for name in ordered}
        own = {name: entry(name, level) for name in reversed(ordered) if futures[name].cancel()}
        return list(_shown((own[name] if name in own else futures[name].result() for name in names), names))


def _worker() -> None:
    """Leave Ctrl-C to the process that asks, and end without a word when it says so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _shown(entries: Iterator[Entry], names: Sequence[str]) -> Iterator[Entry]:
    """The entries, with a bar of progress on a terminal."""
    with tqdm(total=len(names), unit="claim", leave=False, disable=not sys.stderr.isatty()) as progress:
        for name in names:
            progress.set_postfix_str(name)
            yield next(entries)
            progress.update()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the audit.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; `sys.argv` if left out.

    Returns
    -------
    int
        0: every number is the predicted one. 1: a check failed; with --strict also where a row is refuted or a claim
        does not hold or is not decidable here. 2: bad input.
    """
    options = _parser().parse_args(argv)
    try:
        names = chosen(options.claim)
        if options.list:
            print(ledger.contents([(name, module(name).CLAIM) for name in names]))
            return 0
        html = options.html or (None if options.claim else PAGES["quick" if options.quick else "full"])
        return _audit(Level(options.quick, options.seed), names, html, options.json, options.strict)
    except InputError as error:
        return ended(str(error), _complain)


def _complain(message: str) -> int:
    print(f"refsbnn audit: {message}", file=sys.stderr)
    return BAD_INPUT


def chosen(wanted: Sequence[str] | None) -> list[str]:
    """The claims that are asked for, in the order of the ledger; all of them if none is named.

    Raises
    ------
    InputError
        A name that no claim has.
    """
    unknown = [name for name in wanted or () if name not in claims.NAMES]
    if unknown:
        raise InputError(f"--claim {unknown[0]!r}: no such claim; accepted: {', '.join(claims.NAMES)}")
    return [name for name in claims.NAMES if not wanted or name in wanted]


def _audit(level: Level, names: Sequence[str], html_file: Path | None, json_file: Path | None, strict: bool) -> int:
    ranks = world()

    def writable() -> None:
        for path in (html_file, json_file):
            if path is not None:
                files.writable(path)

    ranks.from_first(writable)
    start = time.perf_counter()
    entries = run(level, names, ranks)
    seconds = time.perf_counter() - start
    return ranks.from_first(lambda: _report(level, entries, seconds, html_file, json_file, strict))


def _report(
    level: Level, entries: Sequence[Entry], seconds: float, html_file: Path | None, json_file: Path | None, strict: bool
) -> int:
    """Print ledger and rows, write the files; the exit code."""
    facts = {
        "level": "quick" if level.quick else "full",
        "seed": str(level.seed),
        "refsbnn": refsbnn.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "time": f"{seconds:.0f} s",
    }
    verdicts = [judge(each.claim, each.rows) for each in entries]
    counted = count([row for each in entries for row in each.rows])
    print(ledger.lines(entries, verdicts))
    for each, verdict in zip(entries, verdicts, strict=True):
        print(f"\n{ledger.heading(each, verdict)}\n{table(each.rows)}")
    print(f"\n{ledger.summary(verdicts, counted)}")
    if html_file is not None:
        files.write_text(html_file, page(entries, facts))
        print(f"report: {html_file}")
    if json_file is not None:
        record = _record(entries, verdicts, facts, counted)
        files.write_text(json_file, json.dumps(record, indent=1, allow_nan=False))
        print(f"numbers: {json_file}")
    unmet = strict and (counted["refuted"] or any(verdict.word in UNMET for verdict in verdicts))
    return 1 if counted["failed"] or unmet or any(verdict.word == "failed" for verdict in verdicts) else 0


def _record(
    entries: Sequence[Entry], verdicts: Sequence[Verdict], facts: dict[str, str], counted: dict[str, int]
) -> dict[str, object]:
    """What the JSON file holds."""
    return {
        "facts": facts,
        "count": counted,
        "verdicts": ledger.count(verdicts),
        "ledger": [ledger.record(each, verdict, facts) for each, verdict in zip(entries, verdicts, strict=True)],
        "rows": [row.to_json() for each in entries for row in each.rows],
        "figures": [figure.to_json() for each in entries for figure in each.figures],
    }
