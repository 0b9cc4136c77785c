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
def build_table(rows, first, step, count, table):
    """Fill a table for the groups of up to 64 rows of sixteen columns; row i lies at first + i step.

    Rows from `count` on are zero. The sum of a pattern adds its rows from the last to the first.

    Parameters
    ----------
    rows : flat float
    first, step, count : int
    table : (TABLE,) of the same float type, overwritten as far as `groups_of` reaches
    """
    zero = splat(table.dtype.type(0.0))
    for group in range(groups_of(count)):
        base = group * PATTERNS * LANES
        store(table, base, zero)
        for bit in range(GROUP):
            i = group * GROUP + bit
            row = zero
            if i < count:
                row = load(rows, first + i * step)
            for pattern in range(1 << bit):
                store(table, base + ((1 << bit) + pattern) * LANES, row + load(table, base + pattern * LANES))


@njit(inline="always")
def _entry(table, word, group):
    """The table's sum for the four bits of `group` in the word, 16 lanes.

    Parameters
    ----------
    table : flat float
    word : uint64
    group : int, 0 to 15
    """
    pattern = (word >> uint64(GROUP * group)) & uint64(PATTERNS - 1)
    return load(table, uint64(group * PATTERNS * LANES) + pattern * uint64(LANES))


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
    groups = groups_of(rows)
    for p in range(len(words)):
        w = words[p]
        a = _entry(table, w, 0) + _entry(table, w, 1)
        b = _entry(table, w, 2) + _entry(table, w, 3)
        if groups > 4:
            a = a + _entry(table, w, 4)
            b = b + _entry(table, w, 5)
            a = a + _entry(table, w, 6)
            b = b + _entry(table, w, 7)
        if groups > 8:
            a = a + _entry(table, w, 8)
            b = b + _entry(table, w, 9)
            a = a + _entry(table, w, 10)
            b = b + _entry(table, w, 11)
            a = a + _entry(table, w, 12)
            b = b + _entry(table, w, 13)
            a = a + _entry(table, w, 14)
            b = b + _entry(table, w, 15)
        store(sums, LANES * p, load(sums, LANES * p) + (a + b))
