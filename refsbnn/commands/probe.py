"""`refsbnn probe`: the bias of gradient estimators in a trained network, against unbiased derivatives."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from refsbnn import __version__
from refsbnn.console import DONE, Parser, split
from refsbnn.errors import InputError
from refsbnn.figures import style
from refsbnn.figures.bias import by_layer
from refsbnn.figures.draw import save
from refsbnn.files import write_json
from refsbnn.probe.report import Report
from refsbnn.ranks import world
from refsbnn.run import Run
from refsbnn.training.given import PARTS

SHARED = True  # among ranks


def parser() -> Parser:
    """The arguments of the command."""
    out = Parser(
        prog="refsbnn probe",
        description="Relative bias, variance and cosine of gradient estimators in a trained network, by layer, against "
        "unbiased derivatives of single units: the unit's spike turned over, all other noise as it was.",
        epilog="example: refsbnn probe runs/digits_binary --members st,trapezoid,'agr(tau=2)' --json bias.json",
    )
    out.add_argument("run", type=Path, help="the folder of a run of `refsbnn train`")
    out.add_argument("--members", help="estimators to compare, with commas between (default: the run's own)")
    out.add_argument("--layers", help="layers of units, as 2.spike,4.spike (default: all)")
    out.add_argument("--units", type=int, default=32, help="units of each layer, drawn at random (default: 32)")
    out.add_argument("--examples", type=int, default=64, help="examples, drawn at random (default: 64)")
    out.add_argument("--draws", type=int, default=64, help="draws of the noise for each example (default: 64)")
    out.add_argument("--split", choices=PARTS, default="train", help="default: train")
    out.add_argument("--seed", type=int, help="of what is drawn (default: the run's)")
    out.add_argument("--json", type=Path, help="file for all numbers")
    out.add_argument("--figure", type=Path, help="file for the relative bias by layer, .png or .svg")
    return out


def main(argv: Sequence[str]) -> int:
    """Run `refsbnn probe` with the given arguments; returns the exit code."""
    arguments = parser().parse_args(argv)
    if arguments.figure is not None and arguments.figure.suffix not in (".png", ".svg"):
        raise InputError(f"--figure is {arguments.figure}; expected a name that ends in .png or .svg")
    ranks = world()
    run = Run.load(arguments.run, lambda line: print(f"refsbnn: {line}", file=sys.stderr), ranks=ranks)
    with tqdm(unit="spike", disable=None, delay=2.0, file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done)

        report = run.probe(
            None if arguments.members is None else split(arguments.members),
            layers=None if arguments.layers is None else split(arguments.layers),
            units=arguments.units,
            examples=arguments.examples,
            draws=arguments.draws,
            part=arguments.split,
            seed=arguments.seed,
            progress=progress,
        )
    ranks.from_first(lambda: show(arguments, report))
    return DONE


def show(arguments: Namespace, report: Report) -> None:
    """Print the tables, write the numbers and draw the figure."""
    print(report.table())
    if arguments.json is not None:
        write_json(arguments.json, {"refsbnn": __version__, "run": str(arguments.run), **report.as_dict()})
    if arguments.figure is not None:
        if style.available():
            save(arguments.figure, by_layer, report)
            print(f"figure: {arguments.figure}")
        else:
            print(style.not_drawn([str(arguments.figure)]))
