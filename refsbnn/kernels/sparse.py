"""Sums over events: a spike of unit j adds row j of a matrix, and its gradient goes back to row j.

Mean and variance lie side by side in one row of `weights`, so that one pass over the events makes both.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from refsbnn.events import Events
from refsbnn.kernels.simd import LANES, address, aligned_zeros, load, store

WIDE = 8 * LANES  # columns whose sums stay in registers
ROWS = 256  # rows of sums that a task makes
CHUNK = 128  # rows of gradients that fill the first-level cache together, and
BLOCK = 4 * LANES  # columns of them, which one task sums


class Table(NamedTuple):
    """Weights by input, as `dense.rows_of` lays them.

    Attributes
    ----------
    weights : (in * parts * half,) float; a row of an input has the means, then the variances if any, each padded
    half : int, columns of a part, a multiple of 16
    """

    weights: np.ndarray
    half: int


def events_of(x: Events | np.ndarray) -> Events:
    """Events of an array of bytes 0 and 1 (..., features)."""
    if isinstance(x, Events):
        return x
    flat = x.reshape(-1, x.shape[-1]).view(np.uint8)
    offsets = np.zeros(len(flat) + 1, np.int64)
    _count(flat, offsets)
    np.cumsum(offsets, out=offsets)
    columns = np.empty(offsets[-1], np.int32)
    _fill(flat, offsets, columns)
    events = object.__new__(Events)  # made here, so there is nothing to check
    for name, value in (("offsets", offsets), ("columns", columns), ("shape", x.shape)):
        object.__setattr__(events, name, value)
    return events


@njit(cache=True, parallel=True, error_model="numpy")
def _count(flat, offsets):
    """Events of each row.

    Parameters
    ----------
    flat : (rows, units) uint8, 0 or 1
    offsets : (rows + 1,) int64; all but the first are overwritten
    """
    for i in prange(len(flat)):
        total = 0
        for z in flat[i]:
            total += z
        offsets[i + 1] = total


@njit(cache=True, parallel=True, error_model="numpy")
def _fill(flat, offsets, columns):
    """The units of the events, row by row.

    Parameters
    ----------
    flat : (rows, units) uint8, 0 or 1
    offsets : (rows + 1,) int64, where each row's events begin
    columns : (events,) int32, overwritten
    """
    for i in prange(len(flat)):
        k = offsets[i]
        for j in range(flat.shape[1]):
            if flat[i, j] != 0:
                columns[k] = j
                k += 1


@njit(cache=True, error_model="numpy")
def add_rows(weights, width, at, count, columns, first, last, total):
    """total += columns at to at + count, at most WIDE, of those rows of `weights` that columns[first:last] name.

    Rows are added in their order.

    Parameters
    ----------
    weights : (in * width,) float
    width, at, count : int, multiples of 16
    columns : (events,) int32
    first, last : int
    total : (count,) of the same float type
    """
    data, into = address(weights), address(total)
    if count == WIDE:
        a0, a1 = load(into, 0), load(into, LANES)
        a2, a3 = load(into, 2 * LANES), load(into, 3 * LANES)
        a4, a5 = load(into, 4 * LANES), load(into, 5 * LANES)
        a6, a7 = load(into, 6 * LANES), load(into, 7 * LANES)
        for k in range(first, last):
            row = np.int64(columns[k]) * width + at
            a0, a1 = a0 + load(data, row), a1 + load(data, row + LANES)
            a2, a3 = a2 + load(data, row + 2 * LANES), a3 + load(data, row + 3 * LANES)
            a4, a5 = a4 + load(data, row + 4 * LANES), a5 + load(data, row + 5 * LANES)
            a6, a7 = a6 + load(data, row + 6 * LANES), a7 + load(data, row + 7 * LANES)
        store(into, 0, a0)
        store(into, LANES, a1)
        store(into, 2 * LANES, a2)
        store(into, 3 * LANES, a3)
        store(into, 4 * LANES, a4)
        store(into, 5 * LANES, a5)
        store(into, 6 * LANES, a6)
        store(into, 7 * LANES, a7)
    else:
        for j in range(0, count, LANES):
            a0 = load(into, j)
            for k in range(first, last):
                a0 = a0 + load(data, np.int64(columns[k]) * width + at + j)
            store(into, j, a0)


@njit(cache=True, parallel=True, error_model="numpy")
def sums(offsets, columns, table, start, out):
    """out[part, i]: start plus the sum over row i's events of that part of their weights' rows.

    Parameters
    ----------
    offsets : (rows + 1,) int64, where each row's events begin
    columns : (events,) int32, the inputs that fired
    table : Table
    start : (parts * half,) float
    out : (parts, rows, out) float, overwritten: means, and variances where there are any
    """
    parts, rows = out.shape[:2]
    for task in prange((rows + ROWS - 1) // ROWS):
        for part in range(parts):
            last = min((task + 1) * ROWS, rows)
            _sums_of(offsets, columns, table, start, part, out, task * ROWS, last)


@njit(cache=True, error_model="numpy")
def _sums_of(offsets, columns, table, start, part, out, first, last):
    """Rows first to last of one part, WIDE columns at a time, so that their weights stay in the second-level cache.

    Parameters
    ----------
    offsets : (rows + 1,) int64
    columns : (events,) int32
    table : Table
    start : (parts * half,) float
    part : int
    out : (parts, rows, out) float
    first, last : int
    """
    total, width = aligned_zeros(WIDE, out.dtype), len(out) * table.half
    for block in range(0, table.half, WIDE):
        count, wanted = min(WIDE, table.half - block), min(WIDE, out.shape[2] - block)
        at = part * table.half + block
        for i in range(first, last):
            total[:count] = start[at : at + count]
            add_rows(table.weights, width, at, count, columns, offsets[i], offsets[i + 1], total)
            out[part, i, block : block + wanted] = total[:wanted]


def gradients(events: Events, *given: np.ndarray) -> np.ndarray:
    """Sums over events: row j of each result adds row i of what is given for every event j of every row i.

    Rows are taken CHUNK at a time and turned, so that the sum of an input over a chunk stays in registers. A task
    holds a block of columns and walks all chunks, so every sum has one order whatever the number of threads.

    Parameters
    ----------
    events : Events
    *given : (rows, width) arrays
        One or two, of one type, contiguous; width a multiple of 16.

    Returns
    -------
    (given, in, width) array
    """
    rows, width = given[0].shape
    chunks, features = -(-rows // CHUNK), events.shape[-1]
    turned, starts = np.empty(len(events.columns), np.int32), np.zeros((chunks, features + 1), np.int64)
    _turn(events.offsets, events.columns, rows, turned, starts)
    sums = np.zeros((len(given), features, width), given[0].dtype)
    flat = [part.reshape(-1) for part in given]
    _sum(turned, starts, rows, width, flat[0], flat[-1], sums.reshape(len(given), -1))
    return sums


@njit(cache=True, parallel=True, error_model="numpy")
def _turn(offsets, columns, rows, turned, starts):
    """Sort each chunk's events by input: starts[chunk, j] is where the rows of input j begin in `turned`.

    Parameters
    ----------
    offsets : (rows + 1,) int64
    columns : (events,) int32
    rows : int
    turned : (events,) int32, overwritten by rows, counted from the chunk's first
    starts : (chunks, in + 1) int64, zero; overwritten
    """
    for chunk in prange(len(starts)):
        start, first, last = starts[chunk], chunk * CHUNK, min((chunk + 1) * CHUNK, rows)
        for k in range(offsets[first], offsets[last]):
            start[columns[k] + 1] += 1
        start[0] = offsets[first]
        for j in range(1, len(start)):
            start[j] += start[j - 1]
        place = start.copy()
        for i in range(first, last):
            for k in range(offsets[i], offsets[i + 1]):
                j = columns[k]
                turned[place[j]] = i - first
                place[j] += 1


@njit(cache=True, parallel=True, error_model="numpy")
def _sum(turned, starts, rows, width, a, b, sums):
    """sums[0] of a, and sums[1] of b where there is one.

    Parameters
    ----------
    turned : (events,) int32, from `_turn`
    starts : (chunks, in + 1) int64, from `_turn`
    rows, width : int, of a and b; width a multiple of 16
    a, b : (rows * width,) float
    sums : (1 or 2, in * width) of the same float type, added to
    """
    blocks = (width + BLOCK - 1) // BLOCK
    for task in prange(len(sums) * blocks):
        first = (task % blocks) * BLOCK
        near = aligned_zeros(CHUNK * BLOCK, a.dtype)  # made here, so that it outlives its address
        if task < blocks:
            _sum_block(turned, starts, rows, width, first, min(first + BLOCK, width), a, sums[0], near)
        else:
            _sum_block(turned, starts, rows, width, first, min(first + BLOCK, width), b, sums[1], near)


@njit(cache=True, error_model="numpy")
def _sum_block(turned, starts, rows, width, first, last, source, target, near):
    """Columns first to last of the sums; the chunk's part of the source is copied to where it stays cached.

    Parameters
    ----------
    turned : (events,) int32
    starts : (chunks, in + 1) int64
    rows, width, first, last : int
    source : (rows * width,) float
    target : (in * width,) of the same float type, added to
    near : (CHUNK * BLOCK,) of the same float type, overwritten
    """
    local, into, far = address(near), address(target), address(source)
    for chunk in range(len(starts)):
        for i in range(min(CHUNK, rows - chunk * CHUNK)):
            for j in range(first, last, LANES):
                store(local, i * BLOCK + j - first, load(far, (chunk * CHUNK + i) * width + j))
        start = starts[chunk]
        for unit in range(len(start) - 1):
            begin, end = start[unit], start[unit + 1]
            to = unit * width + first
            if begin == end:
                continue
            if last - first == BLOCK:
                a0, a1 = load(into, to), load(into, to + LANES)
                a2, a3 = load(into, to + 2 * LANES), load(into, to + 3 * LANES)
                for k in range(begin, end):
                    row = np.int64(turned[k]) * BLOCK
                    a0, a1 = a0 + load(local, row), a1 + load(local, row + LANES)
                    a2, a3 = a2 + load(local, row + 2 * LANES), a3 + load(local, row + 3 * LANES)
                store(into, to, a0)
                store(into, to + LANES, a1)
                store(into, to + 2 * LANES, a2)
                store(into, to + 3 * LANES, a3)
            else:
                for j in range(0, last - first, LANES):
                    a0 = load(into, to + j)
                    for k in range(begin, end):
                        a0 = a0 + load(local, np.int64(turned[k]) * BLOCK + j)
                    store(into, to + j, a0)
