"""Files of what was made from the official ones: made once, by one rank or by shares, and read by rows by all ranks."""

import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from refsbnn import __version__, files, sealed
from refsbnn.errors import InputError, refusing
from refsbnn.ranks import Ranks

T = TypeVar("T")

KEPT = "refsbnn"  # folder below the root of the data
PIECE = 1 << 26  # bytes of a file in a message
LAYOUT = "rows"  # earlier files held compressed arrays, which cannot be read by rows: they are made again


def shared(
    path: Path,
    facts: Callable[[], dict[str, Any]],
    make: Callable[[], T | None],
    save: Callable[[Path, T, dict[str, Any]], str],
    load: Callable[[Path, dict[str, Any], str | None], T | None],
    ranks: Ranks,
) -> T:
    """What the file at `path` holds, on all ranks, which have to come here together; it is made where it is missing.

    The first rank looks for the file and holds it to its checksum, once. A machine that does not see that very file
    (its disk is its own) gets a copy.

    Parameters
    ----------
    path : Path
    facts : callable
        What makes the file what it is: one that says otherwise is made again. Asked on the first rank alone.
    make : callable
        Called on all ranks where there is no such file; what it gives on the first is written.
    save, load : callable
        As `refsbnn.data.recordings.save` and `load`.
    ranks : Ranks

    Raises
    ------
    InputError
        A damaged file, or one that cannot be written where there are several ranks; one process goes on with what it
        has made, and says so.
    """

    def found() -> str | None:
        if not path.is_file():
            return None
        with damaged(path), path.open("rb") as raw:
            seal = sealed.verified(raw)
        return None if load(path, facts(), seal) is None else seal

    seal = ranks.from_first(found)
    if seal is None:
        made = make()

        def keep() -> str:
            assert made is not None  # on the first rank
            return save(path, made, facts())

        try:
            seal = ranks.from_first(keep)
        except InputError as error:
            if ranks.size > 1 or made is None:
                raise InputError(f"{error}; it is what several ranks read their examples from") from None
            print(f"refsbnn: not kept for later runs: {error}", file=sys.stderr)
            return made
        made = None
    spread(path, seal, ranks)
    out = load(path, {}, seal)
    if out is None:
        raise InputError(f"{path} is of another version of refsbnn")
    return out


def spread(path: Path, seal: str, ranks: Ranks) -> None:
    """Copy the first rank's file of a checksum to every machine on which there is none; all ranks at once."""
    while ranks.agreed(lacking := not has(path, seal)):
        writes = ranks.one_each_machine(lacking)
        size = ranks.from_first(lambda: length(path))
        pieces: list[bytes] = []
        for start in range(0, size, PIECE):
            piece = ranks.from_first(lambda start=start: part(path, start))  # type: ignore[misc]
            if writes:
                pieces.append(piece)

        def write(pieces: list[bytes] = pieces, writes: bool = writes) -> None:
            if writes:
                files.write_bytes(path, *pieces)
                if not has(path, seal):
                    raise InputError(f"{path} has been replaced while it was copied; start again")

        ranks.to_first(write)


def has(path: Path, seal: str) -> bool:
    """Whether there is a file that says it has this checksum."""
    try:
        with path.open("rb") as raw:
            return sealed.stated(raw) == seal
    except (OSError, sealed.Damaged):
        return False


def length(path: Path) -> int:
    """Bytes of a file."""
    with refusing(f"{path} cannot be read", OSError):
        return path.stat().st_size


def part(path: Path, start: int) -> bytes:
    """A piece of a file."""
    with refusing(f"{path} cannot be read", OSError), path.open("rb") as raw:
        return os.pread(raw.fileno(), PIECE, start)


def state(source: Path) -> list[int]:
    """Number, bytes and newest change (ns) of a file or of a folder's files: what was made of others is made again."""
    each = []
    for path in [source] if source.is_file() else source.rglob("*"):
        with refusing(f"{path} cannot be read", OSError):  # a symbolic link to nothing, or to itself
            each.append(path.stat())
    return [len(each), sum(one.st_size for one in each), max((one.st_mtime_ns for one in each), default=0)]


def write(path: Path, arrays: dict[str, Any], facts: dict[str, Any]) -> str:
    """Write arrays in one step, behind a checksum, with what made them as `facts`; returns the checksum.

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    files.clear(path.parent)
    return sealed.write(path, sealed.Content(arrays, {"refsbnn": __version__, "layout": LAYOUT, **facts}))


def read(
    path: Path, facts: dict[str, Any], rows: Collection[str], build: Callable[..., T], seal: str | None = None
) -> T | None:
    """What `build` makes of a file's arrays if they were made with the same facts; None if not.

    Parameters
    ----------
    path : Path
    facts : dict
    rows : collection of str
        Arrays that are not loaded: they are `refsbnn.rows.Rows`.
    build : callable
        Raises ValueError or TypeError where the arrays, given by name, do not fit together.
    seal : str, optional
        The checksum that the file has, where it has been held to it before.

    Raises
    ------
    InputError
        A damaged file.
    """
    with damaged(path):
        content = sealed.read(path, rows, seal)
        wanted = {"layout": LAYOUT, **facts}
        if {key: content.facts.get(key) for key in wanted} != wanted:
            return None
        return build(**content.arrays)


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Refuse a file that is not what was written, and say what to do."""
    try:
        yield
    except (sealed.Damaged, OSError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}; delete it, and it is made again") from None
