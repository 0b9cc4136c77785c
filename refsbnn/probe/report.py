"""What a probe found: a row for each layer and member, in a table, as numbers by name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refsbnn.errors import check_integer
from refsbnn.evaluation.predict import Inputs
from refsbnn.layers.layer import Parameters
from refsbnn.network import Network
from refsbnn.probe.bias import LEVEL, Bias, Interval, bias, check, of_all_examples, of_each_example
from refsbnn.probe.pairs import LAST, Cells, Loss, Pairs, choose, measure, networks_of
from refsbnn.ranks import ALONE, Ranks
from refsbnn.streams import Streams


@dataclass(frozen=True)
class Row:
    """One layer and member.

    Attributes
    ----------
    layer, member : str
    units, total : int
        Units probed, over time each at a step of its own, and how many there are.
    each : Bias
        Of the gradients of single examples.
    all : Bias
        Of their mean.

    Examples
    --------
    >>> from refsbnn import fit
    >>> run = fit("digits_binary", "training.epochs=1", "model.hidden=[16]")
    >>> row = run.probe(["st"], units=2, examples=4, draws=4).rows[0]
    >>> row.layer, row.member, row.units
    ('2.spike', 'st', 2)
    """

    layer: str
    member: str
    units: int
    total: int
    each: Bias
    all: Bias


@dataclass(frozen=True)
class Report:
    """All rows, and what they rest on.

    Attributes
    ----------
    part : str
        The examples that were probed.
    examples, draws : int
    rows : list of Row

    Examples
    --------
    >>> from refsbnn import fit
    >>> run = fit("digits_binary", "training.epochs=1", "model.hidden=[16]")
    >>> found = run.probe(["st"], units=2, examples=4, draws=4)
    >>> found.table().splitlines()[0]
    'train, 4 examples, 4 draws, intervals of 95%'
    >>> [row["member"] for row in found.as_dict()["rows"]]
    ['st']
    """

    part: str
    examples: int
    draws: int
    rows: list[Row]

    def as_dict(self) -> dict[str, Any]:
        """The numbers by name, for JSON; null where nothing can be told."""
        return {
            "part": self.part,
            "examples": self.examples,
            "draws": self.draws,
            "level": LEVEL,
            "rows": [
                {key: getattr(row, key) for key in ("layer", "member", "units", "total")}
                | {"each_example": row.each.as_dict(), "mean_of_examples": row.all.as_dict()}
                for row in self.rows
            ],
        }

    def table(self) -> str:
        """Two tables for the terminal, of at most 100 columns."""
        head = f"{self.part}, {self.examples:,} examples, {self.draws:,} draws, intervals of {LEVEL:.0%}"
        lines = [head]
        for title, own in (("each example", "each"), ("mean of examples", "all")):
            lines += [
                "",
                f"{title:<20}{'units':>12}{'|g|':>9}{'relative bias':>21}{'scale':>7}{'variance':>9}{'cosine':>22}",
            ]
            layer = ""
            for row in self.rows:
                if row.layer != layer:
                    lines.append(row.layer)
                layer, found = row.layer, getattr(row, own)
                member, units = f"  {row.member}", f" {row.units}/{row.total}"
                if len(member + units) > 32:  # a long name has a line of its own
                    lines.append(member)
                    member = ""
                lines.append(
                    f"{member}{units:>{32 - len(member)}}{found.gradient:>9.2g}{told(found.bias):>21}"
                    f"{number(found.scale.value, 2):>7}{number(found.variance, 1):>9}{told(found.cosine):>22}"
                )
        return "\n".join(lines)


def told(interval: Interval) -> str:
    """An estimate and its interval, or a dash where nothing can be told."""
    if not np.isfinite(interval.value):
        return "-"
    value, low, high = (number(each, 3) for each in interval)
    return f"{value} [{low}, {high}]"


def number(value: float, digits: int) -> str:
    """Some decimals, fewer where the number is large."""
    if not np.isfinite(value):
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 10.0 ** (4 - digits) else f"{value:.3g}"


def rows(pairs: Sequence[Pairs], examples: int) -> Iterator[Row]:
    """What the pairs of each layer say of each member, of that many examples to choose from."""
    for each in pairs:
        where = each.where
        for member, e in each.estimates.items():
            found = (bias(of(each.unbiased, e, where.total, examples)) for of in (of_each_example, of_all_examples))
            yield Row(where.layer, member, len(where.cells), where.total, *found)


def probe(
    network: Network,
    parameters: Parameters,
    inputs: Inputs,
    loss: Loss,
    streams: Streams,
    *,
    of: int,
    part: str,
    members: Sequence[str] | None = None,
    layers: Sequence[str] | None = None,
    units: int = 32,
    examples: int = 64,
    draws: int = 64,
    ranks: Ranks = ALONE,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Measure the bias of members of the family in a network (theory 5.10 to 5.15).

    Parameters
    ----------
    network : Network
    parameters : dict
    inputs : Inputs
        The examples, `of` of them.
    loss : callable
        Given the network's output and the rows of `inputs` that it is of, the loss of each row, float64, and the
        gradient of the output.
    streams : Streams
        Choose examples and units, and make the noise.
    of : int
    part : str
        What the report calls the examples.
    members : sequence of str, optional
        The network's own if not given.
    layers : sequence of str, optional
        Names as "2.spike"; all layers of units if not given.
    units, examples, draws : int
        Units of a layer, examples, draws of the noise; all of the first two where there are fewer.
    ranks : Ranks, optional
        Each runs its share of the passes, and gets the report.
    progress : callable, optional
        Called with the spikes that this rank turned over since, and how many it will in all.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        A member whose forward value is no spike, an unknown layer, a network without units, too few of anything.
    """
    for name, count in (("units", units), ("examples", examples), ("draws", draws)):
        check_integer(name, count, 1)
    networks = networks_of(network, members)
    chosen: list[Cells] = choose(network, units, streams, layers)
    order = streams.permutation(of, step=LAST)
    picked = np.sort(order[:examples])
    for where in chosen:
        check(len(where.cells), where.total, len(picked), draws)
    pairs = measure(networks, parameters, inputs, loss, picked, chosen, streams, draws, ranks, progress)
    return Report(part, len(picked), draws, list(rows(pairs, of)))
