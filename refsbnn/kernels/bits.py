"""Bit-packed spikes: one bit a unit, in the flat channels-last order of an image, in 64-bit words.

Bit b of word w is unit 64 w + b. A row of words has one spare word at its end, so that 64 bits can be read at any
offset without a test. Unused bits are zero.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, uint64

from refsbnn.errors import InputError
from refsbnn.kernels.simd import address

WORD = 64


class Spikes(NamedTuple):
    """Packed spikes of a batch.

    Attributes
    ----------
    words : (images, ceil(units / 64) + 1) uint64
    shape : tuple of int, (height, width, channels) of one image
    """

    words: np.ndarray
    shape: tuple[int, int, int]


def words_for(units: int) -> int:
    """Words that hold `units` bits and the spare one."""
    return -(-units // WORD) + 1


def pack(spikes: np.ndarray) -> Spikes:
    """Packed form of spikes (images, height, width, channels): uint8 or bool, 0 or 1.

    Raises
    ------
    InputError
        Another type or number of dimensions, or a value that is not a spike.

    Examples
    --------
    >>> import numpy as np
    >>> pack(np.array([[[[1, 0, 1]]]], np.uint8)).words
    array([[5, 0]], dtype=uint64)
    """
    if not isinstance(spikes, np.ndarray) or spikes.dtype not in (np.uint8, np.bool_) or spikes.ndim != 4:
        given = f"{getattr(spikes, 'dtype', type(spikes).__name__)} {np.shape(spikes)}"
        raise InputError(f"spikes are {given}; expected uint8 or bool (images, height, width, channels)")
    if spikes.size and spikes.max() > 1:
        raise InputError(f"spikes hold the value {spikes.max()}; expected 0 and 1")
    units = math.prod(spikes.shape[1:])
    packed = np.packbits(spikes.reshape(len(spikes), units), axis=1, bitorder="little")
    words = np.zeros((len(spikes), words_for(units)), np.uint64)
    words.view(np.uint8)[:, : packed.shape[1]] = packed
    return Spikes(words, spikes.shape[1:])


def unpack(spikes: Spikes) -> np.ndarray:
    """The spikes as uint8 (images, height, width, channels)."""
    units = math.prod(spikes.shape)
    flat = np.unpackbits(spikes.words.view(np.uint8), axis=1, count=units, bitorder="little")
    return flat.reshape(len(spikes.words), *spikes.shape)


@njit(cache=True)
def read(words, offset, count):
    """`count` bits from bit `offset` on, in the low bits of a word.

    Parameters
    ----------
    words : (n,) uint64, or its address
    offset : int
    count : int, 1 to 64
    """
    index, shift = offset // WORD, uint64(offset % WORD)
    value = words[index] >> shift
    if shift > uint64(0):
        value |= words[index + 1] << (uint64(WORD) - shift)
    return value & (~uint64(0) >> uint64(WORD - count))


@njit(cache=True)
def patches(words, grid, patch_words, start):
    """The bits under the filter at every position: patch_words[q, start + p] holds bits 64 q .. of the patch at p.

    The order inside a patch is that of the weights, (kh, kw, in); outside the image bits are zero.

    Parameters
    ----------
    words : (n,) uint64, one image
    grid : Grid
    patch_words : (ceil(kh kw in / 64), n) uint64; the columns of the image's positions are overwritten
    start : int, the first of them
    """
    patch_words[:, start : start + grid.rows * grid.columns] = uint64(0)
    image, target, step = address(words), address(patch_words), patch_words.shape[1]
    # Where all taps of a filter's row lie in the image, their bits are neighbours, and few channels are read together.
    wide, first, past = grid.kw * grid.channels, grid.columns, grid.columns
    if wide <= WORD:
        first = valid(0, grid.width, grid.columns, grid.stride, grid.padding)[0]
        past = max(first, valid(grid.kw - 1, grid.width, grid.columns, grid.stride, grid.padding)[1])
    for k in range(grid.kh):
        for row in range(*valid(k, grid.height, grid.rows, grid.stride, grid.padding)):
            source = (row * grid.stride + k - grid.padding) * grid.width - grid.padding
            for column in range(first, past):
                value = read(image, (source + column * grid.stride) * grid.channels, wide)
                _put(target, start + row * grid.columns + column, step, k * wide, value, wide)
        for l in range(grid.kw):
            tap = (k * grid.kw + l) * grid.channels
            begin, end = valid(l, grid.width, grid.columns, grid.stride, grid.padding)
            for row in range(*valid(k, grid.height, grid.rows, grid.stride, grid.padding)):
                source = (row * grid.stride + k - grid.padding) * grid.width
                for column in range(begin, end):
                    if first <= column < past:
                        continue
                    offset = (source + column * grid.stride + l - grid.padding) * grid.channels
                    position = start + row * grid.columns + column
                    for c in range(0, grid.channels, WORD):
                        count = min(WORD, grid.channels - c)
                        _put(target, position, step, tap + c, read(image, offset + c, count), count)


@njit(cache=True)
def _put(target, position, step, bit, value, count):
    """Add `count` bits of a patch, from the given one on.

    Parameters
    ----------
    target : address of uint64
    position, step : int, where the patch's first word is, and how far the next
    bit : int
    value : uint64, zero beyond the bits
    count : int, 1 to 64
    """
    place, shift = bit // WORD * step + position, uint64(bit % WORD)
    target[place] |= value << shift
    if shift + uint64(count) > uint64(WORD):
        target[place + step] |= value >> (uint64(WORD) - shift)


@njit(cache=True)
def valid(tap, size, positions, stride, padding):
    """Range (first, past the last) of the positions whose tap falls inside an image axis of `size`.

    Parameters
    ----------
    tap : int, place in the filter
    size : int, pixels
    positions, stride, padding : int
    """
    first = max(0, -((tap - padding) // stride))
    past = min(positions, (size - 1 + padding - tap) // stride + 1)
    return first, max(first, past)


@njit(cache=True)
def transpose(block):
    """Transpose the 64 x 64 bits of 64 words in place: bit j of word i changes places with bit i of word j.

    Swaps off-diagonal half-blocks of 32, 16, .. 1 bits (Warren, Hacker's Delight, section 7-3).

    Parameters
    ----------
    block : (64,) uint64, overwritten
    """
    half, mask = 32, uint64(0x00000000FFFFFFFF)
    while half:
        shift = uint64(half)
        for start in range(0, WORD, 2 * half):
            for i in range(start, start + half):
                low, high = block[i], block[i + half]
                swap = ((low >> shift) ^ high) & mask
                block[i] = low ^ (swap << shift)
                block[i + half] = high ^ swap
        half //= 2
        mask ^= mask << uint64(half)
