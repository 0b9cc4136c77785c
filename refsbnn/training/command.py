"""`refsbnn train`: a configuration in, a folder with the record, the parameters and the scores out."""

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
from tqdm import tqdm

from refsbnn import __version__
from refsbnn.errors import InputError
from refsbnn.figures.draw import draw
from refsbnn.training import config as configuration
from refsbnn.training import files, loop
from refsbnn.training.evaluate import Scores, evaluate
from refsbnn.training.task import prepare


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    out = argparse.ArgumentParser(
        prog="refsbnn train",
        description="Train a network and score it once on the test split.",
        epilog="example: refsbnn train digits_binary training.epochs=5 --out runs/short",
    )
    shipped = ", ".join(configuration.shipped())
    out.add_argument("config", help=f"a TOML file, or the name of a shipped configuration: {shipped}")
    out.add_argument("overrides", nargs="*", metavar="key=value", help="replaces a value, as training.rate=0.01")
    out.add_argument("--out", type=Path, help="folder of the results (default: runs/ and the configuration's name)")
    return out


def main(argv: Sequence[str]) -> int:
    """Run `refsbnn train` with the given arguments; returns the exit code."""
    arguments = parser().parse_intermixed_args(argv)
    config = configuration.load(arguments.config, arguments.overrides)
    out = arguments.out or Path("runs") / Path(arguments.config).stem
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; expected a folder")
    task = prepare(config)
    print(task.network.summary(), flush=True)
    with tqdm(total=config.training.epochs, unit="epoch", disable=None, delay=2.0, file=sys.stderr) as bar:

        def report(row: dict[str, float]) -> None:
            bar.set_postfix_str(
                f"loglik {row['loglik']:.3f}, KL/N {row['kl_per_example']:.2f}, B {row['penalty']:.2f}, "
                f"validation {row['validation_accuracy']:.1%}, rate {row['rate.0']:.2f}"
            )
            bar.update()

        with compiling(config.training.backend):
            result = loop.train(task, report)
    test = evaluate(task.network, result.parameters, task.data.test, task.streams, config.evaluation)
    files.write_text(out / "metrics.csv", metrics(result.history))
    files.write_arrays(out / "parameters.npz", result.parameters)
    files.write_json(out / "result.json", outcome(config, result, test))
    print(table(config, result, test))
    print(f"results: {out}/result.json, metrics.csv, parameters.npz")
    print(draw(out, task, result.parameters, result.history, {"validation": result.validation, "test": test}))
    return 0


def compiling(backend: str) -> AbstractContextManager[None]:
    """Inside, kernels that must be compiled say so."""
    if backend != "numba":
        return nullcontext()
    from refsbnn.kernels import cache

    return cache.told()


def outcome(config: configuration.Config, result: loop.Result, test: Scores) -> dict[str, object]:
    """What result.json holds."""
    last = result.history[-1]
    return {
        "refsbnn": __version__,
        "numpy": np.__version__,
        "config": config.as_dict(),
        "seconds": round(result.seconds, 2),
        "objective": "tempered" if result.tempered else "ELBO",
        "loglik_per_example": last["loglik"],
        "kl_per_example": last["kl_per_example"],
        "validation": result.validation.as_dict(),
        "test": test.as_dict(),
    }


def metrics(history: list[dict[str, float]]) -> str:
    """The record of all epochs as comma-separated values."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()


def table(config: configuration.Config, result: loop.Result, test: Scores) -> str:
    """The summary that the command prints."""
    lines = [f"{'':<12}{'examples':>9}{'accuracy':>10}{'NLL':>8}{'Brier':>8}{'ECE':>8}"]
    for name, scores in (("validation", result.validation), ("test", test)):
        lines.append(
            f"{name:<12}{scores.examples:>9}{scores.accuracy:>10.2%}{scores.nll:>8.3f}{scores.brier:>8.3f}"
            f"{scores.calibration_error:>8.3f}"
        )
    kind = "tempered objective" if result.tempered else "ELBO"
    last = result.history[-1]
    lines.append(
        f"{config.evaluation.samples} samples a prediction; {kind}: log-likelihood {last['loglik']:.3f} and KL "
        f"{last['kl_per_example']:.3f} nats an example, KL weight {last['kl_weight'] * result.examples:.3g}/N; "
        f"{result.seconds:.0f} s"
    )
    return "\n".join(lines)
