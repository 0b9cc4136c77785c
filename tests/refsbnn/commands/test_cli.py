"""The command line: exit codes, one line for a user's mistake, whole files."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from refsbnn import cli
from refsbnn.cli import commands, main

QUICK = ["training.epochs=1", "model.hidden=[4]", "evaluation.samples=1"]


def test_help(capsys):
    assert main([]) == main(["--help"]) == 0
    assert "refsbnn train digits_binary" in capsys.readouterr().out


def test_help_says_what_each_command_does(capsys):
    main(["--help"])
    told = capsys.readouterr().out
    for name, command in commands().items():
        assert f"\n  {name:<13}{cli.summary(command)}\n" in told
    assert "\n  train        a configuration in, a folder with" in told
    assert "cannot be loaded" not in told


def test_the_commands_of_validation_are_registered():
    """By the installed metadata: after a change of setup.cfg, install again."""
    assert list(commands()) == [
        "audit",
        "bench",
        "certify",
        "conformance",
        "data",
        "evaluate",
        "probe",
        "sweep",
        "train",
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("refsbnn.nowhere:main", "refsbnn.nowhere"),
        ("nothing_of_that_name.at_all:main", "nothing_of_that_name"),
        ("refsbnn.errors:main", "no attribute 'main'"),
    ],
)
def test_a_broken_entry_point_is_one_line(value, reason, capsys, monkeypatch):
    broken = EntryPoint("broken", value, cli.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda group: [broken])
    assert main(["broken"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"refsbnn: error: command 'broken' ({value}) cannot be loaded: ")
    assert told.count("\n") == 1
    assert reason in told
    assert main(["--help"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  broken "))
    assert ("cannot be loaded" in row) == (value != "refsbnn.errors:main")


@pytest.mark.parametrize(
    "argv",
    [
        ["fit"],
        ["train", "nothing.toml"],
        ["train", "digits_binary", "training.epoch=1"],
        ["train", "digits_binary", "seed=-1"],
        ["train", "digits_binary", "model.hidden=[]"],
    ],
)
def test_a_users_mistake_is_one_line(argv, capsys):
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("refsbnn: error: ")


@pytest.mark.parametrize("command", commands())
def test_a_wrong_option_is_one_line(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--nonsense"])
    assert stop.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"refsbnn {command}: error: ")
    assert told.count("\n") == 1
    assert f"refsbnn {command} --help" in told


@pytest.mark.parametrize("command", commands())
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"example: refsbnn {command} " in capsys.readouterr().out


def test_a_missing_argument_is_named_and_no_other(capsys):
    with pytest.raises(SystemExit):
        main(["train"])
    assert "required: config;" in capsys.readouterr().err


def test_train_writes_its_results(tmp_path, capsys):
    assert main(["train", "digits_binary", *QUICK, "--out", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert "test" in out
    files = {path.name for path in (tmp_path / "run").iterdir() if path.suffix != ".png"}
    assert files == {"result.json", "metrics.csv", "parameters.npz", "checkpoints"}
    assert ("figures: curves.png" in out) == (tmp_path / "run/curves.png").exists()
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert result["test"]["examples"] == 360
    assert result["config"]["training"]["epochs"] == 1
    assert len((tmp_path / "run/metrics.csv").read_text().splitlines()) == 2


def test_no_test_leaves_the_test_split_alone(tmp_path, capsys, monkeypatch):
    """Only validation is scored and shown; the rest is as without the option, and test can be scored later."""
    run, command = tmp_path / "run", ["train", "digits_binary", *QUICK, "--out"]
    with monkeypatch.context() as patch:
        patch.setattr("refsbnn.commands.train.evaluate", None)  # what would score it
        assert main([*command, str(run), "--no-test"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if "%" in line] == ["validation"]
    result = json.loads((run / "result.json").read_text())
    assert "test" not in result
    assert main(["evaluate", str(run), "--split", "test", "--json", str(tmp_path / "scores.json")]) == 0
    assert json.loads((tmp_path / "scores.json").read_text())["examples"] == 360
    assert main([*command, str(tmp_path / "whole")]) == 0
    whole = json.loads((tmp_path / "whole/result.json").read_text())
    del whole["test"]
    assert whole | {"seconds": 0} == result | {"seconds": 0}


def test_results_cannot_go_into_a_file(tmp_path, capsys):
    (tmp_path / "run").write_text("mine")
    assert main(["train", "digits_binary", *QUICK, "--out", str(tmp_path / "run")]) == 2
    assert (tmp_path / "run").read_text() == "mine"


def test_too_little_memory_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr("refsbnn.commands.train.main", lambda rest: np.empty(1 << 62, dtype=np.uint8))
    assert main(["train", "digits_binary"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("refsbnn: error: not enough memory: Unable to allocate")
    assert printed.count("\n") == 1


def test_the_installed_command_exits_with_the_code():
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from refsbnn.cli import main; sys.exit(main(['nope']))"],
        check=False,
    )
    assert done.returncode == 2


def test_an_error_is_a_line_of_bounded_length(capsys):
    """Both ends of it are there: what was wrong, and what is accepted."""
    assert main(["train", "digits_binary", f"training.{'a' * 10_000_000}=1"]) == 2
    line = capsys.readouterr().err
    assert len(line) < 2100
    assert "unknown key 'aaa" in line
    assert line.endswith("tensorboard\n")


@pytest.mark.parametrize("more", [[], ["--overwrite"], ["--resume"]])
def test_an_empty_name_of_a_folder_is_none(more, tmp_path, capsys, monkeypatch):
    """And not the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "result.json").write_text("mine")
    assert main(["train", "digits_binary", *QUICK, "--out", "", *more]) == 2
    assert "--out is empty; expected the name of a folder" in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("result.json", "mine")]


LONG = "a" * 300


@pytest.mark.parametrize("words", [["train", LONG], ["train", "digits_binary", "--out", LONG], ["evaluate", LONG]])
def test_names_that_are_too_long_are_one_line(words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert LONG in line
