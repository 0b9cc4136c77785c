"""Sweeps as a user runs them: real runs, killed, stopped and failed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from refsbnn.cli import main
from refsbnn.sweeps import child
from refsbnn.sweeps.job import Crew, Job, environment, failure, perform
from refsbnn.training import lock

TINY = ["digits_binary", "model.hidden=[4]", "evaluation.samples=1"]


def wait_until(there: Callable[[], object], process: "subprocess.Popen[bytes]") -> None:
    """Wait for something while a process lives."""
    while not there():
        assert process.poll() is None
        time.sleep(0.02)


def test_a_sweep_that_is_stopped_and_killed_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """SIGTERM, then SIGKILL, each in the midst of the first run, which saves and ends whatever becomes of the sweep."""
    out = tmp_path / "sweep"
    words = [*TINY, "training.epochs=40", "seeds=0-1", "--out", str(out)]
    first, log = out / "seed=0", out / "seed=0" / "train.log"
    for number, code in ((signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        before = len(log.read_text().split("stopped after step")) if log.exists() else 1
        process = subprocess.Popen([sys.executable, "-m", "refsbnn", "sweep", *words])
        count = len(list(first.glob("checkpoints/*")))
        last = max((path.name for path in first.glob("checkpoints/*.h5")), default="")
        assert count <= 2
        wait_until(lambda last=last: any(path.name > last for path in first.glob("checkpoints/*.h5")), process)
        process.send_signal(number)
        assert process.wait() == code
        while len(log.read_text().split("stopped after step")) == before:
            assert not (first / "result.json").exists()
            time.sleep(0.02)
    assert not (out / "seed=1").exists()
    assert main(["sweep", *words]) == 0
    assert log.read_text().count("--no-test --resume\n") == 2
    assert main(["train", *words[:-3], "seed=0", "--out", str(tmp_path / "alone"), "--no-test"]) == 0
    for name in ("parameters.npz", "result.json", "metrics.csv"):
        assert (first / name).exists()
    with np.load(first / "parameters.npz") as swept, np.load(tmp_path / "alone" / "parameters.npz") as alone:
        assert list(swept) == list(alone)
        assert all(np.array_equal(swept[key], alone[key]) for key in alone)


def test_one_failed_run_does_not_stop_the_others_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, told = tmp_path / "sweep", tmp_path / "sweep.json"
    words = [*TINY, "training.epochs=1", "training.rate=[1e30,0.01]", "--out", str(out), "--json", str(told)]
    assert main(["sweep", *words]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("refsbnn: rate=1e+30,seed=0 failed: exit code 2: sigma2 holds NaN")
    assert printed.err.count("\n") == 1
    assert "[2/2] rate=0.01,seed=0: validation accuracy" in printed.out
    facts = json.loads(told.read_text())
    assert list(facts["failed"]) == ["rate=1e+30,seed=0"]
    assert [point["runs"][0]["finished"] for point in facts["points"]] == [False, True]
    assert "test" not in facts["points"][1]["runs"][0]
    assert (out / "sweep.png").exists() == ("figure: " in printed.out)
    times = (out / "rate=0.01,seed=0" / "result.json").stat().st_mtime_ns
    assert main(["sweep", *words, "--list"]) == 0
    assert capsys.readouterr().out.split() == ["missing", "rate=1e+30,seed=0", "finished", "rate=0.01,seed=0"]
    assert main(["sweep", *words, "training.batch=32"]) == 2
    assert "training.batch is 64 there, 32 here" in capsys.readouterr().err
    assert (out / "rate=0.01,seed=0" / "result.json").stat().st_mtime_ns == times


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["training.rate=0.1..1"], "training.rate is a range; it needs --search optuna"),
        (["training.rate=1..0.1", "--search", "optuna"], "training.rate=1..0.1 is no range"),
        (["--trials", "3"], "--trials is of a search"),
        (["--jobs", "0"], "--jobs is 0; expected an integer >= 1"),
        (["--slurm", "partition=cpu"], "--slurm is of Slurm's tasks; it needs --engine slurm"),
        (["--time", "5"], "--time is of Slurm's tasks; it needs --engine slurm"),
        (["--jobs", "5", "--engine", "mpi"], "--jobs is not for --engine mpi"),
        (["--engine", "slurm", "--slurm", "array=0-3"], "--slurm array=0-3: expected an option of sbatch"),
        (["--engine", "slurm", "--slurm", "partition"], "--slurm partition: expected an option of sbatch"),
        (["training.rate=[0.1,-1]"], "training.rate is -1.0"),
        (["seeds=a"], "seeds=a cannot be read"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_folder(tmp_path: Path, capsys, words: list[str], message: str) -> None:
    assert main(["sweep", *TINY, *words, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("module", "words", "message"),
    [
        ("optuna", ["training.rate=0.1..1", "--search", "optuna", "--trials", "1"], "pip install 'refsbnn[optuna]'"),
        ("submitit", ["--engine", "slurm"], "pip install 'refsbnn[slurm]'"),
    ],
)
def test_a_missing_extra_is_named(
    tmp_path: Path, capsys, monkeypatch, module: str, words: list[str], message: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["sweep", *TINY, *words, "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err


def test_mpi_without_ranks_says_how_to_have_them(tmp_path: Path, capsys) -> None:
    assert main(["sweep", *TINY, "--engine", "mpi", "--out", str(tmp_path / "out")]) == 2
    assert "--engine mpi has one rank; expected at least 2: mpiexec -n 3" in capsys.readouterr().err


def test_two_sweeps_in_one_folder_are_refused(tmp_path: Path, capsys) -> None:
    with lock.held(tmp_path):
        assert main(["sweep", *TINY, "--out", str(tmp_path)]) == 2
    assert "is in use by process" in capsys.readouterr().err


def test_a_run_is_alone_where_the_sweep_is_a_rank(tmp_path: Path, monkeypatch) -> None:
    """Else it would take itself for a rank of the sweep's program, and wait for the others."""
    monkeypatch.setenv("PMI_SIZE", "3")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    job = Job("x", tmp_path / "x", "digits_binary", ("nothing=1",), program=("tests.refsbnn.sweeps.says",), threads=7)
    crew = Crew()
    with (tmp_path / "log").open("w") as log:
        assert crew.run(child.command(*job.program), log, environment(7) | {"PYTHONPATH": os.getcwd()}) == 0
    assert json.loads((tmp_path / "log").read_text()) == {
        "PMI_SIZE": None,
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "7",
    }


def test_a_run_that_cannot_begin_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("a file")
    told = perform(Job("x", tmp_path / "x" / "y", "digits_binary", ()), Crew())
    assert "Not a directory" in told
    assert failure(Job("x", tmp_path / "none", "digits_binary", ()), "exit code 7").startswith("exit code 7, and no ")


def test_a_run_whose_folder_is_still_in_use_is_waited_for(tmp_path: Path) -> None:
    """As after a kill, while the run of the killed sweep saves; here this process has the folder."""
    job = Job("x", tmp_path / "x", "digits_binary", (), program=("tests.refsbnn.sweeps.says",))
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.append(perform(job, Crew())))
    with lock.held(job.folder):
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert not (job.folder / "train.log").exists()
    thread.join()
    assert told[0].startswith("exit code")
    stopped = Crew()
    stopped.stop()
    with lock.held(job.folder):
        assert perform(job, stopped) == "stopped before it began"
