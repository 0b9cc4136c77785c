"""The commands whose processes are killed: each, repeated as it is, must end in the result of the undisturbed one."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np

from refsbnn.data.kept import KEPT
from refsbnn.files import UNFINISHED
from refsbnn.training import checkpoint, lock
from refsbnn.training.folder import PARAMETERS, RESULT

WRITE = 0.02  # seconds: about what the larger data cache takes to be written and brought to the disk
RUN, DATA = "run", "data"  # folders below the one that a job works in
REFSBNN = (sys.executable, "-m", "refsbnn")
# A checkpoint after each step, so that a kill meets one being written.
OFTEN = ("training.checkpoint=0", "evaluation.samples=2")


@dataclass(frozen=True)
class Job:
    """A command.

    Attributes
    ----------
    name : str
    words : tuple of str
        It works in a folder of its own and names no other one.
    prepare : callable
        Puts what it reads into its folder.
    targets : tuple of str
        What may be killed: the "process" that was started, one "rank", all "ranks", their "launcher", or "all" there
        are.
    missing : str
        Why it cannot run here.
    environment : dict
        Added to the environment.
    begins : callable, optional
        What a kill waits for, asked of the job's folder; its moment is then one of the `WRITE` seconds from there on.
    """

    name: str
    words: tuple[str, ...]
    prepare: Callable[[Path], None] = lambda folder: None
    targets: tuple[str, ...] = ("process",)
    missing: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    begins: Callable[[Path], bool] | None = None


def spoken(folder: Path, recordings: int = 60) -> None:
    """Random spikes of 700 channels in the layout of the Heidelberg digits, ten speakers."""
    for part in ("train", "test"):
        path = folder / DATA / "SHD" / f"shd_{part}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(len(part))
        with h5py.File(path, "w") as file:
            times = file.create_dataset("spikes/times", (recordings,), h5py.vlen_dtype(np.float16))
            units = file.create_dataset("spikes/units", (recordings,), h5py.vlen_dtype(np.uint16))
            for i in range(recordings):
                count = rng.integers(4000, 8000)
                times[i] = np.sort(rng.random(count)).astype(np.float16)
                units[i] = rng.integers(0, 700, count).astype(np.uint16)
            file["labels"] = (np.arange(recordings) % 20).astype(np.uint16)
            file["extra/speaker"] = (np.arange(recordings) % 10).astype(np.uint16)


def train(*words: str) -> tuple[str, ...]:
    """A training run that begins or goes on, as its folder has it."""
    return (*REFSBNN, "train", *words, "--out", RUN, "--continue")


DIGITS = ("digits_binary", *OFTEN, "training.epochs=15", "training.batch=128", "model.hidden=[32]")
SMALL = ("digits_binary", *OFTEN, "training.epochs=3", "training.batch=256", "model.hidden=[8]")
SPOKEN = (
    *("shd_small", *OFTEN, f"data.root={DATA}", "data.steps=20", "data.bin_ms=50", "model.hidden=[16]"),
    *("training.epochs=3", "training.batch=8", "training.warmup=0"),
)
LARGER = (*SPOKEN, "training.epochs=1", "training.batch=200")  # the last of equal keys counts
more = partial(spoken, recordings=1000)


def jobs(mpiexec: str | None = None) -> list[Job]:
    """Every job, those that cannot run here with the reason.

    Parameters
    ----------
    mpiexec : str, optional
        The launcher; the one on the PATH if not given.
    """
    launcher = mpiexec or shutil.which("mpiexec")
    missing = "" if launcher else "no mpiexec on the PATH"
    if find_spec("mpi4py") is None:
        missing = "mpi4py is not installed"
    two = (launcher or "mpiexec", "-n", "2")
    ranks, shared = ((*two, *train(*words, "training.shards=2")) for words in (DIGITS, SPOKEN))
    sweep = (*REFSBNN, "sweep", *SMALL, "training.rate=[0.01, 0.03]", "seeds=0-1", "--out", RUN, "--json", "all.json")
    several = ("rank", "launcher", "all")
    return [
        Job("steps", train(*DIGITS, "training.keep=1000")),
        Job("rotation", train(*DIGITS, "training.keep=2", "training.patience=2", "training.backend=numba")),
        Job("cache", train(*SPOKEN), spoken),
        Job("written", train(*LARGER), more, begins=caching),
        Job("by ranks", (*two, *train(*LARGER, "training.shards=2")), more, ("ranks",), missing, begins=caching),
        Job("sweep", sweep, targets=("process", "all")),
        Job("ranks", ranks, targets=several, missing=missing),
        Job("shared", shared, spoken, targets=several, missing=missing),
    ]


def caching(folder: Path) -> bool:
    """Whether a file of binned recordings is being written."""
    return any((folder / DATA / KEPT).glob(".*"))


def moment(folder: Path, pids: list[int]) -> str:
    """What a job was doing when its processes were killed, by what they left."""
    out = folder / RUN
    if caching(folder):
        return "writing the data cache"
    seen = lock.look(out / lock.NAME)
    if seen is None or lock.content(seen.text).get("pid") not in pids:
        return "after the end" if seen is None and (out / RESULT).exists() else "start-up and data"
    if any(out.rglob(f"{checkpoint.FOLDER}/.*")):
        return "writing a checkpoint"
    if any(out.rglob(f".*{UNFINISHED}")):
        return "writing another file"
    if (out / PARAMETERS).exists():
        return "results and figures"
    return "steps" if any(out.rglob(f"{checkpoint.FOLDER}/*.h5")) else "before the first checkpoint"
