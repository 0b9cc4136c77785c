"""Fetching official archives when asked."""

import os
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path

from tqdm import tqdm

from refsbnn.data.record import Archive
from refsbnn.errors import InputError
from refsbnn.files import keep_name


def missing(archives: Iterable[Archive], root: Path) -> list[Archive]:
    """Those of some archives whose content is not below the root."""
    return [
        archive
        for archive in archives
        if not any((root / place).exists() for place in (archive.gives, archive.instead) if place)
    ]


def fetch(archives: list[Archive], root: Path) -> None:
    """Get archives, unless they lie there already, check and unpack them.

    Raises
    ------
    InputError
        No network, a checksum that differs, an archive that would write elsewhere, tonic is not installed. The message
        names all archives that are still wanted.
    """
    for i, archive in enumerate(archives):
        folder = root / archive.into
        wanted = "; ".join(each.wanted(root) for each in archives[i:])
        try:
            from tonic.download_utils import check_integrity, download_url
        except ImportError:
            raise InputError(
                f"downloading needs tonic, which is not installed: pip install 'refsbnn[data]'; wanted: {wanted}"
            ) from None
        try:
            if not check_integrity(str(folder / archive.name), archive.md5):
                download_url(archive.url, str(folder), archive.name, archive.md5)
        except (OSError, RuntimeError, ValueError, HTTPException) as error:
            raise InputError(f"{archive.name} could not be fetched ({error}); wanted: {wanted}") from None
        unpack(folder / archive.name, folder)
        if not (root / archive.gives).exists():
            raise InputError(f"{folder / archive.name} does not hold {archive.gives}")


def unpack(path: Path, folder: Path) -> None:
    """Unpack an archive, whole or not at all; members that would land outside the folder are refused."""
    try:
        with (
            tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking-") as scratch,
            path.open("rb") as raw,
            tqdm.wrapattr(
                raw, "read", path.stat().st_size,
                desc=f"unpacking {path.name}", disable=None, delay=2.0, file=sys.stderr,
            ) as file,
        ):  # fmt: skip
            if path.suffix == ".zip":
                with zipfile.ZipFile(file) as archive:
                    archive.extractall(scratch)  # which strips absolute paths and ".."
            else:
                with tarfile.open(fileobj=file) as archive:
                    archive.extractall(scratch, filter="data")
            os.sync()  # all of its files are on the disk before a name says that they are there
            for item in Path(scratch).iterdir():
                if not (folder / item.name).is_dir():
                    item.replace(folder / item.name)
            keep_name(folder)
    except (OSError, EOFError, RuntimeError, zlib.error, tarfile.TarError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be unpacked: {error}") from None
