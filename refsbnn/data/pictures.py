"""Pictures of one's own: a folder for each class. Needs Pillow, the extra `images`."""

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from refsbnn.data import kept
from refsbnn.data.dataset import Dataset
from refsbnn.data.options import Data
from refsbnn.data.record import HELD, Record
from refsbnn.data.whole import Whole, shared, stored
from refsbnn.errors import InputError, refusing
from refsbnn.files import regular
from refsbnn.layers.signal import Signal
from refsbnn.ranks import ALONE, Ranks

ENDS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
COLOURS = 3
LARGEST = 1 << 12  # pixels a side that a picture may be asked to have


@dataclass(frozen=True)
class Pictures(Record):
    """Pictures in <root>/train/<class>/ and, if there is a test part, <root>/test/<class>/.

    Each is cut to its largest square in the middle and brought to `side` x `side` pixels in three colours, then
    standardised by channel as CIFAR-10's. The classes are the folders of train/ in alphabetical order.
    """

    def signal(self, options: Data) -> Signal:
        """An image."""
        return Signal("values", (options.side, options.side, COLOURS))

    def load(self, options: Data, *, fresh: bool = False, ranks: Ranks = ALONE) -> Dataset:
        """All pictures in memory of one process; several read them by rows from a file that is kept.

        Raises
        ------
        InputError
            No such folders, a file that is no picture, no place for that file, or Pillow is not installed.
        """
        if options.side > LARGEST:
            raise InputError(f"data.side is {options.side}; accepted: 1 to {LARGEST}")
        root, side = options.folder, options.side
        names = classes(root)

        def made() -> Whole:
            return Whole(*read(root / "train", names, side), *read(root / "test", names, side))

        def facts() -> dict[str, Any]:
            return {"classes": names, "files": kept.state(root / "train"), "test": kept.state(root / "test")}

        if fresh or ranks.size == 1:
            whole = made()
        else:
            path = root / kept.KEPT / f"{options.name}-{side}.h5"
            whole = shared(path, facts, made, (side, side, COLOURS), len(names), ranks)
        return whole.dataset(options, len(names))

    def check_kept(self, path: Path) -> None:
        """As in `Record`."""
        side = int(path.stem.rpartition("-")[2])
        stored(path, {}, (side, side, COLOURS), 2**31)


PICTURES = Pictures("pictures", keys=(*HELD, "side", "shift", "mirror", "cutout"), classes=0, counts=(0, 0))


def classes(root: Path) -> list[str]:
    """The names of the classes."""
    names = sorted(path.name for path in (root / "train").glob("*") if path.is_dir() and not path.name.startswith("."))
    if not names:
        raise InputError(f"{root / 'train'} holds no folders; data.name = 'pictures' takes train/<class>/<picture>")
    return names


def read(folder: Path, names: list[str], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (n, side, side, 3) uint8 and labels (n,) of a part; none where a test part has no folder."""
    try:
        import PIL.Image
        import PIL.ImageOps
    except ImportError:
        raise InputError("pictures need Pillow: pip install 'refsbnn[images]'") from None
    found = [
        (path, label)
        for label, name in enumerate(names)
        for path in sorted((folder / name).glob("*"))
        if path.suffix.lower() in ENDS
    ]
    unknown = sorted({path.name for path in folder.glob("*") if path.is_dir()} - set(names))
    if unknown:
        raise InputError(f"{folder / unknown[0]} is no class of the training part; those are {', '.join(names)}"[:500])
    if folder.name == "train" and not found:
        raise InputError(f"{folder} holds no pictures; accepted: {', '.join(ENDS)}")
    x = np.empty((len(found), side, side, COLOURS), np.uint8)
    told = tqdm(found, f"reading {folder}", unit="picture", disable=None, delay=2.0, file=sys.stderr)
    for number, (path, _) in enumerate(told):
        # Pillow's exceptions are of many kinds; a picture of a huge claimed size is a warning of its own.
        with refusing(f"{path} cannot be read", Exception), warnings.catch_warnings():
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(regular(path)) as picture:
                square = PIL.ImageOps.fit(picture.convert("RGB"), (side, side), PIL.Image.Resampling.BILINEAR)
        x[number] = np.asarray(square)
    return x, np.array([label for _, label in found], np.int64)
