"""Sums over the joint states of one layer, as matrix products (theory 5.2 to 5.6).

A joint state is a pair: the states a of the first units and b of the others. Units are independent given the layer
below, P(a, b) = P(a) P(b), so a sum over 2^n states for many rows, the states of the layer below, is a product with
P(b), 2^(n/2) numbers a row, and then with P(a). The table of all rows and states is never made. Rows are the last axis.
"""

from typing import NamedTuple

import numpy as np

from oracle.noise import Law
from oracle.states import joint, patterns, score_sums


class Halves(NamedTuple):
    """Probabilities of both halves' states at each row: (2^a, rows) and (2^b, rows)."""

    first: np.ndarray
    second: np.ndarray

    @property
    def cut(self) -> int:
        """Units in the first half."""
        return self.first.shape[0].bit_length() - 1

    def square(self, values: np.ndarray) -> np.ndarray:
        """Values at the joint states, (..., 2^n), as (..., 2^a, 2^b)."""
        return values.reshape(*values.shape[:-1], self.first.shape[0], self.second.shape[0])


def halves(law: Law) -> Halves:
    """Probabilities of the halves' states; an odd unit is in the second."""
    cut = law.p0.shape[1] // 2
    return Halves(joint(law.p0[:, :cut], law.p1[:, :cut]).T, joint(law.p0[:, cut:], law.p1[:, cut:]).T)


def arrive(here: Halves, reach: np.ndarray) -> np.ndarray:
    """Probability of each joint state: sum over rows of reach times P, (2^n,)."""
    return ((here.first * reach) @ here.second.T).ravel()


def mean(here: Halves, values: np.ndarray) -> np.ndarray:
    """E[value | row] of values at the joint states, (2^n,) -> (rows,)."""
    return np.einsum("ar,ar->r", here.first, here.square(values) @ here.second)


def mean_changes(here: Halves, values: np.ndarray) -> np.ndarray:
    """E[value | z_i = 1] - E[value | z_i = 0] of each unit, (2^n,) -> (rows, n) (theory 5.3).

    A constant in the values cancels; it is taken away before it can round: errors are of the size of their spread.
    """
    table = here.square(values - values.mean())
    first, second = table @ here.second, table.T @ here.first  # the other half is averaged
    return np.concatenate([_changes(first, here.first), _changes(second, here.second)]).T


def _changes(values: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The same over one half's states: values and probabilities (2^a, rows) -> (a, rows)."""
    states, rows = p.shape
    units = states.bit_length() - 1
    changes, rest = np.empty((2, units, states // 2, rows))
    for i in range(units):
        cube, both = values.reshape(2**i, 2, -1, rows), p.reshape(2**i, 2, -1, rows)
        np.subtract(cube[:, 1], cube[:, 0], out=changes[i].reshape(2**i, -1, rows))
        np.add(both[:, 0], both[:, 1], out=rest[i].reshape(2**i, -1, rows))  # both states: the probability of the rest
    return _sum(changes, rest)


def mean_scores(here: Halves, law: Law, values: np.ndarray) -> np.ndarray:
    """E[value times the score of unit i | row], (2^n,) -> (rows, n) (theory 5.2)."""
    table, (score0, score1), cut = here.square(values), law.score(), here.cut
    first, second = here.first * (table @ here.second), here.second * (table.T @ here.first)
    parts = (
        score_sums(first.T, score0[:, :cut], score1[:, :cut]),
        score_sums(second.T, score0[:, cut:], score1[:, cut:]),
    )
    return np.concatenate(parts, axis=1)


class Sloped(NamedTuple):
    """One half's states with the slopes of its units there, (a, 2^a, rows)."""

    plain: np.ndarray  # probabilities, (2^a, rows)
    slopes: np.ndarray
    weighted: np.ndarray  # times the probabilities


def _sloped(here: Halves, k: np.ndarray) -> tuple[Sloped, Sloped]:
    """Both halves with slopes (rows, n, 2) by the unit's state."""
    by_unit = np.ascontiguousarray(k.transpose(1, 2, 0))

    def one(plain: np.ndarray, k: np.ndarray) -> Sloped:
        bits = patterns(len(k)).T.astype(np.int64)
        slopes = k[np.arange(len(k))[:, None], bits]
        return Sloped(plain, slopes, slopes * plain)

    return one(here.first, by_unit[: here.cut]), one(here.second, by_unit[here.cut :])


def mean_slopes(here: Halves, k1: np.ndarray, message: np.ndarray) -> np.ndarray:
    """E[slope_i(z_i) message_i(z) | row]: message (n, 2^n) -> (rows, n) (theory 5.5)."""
    (first, second), table, cut = _sloped(here, k1), here.square(message), here.cut
    parts = (
        _sum(table[:cut] @ second.plain, first.weighted),
        _sum(table[cut:].swapaxes(1, 2) @ first.plain, second.weighted),
    )
    return np.concatenate(parts).T


def mean_pairs(here: Halves, k1: np.ndarray, k2: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """E[slope_i slope_j matrix_ij(z) | row]: symmetric matrix (n, n, 2^n) -> (rows, n, n) (theory 5.6).

    A pair within a half is a product with the other half, then a sum over its own; of a pair across the halves the
    second unit's slope goes into the product. `k1` and `k2`, (rows, n, 2), are the slopes' means and mean squares.
    """
    (first, second), squares = _sloped(here, k1), _sloped(here, k2)
    table, cut, units = here.square(matrix), here.cut, matrix.shape[0]
    result = np.empty((units, units, k1.shape[0]))
    for own, other, square, start, stop in (
        (first, second, squares[0], 0, cut),
        (second, first, squares[1], cut, units),
    ):
        for i in range(start, stop):
            some = table[i, i:stop] if own is first else table[i, i:stop].swapaxes(1, 2)
            weights = own.slopes[i - start :] * own.weighted[i - start]
            weights[0] = square.weighted[i - start]
            result[i, i:stop] = _sum(some @ other.plain, weights)
    for j in range(cut, units):
        result[:cut, j] = _sum(table[:cut, j] @ second.weighted[j - cut], first.weighted)
    rows, columns = np.triu_indices(units)
    result[columns, rows] = result[rows, columns]
    return result.transpose(2, 0, 1)


def _sum(tables: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sum over the states of the half that is left: (k, 2^a, rows) -> (k, rows)."""
    return np.einsum("kar,kar->kr", tables, weights)
