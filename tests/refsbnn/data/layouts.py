"""Miniature data sets in the official layouts."""

import pickle
from pathlib import Path

import h5py
import numpy as np


def write_shd(root: Path, name: str = "shd", recordings: int = 24, seed: int = 0) -> None:
    """Random spikes of 700 channels; speakers 0, 1, 2 in turn."""
    rng = np.random.default_rng(seed)
    for part in ("train", "test"):
        path = root / name.upper() / f"{name}_{part}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            times = file.create_dataset("spikes/times", (recordings,), h5py.vlen_dtype(np.float16))
            units = file.create_dataset("spikes/units", (recordings,), h5py.vlen_dtype(np.uint16))
            for i in range(recordings):
                count = rng.integers(1, 200)
                times[i] = np.sort(rng.random(count)).astype(np.float16)
                units[i] = rng.integers(0, 700, count).astype(np.uint16)
            file["labels"] = (np.arange(recordings) % 20).astype(np.uint16)
            file["extra/speaker"] = (np.arange(recordings) % 3).astype(np.uint16)


def write_nmnist(root: Path, each: int = 2, seed: int = 0) -> dict[Path, np.ndarray]:
    """Recordings of random events; returns (x, y, polarity, microseconds) of every file."""
    rng = np.random.default_rng(seed)
    written = {}
    for part in ("Train", "Test"):
        for digit in range(10):
            folder = root / "NMNIST" / part / str(digit)
            folder.mkdir(parents=True)
            for number in range(each):
                count = int(rng.integers(5, 60))
                x, y = rng.integers(0, 34, (2, count))
                polarity, t = rng.integers(0, 2, count), np.sort(rng.integers(0, 2**19, count))
                rows = np.stack([x, y, (polarity << 7) | (t >> 16), (t >> 8) & 255, t & 255], axis=1)
                path = folder / f"{number:05d}.bin"
                path.write_bytes(rows.astype(np.uint8).tobytes())
                written[path] = np.stack([x, y, polarity, t])
    return written


def write_cifar10(root: Path, version: str, each: int = 12, seed: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Random images as the "python" or the "binary" version; returns rows and labels of every batch."""
    rng = np.random.default_rng(seed)
    folder = root / ("cifar-10-batches-py" if version == "python" else "cifar-10-batches-bin")
    folder.mkdir(parents=True)
    written = {}
    for name in (*[f"data_batch_{i}" for i in range(1, 6)], "test_batch"):
        rows = rng.integers(0, 256, (each, 3072)).astype(np.uint8)
        labels = rng.integers(0, 10, each)
        if version == "python":
            batch = {b"batch_label": name.encode(), b"labels": [int(v) for v in labels], b"data": rows}
            (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
        else:
            (folder / f"{name}.bin").write_bytes(np.hstack([labels[:, None].astype(np.uint8), rows]).tobytes())
        written[name] = rows, labels
    return written
