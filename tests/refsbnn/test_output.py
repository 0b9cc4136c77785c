"""A reader who goes does not change what a command does, nor its exit code; a full disk behind it is one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = ["train", "digits_binary", "training.epochs=1", "model.hidden=[4]", "evaluation.samples=1", "--no-test"]
FAILING = ["conformance", "run", "--adapter", "tests.validation.conformance.test_command:Halved", "--case", "unit.ga*"]
PASSING = ["conformance", "run", "--case", "dense.*"]


def run(words: list[str], redirection: str, unbuffered: str = "") -> subprocess.CompletedProcess[str]:
    """A command in a shell, with its streams redirected; the exit code is the command's own."""
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    line = f'"$@" {redirection}' + ("; exit ${PIPESTATUS[0]}" if "|" in redirection else "")
    return subprocess.run(
        ["bash", "-c", line, "bash", sys.executable, "-m", "refsbnn", *words],
        capture_output=True,
        text=True,
        env=environment,
    )


GONE = ["| true", "2>&1 | true", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"]


@pytest.mark.parametrize("redirection", GONE)
def test_training_goes_on_without_a_reader(redirection: str, tmp_path: Path) -> None:
    done = run([*TRAIN, "--out", str(tmp_path / "run")], redirection)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert (tmp_path / "run" / "result.json").exists()
    assert not (tmp_path / "run" / ".lock").exists()


@pytest.mark.parametrize("redirection", ["| true", "2>&1 | true", ">&-", ">&- 2>&-"])
@pytest.mark.parametrize(("words", "code"), [(FAILING, 1), (PASSING, 0)])
def test_a_verdict_is_the_same_without_a_reader(words: list[str], code: int, redirection: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert run([*words, "--json", str(report)], redirection).returncode == code
    assert report.exists()


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["train", "--help"], PASSING, FAILING])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_the_output_is_one_line(words: list[str], unbuffered: str) -> None:
    done = run(words, ">/dev/full", unbuffered)
    assert done.returncode == 2
    assert done.stderr == "refsbnn: error: standard output: No space left on device\n"


def test_a_full_disk_behind_both_is_an_exit_code() -> None:
    assert run(["--help"], ">/dev/full 2>&1").returncode == 2
    assert run(["nonsense"], "2>/dev/full").returncode == 2


def test_output_is_as_python_has_it() -> None:
    """Encoding and buffering are those that the environment asks for."""
    ask = "from refsbnn import output; import sys; output.replace(); s = sys.stdout; print(s.encoding, s.write_through)"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON") or key == "PYTHONPATH"}
    for environment, expected in (
        ({"PYTHONIOENCODING": "latin-1"}, "iso8859-1 False"),
        ({"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}, "utf-8 True"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", ask], env=clean | environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected


def test_output_comes_at_once_where_it_is_asked_for() -> None:
    ask = "from refsbnn import output; import os; output.replace(); print('here', end=''); os._exit(0)"
    for unbuffered, expected in (("1", "here"), ("", "")):
        environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
        done = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == expected
