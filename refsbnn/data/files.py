"""Data sets that are a folder for each class and a file for each recording."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from refsbnn.errors import InputError, refusing
from refsbnn.files import read_array, regular

LARGEST = 2.0**52  # beyond it a float is no exact number of pixels or microseconds


def found(folder: Path, classes: Iterable[str], pattern: str, address: str) -> list[Path]:
    """The files of every class in order, class by class; raises InputError where a class has none."""
    out: list[Path] = []
    for name in classes:
        paths = sorted((folder / name).glob(pattern))
        if not paths:
            raise InputError(f"{folder} holds no files {name}/{pattern}; they are from {address}, see docs/data.md")
        out += paths
    return out


def columns(path: Path) -> np.ndarray:
    """The four columns of a file of `numpy.save`, int64: (4, events)."""
    with refusing(f"{path} cannot be read", OSError, ValueError), regular(path).open("rb") as file:
        table = read_array(file, path.stat().st_size)
    if table.ndim != 2 or table.shape[1] != 4 or table.dtype.kind not in "iuf":
        raise InputError(f"{path} is {table.dtype} {table.shape}; expected numbers, (events, 4)")
    if not np.isfinite(table).all():
        raise InputError(f"{path} holds NaN or infinity; expected finite numbers")
    if table.size and not -LARGEST <= table.min() <= table.max() <= LARGEST:
        raise InputError(f"{path} holds numbers beyond 2^52; expected pixels, polarities and times")
    return table.astype(np.int64).T
