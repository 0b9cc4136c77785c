"""Sums over the joint states of one layer, as matrix products (theory 5.2 to 5.5).

A joint state is a pair: the states a of the first units and b of the others. Units are independent given the layer below,
P(a, b) = P(a) P(b), so a sum over 2^n states for many rows, states of the layer below, is a product with P(b), 2^(n/2)
numbers a row, and then with P(a). The table of all rows and all states is never made.
"""

from typing import NamedTuple

import numpy as np

from oracle.noise import Law
from oracle.states import differences, joint, patterns, score_sums


class Halves(NamedTuple):
    """Probabilities of both halves' states at each row: (rows, 2^a) and (rows, 2^b)."""

    first: np.ndarray
    second: np.ndarray

    @property
    def cut(self) -> int:
        """Units in the first half."""
        return self.first.shape[1].bit_length() - 1

    def square(self, values: np.ndarray) -> np.ndarray:
        """Values at the joint states, (..., 2^n), as (..., 2^a, 2^b)."""
        return values.reshape(*values.shape[:-1], self.first.shape[1], self.second.shape[1])


def halves(law: Law) -> Halves:
    """Probabilities of the halves' states; an odd unit is in the second."""
    cut = law.p0.shape[1] // 2
    return Halves(joint(law.p0[:, :cut], law.p1[:, :cut]), joint(law.p0[:, cut:], law.p1[:, cut:]))


def arrive(here: Halves, reach: np.ndarray) -> np.ndarray:
    """Probability of each joint state: sum over rows of reach times P, (2^n,)."""
    return ((reach[:, None] * here.first).T @ here.second).ravel()


def mean(here: Halves, values: np.ndarray) -> np.ndarray:
    """E[value | row] of values at the joint states, (2^n,) -> (rows,)."""
    return np.einsum("ra,ra->r", here.first, here.second @ here.square(values).T)


def mean_changes(here: Halves, law: Law, values: np.ndarray) -> np.ndarray:
    """E[value | z_i = 1] - E[value | z_i = 0] of each unit, (2^n,) -> (rows, n) (theory 5.3).

    As in `differences`, the difference is taken before anything is averaged.
    """
    if law.p0.shape[0] == 1:
        return differences(values[None], law.p0, law.p1)[0]
    table, cut = here.square(values), here.cut
    return np.concatenate(
        [
            _changes(table, here.second, law.p0[:, :cut], law.p1[:, :cut]),
            _changes(table.T, here.first, law.p0[:, cut:], law.p1[:, cut:]),
        ],
        axis=1,
    )


def _changes(table: np.ndarray, others: np.ndarray, p0: np.ndarray, p1: np.ndarray) -> np.ndarray:
    """For the units whose states are the rows of `table`: changes of each, averaged over the columns and the rest."""
    units = p0.shape[1]
    if not units:
        return np.empty(p0.shape)
    changes, rest = [], []
    for i in range(units):
        cube = table.reshape(2**i, 2, -1, table.shape[1])
        changes.append((cube[:, 1] - cube[:, 0]).reshape(-1, table.shape[1]))
        rest.append(joint(np.delete(p0, i, axis=1), np.delete(p1, i, axis=1)))
    averaged = (others @ np.concatenate(changes).T).reshape(others.shape[0], units, -1)
    return np.einsum("ria,ria->ri", averaged, np.stack(rest, axis=1))


def mean_scores(here: Halves, law: Law, values: np.ndarray) -> np.ndarray:
    """E[value times the score of unit i | row], (2^n,) -> (rows, n) (theory 5.2)."""
    table, (score0, score1), cut = here.square(values), law.score(), here.cut
    weights = here.first * (here.second @ table.T), here.second * (here.first @ table)
    return np.concatenate(
        [
            score_sums(weights[0], score0[:, :cut], score1[:, :cut]),
            score_sums(weights[1], score0[:, cut:], score1[:, cut:]),
        ],
        axis=1,
    )


class Sloped(NamedTuple):
    """Probabilities of a half's states times a slope: of each of its units, (rows, units, 2^a)."""

    plain: np.ndarray  # without a slope, (rows, 2^a)
    slopes: np.ndarray  # of each unit in each of the half's states, (rows, units, 2^a)
    squares: np.ndarray  # mean squares of the same


def sloped(here: Halves, k1: np.ndarray, k2: np.ndarray) -> tuple[Sloped, Sloped]:
    """Both halves with the units' slopes, mean and mean square (rows, n, 2) by the unit's state."""

    def one(plain: np.ndarray, first: int, last: int) -> Sloped:
        ones = patterns(last - first).T.astype(bool)
        slopes = [np.where(ones, k[:, first:last, 1, None], k[:, first:last, 0, None]) for k in (k1, k2)]
        return Sloped(plain, *slopes)

    return one(here.first, 0, here.cut), one(here.second, here.cut, k1.shape[1])


def mean_slopes(here: Halves, k1: np.ndarray, message: np.ndarray) -> np.ndarray:
    """E[slope_i(z_i) message_i(z) | row]: message (n, 2^n) -> (rows, n) (theory 5.4)."""
    first, second = sloped(here, k1, k1)
    table, cut = here.square(message), here.cut
    return np.concatenate(
        [
            _sum(_product(second.plain, table[:cut]), first.plain, first.slopes),
            _sum(_product(first.plain, table[cut:].swapaxes(1, 2)), second.plain, second.slopes),
        ],
        axis=1,
    )


def mean_pairs(here: Halves, k1: np.ndarray, k2: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """E[slope_i slope_j matrix_ij(z) | row]: symmetric matrix (n, n, 2^n) -> (rows, n, n) (theory 5.5).

    A pair within a half is a product with the other half, then a sum over its own; of a pair across the halves the
    second unit's slope goes into the product.
    """
    first, second = sloped(here, k1, k2)
    table, cut = here.square(matrix), here.cut
    units = matrix.shape[0]
    result = np.empty((k1.shape[0], units, units))
    for half, other, start, stop in ((first, second, 0, cut), (second, first, cut, units)):
        for i in range(start, stop):
            some = table[i, i:stop] if half is first else table[i, i:stop].swapaxes(1, 2)
            own = half.slopes[:, i - start :] * half.slopes[:, i - start, None]
            own[:, 0] = half.squares[:, i - start]
            result[:, i, i:stop] = _sum(_product(other.plain, some), half.plain, own)
    for j in range(cut, units):
        seen = second.plain * second.slopes[:, j - cut]
        result[:, :cut, j] = _sum(_product(seen, table[:cut, j]), first.plain, first.slopes)
    rows, columns = np.triu_indices(units)
    result[:, columns, rows] = result[:, rows, columns]
    return result


def _product(weights: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """Sum over the last axis of each table: (rows, 2^b), (k, 2^a, 2^b) -> (rows, k, 2^a)."""
    count, kept, summed = tables.shape
    return (weights @ tables.reshape(count * kept, summed).T).reshape(weights.shape[0], count, kept)


def _sum(tables: np.ndarray, plain: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Sum over the states of the half that is left: (rows, k, 2^a) -> (rows, k)."""
    return np.einsum("rka,rka,ra->rk", tables, slopes, plain)
