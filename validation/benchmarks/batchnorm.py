"""The same network with batch normalisation, in PyTorch (extra `peers`): what a configuration's SBNN is compared with.

    python -m validation.benchmarks.batchnorm digits_spiking training.epochs=5 --out runs/batchnorm

Point weights, deterministic spikes with the slope of a fast sigmoid, cross-entropy. Data, parts, augmentation, batches,
initial weights, optimiser, schedule and number of epochs are those of `refsbnn train` with the same configuration.
What is about noise or weights' variances has no effect: [objective], `noise`, `accumulate`, `variance`, `spread`,
`prior`, `posterior`; nor have `backend`, `recompute`, `chunk`, which change no result.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from refsbnn import __version__, files, interrupt, optim
from refsbnn.console import DONE, complain
from refsbnn.data.loader import ahead
from refsbnn.errors import InputError
from refsbnn.training import config as configuration
from refsbnn.training import lock
from refsbnn.training.config import Config
from refsbnn.training.evaluate import Scores, evaluate
from refsbnn.training.folder import METRICS, RESULT
from refsbnn.training.loop import Plan, choose, finished
from refsbnn.training.metrics import Metrics
from refsbnn.training.state import Row, State
from refsbnn.training.step import passes
from refsbnn.training.tally import Tally
from refsbnn.training.task import Task, prepare


class Predictor:
    """A PyTorch network in the shape that `refsbnn.evaluation.predict` asks of one; it needs no draws."""

    def __init__(self, task: Task, peer: Any) -> None:
        self.output, self.peer = task.network.output, peer

    def forward(self, parameters: Any, x: Any, draws: Any) -> tuple[np.ndarray, None]:
        """Logits, with the running statistics of the normalisation."""
        import torch

        self.peer.eval()
        with torch.no_grad():
            return self.peer(x).numpy(), None


def scores(task: Task, peer: Any, part: str, samples: int = 1) -> Scores:
    """Scores on a part of the data; `samples` codings of it as spikes are averaged over."""
    predicting = replace(task, network=Predictor(task, peer))  # type: ignore[arg-type]
    return evaluate(predicting, {}, getattr(task.data, part), samples)


def optimiser_of(config: Config, peer: Any) -> Any:
    """The optimiser of a configuration."""
    import torch

    training = config.training
    groups = peer.groups(training.weight_decay)
    if training.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=training.rate, momentum=training.momentum)
    adam = optim.Adam()
    return torch.optim.AdamW(groups, lr=training.rate, betas=(adam.decay1, adam.decay2), eps=adam.epsilon)


def epoch(plan: Plan, peer: Any, optimiser: Any, number: int) -> Row:
    """The steps of an epoch, on the batches that `refsbnn train` takes; the row of what they recorded."""
    import torch
    from torch.nn import functional

    task = plan.task
    order = task.streams.permutation(plan.examples, step=number)
    first = number * plan.per_epoch
    tally = Tally()

    def made(step: int) -> tuple[int, np.ndarray, Any]:
        index = order[(step - first) * plan.batch : (step - first + 1) * plan.batch]
        examples, draws = passes(task, index, step)
        return step, task.data.train.labels[examples], task.data.train.batch(examples, draws)

    peer.train()
    with closing(ahead(made, range(first, first + plan.per_epoch))) as batches:
        for step, labels, x in batches:
            for group in optimiser.param_groups:
                group["lr"] = plan.rate(step)
            wanted = torch.from_numpy(labels)
            logits = peer(x)
            loss = functional.cross_entropy(logits, wanted)
            optimiser.zero_grad()
            loss.backward()
            correct = float((logits.argmax(1) == wanted).double().mean())
            numbers = {"train_nll": float(loss.detach()), "train_accuracy": correct}
            monitored = (step - first) % task.config.training.monitor == 0
            tally.add(numbers | (peer.monitors() if monitored else {}), peer.gradients())
            norm = torch.nn.utils.clip_grad_norm_(peer.parameters(), task.config.training.clip)
            if not torch.isfinite(norm):
                raise InputError("the gradient is not finite; a lower learning rate or clipping may help")
            optimiser.step()
    ratios = {f"snr.{name}": ratio for name, ratio in tally.ratios().items()}
    return {"epoch": number + 1} | tally.means() | ratios


def train(task: Task, peer: Any, report: Callable[[Row], None]) -> State:
    """Train to the last epoch, or as `training.patience` says; the network is left with the chosen parameters."""
    import torch

    plan, optimiser = Plan.of(task), optimiser_of(task.config, peer)
    state = State({}, optim.Adam())  # for its record and its choice of an epoch; PyTorch holds the optimiser
    begun = time.perf_counter()
    while not finished(task, state):
        row = epoch(plan, peer, optimiser, len(state.history))
        found = scores(task, peer, "validation")
        row |= {"validation_nll": found.nll, "validation_accuracy": found.accuracy}
        state.step += plan.per_epoch
        state.seconds = row["seconds"] = time.perf_counter() - begun
        state.history.append(row)
        if task.config.training.patience:
            state.parameters = {key: value.numpy().copy() for key, value in peer.state_dict().items()}
        choose(task, state)
        report(row)
    if state.best is not None:
        peer.load_state_dict({key: torch.as_tensor(value) for key, value in state.best.parameters.items()})
    return state


def line(row: Row) -> str:
    """An epoch for the terminal."""
    rates = " ".join(f"{value:.3f}" for name, value in row.items() if name.startswith("rate."))
    return (
        f"{row['epoch']:>5}{row['train_nll']:>11.4f}{row['train_accuracy']:>10.2%}"
        f"{row['validation_nll']:>16.4f}{row['validation_accuracy']:>10.2%}{row['seconds']:>9.1f}  {rates}"
    )


def run(config: Config, out: Path, *, normalise: bool, test: bool) -> None:
    """Train and score the comparison network of a configuration; writes metrics.csv and result.json."""
    try:
        import torch
    except ImportError:
        raise InputError("the comparison network needs PyTorch: pip install 'refsbnn[peers]'") from None
    from validation.benchmarks.batchnorm_network import Peer

    task = prepare(config)
    if normalise and Plan.of(task).batch * config.training.samples < 2:
        raise InputError("training.batch is 1; a batch norm takes at least 2 examples")
    peer = Peer(task.network.stages, task.streams, normalise)
    record = Metrics(out / METRICS, [])
    print(f"{'epoch':>5}{'train NLL':>11}{'accuracy':>10}{'validation NLL':>16}{'accuracy':>10}{'seconds':>9}  rates")

    def report(row: Row) -> None:
        record.add(row)
        print(line(row), flush=True)

    state = train(task, peer, report)
    # As many codings as `refsbnn train` averages; other inputs are the same every time.
    samples = config.evaluation.samples if config.data.coding == "rate" else 1
    found = {part: scores(task, peer, part, samples) for part in ["validation", *(["test"] if test else [])]}
    files.write_json(
        out / RESULT,
        {
            "refsbnn": __version__,
            "numpy": np.__version__,
            "torch": torch.__version__,
            "network": "batch normalisation" if normalise else "plain",
            "config": config.as_dict(),
            "threads": torch.get_num_threads(),
            "seconds": round(state.seconds, 2),
            "epochs": len(state.history),
            "steps": state.step,
            "parameters": sum(p.numel() for p in peer.parameters()),
            "parameters_of_epoch": len(state.history) if state.best is None else state.best.epoch,
            **{part: each.as_dict() for part, each in found.items()},
        },
    )
    for part, each in found.items():
        print(
            f"{part}, {each.examples} examples: accuracy {each.accuracy:.2%}, NLL {each.nll:.4f}, "
            f"Brier {each.brier:.4f}, ECE {each.calibration_error:.4f}"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m validation.benchmarks.batchnorm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", help="a TOML file, or the name of a shipped configuration")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="replaces a value, as training.rate=0.01")
    parser.add_argument("--out", type=Path, help="folder of the results (default: runs/NAME_batchnorm or _plain)")
    parser.add_argument("--plain", action="store_true", help="leave the normalisation out")
    parser.add_argument("--no-test", action="store_true", help="leave the test part alone")
    arguments = parser.parse_intermixed_args(argv)
    kind = "plain" if arguments.plain else "batchnorm"
    out = arguments.out or Path("runs") / f"{Path(arguments.config).stem}_{kind}"
    try:
        if (out / RESULT).exists():
            raise InputError(f"{out} holds the result of a run; expected another folder")
        config = configuration.load(arguments.config, arguments.overrides)
        with lock.held(out):
            run(config, out, normalise=not arguments.plain, test=not arguments.no_test)
    except InputError as error:
        return complain(str(error))
    except KeyboardInterrupt as stop:
        print("interrupted", file=sys.stderr)
        return interrupt.code(stop)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
