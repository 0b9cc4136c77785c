"""Matrix products with a binary factor, by table: one addition does the work of four multiply-adds.

Sixteen sums of four real rows, one for each pattern of four bits, are a table; a binary row then needs one addition
for four of its entries. Tables hold sixteen columns at a time, so that the table of a 64-bit word (sixteen groups of
sixteen patterns, 16 KiB in float32) stays in the first-level cache while all rows pass over it.
"""

from numba import njit, uint64

from refsbnn.kernels.bits import WORD
from refsbnn.kernels.simd import LANES, load, splat, store

GROUP = 4
PATTERNS = 16
TABLE = WORD // GROUP * PATTERNS * LANES  # elements of the table of one word and sixteen columns


@njit(cache=True, error_model="numpy")
def build_table(rows, first, step, count, table, start):
    """Fill the table at `start` for 64 rows of sixteen columns; row i lies at first + i step, rows >= count are zero.

    The sum of a pattern adds its rows from the last to the first.

    Parameters
    ----------
    rows : flat float
    first, step, count : int
    table : flat, of the same float type, overwritten from `start` to start + TABLE
    start : int
    """
    zero = splat(table.dtype.type(0.0))
    for group in range(WORD // GROUP):
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
def _entry(table, start, word, group):
    """The table's sum for the four bits of `group` in the word, 16 lanes.

    Parameters
    ----------
    table : flat float
    start, word : uint64
    group : int, 0 to 15
    """
    pattern = (word >> uint64(GROUP * group)) & uint64(PATTERNS - 1)
    return load(table, start + uint64(group * PATTERNS * LANES) + pattern * uint64(LANES))


@njit(cache=True, error_model="numpy")
def add_products(table, start, words, count, sums, first):
    """sums[first + 16 p ..] += the table's sum for words[p], p < count.

    Two partial sums run side by side, which hides the latency of an addition.

    Parameters
    ----------
    table : flat float, from `build_table`
    start : int, where it begins
    words : (count or more,) uint64
    count : int
    sums : flat, of the same float type
    first : int
    """
    at = uint64(start)
    for p in range(count):
        w = words[p]
        a = _entry(table, at, w, 0) + _entry(table, at, w, 1)
        b = _entry(table, at, w, 2) + _entry(table, at, w, 3)
        a = a + _entry(table, at, w, 4)
        b = b + _entry(table, at, w, 5)
        a = a + _entry(table, at, w, 6)
        b = b + _entry(table, at, w, 7)
        a = a + _entry(table, at, w, 8)
        b = b + _entry(table, at, w, 9)
        a = a + _entry(table, at, w, 10)
        b = b + _entry(table, at, w, 11)
        a = a + _entry(table, at, w, 12)
        b = b + _entry(table, at, w, 13)
        a = a + _entry(table, at, w, 14)
        b = b + _entry(table, at, w, 15)
        place = first + LANES * p
        store(sums, place, load(sums, place) + (a + b))
