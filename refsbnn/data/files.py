"""Data sets that are a folder for each class and a file for each recording."""

from collections.abc import Iterable
from pathlib import Path

from refsbnn.errors import InputError


def found(folder: Path, classes: Iterable[str], pattern: str, address: str) -> list[Path]:
    """The files of every class in order, class by class; raises InputError where a class has none."""
    out: list[Path] = []
    for name in classes:
        paths = sorted((folder / name).glob(pattern))
        if not paths:
            raise InputError(f"{folder} holds no files {name}/{pattern}; they are from {address}, see docs/data.md")
        out += paths
    return out
