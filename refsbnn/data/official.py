"""Fetching official archives when asked."""

import os
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path

from tqdm import tqdm

from refsbnn.data.record import Archive
from refsbnn.errors import InputError
from refsbnn.files import keep_name, regular


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
    """Unpack a zip or a tar.gz, whole or not at all; members that would land outside the folder are refused."""
    try:
        with (
            tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking-") as scratch,
            regular(path).open("rb") as raw,
            tqdm.wrapattr(
                raw, "read", size := path.stat().st_size,
                desc=f"unpacking {path.name}", disable=None, delay=2.0, file=sys.stderr,
            ) as file,
        ):  # fmt: skip
            if path.suffix == ".zip":
                with zipfile.ZipFile(file) as archive:
                    members = archive.infolist()
                    if sum(member.compress_size for member in members) > size:  # some are the same bytes
                        raise ValueError(f"its members take more than its {size} bytes")
                    if {member.compress_type for member in members} - {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                        raise ValueError("it is packed by something else than deflate")
                    archive.extractall(scratch)  # which strips absolute paths and ".."
            else:
                with tarfile.open(fileobj=file, mode="r:gz") as archive:
                    archive.extractall(scratch, filter=plain)
            os.sync()  # all of its files are on the disk before a name says that they are there
            for item in Path(scratch).iterdir():
                if not (folder / item.name).is_dir():
                    item.replace(folder / item.name)
            keep_name(folder)
    except Exception as error:  # a damaged archive fails in many ways
        raise InputError(f"{path} cannot be unpacked: {' '.join(str(error).split())}") from None


def plain(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """A file or a folder inside the folder; there is nothing else in the official archives."""
    if not (member.isfile() or member.isdir()):
        raise ValueError(f"{member.name!r} is no file and no folder")
    return tarfile.data_filter(member, folder)
