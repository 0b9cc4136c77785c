"""Both parts of an image data set as bytes, in memory of one process or in a file that several read by rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refsbnn.data import kept
from refsbnn.data.dataset import Dataset
from refsbnn.data.images import Images, standard
from refsbnn.data.options import Data
from refsbnn.errors import InputError
from refsbnn.layers.signal import Signal
from refsbnn.ranks import Ranks
from refsbnn.rows import Chosen, Rows


class Whole(NamedTuple):
    """Images (n, height, width, channels) uint8, in memory or in a file, and labels (n,) int64 of the two parts."""

    x: np.ndarray | Rows
    labels: np.ndarray
    test_x: np.ndarray | Rows
    test_labels: np.ndarray

    def dataset(self, options: Data, classes: int) -> Dataset:
        """The data set, each channel standardised by the training images' mean and deviation."""
        shape = self.x.shape[1:]
        rows, held = options.parts(len(self.labels))
        scale = standard(self.x, rows)
        parts = (
            Images(some(self.x, rows), self.labels[rows], *scale, options.shift, options.mirror, options.cutout),
            Images(some(self.x, held), self.labels[held], *scale),
            Images(self.test_x, self.test_labels, *scale),
        )

        def given(new: np.ndarray, new_labels: np.ndarray) -> Images:
            if new.dtype != np.uint8 or new.shape[1:] != shape:
                raise InputError(f"x is {new.dtype} {new.shape}; expected uint8 (n, {', '.join(map(str, shape))})")
            return Images(new, new_labels, *scale)

        return Dataset(classes, Signal("values", shape), *parts, given)


def some(x: np.ndarray | Rows, rows: np.ndarray) -> np.ndarray | Chosen:
    """Some of the images, where the others are."""
    return x[rows] if isinstance(x, np.ndarray) else x.only(rows)


def shared(
    path: Path,
    facts: Callable[[], dict[str, object]],
    make: Callable[[], Whole],
    shape: tuple[int, ...],
    classes: int,
    ranks: Ranks,
) -> Whole:
    """What `make` makes, on the first rank, from the file at `path` that all ranks read.

    Raises
    ------
    InputError
        What `make` raises, or no place for that file.
    """

    def made() -> Whole | None:
        parts = ranks.to_first(lambda: make() if ranks.first else None)
        return parts[0] if ranks.first else None

    def load(path: Path, facts: dict[str, Any], seal: str | None) -> Whole | None:
        return stored(path, facts, shape, classes, seal)

    return kept.shared(path, facts, made, save, load, ranks)


def save(path: Path, whole: Whole, facts: dict[str, object]) -> str:
    """Write all images as `kept.write`."""
    return kept.write(path, whole._asdict(), facts)


def stored(
    path: Path, facts: dict[str, object], shape: tuple[int, ...], classes: int, seal: str | None = None
) -> Whole | None:
    """All images of a shape as `kept.read`; they are read when they are asked for."""

    def built(**arrays: Any) -> Whole:
        out = Whole(**arrays)
        for x, labels in ((out.x, out.labels), (out.test_x, out.test_labels)):
            if x.dtype != np.uint8 or x.shape != (len(labels), *shape) or labels.dtype != np.int64:
                raise ValueError(f"it holds {x.dtype} {x.shape} with {labels.dtype} {labels.shape}")
            if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
                raise ValueError(f"its labels are not 0 to {classes - 1}")
        if not len(out.labels):
            raise ValueError("it has no training images")
        return out

    return kept.read(path, facts, ("x", "test_x"), built, seal)
