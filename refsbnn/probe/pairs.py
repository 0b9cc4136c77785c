"""Pairs, at the same draw of the noise, of an unbiased derivative and a member's estimate (theory 5.10, 5.11)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refsbnn import estimators
from refsbnn.draws import CounterDraws, Draws
from refsbnn.errors import InputError, check_choice
from refsbnn.evaluation.predict import Inputs
from refsbnn.layers import Moments, chain
from refsbnn.layers.description import build, describe
from refsbnn.layers.layer import Parameters, Pass
from refsbnn.network import Network, Tape
from refsbnn.probe.forced import Forced
from refsbnn.ranks import ALONE, Ranks
from refsbnn.streams import Purpose, Streams

Loss = Callable[[Any, np.ndarray], tuple[np.ndarray, Any]]  # output, examples -> each row's loss, the output's gradient
NUMBERS = 2**20  # of the widest layer, over all rows of a forward pass
LAST = 2**32 - 2  # an epoch that no run reaches: the permutations of examples, and below it of each layer's cells


@dataclass(frozen=True)
class Cells:
    """The units of one layer that are probed, over time each at a step of its own.

    Attributes
    ----------
    layer : str
        Its name, as "2.spike".
    first : int
        The outermost stage that holds it: nothing before it depends on its spikes.
    index : int
        Its number in the draws.
    cells : (n,) int array
        Row-major indices in (steps, *units).
    total : int
        How many there are to choose from.
    steps : int
        1 where there is no time.
    """

    layer: str
    first: int
    index: int
    cells: np.ndarray
    total: int
    steps: int = 1


@dataclass(frozen=True)
class Pairs:
    """Of one layer.

    Attributes
    ----------
    where : Cells
    unbiased : (cells, examples, draws) float64 array
    estimates : dict of str to (cells, examples, draws) float64 array
        By member.
    """

    where: Cells
    unbiased: np.ndarray
    estimates: dict[str, np.ndarray]


def choose(network: Network, units: int, streams: Streams, names: Sequence[str] | None = None) -> list[Cells]:
    """Draw the cells of each layer, or of the layers that are named.

    Raises
    ------
    InputError
        A name that is no layer of units, a network without units.
    """
    found = []
    for first, stage in enumerate(network.stages):
        for name, leaf in chain.leaves([stage]):
            if leaf.layer.units:
                steps, index = leaf.output.steps or 1, leaf.place.index
                total = int(np.prod(leaf.output.shape)) * steps
                order = streams.permutation(total, step=LAST - 1 - index)
                found.append(Cells(name, first, index, np.sort(order[:units]), total, steps))
    if not found:
        raise InputError("the network has no layer of units, so its gradient is exact; nothing to probe")
    for name in names or ():
        check_choice("layer", name, [each.layer for each in found])
    return [each for each in found if names is None or each.layer in names]


def members_of(descriptions: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The members of some described layers, and of those inside."""
    for each in descriptions:
        if "member" in each:
            yield each["member"]
        yield from members_of(each.get("branch", ()))


def with_member(descriptions: Sequence[dict[str, Any]], member: str) -> list[dict[str, Any]]:
    """The described layers, and those inside, with another member."""
    out = []
    for each in descriptions:
        changes: dict[str, Any] = {"member": member} if "member" in each else {}
        if "branch" in each:
            changes["branch"] = with_member(each["branch"], member)
        out.append(each | changes)
    return out


def networks_of(network: Network, members: Sequence[str] | None) -> dict[str, Network]:
    """The network with each member in the place of its own, by the members' names; with its own where none is named.

    All of them have the same forward pass.

    Raises
    ------
    InputError
        A member whose forward value is not a spike of probability F(r), among those named or the network's own.
    """
    described = describe([stage.layer for stage in network.stages])
    own = sorted({estimators.get(name).name for name in members_of(described)})
    asked = [estimators.get(name).name for name in members or ()]
    for name in (*own, *asked):
        proposal = estimators.get(name).proposal
        if proposal != "bernoulli":
            raise InputError(
                f"member {name!r} has a {proposal} forward value; probe takes members that fire with probability F(r)"
            )
    if not asked:
        return {", ".join(own): network.again(recompute=1)}
    return {name: network.again(build(with_member(described, name)), recompute=1) for name in asked}


def measure(
    networks: dict[str, Network],
    parameters: Parameters,
    inputs: Inputs,
    loss: Loss,
    examples: np.ndarray,
    chosen: Sequence[Cells],
    streams: Streams,
    draws: int,
    ranks: Ranks = ALONE,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Pairs]:
    """Run the network on every draw, and again with each cell's spike turned over.

    Draw r of example i has the address (seed, PREDICT, step r, sample i), in every layer and for every member.

    Parameters
    ----------
    networks : dict of Network
        As `networks_of` makes them.
    parameters : dict
    inputs : Inputs
    loss : callable
    examples : (n,) int array
        Rows of `inputs`.
    chosen : sequence of Cells
    streams : Streams
    draws : int
    ranks : Ranks, optional
        Each runs its share of the base passes and of what departs from them, and gets all pairs.
    progress : callable, optional
        Called with the number of spikes that this rank turned over since, and how many it will in all.

    Raises
    ------
    InputError
        A layer of the user's own that does not say what its units estimate.
    """
    shape = len(examples), draws
    unbiased = [np.zeros((len(where.cells), *shape)) for where in chosen]
    estimates = [{name: np.zeros_like(d) for name in networks} for d in unbiased]
    network = next(iter(networks.values()))
    widest = max(int(np.prod(stage.output.shape)) * (stage.output.steps or 1) for stage in network.stages)
    rows = max(NUMBERS // widest, 1)
    passes = [(draw, slice(start, start + rows)) for draw in range(draws) for start in range(0, len(examples), rows)]
    mine = [passes[number] for number in ranks.share(len(passes))]
    flips = sum(len(examples[part]) for _, part in mine) * sum(len(where.cells) for where in chosen)
    for draw, part in mine:
        drawn = CounterDraws(streams, Purpose.PREDICT, draw, examples[part])
        x = inputs.batch(examples[part], drawn)
        for name, other in networks.items():
            output, tape = other.forward(parameters, x, drawn)
            losses, g = loss(output, examples[part])
            heard = estimates_of(other, parameters, tape, g)
            for where in chosen:
                if where.index not in heard:
                    raise InputError(f"layer {where.layer} does not fill `Pass.heard`, so it cannot be probed")
            for where, out in zip(chosen, estimates, strict=True):
                out[name][:, part, draw] = at(heard[where.index], where, drawn.batch)
        base = Base(network, parameters, drawn, examples[part], [segment.x for segment in tape.segments], loss, losses)
        for where, d in zip(chosen, unbiased, strict=True):
            f, z = base.units(where)
            size = max(rows // drawn.batch, 1)
            for some in (slice(first, first + size) for first in range(0, len(where.cells), size)):
                d[some, part, draw] = f[some] * base.differences(where, some, z)
                progress(z[some].size, flips)
    for array in (*unbiased, *(each for of_layer in estimates for each in of_layer.values())):
        ranks.sum(array.view(np.int64))  # a number is one rank's, and zero bits on the others
    return [Pairs(where, d, e) for where, d, e in zip(chosen, unbiased, estimates, strict=True)]


def estimates_of(network: Network, parameters: Parameters, tape: Tape, g: Any) -> dict[int, np.ndarray]:
    """The member's estimate of dL/dr of every unit, by the number of its layer in the draws (theory 5.11)."""
    heard: dict[int, np.ndarray] = {}
    network.backward(parameters, replace(tape, run=replace(tape.run, heard=heard)), g, input_gradient=False)
    return heard


@dataclass(frozen=True)
class Base:
    """A forward pass to depart from: its draws and examples, what entered each outermost stage, the losses."""

    network: Network
    parameters: Parameters
    drawn: Draws
    examples: np.ndarray
    entered: list[Any]
    loss: Loss
    losses: np.ndarray

    def units(self, where: Cells) -> tuple[np.ndarray, np.ndarray]:
        """f(r) and the spike of each cell: (cells, rows)."""
        run, stages = Pass(self.network.backend, self.drawn, self.network.dtype), self.network.stages[where.first :][:1]
        _, tapes = chain.forward(stages, run, self.parameters, self.entered[where.first])
        own = next(own for own in chain.taped(stages, tapes) if own[0] == where.layer)
        layer, tape = own[1].layer, own[2]
        f, z = (
            at(np.asarray(values), where, self.drawn.batch) for values in (layer.densities(tape), layer.spikes(tape))
        )
        return f, z

    def differences(self, where: Cells, some: slice, z: np.ndarray) -> np.ndarray:
        """L(z_i = 1) - L(z_i = 0) of some of the cells, whose spikes were z, by turning each over: (cells, rows)."""
        cells, turned = where.cells[some], 1 - z[some]
        forced = Forced(self.drawn, where.index, cells, turned.T)
        stages, axis = (
            self.network.stages[where.first :],
            int(self.network.stages[where.first].output.steps is not None),
        )
        entered = repeated(self.entered[where.first], len(cells), axis)
        with self.network.backend.checked_once():
            run = Pass(self.network.backend, forced, self.network.dtype)
            output, _ = chain.forward(stages, run, self.parameters, entered)
        losses, _ = self.loss(output, np.repeat(self.examples, len(cells)))
        return (turned - z[some]) * (losses.reshape(-1, len(cells)).T - self.losses)


def repeated(value: Any, copies: int, axis: int) -> Any:
    """What enters a stage, every row of the batch repeated."""
    if not isinstance(value, Moments):
        return np.repeat(value, copies, axis)
    v = None if value.v is None else np.repeat(value.v, copies, axis)
    return Moments(np.repeat(value.m, copies, axis), v, value.fed)


def at(values: np.ndarray, where: Cells, batch: int) -> np.ndarray:
    """The cells of an array (batch, *units) or (steps, batch, *units): (cells, batch) float64."""
    each = values.reshape(where.steps, batch, -1)
    step, unit = np.divmod(where.cells, each.shape[2])
    return each[step, :, unit].astype(np.float64)
