"""Files appear whole or not at all, with the user's permissions, and a full disk costs nothing that was there."""

import io
import os
import struct
import time
from pathlib import Path

import numpy as np
import pytest

from refsbnn import files
from refsbnn.errors import InputError
from tests.refsbnn.disks import fill, small_disk


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    for text in ("before", "after"):
        files.write_text(tmp_path / "new" / "file", text)
        assert (tmp_path / "new" / "file").read_text() == text
    files.write_bytes(tmp_path / "new" / "file", b"in ", b"parts")
    assert (tmp_path / "new" / "file").read_bytes() == b"in parts"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"folder is a directory; expected the name of a file"):
        files.write_text(tmp_path / "folder", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    for name in ("a" * 256, "a\0b"):
        with pytest.raises((InputError, ValueError)):
            files.write_text(tmp_path / name, "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    files.write_text(tmp_path / ("a" * 255), "as long as a name may be")


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_permissions_that_the_umask_gives(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        files.write_text(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_text(tmp_path / "file", "before")

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write_text(tmp_path / "file", "after")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "before")]


WRITERS = {
    "bytes": lambda path, n: files.write_bytes(path, bytes(n)),
    "text": lambda path, n: files.write_text(path, "a" * n),
    "json": lambda path, n: files.write_json(path, {"a": "a" * n}),
    "arrays": lambda path, n: files.write_arrays(path, {"a": np.zeros(n, np.uint8)}),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_one_line_and_the_old_file_stays(kind: str, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 200) as disk:
        path = disk / "file"
        WRITERS[kind](path, 100)
        before = path.read_bytes()
        fill(disk, 8)
        with pytest.raises(InputError, match=rf"^cannot write {path}: No space left on device$"):
            WRITERS[kind](path, 100_000)
        assert path.read_bytes() == before
        assert sorted(item.name for item in disk.iterdir()) == ["file", "filling"]


def test_what_killed_processes_left_is_cleared(tmp_path: Path) -> None:
    old, fresh, mine = tmp_path / f".a{files.UNFINISHED}", tmp_path / f".b{files.UNFINISHED}", tmp_path / ".mine"
    for path in (old, fresh, mine):
        path.touch()
    long_ago = time.time() - files.HOUR - 1.0
    for path in (old, mine):
        os.utime(path, (long_ago, long_ago))
    files.clear(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([fresh.name, mine.name])
    files.clear(tmp_path, older=0.0)
    assert [path.name for path in tmp_path.iterdir()] == [".mine"]


def test_numbers_that_are_not_finite_are_no_json(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"cannot write {tmp_path}/a\.json: "):
        files.write_json(tmp_path / "a.json", {"a": float("inf")})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.zeros((0, 4)), np.array(3), np.ones((3, 2), "f4").T]
)
def test_an_array_comes_back(array: np.ndarray) -> None:
    stream = io.BytesIO()
    np.save(stream, array)
    found = files.read_array(io.BytesIO(stream.getvalue()), len(stream.getvalue()))
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)


def test_a_regular_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert files.regular(tmp_path / "a").read_bytes() == b""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/null")):
        with pytest.raises(OSError, match="it is no regular file"):
            files.regular(path)


def header(text: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}\n") + bytes(8),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (9" + b"9" * 5000 + b",)}\n"),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}\n"),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}\n") + bytes(8),
        header(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n") + bytes(8),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)"),
        header(b"(" * 3000),
        header(b"'''"),
    ],
)
def test_headers_that_claim_what_is_not_there(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        files.read_array(io.BytesIO(content), len(content))
    assert type(caught.value) is ValueError
    assert len(str(caught.value)) <= 200
