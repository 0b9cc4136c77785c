"""More than one uniform a unit, as `gr` has: `estimate.extra = K` asks for K besides the one that makes the spike.

The code is then given uniforms of shape (1 + K, units), on one unit. What the extra ones do is integrated by a
tanh-sinh rule for each, all together.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from refsbnn.errors import InputError
from validation.certify.call import Estimator, name_of
from validation.certify.identify import Match
from validation.certify.networks import Loss
from validation.certify.states import rule

NODES = {1: 61, 2: 27}  # of each extra uniform, by their number
MOST = max(NODES)


class Point(NamedTuple):
    """Extra uniforms of one unit, (K,), their weight and that of the coarser rule."""

    u: np.ndarray
    p: float
    coarse: float


def extra_of(fn: Estimator) -> int:
    """How many extra uniforms the code asks for.

    Raises
    ------
    InputError
        More than are integrated, or no number.
    """
    count = getattr(fn, "extra", 0)
    if not isinstance(count, int) or not 0 <= count <= MOST:
        raise InputError(f"{name_of(fn)}.extra is {count!r}; accepted: 0 to {MOST} extra uniforms a unit")
    return count


def points(count: int) -> list[Point]:
    """The nodes of the extra uniforms of one unit."""
    nodes = list(zip(*rule(NODES[count]), strict=True))
    found = [np.array(each).T for each in product(nodes, repeat=count)]
    return [Point(u, float(p.prod()), float(coarse.prod())) for u, p, coarse in found]


class Averaged:
    """The code's mean over the extra uniforms of its one unit, as code without any.

    Parameters
    ----------
    fn : callable
    points : sequence of Point
    """

    def __init__(self, fn: Estimator, points: Sequence[Point]) -> None:
        self.fn, self.points, self.__name__ = fn, points, name_of(fn)

    def __call__(self, parameters: Any, x: np.ndarray, uniforms: Sequence[np.ndarray], loss: Loss) -> Any:
        """The mean of the gradients; the loss notes the last question alone, at the same logits as every other."""
        total: dict[str, Any] = {}
        for point in self.points:
            mine = Loss(loss.kind, loss.bend, loss.at, loss.shift)
            found = self.fn(parameters, x, [stacked(each, point.u) for each in uniforms], mine)
            total = {key: total.get(key, 0.0) + point.p * np.asarray(value) for key, value in found.items()}
        loss.seen += mine.seen
        return total


def stacked(u: np.ndarray, extra: np.ndarray) -> np.ndarray:
    """One unit's uniform (1,) and its extra ones (K,) as the code wants them, (1 + K, 1)."""
    return np.concatenate([u, extra])[:, None]


def renamed(match: Match | None, count: int) -> Match | None:
    """The member with so many draws whose mean slope was found: `gr` where that is `agr`'s."""
    if match is None or not match.member.startswith("agr(tau="):
        return match
    return match._replace(member=f"gr({match.member[len('agr(') : -1]},K={count})")
