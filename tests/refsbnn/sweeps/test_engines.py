"""The engines other than processes of this machine: MPI ranks, and tasks of submitit, there with its local executor."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refsbnn.errors import InputError
from refsbnn.sweeps import slurm
from refsbnn.sweeps.job import Crew, Job, perform, result
from tests.refsbnn.ranks.conftest import WANTED
from tests.refsbnn.ranks.launch import libraries
from tests.refsbnn.sweeps.fake import finish, sweep

TINY = ("model.hidden=[4]", "evaluation.samples=1")


def test_the_ranks_of_mpiexec(tmp_path: Path) -> None:
    """Three ranks: one hands out, two work. A failed run is named, and the exit code is 1."""
    if not libraries():
        pytest.skip(WANTED)
    words = [*TINY, "training.epochs=1", "training.rate=[1e30,0.01]", "seeds=0-1", "--engine", "mpi"]
    library = next(iter(libraries().values()))
    done = library.run(3, "refsbnn", "sweep", "digits_binary", *words, "--out", str(tmp_path / "out"))
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("[4/4]") == 1  # rank 0 alone speaks
    assert done.stdout.count("* best") == 1
    assert done.stderr.count("refsbnn: rate=1e+30,seed=0 failed: exit code 2: sigma2 holds NaN") == 1
    for seed in (0, 1):
        assert (tmp_path / "out" / f"rate=0.01,seed={seed}" / "result.json").exists()


class Local:
    """submitit's executor of this machine, in the shape of `slurm.Queue`."""

    def __init__(self, folder: Path) -> None:
        submitit = pytest.importorskip("submitit", reason="submitit is not installed (extra `slurm`)")
        self.executor = submitit.LocalExecutor(folder)
        self.executor.update_parameters(timeout_min=5)
        self.handles: dict[str, Any] = {}

    def submit(self, jobs: Sequence[Job]) -> None:
        """Hand over."""
        handles = slurm.send(self.executor, jobs)
        self.handles |= {job.name: handle for job, handle in zip(jobs, handles, strict=True)}

    def there(self) -> set[str]:
        """What is not over."""
        return {name for name, handle in self.handles.items() if handle._process.poll() is None}


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # submitit's handles of processes
def test_a_task_whose_time_is_up_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """submitit's local executor starts a task anew as Slurm does. The signal is that of Slurm's time limit."""
    if not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        pytest.skip("this system does not say which processes are whose")
    words = (*TINY, "training.epochs=20")
    job = Job("one", tmp_path / "one", "digits_binary", words)
    queue, told = Local(tmp_path / "slurm"), []

    def submit(jobs: Sequence[Job]) -> None:
        queue.submit(jobs)
        while not list(job.folder.glob("checkpoints/*.h5")):
            time.sleep(0.02)
        assert not (job.folder / "result.json").exists()
        controller = queue.handles["one"]._process.pid
        (task,) = Path(f"/proc/{controller}/task/{controller}/children").read_text().split()
        os.kill(int(task), signal.SIGUSR2)

    slurm.run([job], lambda job, wrong: told.append(wrong), submit, queue.there, lag=1.0, longest=0.2)
    assert told == [""]
    assert (job.folder / "train.log").read_text().count("--no-test --resume\n") == 1
    alone = Job("alone", tmp_path / "alone", "digits_binary", words)
    assert perform(alone, Crew()) == ""
    with np.load(job.folder / "parameters.npz") as swept, np.load(alone.folder / "parameters.npz") as other:
        assert all(np.array_equal(swept[key], other[key]) for key in other)


def test_what_is_in_the_queue_is_not_submitted_again_and_what_left_it_without_a_result_failed(tmp_path: Path) -> None:
    jobs = [job for point in sweep(tmp_path, "seeds=0-3").points() for job in point.runs.values()]
    queued, submitted, told = {"seed=0", "seed=1"}, [], {}

    def submit(new: Sequence[Job]) -> None:
        submitted.extend(job.name for job in new)

    def there() -> set[str]:
        if not submitted:
            return set(queued)
        if queued:  # once more: then all are gone, but the last has failed
            queued.clear()
            for job in jobs[:3]:
                finish(job)
            jobs[3].folder.mkdir()
            (jobs[3].folder / "train.log").write_text("$ refsbnn train\nrefsbnn: error: no memory\n")
        return set()

    slurm.run(jobs, lambda job, wrong: told.update({job.name: wrong}), submit, there, lag=0.0, longest=0.01)
    assert submitted == ["seed=2", "seed=3"]
    assert [told[f"seed={seed}"] for seed in range(3)] == [""] * 3
    assert told["seed=3"].startswith("ended without a result: no memory (see ")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs in the place of Slurm's: sbatch refuses, squeue says what a file holds."""
    pytest.importorskip("submitit", reason="submitit is not installed (extra `slurm`)")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, line in {
        "sbatch": "echo no such partition >&2; exit 1",
        "srun": "exit 1",
        "squeue": "cat $0.says",
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    (folder / "squeue.says").touch()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def test_what_slurm_refuses_is_one_line(tmp_path: Path, programs: Path) -> None:
    queue = slurm.Queue(tmp_path, 4, 60, {"partition": "none"})
    with pytest.raises(InputError, match=r"Slurm refuses the array: .*no such partition") as caught:
        queue.submit([Job("a", tmp_path / "a", "digits_binary", ())])
    assert "\n" not in str(caught.value)


def test_a_sweep_that_was_killed_finds_its_arrays_in_the_queue(tmp_path: Path, programs: Path) -> None:
    """An array is known by its name from before it is submitted; a task is told by its index, one alone has none."""
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "arrays.json").write_text(json.dumps({"x-0": ["a", "b", "c"], "x-1": ["d"]}))
    (programs / "squeue.says").write_text("x-0 2\nx-0 0\nx-1 N/A\n")
    assert slurm.Queue(tmp_path, 4, 60, {}).there() == {"a", "c", "d"}
    (programs / "squeue").write_text("#!/bin/sh\necho no controller >&2; exit 1\n")
    with pytest.raises(InputError, match="squeue: no controller"):
        slurm.Queue(tmp_path, 4, 60, {}).there()


def test_without_slurm_it_is_said(tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "sbatch").unlink()
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(InputError, match="finds no sbatch, srun and squeue here"):
        slurm.Queue(tmp_path, 4, 60, {})


def test_the_recipe_without_an_engine_names_its_folders_as_a_sweep_does(tmp_path: Path) -> None:
    """docs/sweep.md's own script, as Slurm would start its task 7, with a program in the place of srun."""
    text = (Path(__file__).parents[3] / "docs" / "sweep.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```bash\n(#!/bin/bash\n# grid\.sh: .*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "grid.sh").write_text(script)
    (tmp_path / "srun").write_text(f'#!/bin/sh\nshift 3\nexec {sys.executable} -m refsbnn "$@"\n')
    (tmp_path / "srun").chmod(0o755)
    words = ["digits_binary", *TINY, "training.epochs=1"]
    slurms = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": "7", "SLURM_CPUS_PER_TASK": "1"}
    done = subprocess.run(
        ["bash", "grid.sh", *words], cwd=tmp_path, env=os.environ | slurms, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (array,) = re.findall(r"--array=0-(\d+)", script)
    grid = sweep(tmp_path / "runs" / "rates", *words[1:], "training.rate=[0.003,0.01,0.03]", "seeds=0-4")
    jobs = [job for point in grid.points() for job in point.runs.values()]
    assert len(jobs) == int(array) + 1
    assert [number for number, job in enumerate(jobs) if result(job)] == [7]
