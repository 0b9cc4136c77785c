"""Lone events of cameras, left out."""

import numpy as np
from numba import njit


def supported(times: np.ndarray, x: np.ndarray, y: np.ndarray, shape: tuple[int, ...], within: float) -> np.ndarray:
    """Which events have another one at most `within` earlier on one of the eight pixels around (background filter).

    Examples
    --------
    >>> t, at = np.array([0.0, 1.0, 9.0]), np.array([3, 4, 4])
    >>> supported(t, at, at, (8, 8, 2), 2.0)
    array([False,  True, False])
    """
    order = np.argsort(times, kind="stable")
    kept = np.zeros(len(times), np.bool_)
    last = np.full((shape[0] + 2, shape[1] + 2), -np.inf)
    _support(np.asarray(times, np.float64), x.astype(np.int64), y.astype(np.int64), order, within, last, kept)
    return kept


@njit(cache=True)
def _support(times, x, y, order, within, last, kept):
    for e in order:
        row, column = y[e] + 1, x[e] + 1
        for i in range(row - 1, row + 2):
            for j in range(column - 1, column + 2):
                if (i != row or j != column) and times[e] - last[i, j] <= within:
                    kept[e] = True
        last[row, column] = times[e]
