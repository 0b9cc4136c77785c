"""`refsbnn certify`: exact bias and variance of an estimator that anyone wrote, and the member it is."""

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refsbnn import files
from refsbnn.console import DONE, FAILED, Parser
from refsbnn.errors import InputError
from validation.certify import time
from validation.certify.fixed import FixedReport
from validation.certify.networks import LOSSES, WIDTHS
from validation.certify.program import certified, export
from validation.certify.report import Report, certify


def _parser() -> Parser:
    parser = Parser(
        prog="refsbnn certify",
        description="Exact bias and variance of an estimator that anyone wrote, and the member it is. The guide is "
        "docs/certify.md. The code is run in this process: certify only what you would import.",
        epilog="example: refsbnn certify mine.py:estimate --unbiased affine",
    )
    parser.add_argument(
        "code",
        nargs="*",
        metavar="MODULE:FUNCTION",
        help="a module, or a file that ends in .py; or DRAWS.json ESTIMATES.json, which a program read and wrote",
    )
    parser.add_argument("--export", type=Path, metavar="DRAWS.json", help="write the draws for a program to read")
    parser.add_argument("--noise", choices=("logistic", "gaussian"), default="logistic", help="of its units (--export)")
    parser.add_argument("--units", choices=("binary", "bipolar"), default="binary", help="their values (--export)")
    parser.add_argument("--above", action="store_true", help="it spikes where u > 1 - pi, not where u < pi (--export)")
    parser.add_argument(
        "--network", choices=(*WIDTHS, *time.WIDTHS), help="this one alone (default: one-unit and a deeper one)"
    )
    parser.add_argument(
        "--unbiased", choices=LOSSES, help="exit code 1 unless unbiased for losses up to this, on the networks tried"
    )
    parser.add_argument(
        "--member", metavar="NAME", help="for code that draws for itself and whose slope varies: hold it to this"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number as JSON too")
    return parser


def load(code: str) -> Any:
    """The function that MODULE:FUNCTION names.

    Raises
    ------
    InputError
        No such module, file or name, or an exception while it is imported.
    """
    where, colon, name = code.rpartition(":")
    if not colon or not where or not name:
        raise InputError(f"{code!r} names no function; expected MODULE:FUNCTION or FILE.py:FUNCTION")
    try:
        if where.endswith(".py"):
            spec = importlib.util.spec_from_file_location(Path(where).stem, where)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.path.insert(0, str(Path(where).resolve().parent))  # as `python FILE.py` does
            spec.loader.exec_module(module)
        else:
            if os.getcwd() not in sys.path:  # an installed command does not look for modules where it is run
                sys.path.append(os.getcwd())
            module = importlib.import_module(where)
    except Exception as error:
        raise InputError(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise InputError(f"{where} has no {name!r}")
    return getattr(module, name)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; `sys.argv` if left out.

    Returns
    -------
    int
        0: done. 1: not unbiased where --unbiased asks for it.

    Raises
    ------
    InputError
        Bad input: code 2.
    """
    options: argparse.Namespace = _parser().parse_args(argv)
    if options.json is not None:
        files.writable(options.json)
    if options.export is not None:
        if options.code:
            raise InputError("--export writes draws and takes no code")
        files.writable(options.export)
        how = {"noise": options.noise, "domain": options.units, "below": not options.above}
        count = export(options.export, network=options.network or "one-unit", **how)
        print(f"{options.export}: {count} draws on network {options.network or 'one-unit'}")
        return DONE
    report: Report | FixedReport
    if len(options.code) == 2:
        report = certified(*map(Path, options.code))
    elif len(options.code) == 1:
        (code,) = options.code
        report = certify(load(code), network=options.network, name=code, member=options.member)
    else:
        raise InputError("expected MODULE:FUNCTION, or DRAWS.json ESTIMATES.json")
    print(report.table())
    if options.json is not None:
        files.write_json(options.json, report.as_dict())
    if options.unbiased is None:
        return DONE
    verdict = report.verdict(options.unbiased)
    print(f"\nup to {options.unbiased} losses: {verdict}")
    return DONE if verdict == "unbiased" else FAILED
