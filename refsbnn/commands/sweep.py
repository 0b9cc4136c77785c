"""`refsbnn sweep`: a grid, seeds or a search in; a folder for each run, one table and one figure out."""

import os
import shutil
import sys
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from refsbnn.console import DONE, FAILED, Parser
from refsbnn.errors import InputError, check_integer
from refsbnn.figures import style
from refsbnn.figures import sweep as figures
from refsbnn.figures.draw import save
from refsbnn.files import writable, write_json
from refsbnn.ranks import world
from refsbnn.sweeps import local, mpi, slurm, table
from refsbnn.sweeps.grid import Grid, parse
from refsbnn.sweeps.job import result
from refsbnn.sweeps.names import short
from refsbnn.sweeps.search import DIRECTIONS, optuna, search
from refsbnn.sweeps.sweep import Engine, Sweep, run
from refsbnn.training import checkpoint, lock

SHARED = True  # among ranks
FIGURE = "sweep.png"
AT_ONCE, MINUTES = 256, 60  # of a Slurm array: tasks at a time, and how long each may take


def parser() -> Parser:
    """The arguments of the command."""
    out = Parser(
        prog="refsbnn sweep",
        description="Train a network for each point of a grid, or each trial of a search, and each seed: independent "
        "runs of `refsbnn train`, a folder each. Killed and repeated, the command does only what is missing.",
        epilog="example: refsbnn sweep digits_binary training.rate=[0.003,0.01,0.03] seeds=0-4 --out runs/rates",
    )
    out.add_argument("config", help="a TOML file, or the name of a shipped configuration")
    out.add_argument(
        "overrides",
        nargs="*",
        default=[],
        metavar="key=value",
        help="training.epochs=5 is for all runs, training.rate=[0.01,0.02] is swept, training.rate=0.001..0.1:log is "
        "searched, seeds=0-9 repeats each point",
    )
    out.add_argument("--out", type=Path, required=True, help="folder of the sweep")
    out.add_argument("--engine", choices=("local", "mpi", "slurm"), default="local", help="default: local")
    out.add_argument("--jobs", type=int, help=f"runs at a time (default: local 1, slurm {AT_ONCE}; mpi has its ranks)")
    out.add_argument("--search", choices=("optuna",), help="search in ranges and lists instead of trying all points")
    out.add_argument("--trials", type=int, help="points that a search tries, in all")
    out.add_argument("--search-seed", type=int, default=0, help="of what a search tries (default: 0)")
    out.add_argument(
        "--score", choices=tuple(DIRECTIONS), default="nll", help="validation score of the best point (default: nll)"
    )
    out.add_argument("--test", action="store_true", help="score the test split of each run too; it chooses nothing")
    out.add_argument("--time", type=int, metavar="MINUTES", help=f"slurm: of a task before it is requeued ({MINUTES})")
    out.add_argument(
        "--slurm",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="slurm: of sbatch, as partition=cpu",
    )
    out.add_argument("--json", type=Path, help="file for all numbers")
    out.add_argument("--list", action="store_true", help="list the runs and what is missing, and do nothing")
    return out


def main(argv: Sequence[str]) -> int:
    """Run `refsbnn sweep` with the given arguments; returns the exit code."""
    arguments = parser().parse_intermixed_args(argv)
    grid = parse(arguments.config, arguments.overrides)
    options = check(arguments, grid)
    if arguments.list:
        return listed(Sweep(grid, arguments.out, arguments.test, 1, about(arguments, grid)))
    if arguments.engine == "mpi":
        return mpi.over_ranks(
            lambda pool, workers, threads: swept(arguments, grid, partial(mpi.run, pool), workers, threads)
        )
    if (count := world().size) > 1:
        raise InputError(f"--engine {arguments.engine} takes one process, and {count} were started; mpi takes several")
    if arguments.engine == "slurm":
        at_once = arguments.jobs or AT_ONCE
        queue = slurm.Queue(arguments.out, at_once, arguments.time or MINUTES, options)
        return swept(arguments, grid, partial(slurm.run, submit=queue.submit, there=queue.there), at_once, 1)
    at_once = arguments.jobs or 1
    threads = max((os.cpu_count() or 1) // at_once, 1)
    return swept(arguments, grid, lambda jobs, report: local.run(jobs, at_once, report), at_once, threads)


def check(arguments: Namespace, grid: Grid) -> dict[str, str]:
    """Raise InputError for options that do not fit together; the options of sbatch."""
    for name in ("jobs", "trials", "time"):
        if getattr(arguments, name) is not None:
            check_integer(f"--{name}", getattr(arguments, name), 1)
    check_integer("--search-seed", arguments.search_seed, 0)
    if grid.spans and not arguments.search:
        raise InputError(f"{next(iter(grid.spans))} is a range; it needs --search optuna, or a list of values")
    if arguments.search:
        optuna()
        if not grid.keys:
            raise InputError("--search has nothing to search in; expected a range, as training.rate=0.001..0.1:log")
        if arguments.trials is None:
            raise InputError("--search needs --trials N: how many points it tries")
        if arguments.engine == "slurm" and arguments.jobs is None:
            raise InputError("--search with --engine slurm needs --jobs N: how many runs are proposed at a time")
    elif arguments.trials is not None:
        raise InputError("--trials is of a search; it needs --search optuna")
    if (arguments.slurm or arguments.time) and arguments.engine != "slurm":
        raise InputError(f"--{'slurm' if arguments.slurm else 'time'} is of Slurm's tasks; it needs --engine slurm")
    if arguments.jobs and arguments.engine == "mpi":
        raise InputError("--jobs is not for --engine mpi, which has a run at a time on each rank but the first")
    if arguments.out.exists() and not arguments.out.is_dir():
        raise InputError(f"--out {arguments.out} is a file; expected a folder")
    if arguments.json is not None:
        writable(arguments.json)
    options = {}
    for word in arguments.slurm:
        name, equals, value = word.lstrip("-").partition("=")
        if not (name and equals and value) or name in slurm.MANAGED:
            raise InputError(
                f"--slurm {word}: expected an option of sbatch, as partition=cpu, none of {', '.join(slurm.MANAGED)}"
            )
        options[name] = value
    return options


def about(arguments: Namespace, grid: Grid) -> dict[str, Any]:
    """What makes a search the same."""
    if not arguments.search:
        return {}
    return {
        "by": arguments.search,
        "space": grid.axes | {key: str(span) for key, span in grid.spans.items()},
        "score": arguments.score,
        "seed": arguments.search_seed,
        "seeds": list(grid.seeds),
    }


def swept(arguments: Namespace, grid: Grid, engine: Engine, at_once: int, threads: int) -> int:
    """Do what is missing, show all; returns the exit code."""
    sweep = Sweep(grid, arguments.out, arguments.test, threads, about(arguments, grid))
    say = partial(print, flush=True)
    with lock.held(arguments.out, lambda line: print(f"refsbnn: {line}", file=sys.stderr, flush=True)):
        sweep.begin()
        try:
            if arguments.search:
                batch = max(at_once // len(grid.seeds), 1)
                points, failed = search(
                    sweep, arguments.trials, batch, arguments.score, arguments.search_seed, engine, say
                )
            else:
                points = sweep.points()
                failed = run(points, engine, say)
        except KeyboardInterrupt:
            print("refsbnn: the same command goes on with what is missing", file=sys.stderr)
            raise
        rows = [table.Row(point, point.results()) for point in points]
        print(table.table(sweep, rows, arguments.score, shutil.get_terminal_size().columns))
        print(drawn(sweep, rows, arguments.score))
    if arguments.json is not None:
        write_json(arguments.json, table.as_dict(sweep, rows, arguments.score, failed))
    for name, wrong in failed.items():
        print(f"refsbnn: {name} failed: {wrong}", file=sys.stderr)
    return FAILED if failed else DONE


def drawn(sweep: Sweep, rows: Sequence[table.Row], score: str) -> str:
    """Draw the figure; a line of what became of it."""
    path, names = sweep.out / FIGURE, short(sweep.grid.keys)
    if not style.available():
        return style.not_drawn([FIGURE])
    points = [
        figures.Shown(row.point.values, {name: row.score(name) for name in figures.PANELS})
        for row in rows
        if row.results
    ]
    if not points:
        return "figure: none, for want of a finished run"
    if sweep.search:
        save(path, figures.search, points, names, score)
    else:
        save(path, figures.grid, points, names)
    return f"figure: {path}"


def listed(sweep: Sweep) -> int:
    """Print the runs of a grid and how far each is; returns the exit code."""
    if sweep.search:
        raise InputError("--list is of a grid; what a search tries is not known before")
    for point in sweep.points():
        for job in point.runs.values():
            state = "finished" if result(job) else "begun" if checkpoint.saved(job.folder) else "missing"
            print(f"{state:<9} {job.name}")
    return DONE
