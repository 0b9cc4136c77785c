"""A full disk under every command that writes: one line that names a file, exit code 2, and what was there stays."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

import refsbnn
from refsbnn import files, sealed
from refsbnn.cli import main
from refsbnn.data import official
from refsbnn.errors import InputError
from refsbnn.figures import style
from refsbnn.sweeps import local
from refsbnn.training import checkpoint, lock
from tests.refsbnn.disks import fill, small_disk
from tests.refsbnn.sweeps import fake
from validation import audit

TRAIN = ["train", "digits_binary", "model.hidden=[128]", "training.epochs=2", "evaluation.samples=1"]


def refused(told: str, place: Path) -> None:
    """One line is of an error, and names the file, or one in the folder; nothing is left half-written."""
    lines = [line for line in told.splitlines() if line.startswith("refsbnn: error: ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"refsbnn: error: cannot write {place}")
    assert lines[0].endswith("No space left on device")
    assert "Traceback" not in told
    assert not list((place if place.is_dir() else place.parent).rglob(f".*{files.UNFINISHED}"))


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


@pytest.mark.parametrize("name", ["vectors.h5", "vectors.json"])
def test_the_vectors(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_disk(tmp_path / "disk", 300) as disk:
        (disk / name).write_text("before")
        assert main(["conformance", "export", str(disk / name)]) == 2
        refused(capsys.readouterr().err, disk)
        assert (disk / name).read_text() == "before"


def test_a_submission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_disk(tmp_path / "disk", 30) as disk:
        (disk / "submission.zip").write_text("before")
        assert main(["conformance", "run", "--bundle", str(disk / "submission.zip")]) == 2
        refused(capsys.readouterr().err, disk)
        assert (disk / "submission.zip").read_text() == "before"


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


def full_at(name: str, disk: Path, patch: pytest.MonkeyPatch) -> None:
    """Fill the disk when a file of that name is about to be written."""
    write = files.write_bytes

    def written(path: Path, *parts: bytes) -> None:
        if path.name == name:
            fill(disk, 0)
        write(path, *parts)

    for module in ("files", "sealed", "figures.draw"):
        patch.setattr(f"refsbnn.{module}.write_bytes", written)


SMALL = ["train", "digits_binary", "model.hidden=[4]", "training.epochs=1", "training.batch=1024", "--out"]


def test_the_end_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The scores are shown, the old file stays, and with room the same command writes what is missing."""
    names = ["metrics.csv", "parameters.npz", *(["layers.png"] if style.available() else []), "result.json"]
    with small_disk(tmp_path / "disk", 4000) as disk:
        command = [*SMALL, str(disk / "run"), "--continue"]
        assert main(command) == 0
        before = {name: (disk / "run" / name).read_bytes() for name in names}
        for name in names:
            capsys.readouterr()
            with monkeypatch.context() as patch:
                full_at(name, disk, patch)
                assert main(command) == 2
            told = capsys.readouterr()
            refused(told.err, disk / "run" / name)
            assert ("accuracy" in told.out) == (name != "metrics.csv")
            assert (disk / "run" / name).read_bytes() == before[name]
            assert not (disk / "run" / lock.NAME).exists()
            (disk / "filling").unlink()
        assert main(command) == 0


def test_a_second_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    with small_disk(tmp_path / "disk", 4000) as disk:
        full_at("0000000002.h5", disk, monkeypatch)
        assert main([*SMALL, str(disk / "run"), "training.epochs=2"]) == 2
        refused(capsys.readouterr().err, disk / "run" / "checkpoints" / "0000000002.h5")
        assert [sealed.read(path).facts["step"] for path in checkpoint.saved(disk / "run")] == [1]


@pytest.mark.parametrize("option", ["--json", "--figure"])
def test_the_probe(option: str, tmp_path: Path, capsys: Any) -> None:
    if option == "--figure":
        pytest.importorskip("matplotlib")
    assert main([*SMALL, str(tmp_path / "run")]) == 0
    with small_disk(tmp_path / "disk", 100) as disk:
        path = disk / "probe.svg"
        path.write_text("before")
        fill(disk, 0)
        few = ["--units", "2", "--examples", "3", "--draws", "3"]
        assert main(["probe", str(tmp_path / "run"), *few, option, str(path)]) == 2
        refused(capsys.readouterr().err, path)
        assert path.read_text() == "before"


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_the_audit(option: str, tmp_path: Path, capsys: Any) -> None:
    with small_disk(tmp_path / "disk", 100) as disk:
        path = disk / "audit"
        path.write_text("before")
        fill(disk, 0)
        assert audit.main(["--quick", "--claim", "divergence", option, str(path)]) == 2
        told = capsys.readouterr()
        assert told.err == f"refsbnn audit: cannot write {path}: No space left on device\n"
        assert "divergence" in told.out
        assert path.read_text() == "before"


@pytest.mark.parametrize("name", ["sweep.json", "sweep.png", "all.json"])
def test_a_sweep(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Its own files; a run of it whose disk is full is one that failed, and is told with the others at the end."""
    if name.endswith("png"):
        pytest.importorskip("matplotlib")
    monkeypatch.setattr(local, "run", lambda jobs, at_once, report: fake.engine(jobs, report))
    with small_disk(tmp_path / "disk", 1000) as disk:
        full_at(name, disk, monkeypatch)
        out = ["--out", str(disk / "sweep"), "--json", str(disk / "all.json")]
        assert main(["sweep", "digits_binary", "training.rate=[0.01,0.02]", *out]) == 2
        refused(capsys.readouterr().err, disk / "all.json" if name == "all.json" else disk / "sweep" / name)


def test_an_archive(tmp_path: Path) -> None:
    """Nothing of it is there afterwards, so that nobody takes a part for the whole."""
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        for name in ("set/one", "set/two"):
            item = tarfile.TarInfo(name)
            item.size = 200_000
            archive.addfile(item, io.BytesIO(bytes(200_000)))
    with small_disk(tmp_path / "disk", 100) as disk:
        with pytest.raises(InputError, match=r"set\.tar\.gz cannot be unpacked: .*No space left on device"):
            official.unpack(tmp_path / "set.tar.gz", disk)
        assert not list(disk.iterdir())


def test_a_run_saved_from_python(tmp_path: Path) -> None:
    run = refsbnn.fit("digits_binary", "training.epochs=1", "model.hidden=[4]")
    with small_disk(tmp_path / "disk", 100) as disk:
        run.save(disk / "run")
        before = {path.name: path.read_bytes() for path in (disk / "run").iterdir()}
        fill(disk, 0)
        with pytest.raises(InputError, match=f"cannot write {disk}/run/metrics.csv: No space left on device"):
            run.save(disk / "run")
        assert {path.name: path.read_bytes() for path in (disk / "run").iterdir()} == before
