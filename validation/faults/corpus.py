"""Tiny valid files of every kind that refsbnn reads, made by the program itself: what the fuzzer damages."""

import csv
import datetime
import io
import json
import pickle
import tarfile
import zipfile
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from refsbnn.data import recordings, shd
from refsbnn.data.kept import KEPT
from refsbnn.run import Run
from refsbnn.training import checkpoint, loop
from refsbnn.training import config as configuration
from refsbnn.training.resume import initial
from refsbnn.training.state import State, packed
from refsbnn.training.task import Task, prepare
from validation.conformance import vectors
from validation.conformance.adapters.reference import Reference
from validation.conformance.cases import linear
from validation.conformance.schema import Case

# Two steps an epoch; the checkpoint is that of the third.
CONFIGURATION = """\
# A small run.
seed = 3
[data]
name = "digits"
[model]
name = "mlp"
hidden = [3]
[model.units]
member = ["agr(tau=0.5)"]
domain = "bipolar"
[model.weights]
spread = 0.5
[objective]
temperature = 1.0
warmup = 0.5
penalty = 0.01
[training]
epochs = 3
batch = 575
rate = 0.01
patience = 3
clip = 10.0
[evaluation]
samples = 2
"""
RESNET = """\
seed = 1
data = { name = "cifar10", root = "data", shift = 4, mirror = true, held_out = 0.1 }
[model]
name = "resnet"
depth = 1
width = 4
pool = 2
scale = 0.5
stages = 2
weights = { zero_mean = true, variance = "quadratic" }
[training]
optimiser = "sgd"
schedule = "step"
drops = [1, 2]
"""
SPOKEN = """\
[data]
name = "shd"
steps = 4
bin_ms = 250.0
groups = [1]
drop = 0.1
[model]
name = "spiking"
hidden = [3]
units = { beta = 0.9, recurrent = true, reset = "soft" }
readout = { beta = 0.8 }
[training]
backend = "numba"
chunk = 2
"""
TODAY = datetime.date(2026, 1, 1)  # of the waivers
SPAN = 20  # events of a recording, at most


@lru_cache(maxsize=1)
def task() -> Task:
    """The task of the small run."""
    return prepare(configuration.read(configuration.parsed(CONFIGURATION)))


def configurations(folder: Path) -> None:
    """Three configurations."""
    for name, text in (("small", CONFIGURATION), ("resnet", RESNET), ("spoken", SPOKEN)):
        (folder / f"{name}.toml").write_text(text)


def unfinished(folder: Path) -> None:
    """A run that was stopped in its second epoch: its configuration and its checkpoint."""
    (folder / "small.toml").write_text(CONFIGURATION)
    state = initial(task())

    def save(state: State) -> None:
        checkpoint.save(folder / "run", state.step, packed(state, task().config), 1)

    try:
        loop.train(task(), state=state, save=save, stop=lambda: state.step == 3)
    except loop.Interrupted:
        return
    raise AssertionError("the small run has more than three steps")


def finished(folder: Path) -> None:
    """A finished run as Python writes it, with the description of its network."""
    result = loop.train(task())
    Run(task(), result.parameters, result.history).save(folder / "run")


def spoken(folder: Path) -> None:
    """SHD: both parts, random spikes of 700 channels."""
    rng = np.random.default_rng(1)
    for part in ("train", "test"):
        path = folder / shd.files("shd", part)
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            times = file.create_dataset("spikes/times", (6,), h5py.vlen_dtype(np.float16))
            units = file.create_dataset("spikes/units", (6,), h5py.vlen_dtype(np.uint16))
            for i in range(6):
                count = int(rng.integers(1, SPAN))
                times[i] = np.sort(rng.random(count)).astype(np.float16)
                units[i] = rng.integers(0, 700, count).astype(np.uint16)
            file.create_dataset("labels", data=np.arange(6, dtype=np.uint16) % 20, compression="gzip")
            file["extra/speaker"] = (np.arange(6) % 3).astype(np.uint16)


def kept(folder: Path) -> None:
    """The binned recordings of both parts of SHD, whose official files are not there."""
    spoken(folder)
    for part in ("train", "test"):
        source = folder / shd.files("shd", part)
        facts = {"source": shd.files("shd", part), "steps": 4, "bin_ms": 0.0, "downsample": 1, "merge": False}
        made = recordings.binned(shd.read(source), 0.0, 4, shd.CHANNELS)
        recordings.save(folder / KEPT / f"shd-shd_{part}-4-0-1-0-0.h5", made, {**facts, "denoise_ms": 0.0})
        source.unlink()


def events(rng: np.random.Generator, side: int, latest: int) -> np.ndarray:
    """Columns x, y, polarity, time of some events: (4, n) int64."""
    count = int(rng.integers(3, SPAN))
    sides, times = rng.integers(0, side, (2, count)), np.sort(rng.integers(0, latest, count))
    return np.stack([*sides, rng.integers(0, 2, count), times]).astype(np.int64)


def nmnist(folder: Path) -> None:
    """N-MNIST: a recording of each digit in both parts."""
    rng = np.random.default_rng(2)
    for part in ("Train", "Test"):
        for digit in range(10):
            x, y, p, t = events(rng, 34, 2**19)
            rows = np.stack([x, y, (p << 7) | (t >> 16), (t >> 8) & 255, t & 255], axis=1)
            path = folder / "NMNIST" / part / str(digit) / "00001.bin"
            path.parent.mkdir(parents=True)
            path.write_bytes(rows.astype(np.uint8).tobytes())


def cameras(folder: Path) -> None:
    """PokerDVS and DVS Gesture: files of numpy.save."""
    rng = np.random.default_rng(3)
    for part in ("pips_train", "pips_test"):
        for suit in ("cl", "he", "di", "sp"):
            x, y, p, t = events(rng, 35, 10**6)
            path = folder / "POKERDVS" / part / suit / "0.npy"
            path.parent.mkdir(parents=True)
            np.save(path, np.stack([t, x, y, p], axis=1))
    for part in ("ibmGestureTrain", "ibmGestureTest"):
        path = folder / "DVSGesture" / part / "user01_led"
        path.mkdir(parents=True)
        for label in range(2):
            np.save(path / f"{label}.npy", events(rng, 128, 5000).T.astype(np.float64))


def photographs(folder: Path) -> None:
    """CIFAR-10: six batches of two images, as Python 2 pickled them, and the same as plain bytes."""
    rng = np.random.default_rng(4)
    for name in (*[f"data_batch_{i}" for i in range(1, 6)], "test_batch"):
        rows, labels = rng.integers(0, 256, (2, 3072)).astype(np.uint8), [int(n) for n in rng.integers(0, 10, 2)]
        for version, end, content in (
            ("py", "", pickle.dumps({b"batch_label": b"one", b"labels": labels, b"data": rows}, protocol=2)),
            ("bin", ".bin", np.hstack([np.array(labels, np.uint8)[:, None], rows]).tobytes()),
        ):
            path = folder / version / f"cifar-10-batches-{version}" / f"{name}{end}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def archives(folder: Path) -> None:
    """A tar and a zip of a folder with two files."""
    texts = {"SET/a.bin": bytes(range(200)) * 3, "SET/b/c.bin": b"two"}
    with tarfile.open(folder / "set.tar.gz", "w:gz") as tar:
        for name, content in texts.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(folder / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in texts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def conformance(folder: Path) -> None:
    """Some conformance vectors, the reference's results for them, and waivers."""
    cases = some_cases()
    sha = vectors.write(folder / "vectors.h5", cases)
    arrays = {
        case.id: dict(Reference().run(case.op, case.given(), case.arrays["noise"], "float64", 0)) for case in cases
    }
    vectors.write_results(folder / "results.h5", vectors.Results("it", "float64", sha, ("*",), arrays))
    (folder / "waivers.toml").write_text('[[waiver]]\ncase = "dense.*"\nreason = "ours"\nexpires = 2099-01-31\n')


@lru_cache(maxsize=1)
def some_cases() -> list[Case]:
    """A dense layer's case and one without numbers to round."""
    return [linear.dense("binary_linear", "binary", "linear"), linear.flatten()]


def lock(folder: Path) -> None:
    """A run's folder with a lock of another host."""
    (folder / "run").mkdir()
    said = {"host": "elsewhere", "boot": "b", "namespace": "pid:[1]", "pid": 1, "started": "5", "since": "2026-01-01"}
    (folder / "run" / ".lock").write_text(json.dumps(said))


def table(rows: int) -> bytes:
    """A record of so many epochs, of one column."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["epoch"], *[[1]] * rows])
    return text.getvalue().encode()
