"""Members whose forward value is not a spike of probability pi (theory 2.11, 2.12, 2.17), and their quadrature.

`gs` and `uniform` send a number from (0, 1) forward: its law is replaced by the nodes of a Gauss-Legendre rule, and
the network is then enumerated over nodes as it is over spikes, nodes^units cases, so up to three units. The rules
(`simpson`, `gauss2`) have few nodes by themselves, and a deterministic surrogate has one; both are exact.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from oracle.errors import InputError, array, choice, number
from oracle.members import UnitStates
from oracle.noise import Law

# Nodes a panel, best first: the first one that keeps nodes^units within bounds is used.
ORDERS = (40, 30, 20, 14, 12, 10, 8, 7, 6, 5, 4)
REACH = {"gaussian": 8.5, "logistic": 33.0}  # mass beyond: 2e-17, 5e-15
SURROGATES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "fast-sigmoid": lambda r, scale: 1.0 / (1.0 + scale * np.abs(r)) ** 2,
    "arctan": lambda r, scale: 0.5 * scale / (1.0 + (0.5 * np.pi * scale * r) ** 2),
    "triangular": lambda r, scale: np.maximum(1.0 - scale * np.abs(r), 0.0),
}


@dataclass(frozen=True)
class Relaxed:
    """A member with its own forward value.

    Parameters
    ----------
    name : str
    nodes : callable
        (law, order) -> UnitStates.
    orders : sequence of int
        Orders to choose from, best first, each >= 4; none where the nodes are exact.

    Examples
    --------
    >>> import oracle
    >>> isinstance(oracle.gs(), oracle.Relaxed)
    True
    """

    name: str
    nodes: Callable[..., UnitStates]
    orders: Sequence[int] = ()


def coarser(order: int) -> int:
    """The order of the rule that another is compared with: a quarter fewer nodes, and two at least.

    The error of a Gauss rule falls geometrically with its order, so the change is about the coarser one's error. One
    order less would not do: in one entry of twenty the two errors nearly cancel.
    """
    return order - max(2, order // 4)


def uniform() -> Relaxed:
    """Forward value uniform in (0, 1), weight 1: exact for one unit (theory 2.12).

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> law = oracle.moments(net, [1.0, 0.5], loss, oracle.uniform())["layers.0.mu"]
    >>> bool(abs(law.bias).max() < 1e-12)  # one unit: unbiased for every loss
    True
    """

    def nodes(law: Law, order: int) -> UnitStates:
        points, weights = np.polynomial.legendre.leggauss(order)
        return _held(law, 0.5 * (points + 1.0), 0.5 * weights, np.ones(order))

    return Relaxed("uniform", nodes, ORDERS)


def rule(
    nodes: Sequence[float], weights: Sequence[float], probabilities: Sequence[float] | None = None, name: str = "rule"
) -> Relaxed:
    """A quadrature rule on [0, 1]: a node is drawn with its probability and weighted by weight / probability.

    Parameters
    ----------
    nodes, weights : sequence of float
    probabilities : sequence of float, optional
        Positive, with sum 1; in proportion to |weights| if not given.
    name : str

    Raises
    ------
    InputError
        Nodes outside [0, 1], lengths that differ, or probabilities that are none.

    Examples
    --------
    >>> import oracle
    >>> oracle.rule(nodes=[0.0, 1.0], weights=[0.5, 0.5]).name
    'rule'
    """
    points = array("nodes", nodes, (None,), lowest=0.0)
    masses = array("weights", weights, points.shape)
    drawn = np.abs(masses) / np.abs(masses).sum() if probabilities is None else probabilities
    drawn = array("probabilities", drawn, points.shape, lowest=0.0)
    if points.max() > 1.0:
        raise InputError(f"nodes holds {points.max():g}; expected numbers in [0, 1]")
    # n numbers add up to 1 within n roundings.
    if abs(drawn.sum() - 1.0) > drawn.size * np.finfo(float).eps or (drawn == 0.0).any():
        raise InputError(f"probabilities are {drawn.tolist()}; expected positive numbers with sum 1")
    return Relaxed(name, lambda law, order: _held(law, points, drawn, masses / drawn))


def simpson() -> Relaxed:
    """Nodes 0, 1/2, 1 with weights 1/6, 4/6, 1/6, drawn with these (theory 2.12).

    Examples
    --------
    >>> import oracle
    >>> oracle.simpson().name
    'simpson'
    """
    return rule([0.0, 0.5, 1.0], [1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0], name="simpson")


def gauss2() -> Relaxed:
    """The two-point Gauss rule, nodes 1/2 -+ 1/(2 sqrt 3), drawn with weights 1/2 (theory 2.12).

    Examples
    --------
    >>> import oracle
    >>> oracle.gauss2().name
    'gauss2'
    """
    offset = 0.5 / np.sqrt(3.0)
    return rule([0.5 - offset, 0.5 + offset], [0.5, 0.5], name="gauss2")


def gs(tau: float = 1.0) -> Relaxed:
    """The relaxation: forward value F(a / tau), slope its derivative in a (theory 2.11).

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> law = oracle.moments(net, [1.0, 0.5], loss, oracle.gs(tau=1.0))["layers.0.mu"]
    >>> law.bias.round(4)
    array([[0.0241, 0.0121]])
    """
    tau = number("tau", tau, above=0.0)

    def nodes(law: Law, order: int) -> UnitStates:
        # Panels in a halve towards a = 0, where the value varies on the scale tau; the density of a moves with r.
        reach = REACH[law.noise.name]
        halvings = max(1, int(np.ceil(np.log2(reach / (2.0 * min(tau, 1.0))))))
        edges = np.concatenate([[0.0], 0.5 ** np.arange(halvings, -1.0, -1.0)])
        points, weights = np.polynomial.legendre.leggauss(order)
        half = 0.5 * np.diff(edges)[:, None]
        unit = (edges[:-1, None] + half * (points + 1.0)).ravel()
        unit_weights = (half * weights).ravel()
        up, down = np.maximum(law.r + reach, 0.0)[..., None], np.maximum(reach - law.r, 0.0)[..., None]
        a = np.concatenate([up * unit, -down * unit], axis=-1)
        measure = np.concatenate([up * unit_weights, down * unit_weights], axis=-1)
        live = law.live[..., None]
        # A unit without variance is a step at every node; its nodes need probabilities all the same.
        values = np.where(live, law.noise.cdf(a / tau), law.p1[..., None])
        slopes = live * law.noise.pdf(a / tau) / tau
        return UnitStates(values, measure * law.noise.pdf(a - law.r[..., None]), slopes)

    return Relaxed(f"gs(tau={tau:g})", nodes, ORDERS)


def surrogate(kind: str, scale: float = 1.0) -> Relaxed:
    """Deterministic spikes 1[r > 0] with a surrogate slope in r (theory 2.17).

    Parameters
    ----------
    kind : "fast-sigmoid", "arctan" or "triangular"
        1 / (1 + k|r|)^2, (k/2) / (1 + (pi k r / 2)^2), max(0, 1 - k|r|).
    scale : float
        k > 0.

    Examples
    --------
    >>> import oracle
    >>> oracle.surrogate("fast-sigmoid", scale=2.0).name
    'fast-sigmoid(scale=2)'
    """
    choice("kind", kind, tuple(SURROGATES))
    scale = number("scale", scale, above=0.0)

    def nodes(law: Law, order: int) -> UnitStates:
        step = np.where(law.live, law.r > 0.0, law.p1)[..., None]
        slope = (law.live * SURROGATES[kind](law.r, scale))[..., None]
        return UnitStates(step, np.ones_like(step), slope)

    return Relaxed(f"{kind}(scale={scale:g})", nodes)


def _held(law: Law, points: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> UnitStates:
    """Nodes that do not depend on r; a unit without variance is a step."""
    shape = (*law.r.shape, points.size)
    values = np.where(law.live[..., None], points, law.p1[..., None])
    return UnitStates(values, np.broadcast_to(probabilities, shape), law.f[..., None] * weights)
