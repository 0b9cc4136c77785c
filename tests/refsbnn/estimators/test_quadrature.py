"""The uniform measure and quadrature rules: members by their weight, exact to their degree."""

import numpy as np
import pytest

from refsbnn import estimators
from refsbnn.estimators import Quadrature
from refsbnn.noise import GAUSSIAN, LOGISTIC
from tests.refsbnn.estimators.common import ROUNDING


def test_uniform_is_a_member_by_its_weight() -> None:
    nodes, weights = np.polynomial.legendre.leggauss(20)
    u, member = (nodes + 1) / 2, estimators.get("uniform")
    h = member.sample(np.zeros(20), u, GAUSSIAN)
    total = weights / 2 @ (member.weight(h, np.zeros(20), GAUSSIAN) * np.exp(h))
    assert abs(total - (np.e - 1)) < ROUNDING


@pytest.mark.parametrize(
    ("member", "nodes", "weights", "edges"),
    [
        (estimators.get("simpson"), [0, 0.5, 1], [1 / 6, 4 / 6, 1 / 6], [1 / 6, 5 / 6]),
        (estimators.get("gauss2"), [0.5 - 3**-0.5 / 2, 0.5 + 3**-0.5 / 2], [0.5, 0.5], [0.5]),
        (Quadrature((0.1, 0.4, 0.8), (0.5, -0.25, 0.25)), [0.1, 0.4, 0.8], [0.5, -0.25, 0.25], [0.5, 0.75]),
        (Quadrature((0.0, 1.0), (0.7, 0.0), (0.125, 0.875)), [0.0, 1.0], [0.7, 0.0], [0.125]),
        (Quadrature((0.3,), (2.0,)), [0.3], [2.0], []),
    ],
    ids=["simpson", "gauss2", "signed", "own probabilities", "one node"],
)
def test_rules_are_members_by_their_weight(member, nodes, weights, edges) -> None:
    """E_u[w g(h)] by cells of u, whose edges are the cumulated probabilities, against sum of weight g(node)."""
    edges = np.concatenate([[0.0], edges, [1.0]])
    near = 1e-12
    for u, length in ((edges[:-1] + near, np.diff(edges)), (edges[1:] - near, np.diff(edges))):
        r = np.linspace(-1, 2, len(u))
        h = member.sample(r, u, LOGISTIC)
        w = member.weight(h, r, LOGISTIC)
        g = np.array([0.3, -1.1, 0.7])[: len(u)]
        assert abs(length @ (w * g) - np.dot(weights, g)) < ROUNDING
        assert np.abs(h - nodes).max() < ROUNDING
        assert np.abs(member.slope(h, r, LOGISTIC) - w * LOGISTIC.pdf(r)).max() < ROUNDING
    # Nodes rounded to float32 and back are still recognised.
    assert np.array_equal(member.weight(h.astype(np.float32).astype(np.float64), r, LOGISTIC), w)


@pytest.mark.parametrize("name", ["simpson", "gauss2"])
def test_rules_are_exact_to_their_degree_and_no_further(name) -> None:
    nodes, weights, _ = estimators.get(name).rule()
    for degree in range(4):
        assert abs(weights @ nodes**degree - 1 / (degree + 1)) < ROUNDING
    assert abs(weights @ nodes**4 - 1 / 5) > 1e-3
