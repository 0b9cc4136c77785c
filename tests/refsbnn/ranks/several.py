"""`python -m tests.refsbnn.ranks.several OUT RUN...`: some of the trainings below, one after the other, below OUT."""

import sys
from pathlib import Path

from refsbnn import cli
from tests.refsbnn.data.layouts import write_cifar10, write_shd

SHARDS = 8
SMALL = [f"training.shards={SHARDS}", "training.epochs=2", "evaluation.samples=2"]
RUNS = {
    "binary": ["digits_binary", "model.hidden=[12]", "training.batch=200"],
    # A batch that the shards do not divide; the penalty, clipping and the monitor's steps have parts of their own.
    "spiking": [
        *("digits_spiking", "model.hidden=[12]", "training.batch=235", "data.steps=4", "training.backend='numba'"),
        *("objective.penalty=0.01", "training.clip=0.5", "training.monitor=2"),
    ],
    "shd": [
        *("shd_small", "model.hidden=[8,8]", "data.steps=10", "data.bin_ms=140", "training.batch=10"),
        *("data.held_out=0.2", "training.patience=1"),
    ],
    "residual": [
        *(
            "cifar10_small",
            "model.width=8",
            "model.depth=1",
            "model.pool=2",
            "training.batch=16",
            "training.recompute=1",
        ),
        "data.held_out=0.2",
    ],
}


def write_data(root: Path) -> None:
    """The files that the trainings on events and images read."""
    write_shd(root)
    write_cifar10(root, "python")


if __name__ == "__main__":
    out = Path(sys.argv[1])
    for name in sys.argv[2:]:
        own = [] if name in ("binary", "spiking") else [f"data.root={out.parent}"]
        code = cli.main(["train", *RUNS[name], *SMALL, *own, "--out", str(out / name)])
        if code:
            sys.exit(code)
