"""Texts and lists of numbers in HDF5 files, read from the file's own bytes.

HDF5 keeps what is of variable length in "global heaps". A dataset has for each list its length, the address of a heap
and a number there. HDF5 2.0 allocates and clears what a length claims before it looks, goes round for ever in a heap
in which a piece of free space has no size, and crashes on types with a damaged byte; so it is not asked for them.

The layout is that of the HDF5 File Format Specification, III.E (version 1 of the global heap) and IV.B.
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import h5py
import numpy as np

LIST = np.dtype([("length", "<u4"), ("address", "<u8"), ("number", "<u4")])
HEAP = struct.Struct("<4sB3xQ")  # signature, version, size of the whole
PIECE = struct.Struct("<HH4xQ")  # number, references, size; number 0 is free space, whose size counts this too


def check(item: h5py.Dataset, size: int, raw: IO[bytes]) -> np.ndarray:
    """Where a dataset's texts or lists are said to lie; ValueError where they claim too much or are damaged.

    Parameters
    ----------
    item : Dataset
        Of texts, or of lists of numbers; not read yet. Texts of fixed length are none of these.
    size : int
        Bytes of the file.
    raw : binary file
        The same file.
    """
    base = element(item)
    if item.dtype.kind != "O":
        return np.zeros(0, LIST)
    found = np.concatenate([np.zeros(0, LIST), *(lists(raw, *place, item.name) for place in places(item))])
    told = found[found["length"] > 0]
    total = base.itemsize * int(told["length"].sum(dtype=np.int64))
    if total > size:  # many may stand for the same one
        raise ValueError(f"{item.name} claims {total} bytes; the file has {size}")
    for address in np.unique(told["address"]):
        check_heap(raw, item.file.userblock_size + int(address), size)
    return found


def element(item: h5py.Dataset) -> np.dtype:
    """The type of what a list holds, a text's bytes."""
    base = h5py.check_vlen_dtype(item.dtype)
    if h5py.check_string_dtype(item.dtype) is not None:
        return np.dtype(np.uint8)
    if base is None or np.dtype(base).kind not in "biuf":
        raise ValueError(f"{item.name} is of {item.dtype}; expected texts or lists of numbers")
    return np.dtype(base)


def rows(item: h5py.Dataset, size: int, raw: IO[bytes], which: Sequence[int] | None = None) -> Iterator[np.ndarray]:
    """The lists of a dataset, all or those of some numbers, texts as bytes.

    HDF5 crashes on some that pass its own checks, so it is not asked for them.

    Raises
    ------
    ValueError
        As `check`, or a list that is not where it is said to be.
    """
    base, found = element(item), check(item, size, raw)
    if len(found) < item.size:
        found = np.concatenate([found, np.zeros(item.size - len(found), LIST)])  # never written: empty
    address, pieces = -1, dict[int, tuple[int, int]]()
    for row in range(item.size) if which is None else which:
        length, at, number = found[row].tolist()
        if length and at != address:
            address, pieces = at, check_heap(raw, item.file.userblock_size + at, size)
        start, own = pieces.get(number, (0, -1)) if length else (0, 0)
        if own != length * base.itemsize:
            raise ValueError(f"{item.name} has a list that is not where it is said to be")
        raw.seek(start)
        yield np.frombuffer(raw.read(own), base)


def places(item: h5py.Dataset) -> list[tuple[int, int]]:
    """Where in the file a dataset's own bytes lie: offsets and lengths."""
    plist = item.id.get_create_plist()
    if plist.get_nfilters() or item.file.id.get_create_plist().get_sizes() != (8, 8):
        raise ValueError(f"{item.name} is packed, or the file's addresses are not of 8 bytes")
    if item.chunks is not None:
        infos = sorted(map(item.id.get_chunk_info, range(item.id.get_num_chunks())), key=lambda info: info.chunk_offset)
        return [(info.byte_offset, info.size) for info in infos]
    return [(item.id.get_offset(), item.id.get_storage_size())] if item.id.get_storage_size() else []


def lists(raw: IO[bytes], place: int | None, stored: int, name: str) -> np.ndarray:
    """The lengths, addresses and numbers in a stretch of the file."""
    if place is None or stored % LIST.itemsize:
        raise ValueError(f"{name} does not lie in the file as expected")
    raw.seek(place)
    content = raw.read(stored)
    if len(content) != stored:
        raise ValueError(f"{name} does not lie in the file")
    return np.frombuffer(content, LIST)


def check_heaps(path: Path) -> None:
    """Raise ValueError where a file has a damaged heap, of attributes too, whose own place in the file is not told."""
    size = path.stat().st_size
    with path.open("rb") as raw:
        content = raw.read()
        place = content.find(b"GCOL")
        while place >= 0:
            check_heap(raw, place, size)
            place = content.find(b"GCOL", place + 4)


def check_heap(raw: IO[bytes], address: int, size: int) -> dict[int, tuple[int, int]]:
    """Where each piece of a heap begins, and its size; ValueError unless they follow one another to its end."""
    if not 0 <= address <= size - HEAP.size:
        raise ValueError("a heap of it lies outside the file")
    raw.seek(address)
    signature, version, whole = HEAP.unpack(raw.read(HEAP.size))
    if signature != b"GCOL" or version != 1 or whole > size - address:
        raise ValueError("a heap of it is damaged")
    pieces, place, end = dict[int, tuple[int, int]](), address + HEAP.size, address + whole
    while place + PIECE.size <= end:
        raw.seek(place)
        number, _, own = PIECE.unpack(raw.read(PIECE.size))
        step = own if number == 0 else PIECE.size + -(-own // 8) * 8
        if step < PIECE.size or place + step > end:
            raise ValueError("a heap of it is damaged")
        pieces[number] = place + PIECE.size, own
        place += step
    return pieces
