"""PokerDVS (Serrano-Gotarredona 2015): suits of cards seen by an event camera, in tonic's version."""

from collections.abc import Iterator
from pathlib import Path

from refsbnn.data.event_sets import CAMERA, EventSet, Share
from refsbnn.data.files import columns, found
from refsbnn.data.pixels import Seen
from refsbnn.data.record import Archive

SUITS = ("cl", "he", "di", "sp")
ADDRESS = "https://github.com/neuromorphs/tonic (tonic/datasets)"
TONIC = "https://raw.githubusercontent.com/neuromorphs/tonic/develop/tonic/datasets/"


def read(folder: Path, share: Share = range) -> Iterator[Seen]:
    """A share of the recordings of a part: folder/<suit>/*.npy with the columns microseconds, x, y, polarity.

    Raises
    ------
    InputError
        No such files, or a damaged one.
    """
    paths = found(folder, SUITS, "*.npy", ADDRESS)
    for path in (paths[number] for number in share(len(paths))):
        t, x, y, polarity = columns(path)
        yield Seen(t / 1000.0, x, y, polarity, SUITS.index(path.parent.name), name=str(path))


POKERDVS = EventSet(
    name="pokerdvs",
    keys=CAMERA,
    classes=len(SUITS),
    counts=(48, 20),
    archives=tuple(
        Archive(f"{TONIC}pips_{part}.tar.gz", f"pips_{part}.tar.gz", md5, "POKERDVS", f"POKERDVS/pips_{part}")
        for part, md5 in (
            ("train", "412bcfb96826e4fcb290558e8c150aae"),
            ("test", "eef2bf7d0d3defae89a6fa98b07c17af"),
        )
    ),
    shape=(35, 35, 2),
    read=read,
)
