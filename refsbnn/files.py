"""Files that are there whole or not at all: no reader sees half of one, no failure costs the one before it."""

import errno
import io
import json
import math
import os
import secrets
import stat
import time
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np

from refsbnn.errors import InputError, refusing

UNFINISHED = ".unfinished"  # how the name of a temporary file ends; it begins with a dot
HOUR = 3600.0
HEADER = 1 << 16  # bytes: the longest header of the first version of numpy.save


def write_bytes(path: Path, *parts: bytes) -> None:
    """Write a file in one step: to a temporary file beside it, to the disk, then renamed, and the name to the disk.

    After a power cut at any moment the path leads to what lay there before or to all of the new content, and to the
    new content once this has returned. The file gets the permissions that the user's umask gives any new file.

    Parameters
    ----------
    path : Path
        Its folder is made where there is none.
    parts : bytes
        The content, one after the other.

    Raises
    ------
    InputError
        The folder cannot be written to, the disk is full, or `path` is a device or the like, which a rename would
        replace. What lay at `path` before is still there.
    """
    _replaceable(path)
    temporary = path.parent / f".{secrets.token_hex(8)}{UNFINISHED}"  # a name may be too long already
    with refusing(f"cannot write {path}", OSError):
        make_folder(path.parent)
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        keep_name(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, that are there after a power cut too; one that is there is left."""
    lacking = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in reversed(lacking):
        keep_name(each.parent)


def keep_name(folder: Path) -> None:
    """Bring a folder's entries to the disk, so that a renamed file has its new name after a power cut."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder that may be written to and not be read
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that have no such thing for folders
            raise
    finally:
        os.close(handle)


def clear(folder: Path, older: float = HOUR) -> None:
    """Remove temporary files that killed processes left in a folder: those not written to for `older` seconds."""
    for path in folder.glob(f".*{UNFINISHED}"):
        try:
            if time.time() - path.stat().st_mtime >= older:
                path.unlink()
        except OSError:  # another process was faster, or it is another user's
            continue


def writable(path: Path) -> None:
    """Refuse a path that cannot become a file, before any work is done; make its folder.

    Raises
    ------
    InputError
        The path is a folder or a device, or its folder cannot be made or written to.
    """
    _replaceable(path)
    with refusing(f"cannot write {path}", OSError):
        make_folder(path.parent)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"cannot write {path}: no permission to write to {path.parent}")


def _replaceable(path: Path) -> None:
    """Refuse what is there and no file: a folder, or a device such as /dev/null."""
    with refusing(f"cannot write {path}", OSError):
        if path.is_dir():
            raise InputError(f"{path} is a directory; expected the name of a file")
        if path.exists() and not path.is_file():
            raise InputError(f"cannot write {path}: no regular file; expected the name of a file")


def regular(path: Path) -> Path:
    """The path, if a regular file is there: of a pipe or a device a reader sees no end, or no beginning.

    Raises
    ------
    OSError
        There is none.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return path


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file in one step."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON in one step.

    Raises
    ------
    InputError
        The file cannot be written, or a number is not finite, which JSON has no word for.
    """
    with refusing(f"cannot write {path}", ValueError):
        text = json.dumps(value, indent=2, allow_nan=False)
    write_text(path, text + "\n")


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays as .npz in one step."""
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    write_bytes(path, content.getvalue())


class Header(NamedTuple):
    """What `numpy.save` writes before an array: its shape, order and type, and the byte at which its numbers begin."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    start: int


def array_header(file: IO[bytes], size: int) -> Header:
    """The header of a stream of `numpy.save`, read before a byte of its numbers.

    Parameters
    ----------
    file : binary file
        At the stream's beginning; it is read on by up to 64 KiB.
    size : int
        Its bytes. A header can claim any number of them, and NumPy allocates what it claims.

    Raises
    ------
    ValueError
        No such stream, one that is no array of numbers, or not of that size.
    """
    header = io.BytesIO(file.read(min(size, HEADER)))
    try:
        version = np.lib.format.read_magic(header)
        if version != (1, 0):
            raise ValueError(f"it is of version {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(header)
    except Exception as error:  # the header is a Python expression: a damaged one fails in many ways
        raise ValueError(f"no array of numpy.save: {error}"[:200]) from None
    if dtype.kind not in "biuf" or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError(f"it holds {dtype} {shape}; expected numbers"[:200])
    if header.tell() + math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"{size} bytes are no array {dtype} {shape}"[:200])
    return Header(shape, fortran, dtype, header.tell())


def read_array(file: IO[bytes], size: int) -> np.ndarray:
    """The array of numbers in a stream of `numpy.save` of so many bytes; raises as `array_header`."""
    first = io.BytesIO(file.read(min(size, HEADER)))
    header = array_header(first, size)
    first.seek(header.start)
    content = first.read() + file.read()
    order: Literal["F", "C"] = "F" if header.fortran else "C"
    return np.ndarray(header.shape, header.dtype, content, order=order).copy(order="K")
