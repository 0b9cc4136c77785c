"""A full disk under every command that writes: one line that names a file, exit code 2, and what was there stays."""

import subprocess
import sys
from pathlib import Path

import pytest

from refsbnn import files, sealed
from refsbnn.cli import main
from refsbnn.training import checkpoint
from tests.refsbnn.disks import fill, small_disk

TRAIN = ["train", "digits_binary", "model.hidden=[128]", "training.epochs=2", "evaluation.samples=1"]


def refused(told: str, folder: Path) -> None:
    """The last line names a file in the folder; there is no other line of an error, and nothing half-written."""
    lines = [line for line in told.splitlines() if line.startswith("refsbnn: error: ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"refsbnn: error: cannot write {folder}")
    assert lines[0].endswith("No space left on device")
    assert "Traceback" not in told
    assert not list(folder.rglob(f".*{files.UNFINISHED}"))


@pytest.mark.parametrize("kilobytes", [16, 100, 300, 400, 700])
def test_training(kilobytes: int, tmp_path: Path) -> None:
    """The disk fills at the lock, the record, the first checkpoint, or the second; a whole one goes on elsewhere."""
    with small_disk(tmp_path / "disk", kilobytes) as disk:
        fill(disk, 0 if kilobytes == 16 else 2 * kilobytes)
        words = [sys.executable, "-m", "refsbnn", *TRAIN, "--out", str(disk / "run")]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 2, done.stderr
        refused(done.stderr, disk)
        for path in checkpoint.saved(disk / "run"):
            assert sealed.read(path).facts["step"] > 0
        assert not (disk / "run" / ".lock").exists()


def test_the_vectors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_disk(tmp_path / "disk", 300) as disk:
        (disk / "vectors.h5").write_text("before")
        assert main(["conformance", "export", str(disk / "vectors.h5")]) == 2
        refused(capsys.readouterr().err, disk)
        assert (disk / "vectors.h5").read_text() == "before"


@pytest.mark.parametrize("kind", ["json", "junit", "html"])
def test_the_reports(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_disk(tmp_path / "disk", 100) as disk:
        path = disk / f"report.{kind}"
        path.write_text("before")
        fill(disk, 0)
        assert main(["conformance", "run", "--case", "dense.*", f"--{kind}", str(path)]) == 2
        told = capsys.readouterr()
        refused(told.err, disk)
        assert "10 checks: 10 pass" in told.out  # what was found is not lost
        assert path.read_text() == "before"


def test_the_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main([*TRAIN, "training.epochs=1", "model.hidden=[4]", "--out", str(run)]) == 0
    with small_disk(tmp_path / "disk", 100) as disk:
        fill(disk, 0)
        assert main(["evaluate", str(run), "--json", str(disk / "scores.json")]) == 2
        refused(capsys.readouterr().err, disk)
