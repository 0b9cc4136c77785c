"""Files of the Neuromorphic Intermediate Representation, NIR (Pedersen et al. 2024, https://neuroir.org)."""

import io
from pathlib import Path
from typing import Any

import h5py

from refsbnn import files
from refsbnn.errors import InputError, refusing
from refsbnn.sealed import check_total, contained

DT = 1e-4  # seconds a step: what the libraries that read NIR take where they are not told


def package() -> Any:
    """The package `nir`; raises InputError where it is not installed."""
    try:
        import nir  # type: ignore[import-untyped]
    except ImportError:
        raise InputError("NIR needs the package nir: pip install 'refsbnn[nir]'") from None
    return nir


def write(path: Path, graph: Any) -> None:
    """Write a graph in one step; raises InputError where the file cannot be written."""
    content = io.BytesIO()
    package().write(content, graph)
    files.write_bytes(path, content.getvalue())


def read(path: Path) -> Any:
    """Read a graph.

    Raises
    ------
    InputError
        No such file, no NIR, or a file that claims more than it can hold.
    """
    nir = package()
    # HDF5's and nir's exceptions are of many kinds.
    with refusing(f"{path} cannot be read as NIR", Exception):
        with h5py.File(files.regular(path), "r") as file:
            check_total(contained(file).values(), path.stat().st_size)
        return nir.read(path)
