"""Writing a file whole or not at all."""

import os
import tempfile
from pathlib import Path

from refsbnn.errors import InputError


def writable(path: Path) -> None:
    """Refuse a path that cannot become a file, before any work is done; make its folder.

    Raises
    ------
    InputError
        The path is a folder, or its folder cannot be made or written to.
    """
    if path.is_dir():
        raise InputError(f"{path} is a directory; expected the name of a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"{path} cannot be written: no permission to write to {path.parent}")


def write(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader finds the old file or the whole new one, never a part.

    Raises
    ------
    InputError
        The file cannot be written (no room, no permission).
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(name, 0o666 & ~umask)  # mkstemp makes files private; a report is read like any other file
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
