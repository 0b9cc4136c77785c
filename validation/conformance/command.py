"""`refsbnn conformance`: export the cases, run an adapter, judge a results file, verify a submission."""

import argparse
import datetime
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import refsbnn
from refsbnn import files
from refsbnn.console import Parser
from refsbnn.errors import InputError
from validation.conformance import operations, profiles, report
from validation.conformance.adapters import DTYPES, REFERENCE
from validation.conformance.cases import all_cases, like, matching
from validation.conformance.judge import ROUNDINGS, Outcome, count
from validation.conformance.process import TIMEOUT, Process, apart
from validation.conformance.schema import Case

PROG = "refsbnn conformance"


def _seed(text: str) -> int:
    # Every call of an adapter has a seed of its own, a million for each of these; they have to fit into 63 bits.
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**43:
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed; expected a whole number from 0 to 2^43-1")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of cases; expected a whole number up to 100,000")
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
    words = "export|run|judge|verify|operations"
    commands = parser.add_subparsers(dest="command", required=True, metavar=words)
    export = commands.add_parser(
        "export", help="write the cases as HDF5, or JSON (*.json), for programs in any language"
    )
    export.add_argument("vectors", type=Path)
    run = commands.add_parser("run", help="run and judge an adapter")
    run.add_argument("--adapter", default=REFERENCE, metavar="MODULE:CLASS", help=f"default {REFERENCE}")
    run.add_argument(
        "--mode", choices=("given", "own", "both"), default="given", help="given noise (default), or its own"
    )
    run.add_argument("--device", help="handed to the adapter, such as cuda")
    run.add_argument("--dtype", choices=tuple(DTYPES), help="type to compute in; the adapter's first if left out")
    run.add_argument("--case", default="*", metavar="ID", help="only cases like this; * and ? are wild")
    run.add_argument("--fuzz", type=_count, default=0, metavar="N", help="N fresh cases more, drawn from --seed")
    run.add_argument(
        "--timeout", type=_seconds, default=TIMEOUT, metavar="S", help=f"seconds for one check (default {TIMEOUT:g})"
    )
    run.add_argument("--seed", type=_seed, default=0, help="of fresh cases and of the adapter's own noise (default 0)")
    run.add_argument("--bundle", type=Path, metavar="FILE", help="a submission that `verify` judges again, *.zip")
    run.add_argument("--signed-off-by", default="", metavar="NAME", help="who vouches for the submission")
    judge = commands.add_parser("judge", help="judge a results file that a program wrote, HDF5 or JSON as the vectors")
    judge.add_argument("vectors", type=Path)
    judge.add_argument("results", type=Path)
    verify = commands.add_parser("verify", help="judge a submission again, with cases made on this machine")
    verify.add_argument("bundle", type=Path)
    commands.add_parser("operations", help="print the table of every operation's inputs, options and outputs")
    for one in (run, judge):
        one.add_argument("--strict", action="store_true", help="what is unsupported fails")
        one.add_argument("--profile", choices=tuple(profiles.PROFILES), help="what has to pass, for a purpose")
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
        write = _format(options.vectors).write
        print(f"{options.vectors}: {len(all_cases())} cases, sha256 {write(options.vectors, all_cases())}")
        return 0
    if options.command == "operations":
        print(operations.table(all_cases()), end="")
        return 0
    if options.command == "verify":
        return _verify(options.bundle)
    for path in (options.json, options.junit, options.html, getattr(options, "bundle", None)):
        if path is not None:
            files.writable(path)
    allowed = []
    if options.waivers is not None:
        from validation.conformance import waivers  # reads TOML as configurations do, which brings the layers

        allowed = waivers.read(options.waivers)
    start = time.perf_counter()
    outcomes, facts = _run(options) if options.command == "run" else _judge(options)
    if options.waivers is not None:
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
    if options.strict and counted["unsupported"]:
        print(f"strict: {counted['unsupported']} checks are unsupported")
    if unwritten:
        raise unwritten[0]
    missing = options.strict and counted["unsupported"]
    return 1 if counted["fail"] or missing or not counted["pass"] else 0


def _format(path: Path) -> ModuleType:
    """The module that reads and writes such a file: HDF5, which a run of one case need not wait for, or JSON."""
    from validation.conformance import json_vectors, vectors

    return json_vectors if path.suffix.lower() == ".json" else vectors


def _verify(path: Path) -> int:
    from validation.conformance import bundle

    outcomes, doubts, facts = bundle.verify(path)
    print("\n".join(f"{name}: {value}" for name, value in facts.items() if value), end="\n\n")
    if outcomes:
        print(report.table(outcomes), end="\n\n")
        print(report.summary(outcomes))
    for doubt in doubts:
        print(f"not verified: {doubt}")
    if doubts:
        return 1
    print("verified: the results are as the submission reports them")
    counted = count(outcomes)
    return 1 if counted["fail"] or not counted["pass"] else 0


def _chosen(options: argparse.Namespace) -> list[Case]:
    """The cases of given noise that a run asks for."""
    if options.mode == "own":
        return []
    cases = like(options.case)
    if options.fuzz:
        from validation.conformance.cases import fuzz

        cases += matching(fuzz.make(options.fuzz, options.seed), options.case)
    return profiles.asked(cases, profiles.PROFILES[options.profile]) if options.profile else cases


def _run(options: argparse.Namespace) -> tuple[list[Outcome], dict[str, str]]:
    if options.bundle is not None and (options.case != "*" or options.mode != "given"):
        raise InputError("--bundle takes all cases of given noise; leave --case and --mode out")
    if os.getcwd() not in sys.path:  # an installed command does not look for modules where it is run
        sys.path.append(os.getcwd())
    networks = []
    if options.mode != "given":
        from validation.conformance.own import cases as own_cases  # brings the oracle: half a second

        networks = matching(own_cases.make(), options.case)
    with apart(options.adapter, options.device, options.timeout, options.bundle is not None) as process:
        process.launch()  # its framework is imported while the answers are worked out here
        given = _chosen(options)
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
            facts |= {"fresh cases": f"{options.fuzz} from seed {options.seed}"} if options.fuzz else {}
            fresh = ["--fuzz", str(options.fuzz), "--seed", str(options.seed)]
            for case in given:
                outcome = process.run(case, dtype, options.seed)
                again = [*command, *(fresh if "fuzz" in case.flags else []), "--case", case.id]
                outcome.reproduce = shlex.join(again) if outcome.verdict == "fail" else ""
                outcome.options = case.op.options
                outcomes.append(outcome)
        if networks:
            from validation.conformance.own import run as own_run

            level = own_run.level_of(own_run.ALPHA, networks)
            facts |= own_run.told(own_run.ALPHA, networks, options.seed, own_run.EXAMPLES)
            for network in networks:
                outcome = process.run(network, dtype, options.seed, level, own_run.EXAMPLES)
                again = [*command, "--mode", "own", "--seed", str(options.seed), "--case", network.id]
                outcome.reproduce = shlex.join(again) if outcome.verdict == "fail" else ""
                outcomes.append(outcome)
        outcomes, more = _demanded(outcomes, options)
        if options.bundle is not None:
            _submit(options, process, outcomes, facts | more)
    return outcomes, facts | more


def _demanded(outcomes: list[Outcome], options: argparse.Namespace) -> tuple[list[Outcome], dict[str, str]]:
    """The outcomes under a profile, and what is told of it."""
    if not options.profile:
        return outcomes, {}
    profile = profiles.PROFILES[options.profile]
    return profiles.demand(outcomes, profile), {"profile": f"{profile.title}: {' '.join(profile.must)}"}


def _submit(options: argparse.Namespace, process: Process, outcomes: list[Outcome], facts: dict[str, str]) -> None:
    from validation.conformance import bundle, vectors

    cases = bundle.cases_of(options.fuzz, options.seed, options.profile)
    results = vectors.Results(
        options.adapter, facts["dtype"], vectors.digest(cases), tuple(process.results), process.results
    )
    about = {"profile": options.profile, "fuzz": options.fuzz, "seed": options.seed}
    about |= {"signed_off_by": options.signed_off_by}
    bundle.write(options.bundle, results, report.to_json(outcomes, facts), about)


def _judge(options: argparse.Namespace) -> tuple[list[Outcome], dict[str, str]]:
    from validation.conformance import vectors

    cases = _format(options.vectors).read(options.vectors)
    results = _format(options.results).read_results(options.results)
    facts = {"implementation": results.implementation, "dtype": results.dtype}
    facts["vectors"] = f"{options.vectors}, sha256 {results.vectors_sha256}"
    chosen = profiles.asked(cases, profiles.PROFILES[options.profile]) if options.profile else cases
    outcomes, more = _demanded(vectors.judge_results(cases, results, chosen), options)
    return outcomes, facts | more
