"""The record of a run on disk: metrics.csv, row by row, and files for TensorBoard if asked."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refsbnn.errors import InputError
from refsbnn.files import write_bytes, write_text
from refsbnn.training.state import Row

ROOM = 1 << 16  # bytes; an epoch takes a few thousand


def metrics(history: Sequence[Row]) -> str:
    """The record of some epochs as comma-separated values."""
    text = io.StringIO()
    if history:
        writer = csv.DictWriter(text, fieldnames=list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
    return text.getvalue()


class Metrics:
    """A CSV file that gets each row as its epoch ends; it begins with the rows of the epochs done before.

    Rows that an interrupted session wrote after its last checkpoint are gone: their epochs are trained again.
    """

    def __init__(self, path: Path, history: Sequence[Row]) -> None:
        self.path, self.rows = path, list(history)
        write_text(path, metrics(self.rows))

    def add(self, row: Row) -> None:
        """Write the file with one more row."""
        self.rows.append(row)
        write_text(self.path, metrics(self.rows))


class Board:
    """Files for TensorBoard, through tensorboardX or PyTorch's own writer, whichever is installed.

    Raises
    ------
    InputError
        Neither is installed, or the disk is full.
    """

    def __init__(self, folder: Path, epochs: int) -> None:
        make, self.folder = writer(), folder
        self.room()
        # What a session wrote after its last checkpoint is marked as void.
        self.writer: Any = make(str(folder), purge_step=epochs + 1)

    def room(self) -> None:
        """Refuse a disk on which an epoch's numbers have no room: the writers fail in a thread, with a traceback."""
        path = self.folder / ".room"
        write_bytes(path, bytes(ROOM))
        path.unlink()

    def add(self, row: Row) -> None:
        """Write the numbers of an epoch."""
        self.room()
        for name, value in row.items():
            if name != "epoch":
                self.writer.add_scalar(name.replace(".", "/", 1), value, int(row["epoch"]))
        self.writer.flush()

    def close(self) -> None:
        """Finish the file."""
        self.writer.close()


def writer() -> Any:
    """The class that writes TensorBoard's files."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise InputError(
                "training.tensorboard needs a writer that is not installed: pip install 'refsbnn[tensorboard]'"
            ) from None
    return SummaryWriter
