"""Commands and scripts on several ranks: the bytes of one process, each line and file once, one line for an end."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from refsbnn import cli
from refsbnn.launcher import unlaunched
from tests.refsbnn.ranks.launch import ours

pytestmark = pytest.mark.xdist_group("ranks")  # in one process: what they share is made once

EVALUATE = ("evaluate", "run", "--samples", "2", "--json", "evaluate.json")
PROBE = ("probe", "run", "--members", "st,trapezoid", "--units", "3", "--examples", "6", "--draws", "3")
PROBE = (*PROBE, "--json", "probe.json", "--figure", "probe.png")
AUDIT = ("audit", "--quick", "--strict", "--claim", "outside", "--claim", "extension", "--claim", "bipolar")
AUDIT = (*AUDIT, "--json", "audit.json", "--html", "audit.html")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A trained run in a folder, and what one process without a launcher makes of it."""
    folder = tmp_path_factory.mktemp("commands")
    small = ("model.hidden=[8]", "training.epochs=1", "data.steps=4")
    assert cli.main(["train", "digits_spiking", *small, "--no-test", "--out", str(folder / "run")]) == 0
    return folder


def alone(folder: Path, *command: str) -> subprocess.CompletedProcess:
    environment = unlaunched(os.environ) | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    return subprocess.run(
        [sys.executable, "-m", "refsbnn", *command], cwd=folder, env=environment, capture_output=True, text=True
    )


def together(library, ranks: int, folder: Path, *command: str) -> subprocess.CompletedProcess:
    return library.run(ranks, *command, cwd=folder, env={"PYTHONPATH": os.getcwd()})


def written(folder: Path, *names: str) -> list[str]:
    """Files, but for the times in them, each taken away."""
    texts = [(folder / name).read_text(encoding="latin-1") for name in names]
    for name in names:
        (folder / name).unlink()
    return [re.sub(r'time(": "|\s)\d+ s', "", text) for text in texts]


@pytest.mark.parametrize(
    ("command", "names", "code"),
    [
        (EVALUATE, ("evaluate.json",), 0),
        (PROBE, ("probe.json", "probe.png"), 0),
        (AUDIT, ("audit.json", "audit.html"), 1),
    ],
    ids=["evaluate", "probe", "audit"],
)
def test_every_number_of_ranks_gives_the_bytes_of_one_process(mpi, folder, command, names, code):
    one = alone(folder, *command)
    assert one.returncode == code, one.stderr
    files = written(folder, *names)
    for ranks in (2, 3):
        several = together(mpi, ranks, folder, "refsbnn", *command)
        assert several.returncode == code, several.stderr
        assert several.stdout == one.stdout
        assert not ours(several.stderr)
        assert written(folder, *names) == files


def test_each_rank_of_a_script_gets_the_result_of_one_process(library, tmp_path):
    def found(ranks: int) -> list[object]:
        out = tmp_path / str(ranks)
        out.mkdir()
        done = together(library, ranks, tmp_path, "tests.refsbnn.ranks.script", str(out))
        assert done.returncode == 0, done.stderr
        return [json.loads((out / f"{rank}.json").read_text()) for rank in range(ranks)]

    one = found(1)
    assert found(3) == one * 3


@pytest.mark.parametrize("command", [EVALUATE, PROBE], ids=["evaluate", "probe"])
def test_a_share_that_is_left_out_is_seen(mpi, folder, command):
    alone(folder, *command)
    right = written(folder, command[command.index("--json") + 1])
    done = together(mpi, 2, folder, "tests.refsbnn.ranks.planted", "left_out", *command)
    assert done.returncode or written(folder, command[command.index("--json") + 1]) != right


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["train"], "refsbnn train: error: the following arguments are required: config"),
        (["nothing"], "refsbnn: error: unknown command 'nothing'"),
        (["evaluate", "nothing"], "refsbnn: error: run nothing is no folder"),
        (["audit", "--claim", "nothing"], "refsbnn audit: --claim 'nothing': no such claim"),
        (["data", "verify", "shd", "--root", "nothing"], "refsbnn: error: missing below nothing"),
        (["sweep", "digits_binary", "seeds=0-1", "--out", "sweep"], "refsbnn: error: --engine local takes one process"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_mistake_is_told_once(mpi, tmp_path, command, line):
    done = together(mpi, 3, tmp_path, "refsbnn", *command)
    assert done.returncode == 2
    assert [line in each for each in done.stderr.splitlines() if each.startswith("refsbnn")] == [True], done.stderr


def test_a_command_that_knows_nothing_of_ranks_runs_once(library, tmp_path):
    done = together(library, 3, tmp_path, "refsbnn", "conformance", "judge", "nothing.h5", "nothing.h5")
    assert done.returncode == 2
    said, error = ours(done.stderr)
    assert said == "refsbnn: this command takes one process; the first of 3 runs it"
    assert error.startswith("refsbnn: error: ")
    assert together(library, 2, tmp_path, "refsbnn", "--version").stdout.splitlines() == ["refsbnn 0.1.0"]


def test_a_signal_to_one_rank_ends_all_with_one_line(library, folder):
    done = together(library, 3, folder, "tests.refsbnn.ranks.planted", "terminated", *EVALUATE)
    assert done.returncode == 143
    assert ours(done.stderr) == ["refsbnn: rank 1: interrupted"], done.stderr


def test_an_error_of_one_rank_ends_all_with_its_traceback(mpi, folder):
    done = together(mpi, 3, folder, "tests.refsbnn.ranks.planted", "raising", *EVALUATE)
    assert done.returncode == 1
    assert done.stderr.count("ZeroDivisionError: planted") == 1, done.stderr
