"""`refsbnn bench`: time and memory of a training step on this machine, and of other libraries' in the same run."""

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from refsbnn.console import Parser
from refsbnn.errors import InputError
from refsbnn.files import write_json
from validation.benchmarks import machine
from validation.benchmarks.peers.cases import CASES, case_of
from validation.benchmarks.turns import Task, run

EXAMPLE = "example: refsbnn bench --case a --peers --json bench.json"
# Each engine with the contestants that do the same mathematics.
PEERS: dict[str, dict[str, tuple[str, ...]]] = {
    "a": {
        "engine": ("torch_shd", "torch_compile_shd", "torch_hand_shd", "jax_shd"),
        "engine_plain": (
            *("torch_plain_shd", "torch_hand_plain_shd", "jax_plain_shd"),
            *("snntorch_shd", "spikingjelly_shd", "norse_shd", "spyx_shd"),
        ),
    },
    "b": {"engine": ("torch_cifar", "torch_compile_cifar", "jax_cifar")},
}
BATCHES = 1, 64  # of inference


def needs(peer: str) -> str:
    """The library that a contestant is made with, from its name."""
    return peer.partition("_")[0]


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _parser() -> Parser:
    parser = Parser(prog="refsbnn bench", description=__doc__, epilog=EXAMPLE)
    parser.add_argument("--case", choices=[*CASES, "all"], default="all", help="a: recurrent SHD; b: residual CIFAR")
    parser.add_argument("--peers", action="store_true", help="time other libraries beside (extra `peers`)")
    parser.add_argument("--inference", action="store_true", help="predictions for 1 and 64 examples, not training")
    parser.add_argument("--roofline", action="store_true", help="each kernel beside this machine's measured limits")
    parser.add_argument("--growth", type=Path, metavar="FOLDER", help="the engine's time and memory over sizes")
    parser.add_argument("--threads", type=_count, default=2, help="threads of every contestant (default 2)")
    parser.add_argument("--rounds", type=_count, default=7, help="turns each contestant takes (default 7)")
    parser.add_argument("--epoch", action="store_true", help="time one whole epoch of each as well")
    parser.add_argument("--small", action="store_true", help="tiny networks, to try the command out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    return parser


def table(title: str, numbers: dict[str, Any], unit: str = "step") -> str:
    """The numbers of one case, aligned."""
    lines = [title]
    words = (
        (f"ms a {unit}", 16),
        ("quartiles", 19),
        ("x engine", 10),
        ("first s", 9),
        ("peak MiB", 10),
        ("x engine", 10),
    )
    lines.append(f"{'contestant':<21}" + "".join(f"{word:>{width}}" for word, width in words))
    for name, row in numbers.items():
        low, high = (1e3 * value for value in row["quartiles_s"])
        digits = 1 if unit == "step" else 3
        lines.append(
            f"{name:<21}{1e3 * row['median_s']:>16.{digits}f}{f'{low:.{digits}f} - {high:.{digits}f}':>19}"
            f"{row['times_engine']:>10.2f}{row['first_s']:>9.1f}{row['peak_MiB']:>10.0f}{row['memory_times_engine']:>10.2f}"
        )
        if row["epoch_s"] is not None:
            lines.append(f"{'':<21}one epoch: {row['epoch_s']:.1f} s")
    return "\n".join(lines)


def contestants(case: str, peers: bool) -> dict[str, list[str]]:
    """The engines of a case, each with the contestants beside it whose library is installed."""
    rivals: dict[str, list[str]] = {engine: [] for engine in PEERS[case]}
    for engine, others in PEERS[case].items() if peers else ():
        for peer in others:
            if find_spec(needs(peer)) is None:
                print(f"{peer} is left out: {needs(peer)} is not installed")
            else:
                rivals[engine].append(peer)
    return rivals


def training(case: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Time training steps of a case, print the table and give the numbers."""
    task = Task(case, arguments.threads, arguments.small)
    steps = max(task.of.examples // task.of.batch, 1) if arguments.epoch else 0
    numbers = run(task, contestants(case, arguments.peers), arguments.rounds, steps)
    memory = analytic(case, arguments.small)
    print(table(f"case {case}: {what(case)}", numbers))
    print("memory of a step, MiB: " + ", ".join(f"{key} {value:.1f}" for key, value in memory.items()), flush=True)
    return {"contestants": numbers, "analytic": memory}


def inference(case: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Time predictions of a case for one example and for 64, print the tables and give the numbers."""
    out = {}
    rivals = contestants(case, arguments.peers)
    for batch in BATCHES:
        task = Task(case, arguments.threads, arguments.small, batch)
        out[f"batch {batch}"] = numbers = run(task, rivals, arguments.rounds)
        title = f"case {case}, inference, one sample, {batch} at once: {what(case)}"
        print(table(title, numbers, unit="prediction"), flush=True)
    return out


def roofline(cases: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure limits and kernels, print the table and give the numbers."""
    from validation.benchmarks import roofline

    out = roofline.measured(cases, arguments.threads, small=arguments.small, rounds=arguments.rounds)
    print(roofline.table(out), flush=True)
    return out


def growth(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure the curves into the folder and give the numbers."""
    from validation.benchmarks import growth

    return growth.run(arguments.growth, arguments.threads, arguments.rounds, arguments.small, print)


def what(case: str) -> str:
    """The case in words."""
    return (type(case_of(case)).__doc__ or "").partition(": ")[2]


def analytic(case: str, small: bool) -> dict[str, float]:
    """MiB of the arrays a step must keep: parameters, their gradients, the optimiser's two moments, the tape."""
    from validation.benchmarks.peers.engine import Training, network_of
    from validation.benchmarks.tape import size_of

    training = Training(case_of(case, small), network_of(case_of(case, small)))
    training.step()
    parameters = size_of(training.parameters)
    assert training.tape is not None
    tape = size_of(training.tape.segments)
    parts = {"parameters": parameters, "gradients": parameters, "optimiser": 2 * parameters, "tape": tape}
    return {key: value / 2**20 for key, value in {**parts, "sum": sum(parts.values())}.items()}


def main(argv: Sequence[str]) -> int:
    """Run `refsbnn bench` with the given arguments; returns the exit code."""
    arguments = _parser().parse_args(argv)
    if arguments.peers and not any(find_spec(name) for name in ("torch", "jax")):
        raise InputError("--peers needs PyTorch or JAX, neither is installed; accepted: pip install 'refsbnn[peers]'")
    facts, before = machine.described(), machine.state()
    print(machine.lines(facts, before))
    told = machine.warning(before)
    if told:
        print(told)
    print(flush=True)
    out: dict[str, Any] = {"threads": arguments.threads, "rounds": arguments.rounds, "machine": facts, "before": before}
    cases = list(CASES) if arguments.case == "all" else [arguments.case]
    if arguments.roofline:
        out["roofline"] = roofline(cases, arguments)
    elif arguments.growth:
        out["growth"] = growth(arguments)
    else:
        for case in cases:
            out[case] = (inference if arguments.inference else training)(case, arguments)
            print()
    out["after"] = after = machine.state()
    print(f"clock before and after: {before['clock_MHz']} and {after['clock_MHz']} MHz")
    if machine.warning(after) and not told:
        print(machine.warning(after))
    if arguments.json:
        write_json(arguments.json, out)
        print(f"numbers: {arguments.json}")
    return 0
