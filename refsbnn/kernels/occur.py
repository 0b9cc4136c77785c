"""From bytes 0 and 1 to lists of events: 64 bytes at a time become a word, whose set bits are the events."""

import numpy as np
from llvmlite import ir
from numba import njit, prange, types, uint64
from numba.core import cgutils
from numba.extending import intrinsic

from refsbnn.events import Events
from refsbnn.kernels.simd import address

WORD = 64


@intrinsic
def word_of(typing_context, data, index):
    """The word whose bit i says whether byte data[index + i] is not zero, for 64 bytes."""

    def generate(context, builder, sig, args):
        wide = ir.VectorType(ir.IntType(8), WORD)
        index = context.cast(builder, args[1], sig.args[1], types.intp)
        value = builder.load(builder.bitcast(builder.gep(args[0], [index]), wide.as_pointer()))
        value.align = 1
        return builder.bitcast(builder.icmp_unsigned("!=", value, ir.Constant(wide, None)), ir.IntType(WORD))

    return types.uint64(data, index), generate


@intrinsic
def lowest(typing_context, word):
    """Number of the lowest set bit of a word that is not zero."""

    def generate(context, builder, sig, args):
        return builder.cttz(args[0], cgutils.true_bit)

    return types.int64(types.uint64), generate


@intrinsic
def ones(typing_context, word):
    """How many bits of a word are set."""

    def generate(context, builder, sig, args):
        return builder.ctpop(args[0])

    return types.int64(types.uint64), generate


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
    rows, units = flat.shape
    whole = units // WORD * WORD
    for i in prange(rows):
        data, k = address(flat), offsets[i]
        for first in range(0, whole, WORD):
            word = word_of(data, i * units + first)
            while word != uint64(0):
                columns[k] = first + lowest(word)
                k += 1
                word &= word - uint64(1)
        for j in range(whole, units):
            if flat[i, j] != 0:
                columns[k] = j
                k += 1
