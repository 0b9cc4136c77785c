"""Texts and lists of numbers in HDF5 files: what they claim, looked at before HDF5 does.

HDF5 keeps what is of variable length in "global heaps". A dataset has for each list its length, the address of a heap
and a number there. HDF5 allocates and clears what a length claims before it looks, and goes round for ever in a heap in
which a piece of free space has no size (HDF5 2.0); so both are checked here, in the file's own bytes.

The layout is that of the HDF5 File Format Specification, III.E (version 1 of the global heap) and IV.B.
"""

import struct
from pathlib import Path
from typing import IO

import h5py
import numpy as np

LIST = np.dtype([("length", "<u4"), ("address", "<u8"), ("number", "<u4")])
HEAP = struct.Struct("<4sB3xQ")  # signature, version, size of the whole
PIECE = struct.Struct("<HH4xQ")  # number, references, size; number 0 is free space, whose size counts this too


def check(item: h5py.Dataset, size: int) -> None:
    """Raise ValueError where a dataset's texts or lists claim more than a file of `size` bytes holds, or are damaged.

    Parameters
    ----------
    item : Dataset
        Of texts, or of lists of numbers; not read yet. Texts of fixed length are none of these.
    size : int
    """
    base = h5py.check_vlen_dtype(item.dtype)
    if h5py.check_string_dtype(item.dtype) is None and (base is None or np.dtype(base).kind not in "biuf"):
        raise ValueError(f"{item.name} is of {item.dtype}; expected texts or lists of numbers")
    if item.dtype.kind != "O":
        return
    with Path(item.file.filename).open("rb") as raw:
        found = np.concatenate([np.zeros(0, LIST), *(lists(raw, *place, item.name) for place in places(item))])
        found = found[found["length"] > 0]
        total = (1 if base is None else np.dtype(base).itemsize) * int(found["length"].sum(dtype=np.int64))
        if total > size:  # many may stand for the same one
            raise ValueError(f"{item.name} claims {total} bytes; the file has {size}")
        for address in np.unique(found["address"]):
            check_heap(raw, item.file.userblock_size + int(address), size)


def places(item: h5py.Dataset) -> list[tuple[int, int]]:
    """Where in the file a dataset's own bytes lie: offsets and lengths."""
    plist = item.id.get_create_plist()
    if plist.get_nfilters() or item.file.id.get_create_plist().get_sizes() != (8, 8):
        raise ValueError(f"{item.name} is packed, or the file's addresses are not of 8 bytes")
    if item.chunks is not None:
        return [(info.byte_offset, info.size) for info in map(item.id.get_chunk_info, range(item.id.get_num_chunks()))]
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


def check_heap(raw: IO[bytes], address: int, size: int) -> None:
    """Raise ValueError unless the pieces of a heap follow one another to its end."""
    if not 0 <= address <= size - HEAP.size:
        raise ValueError("a heap of it lies outside the file")
    raw.seek(address)
    signature, version, whole = HEAP.unpack(raw.read(HEAP.size))
    if signature != b"GCOL" or version != 1 or whole > size - address:
        raise ValueError("a heap of it is damaged")
    place, end = address + HEAP.size, address + whole
    while place + PIECE.size <= end:
        raw.seek(place)
        number, _, own = PIECE.unpack(raw.read(PIECE.size))
        step = own if number == 0 else PIECE.size + -(-own // 8) * 8
        if step < PIECE.size or place + step > end:
            raise ValueError("a heap of it is damaged")
        place += step
