"""What feeds units: all the weights whose spikes move them, for the auxiliary loss (theory 4.11)."""

from functools import reduce

from refsbnn.sensitivity import Rows, Weights


class Fed:
    """All weights that feed the same units: those of a layer, and before them those of earlier branches of a stream.

    Their sums are made once, when somebody asks, from the sums before them: a stream of n blocks costs n sums, not n^2.

    Parameters
    ----------
    own : tuple of Weights
    before : Fed or None
    spread : bool
        Whether the variances of those before still count.
    """

    __slots__ = ("_total", "before", "own", "spread")

    def __init__(self, own: tuple[Weights, ...] = (), before: "Fed | None" = None, *, spread: bool = True) -> None:
        self.own, self.before, self.spread = own, before, spread
        self._total: Rows | None = None

    def then(self, other: "Fed", scale: float, *, spread: bool) -> "Fed":
        """Beside those of a branch, whose part of the mean counts `scale`-fold (theory 3.8)."""
        return Fed(tuple(each._replace(scale=scale * each.scale) for each in other.weights()), self, spread=spread)

    def weights(self) -> list[Weights]:
        """Each of them, the earliest first."""
        found: list[Weights] = []
        node: Fed | None = self
        spread = True
        while node is not None:
            found += reversed(node.own if spread else tuple(each._replace(sigma2=None) for each in node.own))
            spread = spread and node.spread
            node = node.before
        return found[::-1]

    def total(self) -> Rows:
        """The sums over all of them; one at least."""
        waiting = [self]
        while waiting[-1]._total is None and waiting[-1].before is not None:
            waiting.append(waiting[-1].before)
        first = waiting.pop()  # the earliest, or the latest that has been asked before
        total = first._total or reduce(Rows.plus, [each.rows() for each in first.own])
        first._total = total
        for node in reversed(waiting):
            past = total if node.spread else total._replace(cross=0.0 * total.cross, square=0.0 * total.square)
            total = node._total = reduce(Rows.plus, [each.rows() for each in node.own], past)
        return total


def added(one: Rows | None, other: Rows | None) -> Rows | None:
    """The sum of two gradients, None where nothing depends on the rows."""
    return one.plus(other) if one is not None and other is not None else other if one is None else one
