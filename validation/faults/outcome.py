"""What a run left in its folder, without times: two that are equal are equal to the bit."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from refsbnn import sealed
from refsbnn.errors import InputError
from refsbnn.training.checkpoint import FOLDER as CHECKPOINTS

TIMES = ("seconds", "since", "begun")  # keys and columns that no two runs have in common


def outcome(folder: Path) -> dict[str, Any]:
    """The arrays, records and results below a folder, by path: of checkpoints the newest, of figures nothing.

    Raises
    ------
    InputError
        A file that is not whole.
    """
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            newest = path.parent.name != CHECKPOINTS or path == max(path.parent.glob("[0-9]*.h5"))
            if newest and (content := read(path)) is not None:
                found[str(path.relative_to(folder))] = content
    return found


def read(path: Path) -> Any:
    """What a file holds, without times; None of one that does not count.

    Raises
    ------
    InputError
        It is not whole.
    """
    kind = READERS.get(path.suffix)
    try:
        return None if kind is None else kind(path)
    except Exception as error:
        raise InputError(f"{path} is not whole: {error}") from None


def _arrays(path: Path) -> dict[str, str]:
    with np.load(path) as arrays:
        return {key: digest(arrays[key]) for key in arrays.files}


def _sealed(path: Path) -> dict[str, Any] | None:
    with path.open("rb") as file:
        if file.read(len(sealed.TITLE)) != sealed.TITLE:
            return None  # an official file
    content = sealed.read(path)
    facts = {key: value for key, value in content.facts.items() if key != "files"}  # which holds the source's age
    return {**{key: digest(array) for key, array in content.arrays.items()}, "facts": timeless(facts)}


def _table(path: Path) -> list[dict[str, str]]:
    text = path.read_text(encoding="utf-8")
    if text and not text.endswith("\n"):  # none before the first epoch ends
        raise ValueError("its last line has no end")
    rows = list(csv.DictReader(text.splitlines(), strict=True))
    if any(None in row or None in row.values() for row in rows):
        raise ValueError("its rows are of different lengths")
    return [timeless(row) for row in rows]


def _json(path: Path) -> Any:
    return timeless(json.loads(path.read_text(encoding="utf-8")))


READERS = {".npz": _arrays, ".h5": _sealed, ".csv": _table, ".json": _json}


def digest(array: np.ndarray) -> str:
    """An array's type, shape and bits, in few characters."""
    return f"{array.dtype} {array.shape} {hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]}"


def timeless(value: Any) -> Any:
    """A value of JSON without the times in it."""
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items() if key not in TIMES}
    return [timeless(each) for each in value] if isinstance(value, list) else value


def difference(a: dict[str, Any], b: dict[str, Any]) -> str:
    """The first path at which two outcomes differ, and how; empty where they are equal."""
    for path in sorted(a.keys() | b.keys()):
        if path not in a or path not in b:
            return f"{path} is in one of them alone"
        if a[path] != b[path]:
            return f"{path} differs"
    return ""
