"""What is known of a data set before a file of it is read: all of it in one record, in the data set's own file."""

from dataclasses import dataclass
from pathlib import Path

from refsbnn.data.dataset import Dataset
from refsbnn.data.options import Data
from refsbnn.layers.signal import Signal
from refsbnn.ranks import ALONE, Ranks

HELD = ("root", "held_out")


@dataclass(frozen=True)
class Archive:
    """One official archive.

    Attributes
    ----------
    url, name : str
    md5 : str
        As its publishers or tonic state it.
    into : str
        Folder below the root in which it is unpacked.
    gives : str
        What is there then, below the root.
    instead : str
        What will do as well, if it lies there.
    """

    url: str
    name: str
    md5: str
    into: str
    gives: str
    instead: str = ""

    def wanted(self, root: Path) -> str:
        """What to get, where to put it and where from."""
        return f"{self.name} (md5 {self.md5}) in {root / self.into}, from {self.url}"


@dataclass(frozen=True)
class Record:
    """A data set.

    Attributes
    ----------
    name : str
        What `data.name` calls it.
    keys : tuple of str
        What else the section [data] takes for it.
    classes : int
    counts : (int, int)
        Examples of the official training and test parts.
    archives : tuple of Archive
        Where its files come from; none if they are in the package. Of events, the training part's and the test part's.
    density : float, optional
        Of events: the share of (step, unit) pairs that hold one, for inputs that stand for them where time is measured.
    """

    name: str
    keys: tuple[str, ...]
    classes: int
    counts: tuple[int, int]
    archives: tuple[Archive, ...] = ()
    density: float | None = None

    def signal(self, options: Data) -> Signal:
        """What its batches are; no file is read."""
        raise NotImplementedError

    def load(self, options: Data, *, fresh: bool = False, ranks: Ranks = ALONE) -> Dataset:
        """The data set in its parts.

        Parameters
        ----------
        options : Data
        fresh : bool
            Whether the official files are read even where their events have been kept; nothing is kept then.
        ranks : Ranks
            Those that load it together, all with the same options; none of several holds examples in memory that lie
            in files.

        Raises
        ------
        InputError
            Missing or damaged files.
        """
        raise NotImplementedError

    def check_kept(self, path: Path) -> None:
        """Read a file that was made from the official ones; raises InputError where it is damaged."""
        raise NotImplementedError
