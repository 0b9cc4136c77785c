"""CIFAR-10 (Krizhevsky 2009): 60,000 photographs of ten kinds of things, 32x32 pixels in three colours."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from refsbnn.data import kept, pickles
from refsbnn.data.dataset import Dataset
from refsbnn.data.options import Data
from refsbnn.data.record import HELD, Archive, Record
from refsbnn.data.whole import Whole, shared, stored
from refsbnn.errors import InputError, refusing
from refsbnn.files import regular
from refsbnn.layers.signal import Signal
from refsbnn.ranks import ALONE, Ranks

SIDE, COLOURS, CLASSES = 32, 3, 10
SIZE = COLOURS * SIDE * SIDE
ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar.html"
PYTHON, BINARY = "cifar-10-batches-py", "cifar-10-batches-bin"
TRAIN, TEST = [f"data_batch_{i}" for i in range(1, 6)], ["test_batch"]


@dataclass(frozen=True)
class Cifar10(Record):
    """CIFAR-10, each channel standardised by the training images' mean and deviation."""

    def signal(self, options: Data) -> Signal:
        """An image."""
        return Signal("values", (SIDE, SIDE, COLOURS))

    def load(self, options: Data, *, fresh: bool = False, ranks: Ranks = ALONE) -> Dataset:
        """CIFAR-10 in its parts: in memory of one process; several read its images by rows from a file that is kept.

        Raises
        ------
        InputError
            Missing or damaged files, or no place for that file.
        """
        root = options.folder
        if fresh or ranks.size == 1:
            whole = official(root)
        else:
            path = root / kept.KEPT / f"{options.name}-images.h5"
            make = partial(official, root)
            whole = shared(path, lambda: facts(root), make, (SIDE, SIDE, COLOURS), CLASSES, ranks)
        return whole.dataset(options, CLASSES)

    def check_kept(self, path: Path) -> None:
        """As in `Record`."""
        stored(path, {}, (SIDE, SIDE, COLOURS), CLASSES)


CIFAR10 = Cifar10(
    "cifar10",
    keys=(*HELD, "shift", "mirror", "cutout"),
    classes=CLASSES,
    counts=(50_000, 10_000),
    archives=(
        Archive(
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            "cifar-10-python.tar.gz",
            "c58f30108f718f92721af3b95e74349a",
            into="",
            gives=PYTHON,
            instead=BINARY,
        ),
    ),
)


def official(root: Path) -> Whole:
    """All images, from the official files."""
    return Whole(*read(root, TRAIN), *read(root, TEST))


def facts(root: Path) -> dict[str, object]:
    """What the kept images depend on: the official files, where they are still there."""
    found = [folder for folder in (root / PYTHON, root / BINARY) if folder.is_dir()]
    return {"source": found[0].name, "files": kept.state(found[0])} if found else {}


def read(root: Path, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 32, 32, 3) uint8 and labels (n,) of some batches, from the "python" or the "binary" version."""
    for folder, one, end in ((root / PYTHON, pickled, ""), (root / BINARY, binary, ".bin")):
        if folder.is_dir():
            parts = [one(folder / f"{name}{end}") for name in names]
            x = np.concatenate([part[0] for part in parts]).reshape(-1, COLOURS, SIDE, SIDE)
            return np.ascontiguousarray(x.transpose(0, 2, 3, 1)), np.concatenate([part[1] for part in parts])
    raise InputError(
        f"data.root is {str(root)!r}, which has neither {PYTHON} nor {BINARY}; they are at {ADDRESS}, see docs/data.md"
    )


def pickled(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels of a batch of the "python" version."""
    content = pickles.read(path)
    x, labels = (content.get(key) if isinstance(content, dict) else None for key in (b"data", b"labels"))
    if not isinstance(x, np.ndarray) or not isinstance(labels, list):
        raise InputError(f"{path} is no batch of CIFAR-10: it has no array b'data' and list b'labels'")
    if not all(type(label) is int and 0 <= label < CLASSES for label in labels):
        raise InputError(f"{path} has labels that are not 0 to {CLASSES - 1}")
    return checked(path, x, np.array(labels, np.int64))


def binary(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels of a batch of the "binary" version: a byte of label before each image."""
    with refusing(f"{path} cannot be read", OSError):
        content = np.fromfile(regular(path), np.uint8)
    if len(content) % (SIZE + 1):
        raise InputError(f"{path} is damaged: {len(content)} bytes are not images of {SIZE + 1}")
    rows = content.reshape(-1, SIZE + 1)
    return checked(path, rows[:, 1:], rows[:, 0])


def checked(path: Path, x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels that can be a batch; raises InputError otherwise."""
    if x.dtype != np.uint8 or x.shape != (len(labels), SIZE) or labels.dtype.kind not in "iu" or not len(labels):
        raise InputError(f"{path} is no batch of CIFAR-10: {x.dtype} {x.shape} with {len(labels)} labels")
    if not 0 <= labels.min() <= labels.max() < CLASSES:
        raise InputError(f"{path} has labels from {labels.min()} to {labels.max()}; expected 0 to {CLASSES - 1}")
    return x, labels.astype(np.int64)
