"""The model of scaling: parts of a step that were measured, put together for ranks that are not at hand.

A step of S shards on R ranks takes, on the rank that is last,

    ceil(S/R) shards of ceil(B/S) rows: forward, backward, inputs, adding in fixed point
    + waiting for the slowest rank + the sum over ranks + reading the sums + what every rank does for itself

A sum of n bytes over N nodes of P ranks: in a node as measured between two ranks, n bytes each, so 2 (P-1)/P times
as many, in log2 P exchanges; between nodes the bound that reduce-scatter and allgather reach, 2 (N-1)/N n bytes and
2 log2 N messages.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

RANKS = tuple(2**k for k in range(11))
PARTS = ("computing", "waiting", "fixed point", "sum", "replicated")


@dataclass(frozen=True)
class Fabric:
    """What joins the nodes: seconds a message, bytes a second a node."""

    name: str
    latency: float
    bandwidth: float


FABRICS = (Fabric("100 Gbit/s, 1.5 us", 1.5e-6, 100e9 / 8), Fabric("10 Gbit/s Ethernet, 30 us", 30e-6, 10e9 / 8))
NODE = 32  # ranks a node, a core each


@dataclass(frozen=True)
class Model:
    """The measured parts of one configuration's step.

    Parameters
    ----------
    one, two : dict
        What `scaling_measure` wrote for one process and for two ranks.
    fabric : Fabric
    node : int
        Ranks a node.
    width : int
        Bytes of an integer in the sum.
    """

    one: dict[str, Any]
    two: dict[str, Any]
    fabric: Fabric
    node: int = NODE
    width: int = 8

    @property
    def batch(self) -> int:
        """Rows of the configuration's batch."""
        return int(self.one["batch"])

    def computing(self, rows: float, monitored: bool = True) -> float:
        """Forward and backward of a shard, and its inputs; monitored as often as the configuration says."""
        grid = sorted(map(int, self.one["rows"]))
        each = [self.one["rows"][str(number)] for number in grid]
        every = self.one["monitor"] if monitored else math.inf
        own = 1.0 if self.one["own_data"] and monitored else 0.0
        seconds = [one["plain"] + (one["monitored"] - one["plain"]) / every + own * one["inputs"] for one in each]
        if rows <= grid[-1]:
            return float(np.interp(rows, grid, seconds))
        return seconds[-1] * rows / grid[-1]

    def slowed(self, rows: float) -> float:
        """By how much a shard takes longer where another rank of the machine is at work at the same time.

        They share its memory and last-level cache. Measured for a row and for half a batch; between, and beyond, by
        the logarithm of the rows.
        """
        each = sorted((int(number), seconds) for number, seconds in self.two["rows"].items())
        ratios = [seconds / self.plain(number) for number, seconds in each]
        return float(np.interp(math.log(rows), [math.log(number) for number, _ in each], ratios))

    def plain(self, rows: int) -> float:
        """Forward and backward of a shard of one process, units not looked at."""
        grid = sorted(map(int, self.one["rows"]))
        return float(np.interp(rows, grid, [self.one["rows"][str(number)]["plain"] for number in grid]))

    def message(self, shards: int) -> float:
        """Bytes of a step's sum: the gradient, and a place of each shard."""
        return self.width * self.one["elements"] + 8.0 * shards * (self.one["arrays"] + 2)

    def sum(self, size: float, ranks: int) -> float:
        """Seconds of a sum of so many bytes over ranks."""
        sizes, seconds = np.array(self.two["sum"]).T
        inside, nodes = min(ranks, self.node), math.ceil(ranks / self.node)
        out = 0.0
        if inside > 1:
            start = seconds[0]
            out += start * math.log2(inside)
            out += (float(np.interp(size, sizes, seconds)) - start) * 2.0 * (inside - 1) / inside
        if nodes > 1:
            out += 2.0 * math.ceil(math.log2(nodes)) * self.fabric.latency
            out += 2.0 * (nodes - 1) / nodes * size / self.fabric.bandwidth
        return out

    def step(self, ranks: int, batch: int | None = None, shards: int | None = None) -> dict[str, float]:
        """Seconds of the parts of a step, by the names of `PARTS`.

        Parameters
        ----------
        ranks : int
        batch : int, optional
            Rows; those of the configuration if not given.
        shards : int, optional
            As many as ranks if not given.
        """
        batch, shards = batch or self.batch, shards or ranks
        mine, rows = math.ceil(shards / ranks), math.ceil(batch / shards)
        computing = mine * self.computing(rows) * (self.slowed(rows) if ranks > 1 else 1.0)
        # The largest of `ranks` normal numbers; a row's time differs by `spread`, and rows are drawn apart.
        slowest = float(special.ndtri(0.5264 ** (1.0 / ranks))) if ranks > 1 else 0.0
        measured = self.two if ranks > 1 else self.one
        return {
            "computing": computing,
            "waiting": max(0.0, slowest) * self.one["spread"] * computing / math.sqrt(mine * rows),
            "fixed point": self.arithmetic(ranks, shards),
            "sum": self.sum(self.message(shards), ranks) if ranks > 1 else 0.0,
            "replicated": measured["replicated"],
        }

    def arithmetic(self, ranks: int, shards: int, floats: bool = False) -> float:
        """Seconds of putting a rank's shards in a message and of reading the sums from it."""
        if shards == 1:
            return 0.0
        mine, each = math.ceil(shards / ranks), (self.two if ranks > 1 else self.one)["fixed_point"]
        if floats:
            return float(each["float first"] + (mine - 1) * self.one["fixed_point"]["float add"])
        return float(each["first"] + (mine - 1) * self.one["fixed_point"]["add"] + each["value"])

    def share(self, ranks: int, shards: int) -> tuple[float, float | None]:
        """What part of a step the sums' arithmetic is; and what is there as they are integers, if known."""
        whole = self.seconds(ranks, shards=shards)
        own = self.arithmetic(ranks, shards)
        if "float first" not in self.one["fixed_point"]:
            return own / whole, None
        return own / whole, (own - self.arithmetic(ranks, shards, floats=True)) / whole

    def seconds(self, ranks: int, batch: int | None = None, shards: int | None = None) -> float:
        """Seconds of a step."""
        return sum(self.step(ranks, batch, shards).values())

    def hours(self, ranks: int, batch: int | None = None) -> float:
        """Of the configuration's epochs, validation after each among them."""
        steps = self.one["steps"] * self.batch / (batch or self.batch)
        validation = self.one["epochs"] * math.ceil(self.one["validation"] / ranks) * self.one["forward"]
        return (steps * self.seconds(ranks, batch) + validation) / 3600.0

    def overlapped(self, ranks: int) -> float:
        """Seconds of a step whose sums begin as soon as each layer's gradient is there, and cost no computing."""
        rows = math.ceil(self.batch / ranks)
        ready = self.one["backward"][min(self.one["backward"], key=lambda each: abs(int(each) - rows))]
        parts, done = self.step(ranks), 0.0
        for seconds, elements in ready:
            done = max(done, seconds) + self.sum(self.width * elements, ranks)
        return sum(parts.values()) - parts["sum"] + max(0.0, done - ready[-1][0])

    def best(self, batch: int | None = None) -> int:
        """The number of ranks, of `RANKS` and no more than rows, with the shortest step."""
        return min((r for r in RANKS if r <= (batch or self.batch)), key=lambda r: self.seconds(r, batch))

    def half(self, batch: int | None = None) -> int:
        """The largest number of ranks that does at least half of what as many times one rank would."""
        able = [r for r in RANKS if r <= (batch or self.batch)]
        alone = self.seconds(1, batch)
        return max(r for r in able if alone / (r * self.seconds(r, batch)) >= 0.5)
