"""A disk that loses its power: what calls to the operating system leave behind if it goes off between any two of them.

What POSIX promises, and no more: a file's content is there after `fsync` of the file; that it was made, renamed or
removed is so after `fsync` of its folder. Until then each of these may have happened or not, whatever the others did.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Entry(NamedTuple):
    """A change of a folder: the name `path` now leads to the file `file`, a folder (-1) or nothing (None)."""

    path: str
    file: int | None


FOLDER = -1


class Disk:
    """A recorder of calls in and below a folder, and what the disk holds at each moment.

    Attributes
    ----------
    content : dict
        A file's bytes at its last `fsync`, by a number that only it has.
    moments : list
        After each call the durable entries, those that may or may not be, and how many `marks` there were.
    """

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.content: dict[int, bytes] = {}
        self.moments: list[tuple[dict[str, int], list[list[Entry]], int]] = []
        self.marks = 0
        self._durable: dict[str, int] = {}
        self._pending: list[list[Entry]] = []  # a rename is two entries of one change
        self._names: dict[str, int] = {}
        self._handles: dict[int, str] = {}
        self._new = itertools.count()

    def inside(self, path: Any) -> bool:
        """Whether the call is of this disk."""
        return not isinstance(path, int) and os.fspath(path).startswith(self.root)

    def changed(self, *entries: Entry) -> None:
        """A folder was changed."""
        for path, file in entries:
            if file is None:
                self._names.pop(path, None)
            else:
                self._names[path] = file
        self._pending.append(list(entries))
        self.moment()

    def moment(self) -> None:
        """Remember what a power cut would find now."""
        self.moments.append((dict(self._durable), [list(change) for change in self._pending], self.marks))

    def synced(self, path: str) -> None:
        """A file or a folder was brought to the disk."""
        if os.path.isdir(path):
            for change in [change for change in self._pending if os.path.dirname(change[0].path) == path]:
                self._pending.remove(change)
                self.apply(self._durable, change)
        elif path in self._names:
            self.content[self._names[path]] = Path(path).read_bytes()
        self.moment()

    @staticmethod
    def apply(names: dict[str, int], change: list[Entry]) -> None:
        """Make a change of a folder."""
        for path, file in change:
            if file is None:
                names.pop(path, None)
            else:
                names[path] = file

    def after_a_cut(self) -> Iterator[tuple[dict[str, bytes | None], int]]:
        """What may be found after a power cut: contents by path (None: not all of it), and the marks there were."""
        for durable, pending, marks in self.moments:
            for chosen in itertools.product((False, True), repeat=len(pending)):
                names = dict(durable)
                for change, happened in zip(pending, chosen, strict=True):
                    if happened:
                        self.apply(names, change)
                reached = {
                    path: self.content.get(file)
                    for path, file in names.items()
                    if file != FOLDER and all(str(up) in names for up in above(path, self.root))
                }
                yield reached, marks

    @contextmanager
    def recorded(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        """Inside, calls are recorded, and done."""
        real: dict[str, Callable[..., Any]] = {
            name: getattr(os, name) for name in ("open", "fsync", "replace", "unlink", "mkdir")
        }

        def opened(path: Any, flags: int, *more: Any, **options: Any) -> int:
            new = self.inside(path) and flags & os.O_CREAT and not os.path.exists(path)
            handle: int = real["open"](path, flags, *more, **options)
            if self.inside(path):
                self._handles[handle] = os.fspath(path)
                if new:
                    self.changed(Entry(os.fspath(path), next(self._new)))
            return handle

        def synced(handle: int) -> None:
            real["fsync"](handle)
            if handle in self._handles:
                self.synced(self._handles[handle])

        def renamed(a: Any, b: Any) -> None:
            real["replace"](a, b)
            if self.inside(b):
                old, new = os.fspath(a), os.fspath(b)
                self.changed(Entry(new, self._names[old]), Entry(old, None))

        def removed(path: Any, **options: Any) -> None:
            real["unlink"](path, **options)
            if self.inside(path):
                self.changed(Entry(os.fspath(path), None))

        def made(path: Any, *more: Any) -> None:
            real["mkdir"](path, *more)
            if self.inside(path):
                self.changed(Entry(os.fspath(path), FOLDER))

        calls = {"open": opened, "fsync": synced, "replace": renamed, "unlink": removed, "mkdir": made}
        with patch.context() as patched:
            for name, call in calls.items():
                patched.setattr(os, name, call)
            yield


def above(path: str, root: str) -> list[Path]:
    """The folders between a path and the root, without either."""
    return [up for up in Path(path).parents if str(up) != root and str(up).startswith(root)]
