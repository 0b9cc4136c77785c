"""What this machine can do at most, measured: memory, second-level cache, multiply-adds, tables, gathers, event adds.

Small kernels of one operation each. Every result goes into a sum that is returned, and no sum may be reordered, so none
can be left out by the compiler. A limit is the best of several runs.
"""

import time
from collections.abc import Callable

import numba
import numpy as np
from numba import njit, prange, uint64

from refsbnn.kernels.simd import LANES, aligned_zeros, fma, load, splat, sqrt, store

MEMORY = 1 << 24  # floats of an array that no cache holds, 64 MiB
NEAR = 8 << 20  # bytes that the last cache is taken to hold, a core's share of it
CACHED = 1 << 17  # floats of an array that a second-level cache holds, 512 KiB
GROUPS, PATTERNS = 16, 16  # a table of one 64-bit word: 16 KiB in float32
ROWS, WIDE = 700, 8 * LANES  # rows of weights that events name, and columns whose sums stay in registers
UNITS = {
    "stream": "bytes from or to memory",
    "near": "bytes from or to the last cache, 6 MiB of arrays",
    "cache": "bytes from the second-level cache",
    "fma": "float32 multiply-adds in registers",
    "root": "floats whose root divides another",
    "table": "sixteen floats from a table in the first-level cache, added",
    "gather": "single floats from the second-level cache by index, added",
    "events": "floats of a row in the second-level cache that an event names, added",
}


@njit(cache=True, parallel=True, error_model="numpy")
def _triad(a, b, c, scale):
    """a = b + scale c.

    Parameters
    ----------
    a, b, c : (n,) float32, n a multiple of 1024
    scale : float32
    """
    part = len(a) // 64
    for task in prange(64):
        factor = splat(scale)
        for i in range(task * part, (task + 1) * part, LANES):
            store(a, i, fma(factor, load(c, i), load(b, i)))


@njit(cache=True, parallel=True, error_model="numpy")
def _cache(data, turns, out):
    """Each task sums its own row again and again.

    Parameters
    ----------
    data : (tasks, n) float32
    turns : int
    out : (tasks, 16) float32, overwritten
    """
    for task in prange(len(data)):
        row = data[task]
        a, b, c, d = load(row, 0), load(row, 0), load(row, 0), load(row, 0)
        for _ in range(turns):
            for i in range(0, len(row), 4 * LANES):
                a, b = a + load(row, i), b + load(row, i + LANES)
                c, d = c + load(row, i + 2 * LANES), d + load(row, i + 3 * LANES)
        store(out[task], 0, (a + b) + (c + d))


@njit(cache=True, parallel=True, error_model="numpy")
def _fma_few(turns, x, out):
    """Five chains of multiply-adds a task: what fits sixteen registers of eight floats.

    Parameters
    ----------
    turns : int
    x : float32
    out : (tasks, 16) float32, read and overwritten
    """
    for task in prange(len(out)):
        f = splat(x)
        a, b, c, d, e = load(out[task], 0), f, f + f, f * f, f - f
        for _ in range(turns):
            a, b, c, d, e = fma(a, f, f), fma(b, f, f), fma(c, f, f), fma(d, f, f), fma(e, f, f)
        store(out[task], 0, a + b + c + d + e)


@njit(cache=True, parallel=True, error_model="numpy")
def _fma_many(turns, x, out):
    """Ten chains of multiply-adds a task: what hides their latency with registers of sixteen floats.

    Parameters
    ----------
    turns : int
    x : float32
    out : (tasks, 16) float32, read and overwritten
    """
    for task in prange(len(out)):
        f = splat(x)
        a, b, c, d, e = load(out[task], 0), f, f + f, f * f, f - f
        g, h, i, j, k = a + f, b + a, c + a, d + a, e + a
        for _ in range(turns):
            a, b, c, d, e = fma(a, f, f), fma(b, f, f), fma(c, f, f), fma(d, f, f), fma(e, f, f)
            g, h, i, j, k = fma(g, f, f), fma(h, f, f), fma(i, f, f), fma(j, f, f), fma(k, f, f)
        store(out[task], 0, a + b + c + d + e + g + h + i + j + k)


@njit(cache=True, parallel=True, error_model="numpy")
def _root(turns, x, out):
    """Five chains of a root and a division a task; they stay at positive numbers.

    Parameters
    ----------
    turns : int
    x : float32, above 0
    out : (tasks, 16) float32, overwritten
    """
    for task in prange(len(out)):
        f = splat(x)
        a, b, c, d, e = f, f + f, f * f, f + f + f, f * f * f
        for _ in range(turns):
            a, b, c, d, e = f / sqrt(a), f / sqrt(b), f / sqrt(c), f / sqrt(d), f / sqrt(e)
        store(out[task], 0, a + b + c + d + e)


@njit(cache=True, parallel=True, error_model="numpy")
def _table(table, words, turns, out):
    """Sums of the table's entries for every four bits of every word.

    Parameters
    ----------
    table : (GROUPS * PATTERNS * 16,) float32
    words : (n,) uint64
    turns : int
    out : (tasks, 16) float32, overwritten
    """
    for task in prange(len(out)):
        a, b, c, d = load(table, 0), load(table, 0), load(table, 0), load(table, 0)
        for _ in range(turns):
            for w in words:
                for group in range(0, GROUPS, 4):
                    base, shift = uint64(group * PATTERNS * LANES), uint64(4 * group)
                    step, mask = uint64(PATTERNS * LANES), uint64(15)
                    a = a + load(table, base + ((w >> shift) & mask) * uint64(LANES))
                    b = b + load(table, base + step + ((w >> (shift + uint64(4))) & mask) * uint64(LANES))
                    c = c + load(table, base + step * uint64(2) + ((w >> (shift + uint64(8))) & mask) * uint64(LANES))
                    d = d + load(table, base + step * uint64(3) + ((w >> (shift + uint64(12))) & mask) * uint64(LANES))
        store(out[task], 0, (a + b) + (c + d))


@njit(cache=True, parallel=True, error_model="numpy")
def _gather(data, index, turns, out):
    """Sums of single floats that an index names, in eight chains.

    Parameters
    ----------
    data : (n,) float32
    index : (m,) uint32, m a multiple of 8
    turns : int
    out : (tasks, 16) float32, overwritten
    """
    for task in prange(len(out)):
        total = np.zeros(8, np.float32)
        for _ in range(turns):
            for k in range(0, len(index), 8):
                for j in range(8):
                    total[j] += data[index[k + j]]
        out[task, :8] = total


@njit(cache=True, parallel=True, error_model="numpy")
def _events(data, rows, turns, out):
    """Sums of the rows that events name, 128 columns in registers.

    Parameters
    ----------
    data : (ROWS * WIDE,) float32
    rows : (events,) int64
    turns : int
    out : (tasks, 16) float32, overwritten
    """
    for task in prange(len(out)):
        a, b, c, d = load(data, 0), load(data, 0), load(data, 0), load(data, 0)
        e, f, g, h = load(data, 0), load(data, 0), load(data, 0), load(data, 0)
        for _ in range(turns):
            for row in rows:
                at = row * WIDE
                a, b = a + load(data, at), b + load(data, at + LANES)
                c, d = c + load(data, at + 2 * LANES), d + load(data, at + 3 * LANES)
                e, f = e + load(data, at + 4 * LANES), f + load(data, at + 5 * LANES)
                g, h = g + load(data, at + 6 * LANES), h + load(data, at + 7 * LANES)
        store(out[task], 0, (a + b) + (c + d) + ((e + f) + (g + h)))


def best(call: Callable[[], object], rounds: int, threads: int = 1) -> float:
    """Least seconds of some calls, after one that compiles and warms up.

    One thread is timed by the processor time it takes, which other work does not lengthen; more, by the clock.
    """
    clock = time.process_time if threads == 1 else time.perf_counter
    call()
    seconds = []
    for _ in range(rounds):
        start = clock()
        call()
        seconds.append(clock() - start)
    return min(seconds)


def limits(threads: int, rounds: int = 7, scale: float = 1.0) -> dict[str, float]:
    """Each limit of UNITS, a second, on so many threads.

    Parameters
    ----------
    threads : int
    rounds : int
        Runs of each, of which the best counts.
    scale : float
        Of the work of a run, 1 for some ten milliseconds; small for trying things out.
    """
    numba.set_num_threads(threads)
    rng = np.random.default_rng(0)
    turns = max(int(2**12 * scale), 1)
    out = np.zeros((threads, LANES), np.float32)
    large = [np.ones(max(int(MEMORY * scale) // 1024, 1) * 1024, np.float32) for _ in range(3)]
    small = [np.ones(1 << 19, np.float32) for _ in range(3)]
    rows = np.zeros((threads, CACHED), np.float32)
    table = aligned_zeros(GROUPS * PATTERNS * LANES, np.float32)
    words = rng.integers(0, 2**63, 1024).astype(np.uint64)
    weights = aligned_zeros(ROWS * WIDE, np.float32)
    index = rng.integers(0, len(weights), 4096).astype(np.uint32)
    events = rng.integers(0, ROWS, 4096)

    def timed(call: Callable[[], object]) -> float:
        return best(call, rounds, threads)

    few, one = max(turns // 64, 1), np.float32(0.5)
    fma_seconds = [
        timed(lambda: _fma_few(256 * turns, one, out)) / 5,
        timed(lambda: _fma_many(256 * turns, one, out)) / 10,
    ]
    amounts: dict[str, tuple[float, float]] = {
        "stream": (12.0 * len(large[0]), timed(lambda: _triad(*large, one))),
        "near": (12.0 * len(small[0]), timed(lambda: _triad(*small, one))),
        "cache": (4.0 * rows.size * few, timed(lambda: _cache(rows, few, out))),
        "fma": (256.0 * turns * LANES * threads, min(fma_seconds)),
        "root": (5.0 * 16 * turns * LANES * threads, timed(lambda: _root(16 * turns, one, out))),
        "table": (float(len(words) * GROUPS * few * threads), timed(lambda: _table(table, words, few, out))),
        "gather": (float(len(index) * few * threads), timed(lambda: _gather(weights, index, few, out))),
        "events": (float(len(events) * WIDE * few * threads), timed(lambda: _events(weights, events, few, out))),
    }
    return {name: amount / seconds for name, (amount, seconds) in amounts.items()}
