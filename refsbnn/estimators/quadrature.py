"""Members whose target does not depend on r: the uniform measure and quadrature rules on [0, 1] (theory 2.12).

Their forward values are not spikes of probability pi: they are exact for losses of one unit up to the rule's degree,
and what they do to the layers behind is for the oracle to say.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from refsbnn.errors import InputError, check_array
from refsbnn.estimators.member import Given, Member
from refsbnn.noise import Noise


@dataclass(frozen=True)
class Uniform(Member):
    """`uniform`: h = u, w = 1; unbiased for every loss of one unit (theory 1.3, 2.12).

    Examples
    --------
    >>> import numpy as np
    >>> from refsbnn import noise
    >>> Uniform().sample(np.zeros(2), np.array([0.25, 0.75]), noise.GAUSSIAN)
    array([0.25, 0.75])
    """

    spelling: ClassVar[str] = "uniform"
    examples: ClassVar[tuple[str, ...]] = ("uniform",)
    proposal: ClassVar[str] = "fixed"

    def sample(self, r: np.ndarray, u: np.ndarray, noise: Noise) -> np.ndarray:
        return np.array(np.broadcast_to(u, np.broadcast_shapes(np.shape(r), np.shape(u))), dtype=np.float64)

    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        return np.broadcast_to(noise.pdf(r), np.broadcast_shapes(np.shape(h), np.shape(r)))

    def weight(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        return np.ones(np.broadcast_shapes(np.shape(h), np.shape(r)))


class Rule(Member):
    """A rule: h is one of the nodes, drawn with the rule's probabilities, and w = node weight / probability.

    Examples
    --------
    >>> Simpson().rule()[0]
    array([0. , 0.5, 1. ])
    >>> from refsbnn.noise import GAUSSIAN
    >>> Simpson().sample(np.zeros(3), np.array([0.1, 0.5, 0.9]), GAUSSIAN)
    array([0. , 0.5, 1. ])
    """

    proposal: ClassVar[str] = "fixed"

    @abstractmethod
    def rule(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return nodes (ascending), their weights and the probabilities they are drawn with."""

    def sample(self, r: np.ndarray, u: np.ndarray, noise: Noise) -> np.ndarray:
        """Return the node at which the cumulated probabilities pass u."""
        nodes, _, probabilities = self.rule()
        # The last edge is 1 and not the sum's rounding of it, so every u < 1 finds a node.
        index = np.searchsorted(np.cumsum(probabilities)[:-1], u, side="right")
        return np.array(np.broadcast_to(nodes[index], np.broadcast_shapes(np.shape(r), np.shape(u))))

    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        return self.weight(h, r, noise) * noise.pdf(r)

    def weight(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        nodes, weights, probabilities = self.rule()
        nearest = np.searchsorted(0.5 * (nodes[1:] + nodes[:-1]), h)
        ratio = weights / probabilities
        return np.array(np.broadcast_to(ratio[nearest], np.broadcast_shapes(np.shape(h), np.shape(r))))


@dataclass(frozen=True)
class Simpson(Rule):
    """`simpson`: nodes 0, 1/2, 1 drawn with their weights 1/6, 4/6, 1/6; exact for cubic L' (theory 2.12).

    Examples
    --------
    >>> nodes, weights, probabilities = Simpson().rule()
    >>> weights.round(4)
    array([0.1667, 0.6667, 0.1667])
    """

    spelling: ClassVar[str] = "simpson"
    examples: ClassVar[tuple[str, ...]] = ("simpson",)

    def rule(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        weights = np.array([1.0, 4.0, 1.0]) / 6.0
        return np.array([0.0, 0.5, 1.0]), weights, weights


@dataclass(frozen=True)
class Gauss2(Rule):
    """`gauss2`: nodes 1/2 -+ 1/(2 sqrt 3), each with weight 1/2; exact for cubic L' (theory 2.12).

    Examples
    --------
    >>> Gauss2().rule()[0].round(4)
    array([0.2113, 0.7887])
    """

    spelling: ClassVar[str] = "gauss2"
    examples: ClassVar[tuple[str, ...]] = ("gauss2",)

    def rule(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        weights = np.array([0.5, 0.5])
        return 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3.0), weights, weights


@dataclass(frozen=True)
class Quadrature(Rule):
    """`quadrature(nodes=...,weights=...)`: a rule of the user's own.

    Parameters
    ----------
    nodes : sequence of float
        Distinct points of [0, 1], ascending.
    weights : sequence of float
        One for each node; they may be negative and need not sum to 1.
    probabilities : sequence of float, optional
        What the forward pass draws the nodes with: positive, summing to 1. Default: proportional to |weights|.

    Raises
    ------
    InputError
        Lengths differ, nodes outside [0, 1] or not ascending, probabilities that are none, or a weight of 0 without
        probabilities (such a node would never be drawn).

    Examples
    --------
    >>> import numpy as np
    >>> from refsbnn.noise import GAUSSIAN
    >>> rule = Quadrature(nodes=(0.0, 0.5, 1.0), weights=(0.25, 0.5, 0.25))
    >>> rule.sample(np.zeros(3), np.array([0.1, 0.5, 0.9]), GAUSSIAN)
    array([0. , 0.5, 1. ])
    """

    spelling: ClassVar[str] = "quadrature"
    # Its weights differ from node to node.
    examples: ClassVar[tuple[str, ...]] = ("quadrature(nodes=[0.2,0.7],weights=[0.3,0.6],probabilities=[0.5,0.5])",)
    nodes: Sequence[float]
    weights: Sequence[float]
    probabilities: Sequence[float] | None = None

    def __post_init__(self) -> None:
        nodes = check_array("quadrature: nodes", self.nodes, (None,))
        weights = check_array("quadrature: weights", self.weights, nodes.shape)
        if len(nodes) == 0 or nodes[0] < 0.0 or nodes[-1] > 1.0 or (np.diff(nodes) <= 0.0).any():
            raise InputError(f"quadrature: nodes are {nodes.tolist()}; accepted: ascending numbers from 0 to 1")
        if self.probabilities is None:
            if (weights == 0.0).any():
                raise InputError("quadrature: a weight is 0; accepted: weights other than 0, or give probabilities")
            probabilities = np.abs(weights) / np.abs(weights).sum()
        else:
            probabilities = check_array("quadrature: probabilities", self.probabilities, nodes.shape)
            # The sum of n numbers rounds by at most n units; anything more is the user's.
            if (probabilities <= 0.0).any() or abs(probabilities.sum() - 1.0) > len(nodes) * np.finfo(float).eps:
                raise InputError(
                    f"quadrature: probabilities are {probabilities.tolist()}; accepted: positive numbers that sum to 1"
                )
        for field, value in (("nodes", nodes), ("weights", weights), ("probabilities", probabilities)):
            object.__setattr__(self, field, tuple(value.tolist()))

    def rule(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.array(self.nodes), np.array(self.weights), np.array(self.probabilities)
