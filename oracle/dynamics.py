"""What each network computes, and the adjoint of it, given all earlier spikes.

Every network is a sequence of stages. The units of a stage fire independently given the earlier spikes, its history;
so stage t is one function: history -> pre-activation moments (m, v). The readout is one function more.

- `stages(net, x)`: units of each stage.
- `preactivation(net, x, t, history)`: (m, v) of stage t, each (states, units).
- `pull_preactivation(net, x, t, history, dm, dv)`: its adjoint, as `Term`s of the parameters' gradient and a dict
  {s: cotangent of history[s]}.
- `output`, `pull_output`: the same for the readout.

`history[s]` is (states, units) and holds spikes in the network's domain, or any real numbers, between which v follows
the chosen extension (theory 3.4). The forward functions also accept complex numbers: complex-step derivatives check
the adjoints.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from oracle import lif
from oracle.network import LIF, Network, Residual
from oracle.noise import NOISES, Law, law
from oracle.terms import Term, pull_read, read

History = Sequence[np.ndarray]


class Pulled(NamedTuple):
    """Cotangents of one stage: parameters' gradient terms, and the spikes of earlier stages by index."""

    terms: list[Term]
    history: dict[int, np.ndarray]


def stages(net: Network, x: np.ndarray) -> tuple[int, ...]:
    """Units of each stage, in the order in which they fire."""
    if isinstance(net, LIF):
        return tuple(layer.mu.shape[0] for layer in net.layers) * x.shape[0]
    if isinstance(net, Residual):
        width = net.stem.mu.shape[0]
        inner = [n for block in net.blocks for n in [width, *(layer.mu.shape[0] for layer in block[:-1])]]
        return (*inner, width)
    return tuple(layer.mu.shape[0] for layer in net.layers)


def stage_names(net: Network, x: np.ndarray) -> tuple[str, ...]:
    """The name of each stage's units: "layers.0", "blocks.1.0", "stream"; the same at every step of a LIF network."""
    if isinstance(net, Residual):
        inner = [f"blocks.{b}.{k}" for b, block in enumerate(net.blocks) for k in range(len(block))]
        return (*inner, "stream")
    names = tuple(f"layers.{i}" for i in range(len(net.layers)))
    return names * x.shape[0] if isinstance(net, LIF) else names


def unit_law(net: Network, x: np.ndarray, t: int, history: History) -> Law:
    """The law of stage t's spikes given the earlier ones."""
    return law(NOISES[net.noise], *preactivation(net, x, t, history))


def preactivation(net: Network, x: np.ndarray, t: int, history: History) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of stage t's pre-activation (theory 3.1, 3.8 to 3.11)."""
    if isinstance(net, LIF):
        return lif.membrane(net, x, t, history)
    if isinstance(net, Residual):
        block, inside = _place(net, t)
        if inside:
            return read(net, f"blocks.{block}.0", history[t - 1])
        return _stream(net, x, block, history)
    return read(net, f"layers.{t}", history[t - 1] if t else x[None])


def pull_preactivation(net: Network, x: np.ndarray, t: int, history: History, dm: np.ndarray, dv: np.ndarray) -> Pulled:
    """Adjoint of `preactivation` at cotangents dm, dv."""
    if isinstance(net, LIF):
        return Pulled(*lif.pull_membrane(net, x, t, history, dm, dv))
    if isinstance(net, Residual):
        block, inside = _place(net, t)
        if inside:
            terms, dy = pull_read(net, f"blocks.{block}.0", history[t - 1], dm, dv)
            return Pulled(terms, {t - 1: dy})
        return _pull_stream(net, x, block, history, dm, dv)
    terms, dy = pull_read(net, f"layers.{t}", history[t - 1] if t else x[None], dm, dv)
    return Pulled(terms, {t - 1: dy} if t else {})


def output(net: Network, x: np.ndarray, history: History) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the readout, given every stage's spikes."""
    return lif.output(net, x, history) if isinstance(net, LIF) else read(net, "readout", history[-1])


def pull_output(net: Network, x: np.ndarray, history: History, dm: np.ndarray, dv: np.ndarray) -> Pulled:
    """Adjoint of `output` at cotangents dm, dv."""
    if isinstance(net, LIF):
        return Pulled(*lif.pull_output(net, x, history, dm, dv))
    terms, dy = pull_read(net, "readout", history[-1], dm, dv)
    return Pulled(terms, {len(history) - 1: dy})


def _place(net: Residual, t: int) -> tuple[int, bool]:
    """The block whose unit stage t is (the number of blocks for the last stage), and whether it is the inner unit."""
    for block, layers in enumerate(net.blocks):
        if t < len(layers):
            return block, t == 1
        t -= len(layers)
    return len(net.blocks), False


def _branch_input(net: Residual, block: int) -> int:
    """The stage whose spikes enter the last layer of a block."""
    return sum(len(layers) for layers in net.blocks[: block + 1]) - 1


def _branch_output(net: Residual, block: int) -> str:
    """The name of the last layer of a block."""
    return f"blocks.{block}.{len(net.blocks[block]) - 1}"


def _stream(net: Residual, x: np.ndarray, block: int, history: History) -> tuple[np.ndarray, np.ndarray]:
    """(H, U) before a block: the stem plus every earlier branch (theory 3.8)."""
    stream, spread = read(net, "stem", x[None])
    for b in range(block):
        scale = net.scales[b]
        m, v = read(net, _branch_output(net, b), history[_branch_input(net, b)])
        stream = stream + scale * m
        spread = scale**2 * v + (spread if net.accumulate else 0.0)
    return stream, spread


def _pull_stream(net: Residual, x: np.ndarray, block: int, history: History, dm: np.ndarray, dv: np.ndarray) -> Pulled:
    """Adjoint of `_stream`: each earlier branch gets the same cotangent, its variance only if it is still in U."""
    terms: list[Term] = []
    cotangents: dict[int, np.ndarray] = {}
    zero = np.zeros_like(dv)
    for b in range(block):
        scale, source = net.scales[b], _branch_input(net, b)
        kept = dv if net.accumulate or b == block - 1 else zero
        some, dy = pull_read(net, _branch_output(net, b), history[source], scale * dm, scale**2 * kept)
        terms += some
        cotangents[source] = dy
    kept = dv if net.accumulate or block == 0 else zero
    some, _ = pull_read(net, "stem", x[None], dm, kept)
    return Pulled(terms + some, cotangents)
