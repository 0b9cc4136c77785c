"""Spiking Heidelberg Digits and Spiking Speech Commands: the official HDF5 files (Cramer et al. 2020)."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from refsbnn.data.recordings import Recording
from refsbnn.errors import InputError

CHANNELS = 700
ADDRESS = "https://zenkelab.org/datasets/"


def files(name: str, part: str) -> str:
    """Where the file of a part lies below the root: as the official archives and tonic name it."""
    return f"{name.upper()}/{name}_{part}.h5"


def read(path: Path) -> Iterator[Recording]:
    """The recordings of a file, in its order.

    Raises
    ------
    InputError
        No such file, a damaged one, or one of another layout.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing; it is at {ADDRESS}, see docs/data.md")
    try:
        with h5py.File(path, "r") as file:
            times, units, labels = file["spikes/times"], file["spikes/units"], file["labels"][:]
            speakers = file["extra/speaker"][:] if "extra/speaker" in file else np.zeros(len(labels), np.int64)
            shapes = [array.shape for array in (times, units, labels, speakers)]
            if set(shapes) != {(len(labels),)} or labels.dtype.kind not in "iu" or speakers.dtype.kind not in "iu":
                raise ValueError(f"times, units, labels, speakers have shapes {shapes}; expected (n,), integer labels")
            for i, (label, speaker) in enumerate(zip(labels, speakers, strict=True)):
                name = f"{path}, recording {i},"
                yield Recording(1000.0 * times[i].astype(np.float64), units[i], int(label), int(speaker), name)
    except InputError:
        raise
    except Exception as error:  # HDF5's are of many kinds
        raise InputError(f"{path} cannot be read: {error}") from None
