"""DVS Gesture (Amir et al. 2017): gestures of hands and arms seen by an event camera, in tonic's version."""

import re
from collections.abc import Iterator
from pathlib import Path

from refsbnn.data.event_sets import CAMERA, EventSet, Share
from refsbnn.data.files import columns
from refsbnn.data.pixels import Seen
from refsbnn.data.record import Archive
from refsbnn.errors import InputError

GESTURES = 11
ADDRESS = "https://figshare.com/ndownloader/files/38022171 (train) and 38020584 (test)"
FIGSHARE = "https://figshare.com/ndownloader/files/"


def read(folder: Path, share: Share = range) -> Iterator[Seen]:
    """A share of a part's recordings: folder/user<n>_<light>/<label>.npy with the columns x, y, polarity, milliseconds.

    Raises
    ------
    InputError
        No such files, a damaged one, or names of another form.
    """
    paths = sorted(folder.glob("user*_*/*.npy"))
    if not paths:
        raise InputError(
            f"{folder} holds no files user<n>_<light>/<label>.npy; they are from {ADDRESS}, see docs/data.md"
        )
    for path in (paths[number] for number in share(len(paths))):
        names = re.fullmatch(r"user([0-9]+)_.*/([0-9]+)\.npy", f"{path.parent.name}/{path.name}")
        if names is None:
            raise InputError(f"{path} is not named user<n>_<light>/<label>.npy with a label below {GESTURES}")
        x, y, polarity, t = columns(path)
        yield Seen(t, x, y, polarity, int(names[2]), int(names[1]), str(path))


DVS_GESTURE = EventSet(
    name="dvs_gesture",
    keys=CAMERA,
    classes=GESTURES,
    counts=(1_077, 264),
    archives=tuple(
        Archive(f"{FIGSHARE}{number}", f"{name}.tar.gz", md5, "DVSGesture", f"DVSGesture/{name}")
        for number, name, md5 in (
            ("38022171", "ibmGestureTrain", "3a8f0d4120a166bac7591f77409cb105"),
            ("38020584", "ibmGestureTest", "56070e45dadaa85fff82e0fbfbc06de5"),
        )
    ),
    density=0.1,
    shape=(128, 128, 2),
    read=read,
)
