"""`refsbnn audit`: hold every claim to exact numbers, print the table, write the report."""

import argparse
import importlib
import json
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy
from tqdm import tqdm

import refsbnn
from refsbnn import files
from refsbnn.console import Parser
from refsbnn.errors import InputError
from validation import claims
from validation.evidence.curves import Figure
from validation.evidence.record import Level, Row
from validation.report.page import page
from validation.report.table import count, table

EXAMPLE = "example: refsbnn audit --quick --json audit/report.json"


def _seed(text: str) -> int:
    if not text.isdigit() or int(text) >= 2**64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed; expected a whole number from 0 to 2^64-1")
    return int(text)


def _parser() -> Parser:
    parser = Parser(
        prog="refsbnn audit",
        description="Hold every claim to exact numbers: print one row per check, write the report as one HTML page.",
        epilog=EXAMPLE,
    )
    parser.add_argument("--quick", action="store_true", help="fewer settings; under a minute")
    parser.add_argument("--seed", type=_seed, default=0, help="picks the random networks (default 0)")
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        default=Path("audit/report.html"),
        help="where the page goes (default audit/report.html)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write rows and curves as JSON too")
    return parser


def run(level: Level) -> tuple[list[Row], list[Figure], dict[str, str]]:
    """Check every claim.

    Parameters
    ----------
    level : Level

    Returns
    -------
    rows : list of Row
    figures : list of Figure
    statements : dict of str to str
        The docstring of each claim, by its title.
    """
    rows: list[Row] = []
    figures: list[Figure] = []
    statements = {}
    progress = tqdm(claims.NAMES, unit="claim", leave=False, disable=not sys.stderr.isatty())
    for name in progress:
        progress.set_postfix_str(name)
        module = importlib.import_module(f"validation.claims.{name}")
        rows += module.check(level)
        figures += module.figures(level) if hasattr(module, "figures") else []
        statements[module.TITLE] = module.__doc__ or ""
    return rows, figures, statements


def main(argv: Sequence[str] | None = None) -> int:
    """Run the audit.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; `sys.argv` if left out.

    Returns
    -------
    int
        0: every number is the predicted one. 1: a check failed. 2: bad input.
    """
    options = _parser().parse_args(argv)
    try:
        return _audit(Level(options.quick, options.seed), options.html, options.json)
    except InputError as error:
        print(f"refsbnn audit: {error}", file=sys.stderr)
        return 2


def _audit(level: Level, html_file: Path, json_file: Path | None) -> int:
    for path in (html_file, json_file):
        if path is not None:
            files.writable(path)
    start = time.perf_counter()
    rows, figures, statements = run(level)
    seconds = time.perf_counter() - start
    facts = {
        "level": "quick" if level.quick else "full",
        "seed": str(level.seed),
        "refsbnn": refsbnn.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "time": f"{seconds:.0f} s",
    }
    print(table(rows))
    counted = count(rows)
    print(f"\n{len(rows)} checks: " + ", ".join(f"{number} {verdict}" for verdict, number in counted.items()))
    for row in rows:
        if row.verdict != "confirmed":
            print(f"{row.verdict}: {row.claim} ({row.setting}): {row.why}")
    files.write_text(html_file, page(rows, figures, statements, facts))
    print(f"report: {html_file}")
    if json_file is not None:
        record = {
            "facts": facts,
            "count": counted,
            "rows": [row.to_json() for row in rows],
            "figures": [figure.to_json() for figure in figures],
        }
        files.write_text(json_file, json.dumps(record, indent=1, allow_nan=False))
        print(f"numbers: {json_file}")
    return 1 if counted["failed"] else 0
