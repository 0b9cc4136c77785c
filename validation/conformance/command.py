"""`refsbnn conformance`: export the cases, run an adapter, judge a results file."""

import argparse
import datetime
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import refsbnn
from refsbnn import files
from refsbnn.console import Parser
from refsbnn.errors import InputError
from validation.conformance import report, vectors, waivers
from validation.conformance.adapters import DTYPES, REFERENCE
from validation.conformance.cases import all_cases
from validation.conformance.judge import ROUNDINGS, Outcome, count
from validation.conformance.own import cases as own_cases
from validation.conformance.own import run as own_run
from validation.conformance.process import TIMEOUT, apart
from validation.conformance.vectors import matching

PROG = "refsbnn conformance"


def _seed(text: str) -> int:
    # Every call of an adapter has a seed of its own, a million for each of these; they have to fit into 63 bits.
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**43:
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed; expected a whole number from 0 to 2^43-1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no time-out; expected seconds above 0, up to 1e6")
    return value


def _parser() -> Parser:
    parser = Parser(
        prog=PROG,
        description="Hold an implementation of the layers to exact answers. The guide is docs/conformance.md.",
        epilog=f"example: {PROG} run --adapter {REFERENCE}",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="export|run|judge")
    export = commands.add_parser("export", help="write the cases as HDF5, for programs in any language")
    export.add_argument("vectors", type=Path)
    run = commands.add_parser("run", help="run and judge an adapter")
    run.add_argument("--adapter", default=REFERENCE, metavar="MODULE:CLASS", help=f"default {REFERENCE}")
    run.add_argument(
        "--mode", choices=("given", "own", "both"), default="given", help="given noise (default), or its own"
    )
    run.add_argument("--device", help="handed to the adapter, such as cuda")
    run.add_argument("--dtype", choices=tuple(DTYPES), help="type to compute in; the adapter's first if left out")
    run.add_argument("--case", default="*", metavar="ID", help="only cases like this; * and ? are wild")
    run.add_argument(
        "--timeout", type=_seconds, default=TIMEOUT, metavar="S", help=f"seconds for one check (default {TIMEOUT:g})"
    )
    run.add_argument("--seed", type=_seed, default=0, help="of the adapter's own noise (default 0)")
    judge = commands.add_parser("judge", help="judge a results file that a program wrote")
    judge.add_argument("vectors", type=Path)
    judge.add_argument("results", type=Path)
    for one in (run, judge):
        one.add_argument("--waivers", type=Path, metavar="FILE", help="accepted failures, TOML")
        one.add_argument("--json", type=Path, metavar="FILE")
        one.add_argument("--junit", type=Path, metavar="FILE", help="JUnit XML, for CI systems")
        one.add_argument("--html", type=Path, metavar="FILE")
        one.add_argument("--all", action="store_true", help="a row for every check, not only for every operation")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; `sys.argv` if left out.

    Returns
    -------
    int
        0: no check failed. 1: a check failed, or none passed. 2: bad input.
    """
    options = _parser().parse_args(argv)
    if options.command == "export":
        files.writable(options.vectors)
        print(f"{options.vectors}: {len(all_cases())} cases, sha256 {vectors.write(options.vectors, all_cases())}")
        return 0
    for path in (options.json, options.junit, options.html):
        if path is not None:
            files.writable(path)
    allowed = [] if options.waivers is None else waivers.read(options.waivers)
    start = time.perf_counter()
    outcomes, facts = _run(options) if options.command == "run" else _judge(options)
    outcomes = waivers.apply(outcomes, allowed, datetime.date.today())
    facts |= {"refsbnn": refsbnn.__version__, "time": f"{time.perf_counter() - start:.0f} s"}
    unwritten = []  # a full disk under a report takes neither the others nor the printed one
    for path, make in (
        (options.json, report.to_json),
        (options.junit, report.to_junit),
        (options.html, report.to_html),
    ):
        if path is not None:
            try:
                files.write_text(path, make(outcomes, facts))
            except InputError as error:
                unwritten.append(error)
    print("\n".join(f"{name}: {value}" for name, value in facts.items()), end="\n\n")
    print(report.table(outcomes, all_rows=options.all), end="\n\n")
    print(report.summary(outcomes))
    counted = count(outcomes)
    if not counted["pass"]:
        print("no check passed: nothing is known about this implementation")
    if unwritten:
        raise unwritten[0]
    return 1 if counted["fail"] or not counted["pass"] else 0


def _run(options: argparse.Namespace) -> tuple[list[Outcome], dict[str, str]]:
    if os.getcwd() not in sys.path:  # an installed command does not look for modules where it is run
        sys.path.append(os.getcwd())
    given = matching(all_cases(), options.case) if options.mode != "own" else []
    networks = matching(own_cases.make(), options.case) if options.mode != "given" else []
    with apart(options.adapter, options.device, options.timeout) as process:
        dtypes = process.start()
        dtype = options.dtype or dtypes[0]
        if dtype not in dtypes:
            raise InputError(f"adapter {options.adapter} computes in {', '.join(dtypes)}; --dtype is {dtype}")
        if not given and not networks:
            raise InputError(f"no case has an id like {options.case!r}")
        command = [*PROG.split(), "run", "--adapter", options.adapter, "--dtype", dtype]
        command += [] if options.device is None else ["--device", options.device]
        facts = {"adapter": options.adapter, "dtype": dtype}
        outcomes = []
        if given:
            facts["tolerance"] = f"{ROUNDINGS[dtype]:g} roundings: {ROUNDINGS[dtype]:g} eps scale + bound"
            for case in given:
                outcome = process.run(case, dtype, options.seed)
                outcome.reproduce = shlex.join([*command, "--case", case.id]) if outcome.verdict == "fail" else ""
                outcome.options = case.op.options
                outcomes.append(outcome)
        if networks:
            level = own_run.level_of(own_run.ALPHA, networks)
            facts |= own_run.told(own_run.ALPHA, networks, options.seed, own_run.EXAMPLES)
            for network in networks:
                outcome = process.run(network, dtype, options.seed, level, own_run.EXAMPLES)
                again = [*command, "--mode", "own", "--seed", str(options.seed), "--case", network.id]
                outcome.reproduce = shlex.join(again) if outcome.verdict == "fail" else ""
                outcomes.append(outcome)
    return outcomes, facts


def _judge(options: argparse.Namespace) -> tuple[list[Outcome], dict[str, str]]:
    cases, results = vectors.read(options.vectors), vectors.read_results(options.results)
    facts = {"implementation": results.implementation, "dtype": results.dtype}
    facts["vectors"] = f"{options.vectors}, sha256 {results.vectors_sha256}"
    return vectors.judge_results(cases, results), facts
