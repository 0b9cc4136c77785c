"""Event data sets that tonic distributes as arrays, a file a recording: PokerDVS and DVS Gesture."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from refsbnn.data.files import found
from refsbnn.data.pixels import Seen
from refsbnn.errors import InputError

POKER, POKER_SHAPE = ("cl", "he", "di", "sp"), (35, 35, 2)
POKER_ADDRESS = "https://github.com/neuromorphs/tonic (tonic/datasets)"
GESTURE_SHAPE, GESTURES = (128, 128, 2), 11
GESTURE_ADDRESS = "https://figshare.com/ndownloader/files/38022171 (train) and 38020584 (test)"


def poker(folder: Path) -> Iterator[Seen]:
    """PokerDVS (Serrano-Gotarredona 2015): folder/<suit>/*.npy with the columns microseconds, x, y, polarity.

    Raises
    ------
    InputError
        No such files, or a damaged one.
    """
    for path in found(folder, POKER, "*.npy", POKER_ADDRESS):
        t, x, y, polarity = columns(path)
        yield Seen(t / 1000.0, x, y, polarity, POKER.index(path.parent.name), name=str(path))


def gestures(folder: Path) -> Iterator[Seen]:
    """DVS Gesture (Amir et al. 2017): folder/user<n>_<light>/<label>.npy with the columns x, y, polarity, milliseconds.

    Raises
    ------
    InputError
        No such files, a damaged one, or names of another form.
    """
    paths = sorted(folder.glob("user*_*/*.npy"))
    if not paths:
        raise InputError(
            f"{folder} holds no files user<n>_<light>/<label>.npy; they are from {GESTURE_ADDRESS}, see docs/data.md"
        )
    for path in paths:
        names = re.fullmatch(r"user([0-9]+)_.*/([0-9]+)\.npy", f"{path.parent.name}/{path.name}")
        if names is None:
            raise InputError(f"{path} is not named user<n>_<light>/<label>.npy with a label below {GESTURES}")
        x, y, polarity, t = columns(path)
        yield Seen(t, x, y, polarity, int(names[2]), int(names[1]), str(path))


def columns(path: Path) -> np.ndarray:
    """The four columns of a file of `numpy.save`, int64: (4, events)."""
    try:
        with path.open("rb") as file:
            table = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if table.ndim != 2 or table.shape[1] != 4 or table.dtype.kind not in "iuf":
        raise InputError(f"{path} is {table.dtype} {table.shape}; expected numbers, (events, 4)")
    if not np.isfinite(table).all():
        raise InputError(f"{path} holds NaN or infinity; expected finite numbers")
    return table.astype(np.int64).T
