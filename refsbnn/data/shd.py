"""Spiking Heidelberg Digits and Spiking Speech Commands: the official HDF5 files (Cramer et al. 2020)."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from refsbnn import lists
from refsbnn.data.event_sets import SOUND, EventSet, Share
from refsbnn.data.record import Archive
from refsbnn.data.recordings import Recording
from refsbnn.errors import InputError, refusing
from refsbnn.files import regular
from refsbnn.sealed import check_size, check_total, contained

CHANNELS = 700
ADDRESS = "https://zenkelab.org/datasets/"


def files(name: str, part: str) -> str:
    """Where the file of a part lies below the root: as the official archives and tonic name it."""
    return f"{name.upper()}/{name}_{part}.h5"


def whole(dataset: h5py.Dataset) -> np.ndarray:
    """An array of numbers, once its size is one that the file can hold."""
    check_size(dataset, numbers=True)
    return np.asarray(dataset[:])


def archives(name: str, **md5: str) -> tuple[Archive, ...]:
    """The archive of each part."""
    return tuple(
        Archive(f"{ADDRESS}{name}_{part}.h5.zip", f"{name}_{part}.h5.zip", each, name.upper(), files(name, part))
        for part, each in md5.items()
    )


def read(path: Path, share: Share = range) -> Iterator[Recording]:
    """A share of the recordings of a file, in its order.

    Raises
    ------
    InputError
        No such file, a damaged one, or one of another layout.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing; it is at {ADDRESS}, see docs/data.md")
    # HDF5's exceptions are of many kinds.
    with (
        refusing(f"{path} cannot be read", Exception),
        regular(path).open("rb") as raw,
        h5py.File(path, "r") as file,
    ):
        size, found = path.stat().st_size, contained(file)
        for name in ("spikes/times", "spikes/units", "labels"):
            if name not in found:
                raise ValueError(f"it has no {name} of its own")
        times, units, labels = found["spikes/times"], found["spikes/units"], whole(found["labels"])
        speakers = whole(found["extra/speaker"]) if "extra/speaker" in found else np.zeros(len(labels), np.int64)
        for array in (times, units):
            check_size(array, numbers=False)
        check_total(found.values(), size)
        shapes = [array.shape for array in (times, units, labels, speakers)]
        if set(shapes) != {(len(labels),)} or labels.dtype.kind not in "iu" or speakers.dtype.kind not in "iu":
            raise ValueError(f"times, units, labels, speakers have shapes {shapes}; expected (n,), integer labels")
        chosen = list(share(len(labels)))
        columns = lists.rows(times, size, raw, chosen), lists.rows(units, size, raw, chosen)
        for i, one, of in zip(chosen, *columns, strict=True):
            with np.errstate(over="ignore"):  # what is not finite then is refused
                milliseconds = 1000.0 * one.astype(np.float64)
            yield Recording(milliseconds, of, int(labels[i]), int(speakers[i]), f"{path}, recording {i},")


SHD = EventSet(
    name="shd",
    keys=SOUND,
    classes=20,
    counts=(8_156, 2_264),
    archives=archives("shd", train="f3252aeb598ac776c1b526422d90eecb", test="1503a5064faa34311c398fb0a1ed0a6f"),
    density=0.1,
    shape=(CHANNELS,),
    read=read,
)
SSC = EventSet(
    name="ssc",
    keys=SOUND,
    classes=35,
    counts=(75_466, 20_382),
    archives=archives("ssc", train="d102be95e7144fcc0553d1f45ba94170", test="a35ff1e9cffdd02a20eb850c17c37748"),
    shape=(CHANNELS,),
    read=read,
)
