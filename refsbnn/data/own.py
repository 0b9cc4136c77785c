"""A user's own examples: NumPy files in a folder, read by rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refsbnn.arrays import Arrays
from refsbnn.data.dataset import Dataset, Split
from refsbnn.data.options import Data
from refsbnn.data.record import HELD, Record
from refsbnn.data.whole import Whole
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError, refusing
from refsbnn.files import array_header, read_array, regular
from refsbnn.layers.signal import Signal
from refsbnn.ranks import ALONE, Ranks
from refsbnn.rows import Chosen, Held, Rows

BLOCK = 1 << 24  # numbers that are looked at at once
BYTES = (np.uint8, np.bool_)


class Part(NamedTuple):
    """The examples of a part, in their file, and their labels (n,) int64."""

    x: Rows
    labels: np.ndarray


@dataclass(frozen=True)
class Stored:
    """Some of the examples of a file, given to the network as they are.

    Attributes
    ----------
    x : Chosen
        (n, ...), or (n, steps, ...) where `time`.
    labels : (n,) int64 array
    time : bool
    """

    x: Chosen
    labels: np.ndarray
    time: bool

    def batch(self, rows: np.ndarray, draws: CounterDraws) -> Any:
        """The examples `rows`, time first; nothing about them is random."""
        x = self.x[rows]
        return np.ascontiguousarray(x.swapaxes(0, 1)) if self.time else x


@dataclass(frozen=True)
class Own(Record):
    """Arrays of one's own: train_x.npy, train_labels.npy and, if there is a test part, test_x.npy, test_labels.npy.

    Floats go to the network as they are. Bytes over time (`data.steps` above 0) are spikes, 0 and 1; so are bytes
    (n, features). Bytes (n, height, width, channels) are pixels, standardised by channel as CIFAR-10's.
    """

    def signal(self, options: Data) -> Signal:
        """As the training examples are; the head of their file is read.

        Raises
        ------
        InputError
            No such file, no array of examples, or `data.steps` is not its number of steps.
        """
        return signal_of(stored(options.folder / "train_x.npy"), options)

    def load(self, options: Data, *, fresh: bool = False, ranks: Ranks = ALONE) -> Dataset:
        """The arrays in their parts; they stay in their files.

        Raises
        ------
        InputError
            Missing or damaged files, arrays that do not fit together, NaN, bytes above 1 that are no pixels.
        """
        train, test = part_of(options, "train"), part_of(options, "test")
        signal = signal_of(train.x, options)
        if test.x.shape[1:] != train.x.shape[1:] or (test.x.dtype in BYTES) != (train.x.dtype in BYTES):
            raise InputError(
                f"{test.x.file.name} holds {test.x.dtype} {test.x.shape}, the training examples are {train.x.dtype} "
                f"{train.x.shape}; expected the same but the first axis"
            )
        pixels = pictures(train.x, options)
        if not pixels:
            for name in ("shift", "mirror", "cutout"):
                if getattr(options, name):
                    raise InputError(f"data.{name} is for images, bytes (n, height, width, channels); {train.x.shape}")
            ranks.from_first(lambda: check(train.x, test.x))
        classes = 1 + int(max(each.labels.max(initial=-1) for each in (train, test)))
        if pixels:
            return Whole(train.x, train.labels, test.x, test.labels).dataset(options, classes)
        over_time, (kept, held) = options.steps > 0, options.parts(len(train.labels))

        def some(part: Part, rows: np.ndarray) -> Stored:
            return Stored(part.x.only(rows), part.labels[rows], over_time)

        def given(x: np.ndarray, labels: np.ndarray) -> Split:
            return Arrays(x, labels, over_time)

        every = np.arange(len(test.labels))
        return Dataset(classes, signal, some(train, kept), some(train, held), some(test, every), given)


ARRAYS = Own("arrays", keys=(*HELD, "steps", "shift", "mirror", "cutout"), classes=0, counts=(0, 0))


def part_of(options: Data, name: str) -> Part:
    """The examples and labels of a part; none where a test part has no files."""
    root = options.folder
    paths = root / f"{name}_x.npy", root / f"{name}_labels.npy"
    if name == "test" and not any(path.exists() for path in paths):
        return Part(stored(root / "train_x.npy").none(), np.zeros(0, np.int64))
    x = stored(paths[0])
    with refusing(f"{paths[1]} cannot be read", OSError, ValueError), regular(paths[1]).open("rb") as file:
        labels = read_array(file, paths[1].stat().st_size)
    if labels.dtype.kind not in "iu" or labels.shape != x.shape[:1]:
        raise InputError(f"{paths[1]} holds {labels.dtype} {labels.shape}; expected integers {x.shape[:1]}")
    if labels.size and not 0 <= labels.min() <= labels.max() < 2**31:
        raise InputError(f"{paths[1]} holds labels from {labels.min()} to {labels.max()}; expected 0, 1, ...")
    return Part(x, labels.astype(np.int64))


def stored(path: Path) -> Rows:
    """The examples in a file of `numpy.save`, not read yet.

    Raises
    ------
    InputError
        No such file, or no array of numbers (n, ...) in C order.
    """
    if not path.exists():
        raise InputError(f"{path} is missing; data.name = 'arrays' takes train_x.npy and train_labels.npy in data.root")
    with refusing(f"{path} cannot be read", OSError, ValueError), regular(path).open("rb") as file:
        header = array_header(file, path.stat().st_size)
        if len(header.shape) < 2 or 0 in header.shape[1:] or (header.fortran and len(header.shape) > 1):
            order = " in Fortran order" * header.fortran
            raise ValueError(f"it holds {header.dtype} {header.shape}{order}; expected (n, ...) in C order")
        if header.dtype.byteorder == ">" or header.dtype.itemsize > 8:
            raise ValueError(f"it holds {header.dtype}; expected little-endian numbers of at most 64 bits")
        return Rows(Held(file), header.start, header.dtype, header.shape)


def pictures(x: Rows, options: Data) -> bool:
    """Whether the examples are pixels."""
    return x.dtype == np.uint8 and len(x.shape) == 4 and not options.steps


def signal_of(x: Rows, options: Data) -> Signal:
    """What a network takes that takes the examples."""
    domain = "binary" if x.dtype in BYTES and not pictures(x, options) else "real"
    if not options.steps:
        return Signal("values", x.shape[1:], domain)  # type: ignore[arg-type]
    if len(x.shape) < 3 or x.shape[1] != options.steps:
        raise InputError(
            f"data.steps is {options.steps}; {x.file.name} holds {x.shape}, expected (n, {options.steps}, ...)"
        )
    return Signal("values", x.shape[2:], domain, x.shape[1])  # type: ignore[arg-type]


def blocks(x: Rows) -> Iterator[tuple[int, int]]:
    """First rows and numbers of rows of pieces that fit into memory."""
    each = max(BLOCK // int(np.prod(x.shape[1:])), 1)
    return ((first, min(each, len(x) - first)) for first in range(0, len(x), each))


def check(*parts: Rows) -> None:
    """Raise InputError where a number is not finite, or a byte is above 1; a block at a time."""
    for x, (first, count) in ((part, piece) for part in parts for piece in blocks(part)):
        block = x.spans(np.array([first]), np.array([count]))
        if block.dtype in BYTES:
            if block.view(np.uint8).max() > 1:
                raise InputError(
                    f"{x.file.name} holds the byte {block.max()}; bytes are spikes, 0 and 1, or pixels (n, height, "
                    "width, channels) without data.steps"
                )
        elif not np.isfinite(block).all():
            raise InputError(f"{x.file.name} holds NaN or infinity; expected finite numbers")
