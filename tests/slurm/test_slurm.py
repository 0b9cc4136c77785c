"""Training under real Slurm, on two nodes that are both this machine; the scripts are those that the documents show."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.slurm.cluster import Cluster, missing
from tests.slurm.jobs import Job, begun, mpich, refsbnn, script

LIBRARY = mpich()
pytestmark = [
    pytest.mark.xdist_group("slurm"),  # one cluster for all
    pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())} (Debian: slurm-wlm munge)"),
    pytest.mark.skipif(LIBRARY is None, reason="no mpi4py with MPICH (PyPI: mpi4py mpich)"),
]
EPOCHS, LONG = 5, 40
RUN = ("training.shards=4", "training.schedule=constant", "evaluation.samples=2")
CONFIG = 'seed = 3\ndata.name = "digits"\n[model]\nname = "mlp"\nhidden = [32]\n[training]\nbatch = 32\nepochs = '


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        cluster.environment["PATH"] = f"{Path(sys.executable).parent}:{cluster.environment['PATH']}"
        cluster.environment |= {"MPI4PY_LIBMPI": str(LIBRARY), "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        yield cluster


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slurm") / "run.toml"
    path.write_text(f"{CONFIG}{EPOCHS}\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def alone(cluster: Cluster, config: Path) -> Path:
    """The run's folder of one process without Slurm."""
    out = config.parent / "alone"
    command = [*refsbnn(), "train", str(config), *RUN, "--out", str(out)]
    subprocess.run(command, env=cluster.environment, check=True, capture_output=True)
    return out


def on_one_node(cluster: Cluster, name: str, config: Path, *options: str) -> Job:
    """Submit `train.sh` for two ranks on the node that no test takes away."""
    options = ("--nodes=1", "--nodelist=n1", "--ntasks=2", "--cpus-per-task=1", *options)
    out = config.parent / name
    words = (*options, script("cluster.md", "train.sh", config.parent), config, *RUN, "--out", out)
    return Job.submit(cluster, *words, output=out.with_suffix(".out"))


# Two jobs have to wait, for Slurm's looking at limits and for their place in the queue: while the other tests run.


@pytest.fixture(scope="module", autouse=True)
def limited(cluster: Cluster, config: Path) -> Job:
    """A job that reaches its time limit: Slurm looks at limits every 30 seconds.

    So that it computes nothing meanwhile its ranks are suspended after the first epoch; Slurm wakes them. It would take
    far longer than its limit, and finds itself shortened when it comes back.
    """
    endless = config.parent / "limited.toml"
    endless.write_text(f"{CONFIG}1000000\n", encoding="utf-8")
    job = on_one_node(cluster, "limited", endless, "--time=5", "--signal=TERM@300")
    job.until(lambda: rows(config.parent / "limited"), "first epoch")
    cluster.command("scancel", "--signal=STOP", job.number)
    assert rows(config.parent / "limited") < EPOCHS
    endless.write_text(config.read_text(encoding="utf-8"), encoding="utf-8")
    return job


@pytest.fixture(scope="module", autouse=True)
def killed(cluster: Cluster, config: Path) -> Job:
    """A job whose ranks are killed, and that is put back into the queue."""
    job = on_one_node(cluster, "killed", config)
    job.until(lambda: rows(config.parent / "killed"), "first epoch")
    cluster.command("scancel", "--signal=KILL", f"{job.number}.0")
    assert job.ended()["JobState"] == "FAILED"
    cluster.command("scontrol", "requeue", job.number)
    return job


def results(out: Path) -> tuple[dict[str, np.ndarray], list[dict[str, str]], dict[str, Any]]:
    """The parameters, the record and the scores of a run; times aside."""
    with (out / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    del result["seconds"]
    return dict(np.load(out / "parameters.npz")), rows, result


def same(out: Path, other: Path) -> None:
    """Assert that two runs ended with the same bits."""
    (p, *record), (q, *there) = results(out), results(other)
    assert record == there
    assert p.keys() == q.keys()
    for key, value in p.items():
        np.testing.assert_array_equal(value, q[key], err_msg=key)


def rows(out: Path) -> int:
    """The epochs that a run has recorded so far."""
    path = out / "metrics.csv"
    return max(0, len(path.read_text(encoding="utf-8").splitlines()) - 1) if path.exists() else 0


def test_there_are_two_nodes(cluster: Cluster) -> None:
    done = cluster.command("srun", "-N2", "printenv", "SLURMD_NODENAME")
    assert sorted(done.stdout.split()) == ["n1", "n2"]


def test_two_nodes_train_to_the_bits_of_one_process(cluster: Cluster, config: Path, alone: Path) -> None:
    out = config.parent / "srun"
    command = ["srun", "--mpi=pmi2", "-N2", "--ntasks-per-node=2", *refsbnn(), "train", str(config), *RUN]
    done = cluster.command(*command, "--out", str(out))
    begun(done.stderr)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("results: ") == 1  # four ranks, of which one speaks
    same(out, alone)


def test_srun_without_mpi_is_refused_with_a_line(cluster: Cluster, config: Path) -> None:
    """Two processes that do not know of each other would train the same network twice into one folder."""
    out = config.parent / "strangers"
    command = ["srun", "--mpi=none", "-n2", *refsbnn(), "train", str(config), *RUN, "--out", str(out)]
    done = cluster.command(*command)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("srun: ")]
    assert len(lines) == 1
    assert lines[0].startswith("refsbnn: error: 2 processes were started")
    assert "srun --mpi=" in lines[0]
    assert not out.exists()


def test_a_lost_node(cluster: Cluster, config: Path) -> None:
    """The job ends with a line, goes back into the queue, and goes on by itself on the node that is left."""
    out, folder, long = config.parent / "lost", config.parent, config.parent / "long.toml"
    long.write_text(f"{CONFIG}{LONG}\n", encoding="utf-8")  # not at its end before the node is gone
    arguments = ("--nodes=1-2", "--ntasks=2", "--cpus-per-task=1", script("cluster.md", "train.sh", folder))
    job = Job.submit(cluster, *arguments, long, *RUN, "--out", out, output=folder / "lost.out")
    try:
        job.until(lambda: rows(out), "first epoch")
        # Both, as a rule; one, where a job of another test still had the other one's processors.
        lost, left = ("n1", "n2") if job.facts()["NodeList"] == "n1" else ("n2", "n1")
        cluster.command("scontrol", "update", f"NodeName={lost}", "State=DOWN", "Reason=test")
        facts = job.ended()
    finally:
        for node in ("n1", "n2"):
            cluster.command("scontrol", "update", f"NodeName={node}", "State=RESUME")
    assert "node failure" in job.told().lower()  # srun's line names the node; the batch step's does not always come
    assert (facts["JobState"], facts["Restarts"], facts["NodeList"]) == ("COMPLETED", "1", left)
    command = [*refsbnn(), "train", str(long), *RUN, "--out", str(folder / "whole")]
    subprocess.run(command, env=cluster.environment, check=True, capture_output=True)
    same(out, folder / "whole")


def test_a_cancelled_job_saves_and_does_not_come_back(cluster: Cluster, config: Path) -> None:
    out, folder, endless = config.parent / "cancelled", config.parent, config.parent / "endless.toml"
    endless.write_text(f"{CONFIG}1000000\n", encoding="utf-8")
    arguments = ("--nodes=2", "--ntasks=2", "--cpus-per-task=1", script("cluster.md", "train.sh", folder), endless)
    job = Job.submit(cluster, *arguments, *RUN, "--out", out, output=folder / "cancelled.out")
    job.until(lambda: rows(out), "first epoch")
    cluster.command("scancel", job.number)
    facts = job.ended()
    job.until(lambda: "refsbnn: stopped after step" in job.told(), "line that it was saved")
    assert (facts["JobState"], facts["Restarts"]) == ("CANCELLED", "0")


def test_an_array(cluster: Cluster, config: Path, alone: Path) -> None:
    """A task of the plain recipe: one process, whose test split is not scored."""
    folder = config.parent
    options = ("--array=7-8", script("sweep.md", "grid.sh", folder))  # of the configuration's rate, seeds 2 and 3
    job = Job.submit(cluster, *options, config, *RUN, output=folder / "array-%a.out")
    job.until(lambda: not cluster.command("squeue", "--noheader", f"--jobs={job.number}").stdout, "end")
    (p, record, _), (q, expected, _) = results(folder / "runs" / "rates" / "rate=0.01,seed=3"), results(alone)
    assert record == expected
    for key, value in p.items():
        np.testing.assert_array_equal(value, q[key], err_msg=key)
    assert results(folder / "runs" / "rates" / "rate=0.01,seed=2")[2]["config"]["seed"] == 2


def test_a_sweep(cluster: Cluster, config: Path, alone: Path) -> None:
    """The same two runs by `refsbnn sweep`."""
    pytest.importorskip("submitit")
    command = [*refsbnn(), "sweep", str(config), *RUN, "seeds=2-3", "--engine", "slurm", "--test"]
    command += ["--out", str(config.parent / "sweep")]
    done = cluster.command(*command)
    assert done.returncode == 0, done.stderr
    (out,) = (
        path.parent
        for path in (config.parent / "sweep").rglob("result.json")
        if results(path.parent)[2]["config"]["seed"] == 3
    )
    same(out, alone)


def test_killed_without_warning(killed: Job, alone: Path) -> None:
    """Put back into the queue by hand; the same step again would find what MPICH left in memory."""
    facts = killed.ended()
    assert (facts["JobState"], facts["Restarts"]) == ("COMPLETED", "1")
    same(killed.output.with_suffix(""), alone)


def test_a_time_limit(limited: Job, alone: Path) -> None:
    """SIGTERM saves, the script puts the job back into the queue, and the job goes on to the same bits."""
    facts = limited.ended()
    assert "refsbnn: stopped after step" in limited.told()
    assert "NODE FAILURE" not in limited.told()
    assert facts["JobState"] == "COMPLETED"
    assert int(facts["Restarts"]) >= 1  # on a busy machine Slurm may look again before it has ended
    same(limited.output.with_suffix(""), alone)
