"""Event data sets that tonic distributes as arrays, a file a recording: PokerDVS and DVS Gesture."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

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
    paths = [path for suit in POKER for path in sorted((folder / suit).glob("*.npy"))]
    for path in found(paths, folder, "<suit>/*.npy", POKER_ADDRESS):
        t, x, y, polarity = columns(path, POKER_SHAPE)
        yield Seen(t / 1000.0, x, y, polarity, POKER.index(path.parent.name))


def gestures(folder: Path) -> Iterator[Seen]:
    """DVS Gesture (Amir et al. 2017): folder/user<n>_<light>/<label>.npy with the columns x, y, polarity, milliseconds.

    Raises
    ------
    InputError
        No such files, a damaged one, or names of another form.
    """
    for path in found(sorted(folder.glob("user*_*/*.npy")), folder, "user<n>_<light>/<label>.npy", GESTURE_ADDRESS):
        user, label = path.parent.name[4:].split("_")[0], path.stem
        if not user.isdigit() or not label.isdigit() or int(label) >= GESTURES:
            raise InputError(f"{path} is not named user<n>_<light>/<label>.npy with a label below {GESTURES}")
        x, y, polarity, t = columns(path, GESTURE_SHAPE, order=(3, 0, 1))
        yield Seen(t, x, y, polarity, int(label), int(user))


def found(paths: list[Path], folder: Path, pattern: str, address: str) -> list[Path]:
    """The paths; raises InputError if there are none."""
    if not paths:
        raise InputError(f"{folder} holds no files {pattern}; they are from {address}, see docs/data.md")
    return paths


def columns(path: Path, shape: tuple[int, int, int], order: tuple[int, int, int] = (0, 1, 2)) -> np.ndarray:
    """The four columns of a file, int64; `order` says which are time, x and y."""
    try:
        table = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.shape[1] != 4 or table.dtype.kind not in "iuf":
        raise InputError(f"{path} is {getattr(table, 'dtype', '')} {getattr(table, 'shape', '')}; expected (events, 4)")
    out = table.astype(np.int64).T
    for name, column, size in (("x", order[1], shape[1]), ("y", order[2], shape[0])):
        if out.shape[1] and not 0 <= out[column].min() <= out[column].max() < size:
            raise InputError(
                f"{path} has {name} from {out[column].min()} to {out[column].max()}; expected below {size}"
            )
    return out
