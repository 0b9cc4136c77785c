"""`python -m tests.refsbnn.ranks.loaded OUT ROOT...`: load data on ranks, the last root for all ranks that lack one.

Each rank writes OUT/<rank>.json: how many files it made and how many it got as a copy, how many recordings it binned,
and the batches that it sees.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from refsbnn import files
from refsbnn.data import kept, recordings
from refsbnn.data.options import Data
from refsbnn.data.sources import load
from refsbnn.draws import CounterDraws
from refsbnn.ranks import Ranks, world
from refsbnn.streams import Purpose, Streams

SETS = {"shd": {"steps": 10, "bin_ms": 100.0, "jitter": 1.0}, "cifar10": {"held_out": 0.2, "mirror": True}}


def batches(root: Path, ranks: Ranks) -> dict[str, str]:
    """A batch of each part of each set."""
    out = {}
    for name, options in SETS.items():
        data = load(Data(name=name, root=str(root), **options), ranks=ranks)
        for part in ("train", "validation", "test"):
            rows = np.array([1, 0, 1])
            batch = getattr(data, part).batch(rows, CounterDraws(Streams(3), Purpose.TRAIN, 0, np.arange(3)))
            arrays = (batch,) if isinstance(batch, np.ndarray) else (batch.offsets, batch.columns)
            out[f"{name} {part}"] = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
    return out


def counting(module, name: str, count) -> None:
    """Have a function of a module counted."""
    whole = getattr(module, name)

    def counted(*args, **words):
        out = whole(*args, **words)
        count(out)
        return out

    setattr(module, name, counted)


if __name__ == "__main__":
    ranks, out, roots = world(), Path(sys.argv[1]), [Path(root) for root in sys.argv[2:]]
    seen = {"made": 0, "copied": 0, "binned": 0}
    counting(kept, "write", lambda _: seen.update(made=seen["made"] + 1))
    counting(files, "write_bytes", lambda _: seen.update(copied=seen["copied"] + 1))
    counting(recordings, "binned", lambda made: seen.update(binned=seen["binned"] + len(made)))
    seen["batches"] = batches(roots[min(ranks.rank, len(roots) - 1)], ranks)
    (out / f"{ranks.rank}.json").write_text(json.dumps(seen), encoding="utf-8")
