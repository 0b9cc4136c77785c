"""Every constant by which compiled code cuts its work is crossed by a test, which takes it from the code."""

import importlib
import pkgutil
from pathlib import Path

import refsbnn.kernels

TESTS = Path(__file__).parents[1]
# The test that takes sizes on both sides of it.
CROSSED = {
    "kernels.bits.WORD": "kernels/test_conv2d.py",
    "kernels.block.WIDEST": "kernels/test_block.py",
    "kernels.conv2d_batch.SHARDS": "kernels/test_conv2d.py",
    "kernels.conv2d_batch.SPAN": "kernels/test_conv2d.py",
    "kernels.conv2d_spikes.ENTRIES": "kernels/test_conv2d.py",
    "kernels.conv2d_spikes.POSITIONS": "kernels/test_conv2d.py",
    "kernels.fixed_point.NORMAL": "test_fixed_point.py",
    "kernels.lif_adjoint.SHARD": "kernels/test_lif.py",
    "kernels.matrix.DEPTH": "kernels/test_dense.py",
    "kernels.matrix.ROWS": "kernels/test_dense.py",
    "kernels.matrix.SHARDS": "kernels/test_dense.py",
    "kernels.occur.WORD": "kernels/test_dense.py",
    "kernels.optim.CHUNK": "kernels/test_optim.py",
    "kernels.optim.LEAF": "kernels/test_optim.py",
    "kernels.posterior.SHARDS": "kernels/test_posterior.py",
    "kernels.readout.COLUMNS": "kernels/test_readout.py",
    "kernels.residual.CHUNK": "kernels/test_residual.py",
    "kernels.simd.LANES": "kernels/test_unit.py",
    "kernels.slopes.CHUNK": "kernels/test_unit.py",
    "kernels.sparse.BLOCK": "kernels/test_dense.py",
    "kernels.sparse.CHUNK": "kernels/test_dense.py",
    "kernels.sparse.PANEL": "kernels/test_dense.py",
    "kernels.sparse.ROWS": "kernels/test_dense.py",
    "kernels.sparse.WIDE": "kernels/test_lif.py",
    "kernels.unit.CHUNK": "kernels/test_unit.py",
    "kernels.winograd.DEPTH": "kernels/test_conv2d.py",
    "kernels.winograd.TILES": "kernels/test_conv2d.py",
    "data.scatter.WORD": "data/test_spikes.py",
    "optim.BLOCK": "test_optim.py",
}
# Sizes that no input changes: parts of a word's table, products of a tile, bytes by which the heap grows.
TABLES = {"kernels.exponential.PARTS", "kernels.lookup.GROUP", "kernels.lookup.PATTERNS", "kernels.lookup.TABLE"}
FIXED = TABLES | {"kernels.winograd.POINTS", "kernels.memory.PAD"}


def constants() -> set[str]:
    """Whole numbers above 1 that the kernels, the batches of events and the optimisers define."""
    modules = [f"kernels.{item.name}" for item in pkgutil.iter_modules(refsbnn.kernels.__path__)]
    found = set()
    for name in [*modules, "data.scatter", "optim"]:
        module = importlib.import_module(f"refsbnn.{name}")
        source = Path(module.__file__ or "").read_text().splitlines()
        for key, value in vars(module).items():
            defined = any(line.startswith((f"{key} =", f"{key}: ")) for line in source)
            if key.isupper() and isinstance(value, int) and value > 1 and defined:
                found.add(f"{name}.{key}")
    return found


def test_every_block_is_crossed() -> None:
    blocks = constants() - FIXED
    assert blocks == set(CROSSED)
    for name, file in CROSSED.items():
        short = ".".join(name.split(".")[-2:])
        assert f"around({short})" in (TESTS / file).read_text(), f"{file} takes no sizes around {name}"
