"""The power may go at any moment: no file is ever half there, and no checkpoint is given up before the next is safe."""

import io
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refsbnn import files, sealed
from refsbnn.cli import main
from refsbnn.data import official, recordings
from refsbnn.training import checkpoint
from tests.refsbnn.power import Disk

TRAIN = ["train", "digits_binary", "model.hidden=[4]", "training.epochs=3", "training.batch=512"]
TRAIN += ["evaluation.samples=1", "training.checkpoint=0"]


Ends = list[tuple[dict[str, bytes | None], int]]


def visible(path: str) -> bool:
    """Whether a file is one that anything reads: neither temporary nor a lock."""
    return not Path(path).name.startswith(".")


def torn(ends: Ends) -> set[str]:
    """The files that a power cut can leave half-written under their own names."""
    return {path for found, _ in ends for path, text in found.items() if visible(path) and text is None}


def lost(ends: Ends) -> bool:
    """Whether a power cut can leave a run without a whole checkpoint after its first one was saved."""
    return any(
        marks and not any(path.endswith(".h5") and text for path, text in found.items()) for found, marks in ends
    )


def saved(disk: Disk, root: Path, patch: pytest.MonkeyPatch, times: int = 3) -> None:
    """Checkpoints written to a disk, in folders that were not there."""
    with disk.recorded(patch):
        for step in range(times):
            checkpoint.save(root / "runs" / "one", step, sealed.Content({}, {"step": step}), keep=1)
            disk.marks += 1
            disk.moment()


def test_a_training_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, from folders that are not there to the last figure."""
    disk, out = Disk(tmp_path), tmp_path / "runs" / "one"
    save = checkpoint.save

    def counted(*arguments: Any) -> Path:
        path = save(*arguments)
        disk.marks += 1
        disk.moment()
        return path

    monkeypatch.setattr(checkpoint, "save", counted)
    with disk.recorded(monkeypatch):
        assert main([*TRAIN, "--out", str(out)]) == 0
    assert disk.marks > 3
    ends = list(disk.after_a_cut())
    assert not torn(ends)
    assert not lost(ends)
    files_of_run = {str(path) for path in out.iterdir() if path.is_file()}
    done = [found for found, _ in ends if str(out / "result.json") in found]
    assert done  # a result stands for parameters, a record and figures that are there
    assert all(files_of_run <= found.keys() for found in done)
    assert {str(path) for path in out.rglob("*") if path.is_file()} == set(ends[-1][0])


def test_binned_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = recordings.binned([recordings.Recording([0.0], [1], 0)], 1.0, 3, 3)
    disk, path = Disk(tmp_path), tmp_path / "data" / "refsbnn" / "shd.h5"
    with disk.recorded(monkeypatch):
        for facts in ({"n": 1}, {"n": 2}):
            recordings.save(path, one, facts)
    ends = list(disk.after_a_cut())
    assert not torn(ends)
    assert [str(path)] == list(ends[-1][0])


def test_an_archive_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        for name in ("one", "two"):
            archive.addfile(tarfile.TarInfo(f"{name}/file"), io.BytesIO())
    calls = []

    def counted(name: str, real: Callable[..., None]) -> None:
        def called(*arguments: Any) -> None:
            calls.append(name)
            real(*arguments)

        monkeypatch.setattr(os, name, called)

    for name in ("sync", "replace", "fsync"):
        counted(name, getattr(os, name))
    official.unpack(tmp_path / "set.tar.gz", tmp_path)
    assert calls == ["sync", "replace", "replace", "fsync"]


def test_a_checkpoint_waits_for_the_disk_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for the file and once for its folder; more would cost time and give nothing."""
    count = 0
    fsync = os.fsync

    def counted(handle: int) -> None:
        nonlocal count
        count += 1
        fsync(handle)

    checkpoint.save(tmp_path, 1, sealed.Content({}, {}), keep=1)
    monkeypatch.setattr(os, "fsync", counted)
    checkpoint.save(tmp_path, 2, sealed.Content({}, {}), keep=1)
    assert count == 2


@pytest.mark.parametrize("planted", ["none", "file", "folder", "parents", "order", "place"])
def test_what_a_power_cut_would_lose_is_seen(planted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call to the disk left out, or in the wrong order, each time: the checks above can fail."""
    if planted == "file":

        def only_folders(handle: int) -> None:
            if stat.S_ISDIR(os.fstat(handle).st_mode):
                os.fsync(handle)

        monkeypatch.setattr("refsbnn.files.os", Without(fsync=only_folders))
    elif planted == "folder":
        monkeypatch.setattr(files, "keep_name", lambda folder: None)
    elif planted == "parents":
        monkeypatch.setattr(files, "make_folder", lambda folder: folder.mkdir(parents=True, exist_ok=True))
    elif planted == "order":
        write = sealed.write

        def after(path: Path, content: sealed.Content) -> None:
            for old in checkpoint.saved(path.parents[1]):
                old.unlink()
            write(path, content)

        monkeypatch.setattr(sealed, "write", after)
    elif planted == "place":
        monkeypatch.setattr(files, "write_bytes", lambda path, *parts: in_place(path, b"".join(parts)))
        monkeypatch.setattr(sealed, "write_bytes", files.write_bytes)
    disk = Disk(tmp_path)
    saved(disk, tmp_path, monkeypatch)
    ends = list(disk.after_a_cut())
    assert (bool(torn(ends)), lost(ends)) == {
        "none": (False, False),
        "file": (True, True),
        "folder": (False, True),
        "parents": (False, True),
        "order": (False, True),
        "place": (True, True),
    }[planted]


class Without:
    """The module os with some functions replaced, whatever else patches it."""

    def __init__(self, **functions: Any) -> None:
        self.functions = functions

    def __getattr__(self, name: str) -> Any:
        return self.functions.get(name) or getattr(os, name)


def in_place(path: Path, text: bytes) -> None:
    """Write a file as if there were neither power cuts nor readers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        file.write(text)
