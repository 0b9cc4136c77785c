"""N-MNIST: digits seen by an event camera that moves (Orchard et al. 2015), through tonic's reader."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from refsbnn.data.files import found
from refsbnn.data.pixels import Seen
from refsbnn.errors import InputError

SHAPE = (34, 34, 2)
ADDRESS = "https://www.garrickorchard.com/datasets/n-mnist"


def read(folder: Path) -> Iterator[Seen]:
    """The recordings of a part, digit by digit: folder/<digit>/*.bin.

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
    for path in paths:
        try:
            size = path.stat().st_size
            if not size or size % 5:
                raise InputError(f"{path} is damaged: {size} bytes are not events of 5")
            seen = read_mnist_file(str(path), dtype=kind)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
        yield Seen(seen["t"] / 1000.0, seen["x"], seen["y"], seen["p"], int(path.parent.name), name=str(path))
