"""The code of the estimators' pages: read from the Markdown, and driven through all cells of its uniforms.

The uniforms of a unit fall into cells in which its spike stays the same. Inside a cell an estimate is a smooth function
of them, often a polynomial, so a Gauss-Legendre rule a cell, over all units together, gives exact means.
"""

import re
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).parent
Parameters = dict[str, np.ndarray]
Cells = tuple[np.ndarray, np.ndarray]  # nodes in (0, 1), and their weights


class Law(NamedTuple):
    """Exact mean and mean square of an estimate, by parameter."""

    mean: Parameters
    square: Parameters


def code(name: str) -> dict[str, Any]:
    """What a page's Python blocks define, beside what the index defines."""
    namespace: dict[str, Any] = {}
    for page in dict.fromkeys(("index", name)):
        text = (HERE / f"{page}.md").read_text(encoding="utf-8")
        for block in re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
            exec(compile(block, f"{page}.md", "exec"), namespace)
    return namespace


def cells(cuts: Sequence[float], nodes: int) -> Cells:
    """Nodes and weights of a rule on (0, 1), cut at some places."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    edges = np.unique(np.concatenate([[0.0, 1.0], cuts]))
    half = 0.5 * np.diff(edges)[:, None]
    return (edges[:-1, None] + half * (points + 1.0)).ravel(), (half * weights).ravel()


def uniforms(p: Parameters, first: int, nodes: int, both: bool = False) -> list[list[Cells]]:
    """For each layer from `first` on, each unit's cells: cut at every state's pi, with `both` at 1 - pi besides."""
    from_index = code("index")
    layers = len(p) // 2 - 1
    found = []
    for l in range(first, layers):
        w, b = p[f"w{l}"], p[f"b{l}"]
        below = np.array([from_index["X"]] if l == 0 else list(product((0.0, 1.0), repeat=w.shape[1])))
        pi = from_index["sigmoid"](below @ w.T + b)
        cuts = np.concatenate([pi, 1.0 - pi]) if both else pi
        found.append([cells(column, nodes) for column in cuts.T])
    return found


def joint(units: Sequence[Cells]) -> tuple[np.ndarray, np.ndarray]:
    """All combinations of the units' nodes, (draws, units), and their weights."""
    grid = np.meshgrid(*(nodes for nodes, _ in units), indexing="ij")
    weight = np.ones(1)
    for _, each in units:
        weight = np.multiply.outer(weight, each).ravel()
    return np.stack([axis.ravel() for axis in grid], axis=-1), weight


def law(gradient: Callable[[Any], Parameters], groups: Sequence[Sequence[Cells]], build: Callable[..., Any]) -> Law:
    """Mean and mean square over all joint cells.

    Parameters
    ----------
    gradient : callable
        What `build` makes of the uniforms -> {key: estimates (draws, ...)}.
    groups : sequence of sequences
        Cells of the units, a group for each array (draws, units) that `build` gets.
    build : callable
    """
    columns, weight = joint([unit for group in groups for unit in group])
    ends = np.cumsum([len(group) for group in groups])
    found = gradient(build(*np.split(columns, ends[:-1], axis=1)))
    return Law(
        {key: np.tensordot(weight, value, axes=1) for key, value in found.items()},
        {key: np.tensordot(weight, value**2, axes=1) for key, value in found.items()},
    )


def of_spike(namespace: dict[str, Any], p: Parameters, nodes: int = 2, spike: str = "spike") -> Law:
    """The law of a page's `spike(r, u)` in the network, by backward."""
    groups = uniforms(p, 0, nodes)
    return law(lambda u: namespace["backward"](p, namespace[spike], u), groups, lambda *u: [(one,) for one in u])


def of_gradient(namespace: dict[str, Any], p: Parameters, kind: str) -> Law:
    """The law of a page's `gradient(p, u)`: "runs" takes two runs, "pairs" an antithetic one, "path" one."""
    once = uniforms(p, 0, 2, both=kind == "pairs")
    layers = len(once)
    if kind == "runs":
        groups = [*once, *once]
        return law(
            lambda u: namespace["gradient"](p, u),
            groups,
            lambda *u: [[(a,) for a in u[:layers]], [(a,) for a in u[layers:]]],
        )
    again = uniforms(p, 1, 2) if kind == "pairs" else []
    return law(
        lambda u: namespace["gradient"](p, *u),
        [*once, *again],
        lambda *u: ([(a,) for a in u[:layers]], [(), *((a,) for a in u[layers:])])[: 1 + bool(again)],
    )
