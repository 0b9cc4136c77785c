"""A short campaign of kills, and planted errors that it must see."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from refsbnn.errors import InputError
from validation.faults import jobs, kill, outcome, processes

pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs Linux's /proc")


def test_a_short_campaign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "kill.json"
    assert kill.main(["--kills", "2", "--job", "cache", "--seed", "1", "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert len(found["kills"]) >= 2
    assert not any(each["problem"] for each in found["kills"])
    assert f"{len(found['kills'])} kills in {found['trials']} trials, 0 with a problem" in capsys.readouterr().out


# A job that is killed in its midst, once, and what is wrong with it: as a run might be that is written carelessly.
JOB = """
import pathlib, time
out = pathlib.Path("run"); (out / "checkpoints").mkdir(parents=True, exist_ok=True)
again, first = pathlib.Path("ready").exists(), out / "first.json"
new = out / "new"; new.write_text("[1]")
if not first.exists(): new.rename(first)
WRONG
if not again and pathlib.Path("disturb").exists():
    pathlib.Path("ready").touch(); time.sleep(600)
(out / "second.json").write_text("[2]")
"""
PLANTED = {
    "": ("nothing", ""),
    "is not whole": ("half a file", "(out / 'second.json').write_text('[')"),
    "not whole: its last line": ("half a line", "(out / 'metrics.csv').write_text('a,b\\n1,2\\n3')"),
    "not the bits of the undisturbed run: run/first.json": ("other bits", "first.write_text(str([1 + again]))"),
    "left behind": ("a temporary file", "again or (out / '.part').touch()"),
    "had been saved": ("a step done again", "(out / 'checkpoints' / '1.h5').write_bytes(b'' if again else b'1')"),
    "exit code 1": ("it does not go on", "1 / (not again)"),
}


@pytest.mark.parametrize("told", PLANTED)
def test_planted_errors_are_seen(told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = jobs.Job("planted", (sys.executable, "-c", JOB.replace("WRONG", PLANTED[told][1])))
    expected, _ = kill.undisturbed(job, tmp_path / "first") if "not whole" not in told else ({}, 0.0)
    start = kill.start

    def until_ready(job: jobs.Job, folder: Path) -> subprocess.Popen[str]:
        (folder / "disturb").touch()
        process = start(job, folder)
        while not (folder / "ready").exists():
            assert process.poll() is None
            time.sleep(0.01)
        return process

    monkeypatch.setattr(kill, "start", until_ready)
    (found,) = kill.trial(0, job, 0.0, expected, tmp_path / "trial", np.random.default_rng(1))
    assert bool(found.problem) == bool(told)
    assert told in found.problem
    assert not processes.inside(tmp_path / "trial")


def test_what_differs_is_found(tmp_path: Path) -> None:
    np.savez(tmp_path / "parameters.npz", a=np.array([0.0, 1.0]))
    before = outcome.outcome(tmp_path)
    np.savez(tmp_path / "parameters.npz", a=np.array([-0.0, 1.0]))
    assert outcome.difference(before, outcome.outcome(tmp_path)) == "parameters.npz differs"
    (tmp_path / "result.json").write_text('{"seconds": 1.0, "scores": {"nll": 0.5}}')
    with_result = outcome.outcome(tmp_path)
    assert outcome.difference(before, with_result) == "parameters.npz differs"
    (tmp_path / "result.json").write_text('{"seconds": 2.0, "scores": {"nll": 0.5}}')
    assert not outcome.difference(with_result, outcome.outcome(tmp_path))
    (tmp_path / "result.json").write_text('{"seconds": 1.0, "scores": {"nll": 0.5')
    with pytest.raises(InputError, match=r"result\.json is not whole"):
        outcome.outcome(tmp_path)


def test_what_cannot_be_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert kill.main(["--kills", "0"]) == 2
    assert capsys.readouterr().err == "refsbnn: error: there is nothing to kill\n"
