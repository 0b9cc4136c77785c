"""Matrix products with a binary factor, by table: one addition does the work of four multiply-adds.

Sixteen sums of four real rows, one for each pattern of four bits, are a table; a binary row then needs one addition
for four of its entries. Tables hold sixteen columns at a time, so that the table of a 64-bit word (sixteen groups of
sixteen patterns, 16 KiB in float32) stays in the first-level cache while all rows pass over it.
"""

from llvmlite.binding import get_host_cpu_name
from numba import config, njit, uint64

from refsbnn.kernels.bits import WORD
from refsbnn.kernels.simd import LANES, address, load, splat, store

GROUP = 4
PATTERNS = 16
TABLE = WORD // GROUP * PATTERNS * LANES  # elements of the table of one word and sixteen columns

# Processors, as LLVM names them, that look up two tables side by side. There the limit is on taking patterns from a
# word, which serves both, and the first-level cache of 48 KiB holds both: 0.6 of the time by count (lookup_mca.txt in
# validation/benchmarks/results/speed). Elsewhere the limit is on loads; one table leaves room. No bit depends on it.
PAIRED = {
    "emeraldrapids",
    "graniterapids",
    "icelake-client",
    "icelake-server",
    "rocketlake",
    "sapphirerapids",
    "tigerlake",
}


def tables_at_a_time() -> int:
    """How many tables the kernels look up side by side on this processor: 1 or 2."""
    return 2 if (config.CPU_NAME or get_host_cpu_name()) in PAIRED else 1


@njit(cache=True)
def groups_of(rows):
    """How many groups of a word are looked up so that `rows` of its rows are: 4, 8 or all 16.

    The sums of the groups left out are zero, so leaving them out changes no bit.

    Parameters
    ----------
    rows : int
    """
    if rows <= 4 * GROUP:
        return 4
    return 8 if rows <= 8 * GROUP else WORD // GROUP


@njit(cache=True, error_model="numpy")
def build_table(rows, first, step, count, table, start):
    """Fill a table for the groups of up to 64 rows of sixteen columns; row i lies at first + i step.

    Rows from `count` on are zero. The sum of a pattern adds its rows from the last to the first.

    Parameters
    ----------
    rows : flat float
    first, step, count : int
    table : flat, of the same float type, overwritten from `start` as far as `groups_of` reaches
    start : int
    """
    zero = splat(table.dtype.type(0.0))
    for group in range(groups_of(count)):
        base = start + group * PATTERNS * LANES
        store(table, base, zero)
        for bit in range(GROUP):
            i = group * GROUP + bit
            row = zero
            if i < count:
                row = load(rows, first + i * step)
            for pattern in range(1 << bit):
                store(table, base + ((1 << bit) + pattern) * LANES, row + load(table, base + pattern * LANES))


@njit(inline="always")
def _entry(table, word, group, start):
    """The table's sum for the four bits of `group` in the word, 16 lanes.

    Parameters
    ----------
    table : address of floats
    word : uint64
    group, start : int
    """
    pattern = (word >> uint64(GROUP * group)) & uint64(PATTERNS - 1)
    return load(table, uint64(start + group * PATTERNS * LANES) + pattern * uint64(LANES))


@njit(cache=True, error_model="numpy")
def add_products(table, rows, words, sums):
    """sums[16 p ..] += the table's sum for words[p].

    Two partial sums run side by side, which hides the latency of an addition.

    Parameters
    ----------
    table : (TABLE,) float, from `build_table` for `rows` rows
    rows : int
    words : (n,) uint64
    sums : (16 n or more,) of the same float type
    """
    groups, at, into = groups_of(rows), address(table), address(sums)
    for p in range(len(words)):
        w = words[p]
        a = _entry(at, w, 0, 0) + _entry(at, w, 1, 0)
        b = _entry(at, w, 2, 0) + _entry(at, w, 3, 0)
        if groups > 4:
            a = a + _entry(at, w, 4, 0)
            b = b + _entry(at, w, 5, 0)
            a = a + _entry(at, w, 6, 0)
            b = b + _entry(at, w, 7, 0)
        if groups > 8:
            a = a + _entry(at, w, 8, 0)
            b = b + _entry(at, w, 9, 0)
            a = a + _entry(at, w, 10, 0)
            b = b + _entry(at, w, 11, 0)
            a = a + _entry(at, w, 12, 0)
            b = b + _entry(at, w, 13, 0)
            a = a + _entry(at, w, 14, 0)
            b = b + _entry(at, w, 15, 0)
        store(into, LANES * p, load(into, LANES * p) + (a + b))


@njit(cache=True, error_model="numpy")
def add_pair(table, rows, words, sums):
    """As `add_products` for two tables, whose sums lie one after another: what is taken from a word serves both.

    Parameters
    ----------
    table : (2 * TABLE,) float
    rows : int
    words : (n,) uint64
    sums : (2 * 16 n,) of the same float type
    """
    groups, at, into, second = groups_of(rows), address(table), address(sums), LANES * len(words)
    for p in range(len(words)):
        w = words[p]
        a = _entry(at, w, 0, 0) + _entry(at, w, 1, 0)
        b = _entry(at, w, 2, 0) + _entry(at, w, 3, 0)
        c = _entry(at, w, 0, TABLE) + _entry(at, w, 1, TABLE)
        d = _entry(at, w, 2, TABLE) + _entry(at, w, 3, TABLE)
        if groups > 4:
            a = a + _entry(at, w, 4, 0)
            b = b + _entry(at, w, 5, 0)
            c = c + _entry(at, w, 4, TABLE)
            d = d + _entry(at, w, 5, TABLE)
            a = a + _entry(at, w, 6, 0)
            b = b + _entry(at, w, 7, 0)
            c = c + _entry(at, w, 6, TABLE)
            d = d + _entry(at, w, 7, TABLE)
        if groups > 8:
            a = a + _entry(at, w, 8, 0)
            b = b + _entry(at, w, 9, 0)
            c = c + _entry(at, w, 8, TABLE)
            d = d + _entry(at, w, 9, TABLE)
            a = a + _entry(at, w, 10, 0)
            b = b + _entry(at, w, 11, 0)
            c = c + _entry(at, w, 10, TABLE)
            d = d + _entry(at, w, 11, TABLE)
            a = a + _entry(at, w, 12, 0)
            b = b + _entry(at, w, 13, 0)
            c = c + _entry(at, w, 12, TABLE)
            d = d + _entry(at, w, 13, TABLE)
            a = a + _entry(at, w, 14, 0)
            b = b + _entry(at, w, 15, 0)
            c = c + _entry(at, w, 14, TABLE)
            d = d + _entry(at, w, 15, TABLE)
        store(into, LANES * p, load(into, LANES * p) + (a + b))
        store(into, second + LANES * p, load(into, second + LANES * p) + (c + d))
