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
from collections.abc import Callable, Collection
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from refsbnn.files import write_bytes
from refsbnn.rows import Held, Rows

USER_BLOCK = 512  # bytes; the smallest that HDF5 allows
TITLE = b"refsbnn file, sha256 of what follows this block of 512 bytes:\n"
# Bytes that one stored byte can stand for: at most 1032 in deflate, 88 in LZF (264 of a match in 3). Parts that were
# never stored stand for any number of zeros.
RATIO = 1032


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
    seal = hashlib.sha256(body).hexdigest()
    write_bytes(path, (TITLE + seal.encode()).ljust(USER_BLOCK, b"\0"), body)
    return seal


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
        with path.open("rb") as raw:
            found = stated(raw) if seal else verified(raw)
            if seal not in (None, found):
                raise Damaged("another file has taken its place")
            size = raw.seek(0, os.SEEK_END)
            with h5py.File(raw, "r") as file:
                arrays, facts = collected(file, size, rows, Held(raw))
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


def collected(file: h5py.File, size: int, rows: Collection[str], held: Held) -> tuple[dict[str, Any], Any]:
    """The arrays and the facts of an open file of `size` bytes."""
    found: dict[str, h5py.Dataset] = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and name != "facts":
            found[name] = item

    file.visititems(collect)
    for item in found.values():
        check_size(item, numbers=True)
    if sum(item.id.get_storage_size() for item in found.values()) > size:
        raise ValueError(f"its arrays take more than its {size} bytes")
    arrays = {name: within(item, held, size) if name in rows else item[()] for name, item in found.items()}
    return arrays, json.loads(file["facts"][()])


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
    stored = item.id.get_storage_size()
    claimed = max(item.size, math.prod(item.chunks or ())) * item.dtype.itemsize
    if item.size and claimed > RATIO * stored and claimed > 1 << 20:  # a chunk, even of one number, is a little thing
        raise ValueError(f"{item.name} claims {claimed} bytes; {stored} are stored")
