"""What the tests under Slurm submit, and what they wait for."""

import importlib.metadata
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
ENDS = ("COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL")
GARBLED = "mpi/pmi2: invalid client request"
PATIENCE = 180.0  # seconds: far more than anything here takes, on a busy machine too


def mpich() -> Path | None:
    """The folder with the MPI library of PyPI's package mpich, where that and mpi4py are installed."""
    try:
        importlib.metadata.distribution("mpi4py")
        files = importlib.metadata.files("mpich") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    libraries = [Path(file.locate()).resolve() for file in files if file.name == "libmpi.so.12"]
    return libraries[0].parent if libraries and libraries[0].exists() else None


def script(document: str, name: str, folder: Path) -> Path:
    """Write the script that a document shows under a name into a folder."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    found = re.findall(rf"^```bash\n(#!/bin/bash\n# {re.escape(name)}: .*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"docs/{document} shows {name} {len(found)} times"
    path = folder / name
    path.write_text(found[0], encoding="utf-8")
    return path


def refsbnn() -> list[str]:
    """The command, by the interpreter that runs the tests."""
    return [sys.executable, "-m", "refsbnn"]


def begun(told: str) -> None:
    """Skip a test whose processes did not get as far as refsbnn.

    In a few starts Slurm 22.05's plugin reads what MPICH 5 sends it as garbage, and MPI_Init fails.
    """
    if GARBLED in told:
        pytest.skip(f"MPI did not start: {GARBLED}")


@dataclass
class Job:
    """A batch job, and the file of its output."""

    cluster: Cluster
    number: str
    output: Path

    @classmethod
    def submit(cls, cluster: Cluster, *arguments: object, output: Path) -> "Job":
        """Submit with sbatch; arguments given here are before those of the script."""
        command = ("sbatch", "--parsable", f"--output={output}", *map(str, arguments))
        done = cluster.command(*command, cwd=output.parent)
        assert done.returncode == 0, done.stderr
        return cls(cluster, done.stdout.strip(), output)

    def told(self) -> str:
        """What the job has printed so far."""
        return self.output.read_text(encoding="utf-8") if self.output.exists() else ""

    def facts(self) -> dict[str, str]:
        """What Slurm says of the job."""
        shown = self.cluster.command("scontrol", "--oneliner", "show", "job", self.number).stdout
        return dict(word.split("=", 1) for word in shown.split() if "=" in word)

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait for something that this job is to bring about."""
        end = time.monotonic() + PATIENCE
        while not true():
            if GARBLED in self.told():
                self.cluster.command("scancel", self.number)  # the other ranks wait for ever
            begun(self.told())
            assert time.monotonic() < end, f"no {what}: {self.facts()}\n{self.told()}"
            time.sleep(0.05)

    def ended(self) -> dict[str, str]:
        """Wait for the job's end; what Slurm says of it then."""
        self.until(lambda: self.facts().get("JobState") in ENDS, "end")
        return self.facts()
