"""`refsbnn evaluate`: the folder of a run in; scores, firing rates and synaptic operations out."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from refsbnn import __version__
from refsbnn.console import DONE, Parser
from refsbnn.errors import InputError
from refsbnn.evaluation.predict import share
from refsbnn.evaluation.report import Report, passes
from refsbnn.figures import style
from refsbnn.figures.draw import save
from refsbnn.figures.reliability import diagram
from refsbnn.files import write_json
from refsbnn.ranks import world
from refsbnn.run import Run
from refsbnn.training import published

SHARED = True  # among ranks


def parser() -> Parser:
    """The arguments of the command."""
    out = Parser(
        prog="refsbnn evaluate",
        description="Score a trained network: mean weights, one sampled network, the average over many.",
        epilog="example: refsbnn evaluate runs/digits_binary --samples 100 --json scores.json; one that ships: "
        "refsbnn evaluate digits_binary --calibrate",
    )
    shipped = ", ".join(published.names())
    out.add_argument("run", type=Path, nargs="?", help=f"the folder of a run of `refsbnn train`, or one of: {shipped}")
    out.add_argument("--list", action="store_true", help="print the names of the networks that ship, and stop")
    out.add_argument("--root", help="folder of the data's official files (default: the run's own)")
    out.add_argument("--split", choices=("validation", "test"), default="test", help="default: test")
    out.add_argument("--samples", type=int, help="networks the average takes (default: the configuration's)")
    out.add_argument("--calibrate", action="store_true", help="also score at the temperature fitted on validation")
    out.add_argument("--json", type=Path, help="file for all numbers")
    return out


def main(argv: Sequence[str]) -> int:
    """Run `refsbnn evaluate` with the given arguments; returns the exit code."""
    arguments = parser().parse_args(argv)
    if arguments.samples is not None and arguments.samples < 1:
        raise InputError(f"--samples is {arguments.samples}; expected at least 1")
    ranks = world()
    if arguments.list:
        ranks.from_first(lambda: print("\n".join(published.names())))
        return DONE
    if arguments.run is None:
        raise InputError("no run is named; expected a folder that `refsbnn train` wrote, or a name that --list prints")
    run = Run.load(arguments.run, warn, root=arguments.root, ranks=ranks)
    samples = arguments.samples or run.config.evaluation.samples
    total = passes(samples, len(getattr(run.task.data, arguments.split).labels), ranks)
    if arguments.calibrate:
        total += max(samples, 1) * sum(map(len, share(len(run.task.data.validation.labels), ranks=ranks)))
    with tqdm(total=total, unit="example", disable=None, delay=2.0, file=sys.stderr) as bar:
        report = run.evaluate(arguments.split, samples, bar.update, calibrate=arguments.calibrate)
    ranks.from_first(lambda: show(arguments, report))
    return DONE


def warn(line: str) -> None:
    """Print a line on standard error."""
    print(f"refsbnn: {line}", file=sys.stderr)


def show(arguments: Namespace, report: Report) -> None:
    """Print the tables, write the numbers and draw the figure."""
    print(report.table())
    if arguments.json is not None:
        write_json(arguments.json, {"refsbnn": __version__, "run": str(arguments.run), **report.as_dict()})
    if not arguments.run.is_dir():  # a network that ships has no folder for figures
        return
    name = f"reliability_{arguments.split}.png"
    if style.available():
        save(arguments.run / name, diagram, {mode.name: mode.scores.reliability for mode in report.modes})
        print(f"figure: {arguments.run / name}")
    else:
        print(style.not_drawn([name]))
