"""N-MNIST: digits seen by an event camera that moves (Orchard et al. 2015), through tonic's reader."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from refsbnn.data.event_sets import CAMERA, EventSet, Share
from refsbnn.data.files import found
from refsbnn.data.pixels import Seen
from refsbnn.data.record import Archive
from refsbnn.errors import InputError, refusing
from refsbnn.files import regular

ADDRESS = "https://www.garrickorchard.com/datasets/n-mnist"


def read(folder: Path, share: Share = range) -> Iterator[Seen]:
    """A share of the recordings of a part, digit by digit: folder/<digit>/*.bin.

    Raises
    ------
    InputError
        No such files, a damaged one, or tonic is not installed.
    """
    paths = found(folder, "0123456789", "*.bin", ADDRESS)
    try:
        from tonic.io import read_mnist_file
    except ImportError:
        raise InputError("N-MNIST needs tonic, which is not installed; accepted: pip install 'refsbnn[data]'") from None
    kind = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    for path in (paths[number] for number in share(len(paths))):
        with refusing(f"{path} cannot be read", OSError):
            size = regular(path).stat().st_size
            if not size or size % 5:
                raise InputError(f"{path} is damaged: {size} bytes are not events of 5")
            seen = read_mnist_file(str(path), dtype=kind)
        yield Seen(seen["t"] / 1000.0, seen["x"], seen["y"], seen["p"], int(path.parent.name), name=str(path))


FILES = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/"
NMNIST = EventSet(
    name="nmnist",
    keys=CAMERA,
    classes=10,
    counts=(60_000, 10_000),
    archives=tuple(
        Archive(f"{FILES}{number}/file_downloaded", f"{part.lower()}.zip", md5, "NMNIST", f"NMNIST/{part}")
        for number, part, md5 in (
            ("39c25547-014b-4137-a934-9d29fa53c7a0", "Train", "20959b8e626244a1b502305a9e6e2031"),
            ("05a4d654-7e03-4c15-bdfa-9bb2bcbea494", "Test", "69ca8762b2fe404d9b9bad1103e97832"),
        )
    ),
    density=0.08,
    shape=(34, 34, 2),
    read=read,
)
