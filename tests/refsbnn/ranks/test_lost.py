"""A rank that is killed or stopped, or the launcher: no rank waits for ever, and the run goes on where it was saved."""

import json
import signal
import time
from pathlib import Path

import pytest

from refsbnn import cli
from refsbnn.training import checkpoint, lock
from tests.refsbnn.ranks.launch import ours
from validation.faults import processes

TRAIN = ["train", "digits_binary", "model.hidden=[4]", "training.batch=128", "training.shards=2"]
TRAIN += ["training.schedule=constant", "evaluation.samples=1", "--out", "run"]
LONG, STEPS = "training.epochs=100000", 8  # steps of an epoch

pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs Linux's /proc")


@pytest.mark.parametrize(
    ("number", "rank"),
    [(signal.SIGKILL, 0), (signal.SIGSTOP, 1), (signal.SIGKILL, None)],
    ids=["kill", "stop", "kill-launcher"],
)
def test_the_others_end(library, number, rank, tmp_path, monkeypatch):
    with library.start(2, "tests.refsbnn.ranks.impatient", *TRAIN, LONG, cwd=tmp_path, env=path()) as process:
        try:
            while not checkpoint.saved(tmp_path / "run"):
                assert process.poll() is None
                time.sleep(0.05)
            first = json.loads((tmp_path / "run" / lock.NAME).read_text())["pid"]
            ranks = sorted(processes.python(tmp_path), key=lambda pid: pid != first)
            processes.send(number, [process.pid if rank is None else ranks[rank]])
            assert processes.gone(tmp_path, 60.0) is not None  # a minute, as is promised
            _, error = process.communicate()
        finally:
            processes.send(signal.SIGKILL, processes.inside(tmp_path))
    assert process.returncode
    # Of a rank that is killed the launcher tells; one that only stands still is for the others to tell.
    lines = ours(error.replace("\r", "\n"))
    stopped = [f"refsbnn: error: rank {rank} has given no sign for 8 s; all ranks end"]
    assert [line for line in lines if "error" in line] == (stopped if number == signal.SIGSTOP else [])
    monkeypatch.chdir(tmp_path)
    done = int(checkpoint.saved(tmp_path / "run")[0].stem) // STEPS
    assert cli.main([*TRAIN, f"training.epochs={done + 1}", "--resume"]) == 0  # alone, and no lock is in its way


def path():
    """What lets a process that works elsewhere find these tests."""
    return {"PYTHONPATH": str(Path(__file__).parents[3])}
