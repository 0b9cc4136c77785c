"""What a tape in 16 bits would do: the gradient's error, beside its bias and its noise, and the memory it would save.

    python -m validation.benchmarks.tape_bits

The membranes' moments that backward reads, M and V of neurons, m and v of units, are rounded to 16 bits between the
passes. On small networks the mean of the estimate over all joint states says what rounding adds to its bias; in the
cases of `bench` the gradient of one batch changes by so much, and by so much from one draw of the noise to the next.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import oracle
from refsbnn import objective
from refsbnn.draws import CounterDraws
from refsbnn.layers import Moments
from refsbnn.layers.neurons import NeuronTape
from refsbnn.layers.residual import ResidualTape
from refsbnn.layers.units import SpikeTape
from refsbnn.network import Network, Tape
from refsbnn.streams import Purpose, Streams
from validation import driver, twin
from validation.benchmarks.machine import processor
from validation.benchmarks.peers.cases import CASES, SMALL, Cifar, Shd
from validation.benchmarks.peers.engine import Training, network_of
from validation.benchmarks.tape import size_of
from validation.evidence import networks

Rounding = Callable[[np.ndarray], np.ndarray]


def bfloat16(x: np.ndarray) -> np.ndarray:
    """The nearest numbers with 8 significant bits, to even; of x's type.

    Examples
    --------
    >>> bfloat16(np.array([1.0, 1.00390625, 1.01171875, -3.14159])).tolist()
    [1.0, 1.0, 1.015625, -3.140625]
    """
    bits = x.astype(np.float32).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return rounded.astype(np.uint32).view(np.float32).astype(x.dtype)


def float16(x: np.ndarray) -> np.ndarray:
    """The nearest numbers of float16, 11 significant bits; of x's type.

    Examples
    --------
    >>> float16(np.array([1.0, 1.00048828125, 3.14159])).tolist()
    [1.0, 1.0, 3.140625]
    """
    return x.astype(np.float16).astype(x.dtype)


ROUNDINGS: dict[str, Rounding] = {"bfloat16": bfloat16, "float16": float16}


def rounded(tape: Any, rounding: Rounding) -> tuple[Any, int]:
    """A layer's tape with its moments rounded, and how many bytes 16 bits would save."""
    if isinstance(tape, NeuronTape):
        own = [tape.M] if tape.V is None else [tape.M, tape.V]
        M, *rest = map(rounding, own)
        new: Any = tape._replace(M=M, V=rest[0] if rest else None)
    elif isinstance(tape, SpikeTape):
        own = [tape.x.m] if tape.x.v is None else [tape.x.m, tape.x.v]
        m, *rest = map(rounding, own)
        new = tape._replace(x=Moments(m, rest[0] if rest else None, tape.x.fed))
    elif isinstance(tape, ResidualTape):
        inner = [rounded(each, rounding) for each in tape.branch]
        return tape._replace(branch=[each for each, _ in inner]), sum(saved for _, saved in inner)
    else:
        return tape, 0
    return new, sum(each.size * (each.itemsize - 2) for each in own)


def round_all(tape: Tape, rounding: Rounding) -> int:
    """Round a network's tape in place; returns how many bytes 16 bits would save."""
    total = 0
    for segment in tape.segments:
        stages = segment.stages or []
        for i, each in enumerate(stages):
            stages[i], saved = rounded(each, rounding)
            total += saved
    return total


def distance(gradients: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """Norm of the difference by the norm of the second."""
    parts = [(gradients[key].astype(np.float64) - other[key], other[key].astype(np.float64)) for key in other]
    return float(np.sqrt(sum((d**2).sum() for d, _ in parts) / sum((g**2).sum() for _, g in parts)))


class RoundedNetwork(Network):
    """A network whose tape is rounded before backward reads it."""

    rounding: Rounding

    def backward(self, parameters: Any, tape: Tape, *rest: Any, **words: Any) -> Any:
        """As `Network.backward`."""
        round_all(tape, self.rounding)
        return super().backward(parameters, tape, *rest, **words)


def small(seed: int) -> list[tuple[str, Any, np.ndarray]]:
    """Networks whose joint states can be summed over, with an input."""
    rng = np.random.default_rng(seed)
    spiking = networks.lif(rng, [3, 2], recurrent=True, beta=0.9, theta=0.5, readout_beta=0.9)
    wide = networks.lif(rng, [3, 2, 2], beta=0.9, theta=0.5, readout_beta=0.9)
    return [
        ("LIF 3-2 recurrent, 5 steps", spiking, (rng.random((5, 3)) < 0.5).astype(float)),
        ("LIF 3-2-2, 3 steps", wide, (rng.random((3, 3)) < 0.5).astype(float)),
        ("residual 3, 4 blocks of 3", networks.residual(rng, 3, 3, [1, 1, 1]), rng.standard_normal(3)),
    ]


def of_small(seed: int, member: str) -> list[str]:
    """Lines of a table: what rounding adds to the mean of the estimate, and its bias, by the norm of the mean."""
    loss, lines = oracle.Categorical(1), []
    for name, net, x in small(seed):
        pair = twin.of(net, x, loss, member)
        states = driver.states(pair, x, loss)
        _, plain = driver.mean(pair, x, loss, states)
        exact = pair.named(driver.folded(pair, oracle.exact(net, x, loss).gradient))
        line, kind = f"{name:<28}{distance(exact, plain):>10.1e}", type(pair.network)
        pair.network.__class__ = RoundedNetwork
        for rounding in ROUNDINGS.values():
            pair.network.rounding = rounding  # type: ignore[attr-defined]
            line += f"{distance(driver.mean(pair, x, loss, states)[1], plain):>10.1e}"
        pair.network.__class__ = kind
        lines.append(line)
    return lines


def of_case(name: str, case: Shd | Cifar) -> list[str]:
    """Lines on a case: the gradient's change by each rounding and by other noise, and memory."""
    training = Training(case, network_of(case))
    network = training.network

    def gradients(number: int, rounding: Rounding | None = None) -> tuple[dict[str, np.ndarray], int, int]:
        draws = CounterDraws(Streams(0), Purpose.TRAIN, number, np.arange(case.batch))
        logits, tape = network.forward(training.parameters, training.x, draws)
        _, g = objective.categorical(logits, training.labels)
        size, saved = size_of(tape.segments), 0 if rounding is None else round_all(tape, rounding)
        return (
            network.backward(training.parameters, tape, -g / case.batch, input_gradient=False)[0],
            size,
            saved,
        )

    plain, size, _ = gradients(0)
    line, saved = f"{name:<28}{distance(gradients(1)[0], plain):>10.1e}", 0
    for rounding in ROUNDINGS.values():
        found, _, saved = gradients(0, rounding)
        line += f"{distance(found, plain):>10.1e}"
    return [f"{line}   the tape {size / 2**20:.1f} MiB, in 16 bits {saved / 2**20:.1f} less"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="tape_bits", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="tiny cases: to try the command")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error(f"--seed is {options.seed}; expected an integer >= 0")
    print(processor())
    head = "".join(f"{each:>10}" for each in ROUNDINGS)
    for member in ("st", "agr(tau=0.5)"):
        print(f"\n{f'mean of {member}, all states':<28}{'bias':>10}{head}")
        print("\n".join(of_small(options.seed, member)))
    print(f"\n{'one gradient, st':<28}{'noise':>10}{head}")
    for name, case in (SMALL if options.small else CASES).items():
        print("\n".join(of_case(f"({name})", case)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
