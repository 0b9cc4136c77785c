"""HDF5 files behind a checksum, whole or named as damaged: checkpoints, and binned recordings.

A file is ordinary HDF5 (any tool reads it) behind a user block of 512 bytes that holds the SHA-256 of all that follows,
so that a damaged file is found before HDF5 looks at it. Arrays are datasets; everything else is one JSON text, "facts".
Nothing is pickled. Arrays that are not compressed can be read row by row.

A checksum says nothing about who wrote a file, so what it declares is held to what it holds before memory is given.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Collection, Iterable
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from refsbnn import lists
from refsbnn.files import regular, write_bytes
from refsbnn.rows import Held, Rows

USER_BLOCK = 512  # bytes; the smallest that HDF5 allows
TITLE = b"refsbnn file, sha256 of what follows this block of 512 bytes:\n"
# Bytes that one stored byte can stand for, by the filters of HDF5 that are read: at most 1032 in deflate, 88 in LZF
# (264 of a match in 3). Parts that were never stored stand for any number of zeros.
RATIOS = {
    h5py.h5z.FILTER_DEFLATE: 1032,
    h5py.h5z.FILTER_LZF: 88,
    h5py.h5z.FILTER_SHUFFLE: 1,
    h5py.h5z.FILTER_FLETCHER32: 1,
}
LITTLE = 1 << 20  # a chunk, even of one number, is a little thing


class Content(NamedTuple):
    """What a file holds: arrays by name ("group/name"), as `Rows` where so asked, and facts that JSON can say."""

    arrays: dict[str, Any]
    facts: dict[str, Any]


class Damaged(Exception):
    """A file that is not what was written; the message says what is wrong with it."""


def image(build: Callable[[h5py.File], None], **options: Any) -> bytes:
    """The bytes of an HDF5 file that `build` fills, made in memory.

    HDF5 keeps what it could not write, tries again when the file is closed, and crashes the process on a full disk.

    Parameters
    ----------
    build : callable
    options
        Of `h5py.File`. A user block is not among the bytes.
    """
    with h5py.File("image", "w", driver="core", backing_store=False, **options) as file:
        build(file)
        file.flush()
        return bytes(file.id.get_file_image())


def write(path: Path, content: Content) -> str:
    """Write a file in one step; returns its checksum.

    Raises
    ------
    InputError
        The folder cannot be written to, or the disk is full.
    """

    def build(file: h5py.File) -> None:
        file["facts"] = json.dumps(content.facts)
        for key, array in content.arrays.items():
            file[key] = array

    body = image(build, userblock_size=USER_BLOCK)
    first = block(body)
    write_bytes(path, first, body)
    return first[len(TITLE) :].rstrip(b"\0").decode()


def block(body: bytes) -> bytes:
    """The user block before a body."""
    return (TITLE + hashlib.sha256(body).hexdigest().encode()).ljust(USER_BLOCK, b"\0")


def read(path: Path, rows: Collection[str] = (), seal: str | None = None) -> Content:
    """Read a file.

    Parameters
    ----------
    path : Path
    rows : collection of str
        Arrays that are given as `Rows` of the file, whose content stays there until they are let go.
    seal : str, optional
        The checksum of the file that is meant, where its content has been held to it before: it is not held to it
        again.

    Raises
    ------
    Damaged
        The checksum differs, or it cannot be read.
    """
    try:
        with regular(path).open("rb") as raw:
            found = stated(raw) if seal else verified(raw)
            if seal not in (None, found):
                raise Damaged("another file has taken its place")
            size = raw.seek(0, os.SEEK_END)
            with h5py.File(raw, "r") as file:
                arrays, facts = collected(file, size, rows, raw)
    except Damaged:
        raise
    except OSError as error:
        raise Damaged(error.strerror or str(error)) from None
    except Exception as error:  # h5py answers an odd file with an exception of any kind
        raise Damaged(" ".join(str(error).split())[:200]) from None
    if not isinstance(facts, dict):
        raise Damaged("it has no facts")
    return Content(arrays, facts)


def stated(raw: BufferedReader) -> str:
    """The checksum that an open file says it has; raises Damaged where it says none."""
    block = raw.read(USER_BLOCK)
    if not block.startswith(TITLE):
        raise Damaged("it is no such file of refsbnn, or its beginning is lost")
    return block[len(TITLE) :].rstrip(b"\0").decode(errors="replace")


def verified(raw: BufferedReader) -> str:
    """The checksum of an open file; raises Damaged where it is not the one that the file says."""
    seal = stated(raw)
    if seal != hashlib.file_digest(raw, "sha256").hexdigest():
        raise Damaged("its checksum differs")
    return seal


def collected(file: h5py.File, size: int, rows: Collection[str], raw: BufferedReader) -> tuple[dict[str, Any], Any]:
    """The arrays and the facts of an open file of `size` bytes."""
    found = contained(file)
    text = found.pop("facts", None)
    if text is None or text.shape != () or h5py.check_string_dtype(text.dtype) is None:
        raise ValueError("it has no facts")
    check_size(text, numbers=False)
    for item in found.values():
        check_size(item, numbers=True)
    check_total(found.values(), size)
    content = next(lists.rows(text, size, raw)).tobytes() if text.dtype.kind == "O" else text[()]
    held = Held(raw)
    arrays = {name: within(item, held, size) if name in rows else item[()] for name, item in found.items()}
    return arrays, json.loads(content)


def contained(file: h5py.Group) -> dict[str, h5py.Dataset]:
    """What a file itself holds, each dataset once; no link is followed, as it may lead into another file."""
    found: dict[str, h5py.Dataset] = {}
    file.visititems(lambda name, item: found.update({name: item} if isinstance(item, h5py.Dataset) else {}))
    return found


def ratio(item: h5py.Dataset) -> int:
    """How many bytes one stored byte of a dataset can stand for."""
    plist, most = item.id.get_create_plist(), 1
    for number in range(plist.get_nfilters()):
        code, _, _, name = plist.get_filter(number)
        if code not in RATIOS:
            raise ValueError(f"{item.name} is packed by {name.decode(errors='replace')!r}, which is not read")
        most = max(most, RATIOS[code])
    return most


def claimed(item: h5py.Dataset) -> int:
    """Bytes that reading a dataset takes, by what it says."""
    return int(max(item.size, math.prod(item.chunks or ())) * item.dtype.itemsize) if item.size else 0


def check_total(items: Iterable[h5py.Dataset], size: int) -> None:
    """Raise ValueError for datasets that together claim more than a file of `size` bytes can hold."""
    most, total = 1, 0
    for item in items:
        most, total = max(most, ratio(item)), total + claimed(item)
    if total > most * size + LITTLE:
        raise ValueError(f"its arrays claim {total} bytes; it has {size}")


def within(item: h5py.Dataset, held: Held, size: int) -> Rows:
    """A dataset of a file of `size` bytes, to be read by rows; raises ValueError where it does not lie in one piece."""
    if not item.size:
        return Rows(held, 0, item.dtype, item.shape)
    start = item.id.get_offset()
    if start is None or not item.ndim or not 0 <= start <= size - item.nbytes:
        raise ValueError(f"{item.name} does not lie in one piece in its {size} bytes")
    return Rows(held, start, item.dtype, item.shape)


def check_size(item: h5py.Dataset, *, numbers: bool) -> None:
    """Raise ValueError for a dataset that claims more than its stored bytes can hold, or that lies in other files.

    Parameters
    ----------
    item : Dataset
        Not read yet.
    numbers : bool
        Whether it has to be of integers, booleans or floating-point numbers.
    """
    if numbers and item.dtype.kind not in "biuf":
        raise ValueError(f"{item.name} is of {item.dtype}; expected numbers")
    if item.is_virtual or item.external:
        raise ValueError(f"{item.name} lies in other files")
    stored, says = item.id.get_storage_size(), claimed(item)
    if says > max(ratio(item) * stored, LITTLE):
        raise ValueError(f"{item.name} claims {says} bytes; {stored} are stored")
