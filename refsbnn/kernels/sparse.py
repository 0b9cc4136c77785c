"""Sums over events: a spike of unit j adds row j of a matrix, and its gradient goes back to row j.

Many rows of sums take their weights by panels: a few columns of every input, one input after the other, which stay in
the caches whatever the weights' full width.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from refsbnn.events import Events
from refsbnn.kernels.simd import LANES, address, aligned_zeros, load, store
from refsbnn.kernels.tasks import run

WIDE = 8 * LANES  # columns whose sums stay in registers
ROWS = 256  # rows of sums that a task makes
PANEL = 2 * LANES  # columns of weights side by side
CHUNK = 1024  # rows of gradients that fill half a small second-level cache together, and
BLOCK = 2 * LANES  # columns of them, which one task sums


class Table(NamedTuple):
    """Weights by input, as `dense.rows_of` lays them.

    Attributes
    ----------
    weights : (in * parts * half,) float; a row of an input has the means, then the variances if any, each padded
    half : int, columns of a part, a multiple of 16
    """

    weights: np.ndarray
    half: int


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


def panels_of(weights: list[np.ndarray]) -> np.ndarray:
    """The weights (out, in) of each part by panels of outputs, then by input: (parts, panels, in * PANEL).

    Examples
    --------
    >>> import numpy as np
    >>> panels_of([np.array([[1.0, 2.0], [3.0, 4.0]])]).reshape(2, PANEL)[:, :3].tolist()
    [[1.0, 3.0, 0.0], [2.0, 4.0, 0.0]]
    """
    out, inputs = weights[0].shape
    panels = -(-out // PANEL)
    flat = aligned_zeros(len(weights) * panels * inputs * PANEL, weights[0].dtype)
    table = flat.reshape(len(weights), panels, inputs, PANEL)
    for part, weight in enumerate(weights):
        for panel in range(panels):
            own = weight[panel * PANEL : (panel + 1) * PANEL]
            table[part, panel, :, : len(own)] = own.T
    return table.reshape(len(weights), panels, inputs * PANEL)


@njit(cache=True, nogil=True, error_model="numpy")
def sums(offsets, columns, panels, start, out):
    """out[part, i]: start plus the sum over row i's events of that part of their weights.

    Parameters
    ----------
    offsets : (rows + 1,) int64, where each row's events begin
    columns : (events,) int32, the inputs that fired
    panels : (parts, panels, in * PANEL) float, as `panels_of` lays them
    start : (parts, panels * PANEL) float
    out : (parts, rows, out) float, overwritten: means, and variances where there are any
    """
    run(_sums_of, (out.shape[1] + ROWS - 1) // ROWS, (offsets, columns, panels, start, out))


@njit(cache=True, error_model="numpy")
def _sums_of(task, offsets, columns, panels, start, out):
    """ROWS rows.

    Parameters
    ----------
    task : int
    offsets : (rows + 1,) int64
    columns : (events,) int32
    panels : (parts, panels, in * PANEL) float
    start : (parts, panels * PANEL) float
    out : (parts, rows, out) float, overwritten
    """
    parts, rows, wanted = out.shape
    last = min((task + 1) * ROWS, rows)
    for part in range(parts):
        for panel in range(panels.shape[1]):
            first = panel * PANEL
            own, begin = panels[part, panel], start[part, first : first + PANEL]
            columns_out = out[part, :, first : min(first + PANEL, wanted)]
            _panel_sums(offsets, columns, own, begin, columns_out, wanted, task * ROWS, last)


@njit(cache=True, error_model="numpy")
def _panel_sums(offsets, columns, panel, start, out, width, first, last):
    """Rows first to last of the sums of one panel.

    Parameters
    ----------
    offsets : (rows + 1,) int64
    columns : (events,) int32
    panel : (in * PANEL,) float
    start : (PANEL,) float
    out : (rows, PANEL or fewer) float, a part of an array of the given width
    width, first, last : int
    """
    count = out.shape[1]
    total = aligned_zeros(PANEL, panel.dtype)
    data, own, into, begins, events = address(panel), address(out), address(total), address(offsets), address(columns)
    s0, s1 = load(address(start), 0), load(address(start), LANES)
    for i in range(first, last):
        a0, a1 = s0, s1
        for k in range(begins[i], begins[i + 1]):
            row = np.int64(events[k]) * PANEL
            a0, a1 = a0 + load(data, row), a1 + load(data, row + LANES)
        if count == PANEL:
            store(own, i * width, a0)
            store(own, i * width + LANES, a1)
        else:
            store(into, 0, a0)
            store(into, LANES, a1)
            out[i] = total[:count]


def gradients(events: Events, *given: np.ndarray) -> np.ndarray:
    """Sums over events: column j of each result adds row i of what is given for every event j of every row i.

    Rows are taken CHUNK at a time and turned, so that the sum of an input over a chunk stays in registers. A task
    holds a block of columns and walks all chunks, so every sum has one order whatever the number of threads.

    Parameters
    ----------
    events : Events
    *given : (rows, out) arrays
        One or two, of one type, contiguous.

    Returns
    -------
    (given, out, in) array
    """
    rows, out = given[0].shape
    chunks, features = -(-rows // CHUNK), events.shape[-1]
    turned, starts = np.empty(len(events.columns), np.int32), np.zeros((chunks, features + 1), np.int64)
    _turn(events.offsets, events.columns, rows, turned, starts)
    sums = np.empty((len(given), out, features), given[0].dtype)
    _sum(turned, starts, given[0], given[-1], sums)
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


@njit(cache=True, nogil=True, error_model="numpy")
def _sum(turned, starts, a, b, sums):
    """sums[0] of a, and sums[1] of b where there is one.

    Parameters
    ----------
    turned : (events,) int32, from `_turn`
    starts : (chunks, in + 1) int64, from `_turn`
    a, b : (rows, out) float
    sums : (1 or 2, out, in) of the same float type, overwritten
    """
    blocks = (a.shape[1] + BLOCK - 1) // BLOCK
    run(_sum_of, len(sums) * blocks, (turned, starts, a, b, sums))


@njit(cache=True, error_model="numpy")
def _sum_of(task, turned, starts, a, b, sums):
    """A block of columns of one of the two.

    Parameters
    ----------
    task : int
    turned : (events,) int32
    starts : (chunks, in + 1) int64
    a, b : (rows, out) float
    sums : (1 or 2, out, in) float, overwritten
    """
    blocks = (a.shape[1] + BLOCK - 1) // BLOCK
    first = (task % blocks) * BLOCK
    # Made here, so that they outlive their addresses.
    near = aligned_zeros(CHUNK * BLOCK, a.dtype)
    total = aligned_zeros((starts.shape[1] - 1) * BLOCK, a.dtype)
    if task < blocks:
        _sum_block(turned, starts, first, a, sums[0], near, total)
    else:
        _sum_block(turned, starts, first, b, sums[1], near, total)


@njit(cache=True, error_model="numpy")
def _sum_block(turned, starts, first, source, target, near, total):
    """BLOCK columns of the sums from the first on; the chunk's part of the source is copied to where it stays cached.

    Parameters
    ----------
    turned : (events,) int32
    starts : (chunks, in + 1) int64
    first : int
    source : (rows, out) float
    target : (out, in) of the same float type, its rows overwritten
    near : (CHUNK * BLOCK,) of the same float type, overwritten where rows are, zero in columns that are not
    total : (in * BLOCK,) of the same float type, zero; the sums by input
    """
    rows, width = source.shape
    count = min(BLOCK, width - first)
    local, into, far, events = address(near), address(total), address(source), address(turned)
    for chunk in range(len(starts)):
        for i in range(min(CHUNK, rows - chunk * CHUNK)):
            at = (chunk * CHUNK + i) * width + first
            if count == BLOCK:
                store(local, i * BLOCK, load(far, at))
                store(local, i * BLOCK + LANES, load(far, at + LANES))
            else:
                for j in range(count):
                    near[i * BLOCK + j] = far[at + j]
        start = starts[chunk]
        for unit in range(len(start) - 1):
            to = unit * BLOCK
            a0, a1 = load(into, to), load(into, to + LANES)
            for k in range(start[unit], start[unit + 1]):
                row = np.int64(events[k]) * BLOCK
                a0, a1 = a0 + load(local, row), a1 + load(local, row + LANES)
            store(into, to, a0)
            store(into, to + LANES, a1)
    for j in range(count):
        for unit in range(target.shape[1]):
            target[first + j, unit] = total[unit * BLOCK + j]
