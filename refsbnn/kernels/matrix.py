"""Matrix products whose sums run in a written order, so that the number of threads cannot change a bit."""

import numpy as np
from numba import njit, prange

from refsbnn.kernels.simd import LANES, Factor, Rows, address, aligned_zeros, matmul_add

SHARDS = 16  # parts of the rows that are summed apart
ROWS = 32  # rows of the result a task makes
DEPTH = 512  # terms summed before the next tile, so that both operands stay in the cache


def padded(columns: int) -> int:
    """`columns` rounded up to whole vectors."""
    return -(-columns // LANES) * LANES


def widened(array: np.ndarray) -> np.ndarray:
    """A matrix whose rows are whole vectors: the array itself if its are, else a copy with zeros behind."""
    rows, columns = array.shape
    if columns % LANES == 0 and array.flags.c_contiguous:
        return array
    wide = aligned_zeros(rows * padded(columns), array.dtype).reshape(rows, padded(columns))
    wide[:, :columns] = array
    return wide


def in_vectors(array: np.ndarray) -> np.ndarray:
    """All entries as whole vectors: the flat array itself if it fills them, else a copy with zeros behind."""
    rest = -array.size % LANES
    return np.concatenate([array.reshape(-1), np.zeros(rest, array.dtype)]) if rest else array.reshape(-1)


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b for contiguous matrices of one float type."""
    return _run(a, b, len(a), a.shape[1], 1, a.shape[1])


def transposed_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a.T @ b for contiguous matrices of one float type."""
    return _run(a, b, a.shape[1], 1, a.shape[1], len(a))


def column_sums(array: np.ndarray) -> np.ndarray:
    """Sums over the rows of a contiguous matrix, in float64 before the last rounding."""
    parts = np.zeros((SHARDS, array.shape[1]), np.float64)
    _add_columns(array, parts)
    return parts.sum(axis=0).astype(array.dtype)


@njit(cache=True, parallel=True, error_model="numpy")
def _add_columns(array, parts):
    """Each task sums a fixed part of the rows.

    Parameters
    ----------
    array : (rows, columns) float
    parts : (SHARDS, columns) float64, zero; the sums of each part are added
    """
    rows, columns = array.shape
    for shard in prange(SHARDS):
        for i in range(shard * rows // SHARDS, (shard + 1) * rows // SHARDS):
            for j in range(columns):
                parts[shard, j] += array[i, j]


def _run(a: np.ndarray, b: np.ndarray, rows: int, a_row: int, a_step: int, depth: int) -> np.ndarray:
    wide = widened(b)
    c = np.empty((rows, wide.shape[1]), a.dtype)
    _blocks(a.ravel(), a_row, a_step, wide, c, depth)
    return c if c.shape[1] == b.shape[1] else np.ascontiguousarray(c[:, : b.shape[1]])


@njit(cache=True, parallel=True, error_model="numpy")
def _blocks(a, a_row, a_step, b, c, depth):
    """c = a @ b: each task makes ROWS rows of c; every element sums over depth in order.

    Parameters
    ----------
    a : flat float; element (i, k) of the matrix lies at i a_row + k a_step
    a_row, a_step : int
    b : (depth, columns) of the same float type, columns a multiple of 16
    c : (rows, columns) of the same float type, overwritten
    depth : int
    """
    rows, columns = c.shape
    for task in prange((rows + ROWS - 1) // ROWS):
        first = task * ROWS
        count = min(ROWS, rows - first)
        c[first : first + count] = 0
        for k in range(0, depth, DEPTH):
            terms = min(DEPTH, depth - k)
            left = Factor(address(a), first * a_row + k * a_step, a_row, a_step)
            right, into = Rows(address(b), k * columns, columns), Rows(address(c), first * columns, columns)
            matmul_add(left, right, into, count, columns, terms)
