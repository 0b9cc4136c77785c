"""`refsbnn bench`: time and memory of a training step on this machine, and of other libraries' in the same run."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from refsbnn.console import Parser
from refsbnn.errors import InputError
from refsbnn.files import write_json
from refsbnn.kernels.lookup import tables_at_a_time
from validation.benchmarks.peers.cases import CASES, case_of

EXAMPLE = "example: refsbnn bench --case a --peers --json bench.json"
# Each engine with the contestants that do the same mathematics.
PEERS: dict[str, dict[str, tuple[str, ...]]] = {
    "a": {
        "engine": ("torch_shd", "torch_compile_shd"),
        "engine_plain": ("torch_plain_shd", "snntorch_shd", "spikingjelly_shd", "norse_shd"),
    },
    "b": {"engine": ("torch_cifar", "torch_compile_cifar")},
}
NEEDS = {"snntorch_shd": "snntorch", "spikingjelly_shd": "spikingjelly", "norse_shd": "norse"}


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _parser() -> Parser:
    parser = Parser(prog="refsbnn bench", description=__doc__, epilog=EXAMPLE)
    parser.add_argument("--case", choices=[*CASES, "all"], default="all", help="a: recurrent SHD; b: residual CIFAR")
    parser.add_argument("--peers", action="store_true", help="time other libraries beside (extra `peers`)")
    parser.add_argument("--threads", type=_count, default=2, help="threads of every contestant (default 2)")
    parser.add_argument("--rounds", type=_count, default=7, help="turns each contestant takes (default 7)")
    parser.add_argument("--epoch", action="store_true", help="time one whole epoch of each as well")
    parser.add_argument("--small", action="store_true", help="tiny networks, to try the command out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    return parser


class Worker:
    """A contestant in a process of its own, which steps when it is told to."""

    def __init__(self, name: str, case: str, threads: int, small: bool) -> None:
        command = [sys.executable, "-m", "validation.benchmarks.peers.worker", name, case, str(threads)]
        environment = {f"{word}_NUM_THREADS": str(threads) for word in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
        self.name, self.seconds = name, []  # type: tuple[str, list[float]]
        self.process = subprocess.Popen(
            command + ["small"] * small,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip
        self.start = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            told = self.process.communicate()[1].strip().splitlines()
            raise InputError(f"{self.name} stopped: {told[-1] if told else 'no message'}")
        return dict(json.loads(line))

    def step(self, count: int) -> float:
        """Seconds of `count` steps."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"step {count}\n")
        self.process.stdin.flush()
        self.last = self._answer()
        return float(self.last["seconds"])

    def end(self) -> None:
        """Stop the process."""
        if self.process.poll() is None:
            self.process.communicate("end\n")


def run(case: str, rivals: dict[str, list[str]], threads: int, rounds: int, small: bool, epoch: bool) -> dict[str, Any]:
    """Time the contestants in turns: round by round, so that what disturbs the machine disturbs all.

    `rivals` are the engines, each with the contestants that are compared with it.

    Returns
    -------
    dict
        For each contestant median, quartiles and least seconds a step, first step, memory; ratios to its engine's.
    """
    engine_of = {name: engine for engine, others in rivals.items() for name in (engine, *others)}
    workers = [Worker(name, case, threads, small) for name in engine_of]
    try:
        for _ in range(rounds):
            for worker in workers:
                worker.seconds.append(worker.step(1))
        steps = max(case_of(case, small).examples // case_of(case, small).batch, 1)
        epochs = {worker.name: worker.step(steps) for worker in workers} if epoch else {}
    finally:
        for worker in workers:
            worker.end()
    out: dict[str, Any] = {}
    for worker in workers:
        ordered = sorted(worker.seconds)
        quartiles = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else ordered * 3
        out[worker.name] = {
            "median_s": statistics.median(ordered),
            "quartiles_s": [quartiles[0], quartiles[2]],
            "least_s": ordered[0],
            "first_s": worker.start["first_s"],
            "peak_MiB": worker.last["peak_MiB"],
            "above_import_MiB": worker.last["peak_MiB"] - worker.start["imported_MiB"],
            "epoch_s": epochs.get(worker.name),
            "about": worker.start["about"],
        }
    for name, numbers in out.items():
        engine = out[engine_of[name]]
        numbers["engine"] = engine_of[name]
        numbers["times_engine"] = numbers["median_s"] / engine["median_s"]
        numbers["memory_times_engine"] = numbers["peak_MiB"] / engine["peak_MiB"]
    return out


def table(case: str, numbers: dict[str, Any]) -> str:
    """The numbers of one case, aligned."""
    what = (type(case_of(case)).__doc__ or "").partition(": ")[2]
    lines = [f"case {case}: {what}"]
    words = ("ms a step", 11), ("quartiles", 19), ("x engine", 10), ("first s", 9), ("peak MiB", 10), ("x engine", 10)
    lines.append(f"{'contestant':<20}" + "".join(f"{word:>{width}}" for word, width in words))
    for name, row in numbers.items():
        low, high = (1e3 * value for value in row["quartiles_s"])
        lines.append(
            f"{name:<20}{1e3 * row['median_s']:>11.1f}{f'{low:.1f} - {high:.1f}':>19}{row['times_engine']:>10.2f}"
            f"{row['first_s']:>9.1f}{row['peak_MiB']:>10.0f}{row['memory_times_engine']:>10.2f}"
        )
        if row["epoch_s"] is not None:
            lines.append(f"{'':<20}one epoch: {row['epoch_s']:.1f} s")
    return "\n".join(lines)


def versions() -> dict[str, str]:
    """What ran, and what the engine chose for this machine."""
    out = {"python": platform.python_version(), "machine": platform.machine(), "processor": processor()}
    out["tables_at_a_time"] = str(tables_at_a_time())  # of a convolution, by the processor's family
    for name in ("refsbnn", "numpy", "numba", "torch", "snntorch", "spikingjelly", "norse"):
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return out


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def main(argv: Sequence[str]) -> int:
    """Run `refsbnn bench` with the given arguments; returns the exit code."""
    arguments = _parser().parse_args(argv)
    if arguments.peers and find_spec("torch") is None:
        raise InputError("--peers needs PyTorch, which is not installed; accepted: pip install 'refsbnn[peers]'")
    out: dict[str, Any] = {"threads": arguments.threads, "rounds": arguments.rounds, "versions": versions()}
    for case in CASES if arguments.case == "all" else [arguments.case]:
        rivals: dict[str, list[str]] = {engine: [] for engine in PEERS[case]}
        for engine, peers in PEERS[case].items() if arguments.peers else ():
            for peer in peers:
                library = NEEDS.get(peer, "torch")
                if find_spec(library) is None:
                    print(f"{peer} is left out: {library} is not installed")
                else:
                    rivals[engine].append(peer)
        numbers = run(case, rivals, arguments.threads, arguments.rounds, arguments.small, arguments.epoch)
        memory = analytic(case, arguments.small)
        out[case] = {"contestants": numbers, "analytic": memory}
        print(table(case, numbers))
        print("memory of a step, MiB: " + ", ".join(f"{key} {value:.1f}" for key, value in memory.items()))
        print(flush=True)
    if arguments.json:
        write_json(arguments.json, out)
        print(f"numbers: {arguments.json}")
    return 0


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
