"""`refsbnn train`: a configuration in, a folder with the record, the parameters and the scores out."""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from pathlib import Path

import numpy as np

from refsbnn import __version__, files, interrupt
from refsbnn.console import DONE, Parser
from refsbnn.errors import InputError
from refsbnn.figures.draw import draw
from refsbnn.ranks import world
from refsbnn.training import checkpoint, lock, loop
from refsbnn.training import config as configuration
from refsbnn.training.evaluate import Scores, evaluate
from refsbnn.training.folder import METRICS, PARAMETERS, RESULT
from refsbnn.training.metrics import Board, Metrics
from refsbnn.training.progress import Progress
from refsbnn.training.resume import begin, check_run, holds_run
from refsbnn.training.state import Row, State, packed
from refsbnn.training.task import Task, prepare

SHARED = True  # among ranks


def parser() -> Parser:
    """The arguments of the command."""
    out = Parser(
        prog="refsbnn train",
        description="Train a network and score it, once, on the validation and test splits.",
        epilog="example: refsbnn train digits_binary training.epochs=5 --out runs/short. Ctrl-C finishes the step, "
        "saves and exits with 130, SIGTERM with 143; the same command with --resume continues, to the same bits.",
    )
    shipped = ", ".join(configuration.shipped())
    out.add_argument("config", help=f"a TOML file, or the name of a shipped configuration: {shipped}")
    out.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="replaces a value, as training.rate=0.01"
    )
    out.add_argument("--out", help="folder of the results (default: runs/ and the configuration's name)")
    out.add_argument(
        "--no-test", action="store_true", help="leave the test split unscored; `refsbnn evaluate` can score it later"
    )
    out.add_argument(
        "--print-config",
        action="store_true",
        help="print the whole configuration, with its defaults, as TOML, and stop",
    )
    earlier = out.add_mutually_exclusive_group()
    earlier.add_argument("--resume", action="store_true", help="continue the run in the folder")
    earlier.add_argument(
        "--continue",
        action="store_true",
        dest="go_on",
        help="continue the run in the folder if there is one, else begin: for jobs that a cluster starts again",
    )
    earlier.add_argument("--overwrite", action="store_true", help="replace the run in the folder")
    return out


def main(argv: Sequence[str]) -> int:
    """Run `refsbnn train` with the given arguments; returns the exit code."""
    arguments = parser().parse_intermixed_args(argv)
    config = configuration.load(arguments.config, arguments.overrides)
    if arguments.out == "":
        raise InputError("--out is empty; expected the name of a folder")
    out = Path(arguments.out or Path("runs") / Path(arguments.config).stem)
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; expected a folder")
    ranks = world()
    if arguments.print_config:
        ranks.from_first(lambda: print(config.as_toml(), end=""))
        return DONE
    again = "the same command" if arguments.go_on else "the same command with --resume"
    writing: Callable[[], None] = unheld
    with ExitStack() as stack:
        task = prepare(config, ranks)
        loop.Plan.of(task)  # shards that do not fit the ranks are refused before anything is written

        def begun() -> State:
            nonlocal writing
            if arguments.resume:
                check_run(out)  # before a folder is made that is none
            writing = stack.enter_context(lock.held(out, say)).check
            files.clear(out, older=0.0)  # no other process writes here
            resume = arguments.resume or (arguments.go_on and holds_run(out))
            return begin(out, task, resume=resume, overwrite=arguments.overwrite, warn=say)

        state = ranks.from_first(begun)
        return run(task, state, out, writing, test=not arguments.no_test, again=again)


def run(task: Task, state: State, out: Path, writing: Callable[[], None], *, test: bool, again: str) -> int:
    """Train from a state on, score, write and show the results; returns the exit code.

    `writing` is called before the folder is written to; `again` is the command that continues the run.
    """
    config, stop = task.config, interrupt.Asked()
    print(task.network.summary(), flush=True)
    try:
        with interrupt.asked_to_stop() as stop:
            result = trained(task, state, out, writing, stop)
        scores = {"validation": result.validation}
        if test and len(task.data.test.labels):  # arrays of one's own may have no test part
            scores["test"] = evaluate(task, result.parameters, task.data.test, config.evaluation.samples)
    except loop.Interrupted:
        say(f"stopped after step {state.step}, saved in {out}; {again} continues it")
        return stop.code
    except KeyboardInterrupt as now:
        how = f"{again} continues from the newest checkpoint in {out}"
        say(f"stopped at once; {how if checkpoint.saved(out) else 'the same command begins anew'}")
        return interrupt.code(now)
    if not task.ranks.first:
        return DONE
    writing()
    print(table(config, result, scores), flush=True)  # whatever becomes of the files
    files.write_arrays(out / PARAMETERS, result.parameters)
    figures = draw(out, task, result.parameters, result.history, scores)
    files.write_json(out / RESULT, outcome(config, result, scores))  # last: a folder that has it has all
    print(f"results: {out}/{RESULT}, {METRICS}, {PARAMETERS}\n{figures}")
    return DONE


def unheld() -> None:
    """What a rank does before it writes nothing."""


def say(line: str) -> None:
    """Print a line on standard error."""
    print(f"refsbnn: {line}", file=sys.stderr, flush=True)


def trained(task: Task, state: State, out: Path, writing: Callable[[], None], stop: Callable[[], bool]) -> loop.Result:
    """Train from a state on; checkpoints, the record and the progress bar on the way."""
    config, plan = task.config, loop.Plan.of(task)
    if not task.ranks.first:
        return loop.train(task, state=state, stop=stop)
    with ExitStack() as stack:
        records: list[Metrics | Board] = [Metrics(out / METRICS, state.history)]
        if config.training.tensorboard:
            records.append(stack.enter_context(closing(Board(out / "tensorboard", len(state.history)))))
        progress = stack.enter_context(closing(Progress(plan.steps, plan.examples, state.step)))
        stack.enter_context(compiling(config.training.backend))

        def report(row: Row) -> None:
            writing()
            for record in records:
                record.add(row)
            progress.epoch(row)

        def save(state: State) -> None:
            writing()
            checkpoint.save(out, state.step, packed(state, config), config.training.keep)

        return loop.train(task, report, state=state, each_step=progress.step, save=save, stop=stop)


def compiling(backend: str) -> AbstractContextManager[None]:
    """Inside, kernels that must be compiled say so."""
    if backend != "numba":
        return nullcontext()
    from refsbnn.kernels import cache

    return cache.told()


def outcome(config: configuration.Config, result: loop.Result, scores: dict[str, Scores]) -> dict[str, object]:
    """What result.json holds; `scores` are those of each split that was scored."""
    last = result.history[-1]
    return {
        "refsbnn": __version__,
        "numpy": np.__version__,
        "config": config.as_dict(),
        "seconds": round(result.seconds, 2),
        "objective": result.objective,
        "loglik_per_example": last["loglik"],
        "kl_per_example": last["kl_per_example"],
        "epochs": len(result.history),
        "steps": result.steps,
        "parameters_of_epoch": result.best or len(result.history),
        "chosen_by": None if result.best is None else config.training.score,
        **{name: each.as_dict() for name, each in scores.items()},
    }


def table(config: configuration.Config, result: loop.Result, splits: dict[str, Scores]) -> str:
    """The summary that the command prints."""
    lines = [f"{'':<12}{'examples':>9}{'accuracy':>10}{'NLL':>8}{'Brier':>8}{'ECE':>8}"]
    for name, scores in splits.items():
        lines.append(
            f"{name:<12}{scores.examples:>9}{scores.accuracy:>10.2%}{scores.nll:>8.3f}{scores.brier:>8.3f}"
            f"{scores.calibration_error:>8.3f}"
        )
    if result.best is not None:
        lines.append(f"parameters of epoch {result.best} of {len(result.history)}, chosen by {config.training.score}")
    kind = "tempered objective" if result.objective == "tempered" else result.objective
    last = result.history[-1]
    lines.append(
        f"{config.evaluation.samples} samples a prediction; {kind}: log-likelihood {last['loglik']:.3f} and KL "
        f"{last['kl_per_example']:.3f} nats an example, KL weight {last['kl_weight'] * result.examples:.3g}/N; "
        f"{result.seconds:.0f} s"
    )
    return "\n".join(lines)
