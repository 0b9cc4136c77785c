"""The checkpoints of a run: sealed files in its folder, the last few kept."""

from collections.abc import Callable
from pathlib import Path

from refsbnn import files, sealed
from refsbnn.errors import InputError
from refsbnn.sealed import Content, Damaged

FOLDER = "checkpoints"


def saved(out: Path) -> list[Path]:
    """The checkpoints in the folder of a run, newest first."""
    return sorted((out / FOLDER).glob("[0-9]*.h5"), reverse=True)


def save(out: Path, step: int, content: Content, keep: int) -> Path:
    """Write the checkpoint of a step into the folder of a run; only the newest `keep` stay."""
    path = out / FOLDER / f"{step:010d}.h5"
    sealed.write(path, content)
    files.clear(out / FOLDER, older=0.0)  # no other process writes here: the folder is locked
    for old in saved(out)[keep:]:
        old.unlink(missing_ok=True)
    return path


def newest(out: Path, warn: Callable[[str], None]) -> tuple[Path, Content]:
    """The newest checkpoint that is whole; `warn` gets a line a damaged one.

    Raises
    ------
    InputError
        There is none, or every one is damaged.
    """
    paths = saved(out)
    for path in paths:
        try:
            return path, sealed.read(path)
        except Damaged as error:
            warn(f"checkpoint {path} is damaged ({error}); looking for the one before it")
    if paths:
        raise InputError(
            f"none of the {len(paths)} checkpoints in {out / FOLDER} is whole; begin again in another --out"
        )
    raise InputError(f"{out} holds no checkpoint")
