"""`refsbnn evaluate`: the same numbers as in Python, and one line with exit code 2 for a folder it cannot score."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from refsbnn import __version__, sealed
from refsbnn.cli import main
from refsbnn.figures import style
from refsbnn.run import Run, fit
from refsbnn.training import checkpoint
from refsbnn.training.tally import Tally


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    fit("digits_binary", "training.epochs=1", "model.hidden=[8]", "evaluation.samples=2").save(out)
    return out


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_tables_json_and_figure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    file = folder.parent / "scores.json"
    assert main(["evaluate", str(folder), "--split", "validation", "--samples", "3", "--json", str(file)]) == 0
    report = Run.load(folder).evaluate("validation", 3)
    out = capsys.readouterr().out
    assert out.startswith(report.table())
    told = json.loads(file.read_text())
    assert {key: told[key] for key in report.as_dict()} == report.as_dict()
    assert (folder / "reliability_validation.png").read_bytes().startswith(b"\x89PNG")
    assert f"figure: {folder / 'reliability_validation.png'}" in out


def test_the_table_holds_the_modes_and_the_layers(folder: Path) -> None:
    lines = Run.load(folder).evaluate("test").table().splitlines()
    assert [line[:32].strip() for line in lines] == [
        "test, 360 examples",
        "mean weights",
        "single sample",
        "average of 2 samples",
        "",
        "",
        "layer",
        "1.dense",
        "2.spike",
        "3.dense",
        "total",
    ]
    assert lines[7].split()[1:] == ["512", "512", "512"]  # 64 real inputs, 8 units


def test_without_matplotlib(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "available", lambda: False)
    assert main(["evaluate", str(folder)]) == 0
    assert "not drawn, for want of matplotlib: reliability_test.png" in capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one line of a refusal."""
    assert main(["evaluate", *argv]) == 2
    line = capsys.readouterr().err
    assert line.startswith("refsbnn: error: ")
    assert line.count("\n") == 1
    return line


def test_a_folder_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is no folder" in refused(capsys, str(tmp_path / "none"))
    assert "holds neither result.json nor a checkpoint" in refused(capsys, str(tmp_path))


@pytest.fixture
def unfinished(trained: Path, tmp_path: Path) -> Path:
    """A run that only checkpoints are left of; the later one has all parameters at zero."""
    run, out = Run.load(trained), tmp_path / "unfinished"
    facts = {"versions": {"refsbnn": __version__}, "config": run.config.as_dict(), "history": run.history, "best": None}
    facts |= {"step": 1, "optimiser_steps": 1, "seconds": 1.0, "tally": Tally().facts()}
    for step, factor in ((1, 1.0), (2, 0.0)):
        arrays = {f"parameters/{key}": factor * value for key, value in run.parameters.items()}
        checkpoint.save(out, step, sealed.Content(arrays, facts), keep=2)
    return out


def test_of_an_unfinished_run_the_newest_checkpoint_counts(unfinished: Path, trained: Path) -> None:
    run = Run.load(unfinished)
    assert all((value == 0.0).all() for value in run.parameters.values())
    assert run.history == Run.load(trained).history


def test_a_damaged_checkpoint_is_named_and_passed_over(
    unfinished: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = checkpoint.saved(unfinished)[0]
    newest.write_bytes(newest.read_bytes()[:-100])
    assert main(["evaluate", str(unfinished), "--samples", "1"]) == 0
    captured = capsys.readouterr()
    assert f"{newest} is damaged" in captured.err
    assert captured.out.startswith(Run.load(trained).evaluate("test", 1).table())


def test_another_version(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(result | {"refsbnn": "0.0.1"}))
    assert "was written by refsbnn 0.0.1; this is refsbnn 0.1.0" in refused(capsys, str(folder))
    del result["refsbnn"]
    (folder / "result.json").write_text(json.dumps(result))
    assert "was written by something else" in refused(capsys, str(folder))


@pytest.mark.parametrize(
    ("name", "how"),
    [(name, how) for name in ("result.json", "parameters.npz") for how in ("cut", "garbage", "empty")]
    + [("metrics.csv", "cut"), ("metrics.csv", "garbage")],
)
def test_damaged_files(name: str, how: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (folder / name).read_bytes()
    damaged = {"cut": whole[: 3 * len(whole) // 4], "garbage": b"\xff\xfe\x00" * 50, "empty": b""}[how]
    (folder / name).write_bytes(damaged)
    assert name in refused(capsys, str(folder))


def test_missing_parameters(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "parameters.npz").unlink()
    assert "parameters.npz is missing" in refused(capsys, str(folder))


def test_parameters_of_another_network(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(folder / "parameters.npz", **{"1.dense.mu": np.zeros((8, 64))})
    assert "parameters do not fit the network" in refused(capsys, str(folder))


def test_pickles_are_not_opened(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(folder / "parameters.npz", a=np.array([{"a": 1}], dtype=object))
    assert "parameters.npz is damaged or cannot be read" in refused(capsys, str(folder))


def test_a_configuration_that_cannot_be_meant(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = json.loads((folder / "result.json").read_text())
    result["config"]["training"]["epochs"] = "many"
    (folder / "result.json").write_text(json.dumps(result))
    assert "training.epochs is 'many'; expected an integer" in refused(capsys, str(folder))


def test_scores_are_shown_though_their_file_cannot_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(folder), "--json", str(folder)]) == 2
    told = capsys.readouterr()
    assert told.out.startswith("test, 360 examples")
    assert told.err == f"refsbnn: error: {folder} is a directory; expected the name of a file\n"


def test_bad_arguments(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--samples is 0; expected at least 1" in refused(capsys, str(folder), "--samples", "0")
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", str(folder), "--split", "training"])
    assert stop.value.code == 2
