"""A long sequence in pieces: only the neurons' states between pieces are kept, and each piece runs again when its
gradient is due. Memory is that of one piece; the draws are addressed by time, so the spikes are the same to the bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refsbnn.events import Events
from refsbnn.layers import chain
from refsbnn.layers.layer import Memory, Monitor, Parameters, Pass, Stage
from refsbnn.layers.signal import Moments
from refsbnn.reference.lif import State
from refsbnn.reference.lif_slow import SlowState


@dataclass(frozen=True)
class Pieces:
    """The tape of a chain that ran in pieces: its input, and where the neurons stood before each piece."""

    x: Any
    states: list[dict[int, State | SlowState]]
    monitors: list[Monitor]


def leading(stages: Sequence[Stage]) -> int:
    """How many of the first stages give a signal over time."""
    return next((i for i, stage in enumerate(stages) if stage.output.steps is None), len(stages))


def forward(stages: Sequence[Stage], run: Pass, parameters: Parameters, x: Any, size: int) -> tuple[Any, Pieces]:
    """Output over all steps, made `size` steps at a time."""
    memory, states, outputs, seen = Memory(), [], [], []
    for first in range(0, x.shape[0], size):
        states.append(dict(memory.states))
        y, tapes = chain.forward(stages, at(run, first, memory), parameters, steps_of(x, first, size))
        outputs.append(y)
        seen.append(chain.monitors(stages, tapes))
    lengths = [len(y.m if isinstance(y, Moments) else y) for y in outputs]
    return joined(outputs), Pieces(x, states, [pooled(records, lengths) for records in zip(*seen, strict=True)])


def backward(
    stages: Sequence[Stage], run: Pass, parameters: Parameters, tape: Pieces, g: Any, penalty: float, size: int
) -> tuple[Any, Parameters]:
    """Gradients of the input (None for events) and of the parameters, the last piece first."""
    memory, total = Memory(), len(g.m if isinstance(g, Moments) else g)
    gradients: Parameters = {}
    dx: list[Any] = []
    for number in reversed(range(len(tape.states))):
        first = number * size
        share = min(size, total - first) / total
        memory.states = dict(tape.states[number])
        piece = at(run, first, memory)
        _, tapes = chain.forward(stages, piece, parameters, steps_of(tape.x, first, size))
        part = share_of(g, first, size, share)
        value, own = chain.backward(stages, piece, parameters, tapes, part, penalty * share)
        gradients = {key: gradients[key] + value if key in gradients else value for key, value in own.items()}
        dx.insert(0, value)
    return None if dx[0] is None else np.concatenate(dx), gradients


def at(run: Pass, first: int, memory: Memory) -> Pass:
    """The pass of the piece that starts at step `first`."""
    return replace(run, draws=run.draws.at(first), memory=memory)


def steps_of(x: Any, first: int, size: int) -> Any:
    """Steps first to first + size of an input."""
    return x.steps(first, first + size) if isinstance(x, Events) else x[first : first + size]


def share_of(g: Any, first: int, size: int, share: float) -> Any:
    """A piece's part of the output's gradient; the weights are the same in every piece, so each gets its share."""
    last = first + size
    if not isinstance(g, Moments):
        return g[first:last]
    rows = None if g.rows is None else g.rows.times(share)
    return Moments(g.m[first:last], None if g.v is None else g.v[first:last], rows=rows)


def joined(parts: list[Any]) -> Any:
    """Pieces one after another."""
    if not isinstance(parts[0], Moments):
        return np.concatenate(parts)
    v = None if parts[0].v is None else np.concatenate([part.v for part in parts])
    return Moments(np.concatenate([part.m for part in parts]), v, parts[0].fed)


def pooled(records: Sequence[Monitor], lengths: Sequence[int]) -> Monitor:
    """One unit layer's records over all pieces as one."""
    weights = np.array(lengths) / sum(lengths)
    rate, mean, spread, penalty = (
        np.array([getattr(record, name) for record in records]) for name in ("rate", "mean", "spread", "penalty")
    )
    centre = weights @ mean
    variance = weights @ (spread**2 + (mean - centre) ** 2)
    return Monitor(float(weights @ rate), float(centre), float(np.sqrt(variance)), float(weights @ penalty))
