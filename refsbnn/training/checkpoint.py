"""Checkpoints: HDF5 files that are whole or named as damaged, the last few kept.

A file is ordinary HDF5 (any tool reads it) behind a user block of 512 bytes that holds the SHA-256 of all that follows,
so that a damaged file is found before HDF5 looks at it. Arrays are datasets; everything else is one JSON text, "facts".
Nothing is pickled.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from refsbnn.errors import InputError

USER_BLOCK = 512  # bytes; the smallest that HDF5 allows
TITLE = b"refsbnn file, sha256 of what follows this block of 512 bytes:\n"
FOLDER = "checkpoints"


class Content(NamedTuple):
    """What a checkpoint holds: arrays by name ("group/name"), and facts that JSON can say."""

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class Damaged(Exception):
    """A file that is not what was written; the message says what is wrong with it."""


def digest(path: Path) -> bytes:
    """SHA-256 of a file behind its user block, in hexadecimal."""
    with path.open("rb") as file:
        file.seek(USER_BLOCK)
        return hashlib.file_digest(file, "sha256").hexdigest().encode()


def write(path: Path, content: Content, compression: str | None = None) -> None:
    """Write a checkpoint in one step: to a temporary file beside it, to the disk, then renamed.

    `compression` is HDF5's, for arrays that are not a few.

    Raises
    ------
    InputError
        The folder cannot be written to, or is full.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        temporary = Path(name)
        with h5py.File(temporary, "w", userblock_size=USER_BLOCK) as file:
            file["facts"] = json.dumps(content.facts)
            for key, array in content.arrays.items():
                file.create_dataset(key, data=array, compression=compression if array.ndim else None)
        block = TITLE + digest(temporary)
        with temporary.open("r+b") as raw:
            raw.write(block.ljust(USER_BLOCK, b"\0"))
            raw.flush()
            os.fsync(raw.fileno())
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise InputError(f"cannot write checkpoint {path}: {error.strerror or error}") from None


def read(path: Path) -> Content:
    """Read a checkpoint.

    Raises
    ------
    Damaged
        The checksum differs, or the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            block = file.read(USER_BLOCK)
        if not block.startswith(TITLE):
            raise Damaged("it is no such file of refsbnn, or its beginning is lost")
        if block[len(TITLE) :].rstrip(b"\0") != digest(path):
            raise Damaged("its checksum differs")
        arrays: dict[str, np.ndarray] = {}

        def collect(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and name != "facts":
                arrays[name] = item[()]

        with h5py.File(path, "r") as file:
            file.visititems(collect)
            return Content(arrays, json.loads(file["facts"][()]))
    except OSError as error:
        raise Damaged(error.strerror or str(error)) from None


def saved(out: Path) -> list[Path]:
    """The checkpoints in the folder of a run, newest first."""
    return sorted((out / FOLDER).glob("[0-9]*.h5"), reverse=True)


def save(out: Path, step: int, content: Content, keep: int) -> Path:
    """Write the checkpoint of a step into the folder of a run; only the newest `keep` stay."""
    path = out / FOLDER / f"{step:010d}.h5"
    write(path, content)
    for leftover in (out / FOLDER).glob(".*.h5.*"):  # of processes that were killed while they wrote
        leftover.unlink(missing_ok=True)
    for old in saved(out)[keep:]:
        old.unlink(missing_ok=True)
    return path


def newest(out: Path, warn: Callable[[str], None]) -> tuple[Path, Content] | None:
    """The newest checkpoint that is whole, or None where there is none at all; `warn` gets a line a damaged one.

    Raises
    ------
    InputError
        Every checkpoint is damaged.
    """
    paths = saved(out)
    for path in paths:
        try:
            return path, read(path)
        except Damaged as error:
            warn(f"checkpoint {path} is damaged ({error}); looking for the one before it")
    if paths:
        raise InputError(
            f"none of the {len(paths)} checkpoints in {out / FOLDER} is whole; begin again in another --out"
        )
    return None
