"""The model of scaling by hand, and both commands on a small network; no measured number is judged."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refsbnn.errors import InputError
from refsbnn.ranks import ALONE
from validation.benchmarks import scaling, scaling_measure, scaling_model

FABRIC = scaling_model.Fabric("some", 1e-3, 1e6)
ONE: dict[str, Any] = {
    "elements": 1000,
    "arrays": 8,
    "batch": 16,
    "monitor": 4,
    "steps": 100,
    "epochs": 10,
    "validation": 40,
    "own_data": True,
    "rows": {str(rows): {"plain": 1.0 + rows, "monitored": 2.0 + rows, "inputs": 0.5 * rows} for rows in (1, 4, 8, 16)},
    "forward": 0.1,
    "spread": 0.0,
    "fixed_point": {"first": 0.3, "add": 0.2, "value": 0.1, "float first": 0.15, "float add": 0.1},
    "replicated": 0.7,
    "backward": {"1": [[0.25, 400.0], [0.5, 600.0]]},
    "rounding": [],
    "step": {"1": 1.0},
}
TWO: dict[str, Any] = {
    "rows": {"1": 2.0, "8": 9.9},  # as alone, and a tenth more
    "fixed_point": {"first": 0.4, "add": 0.3, "value": 0.15, "float first": 0.25, "float add": 0.2},
    "replicated": 0.8,
    "step": 10.0,
    "sum": [[8.0, 1e-4], [8000.0, 2e-4], [80000.0, 1.1e-3]],
}
MODEL = scaling_model.Model(ONE, TWO, FABRIC, node=2)


def test_a_step_by_hand() -> None:
    """Four ranks on two nodes, eight shards of two rows, two a rank."""
    parts = MODEL.step(4, shards=8)
    assert parts["computing"] == pytest.approx(2.0 * (1.0 + 2.0 + 0.25 + 1.0) * (1.0 + 0.1 / 3.0))  # 2 = 8^(1/3) rows
    assert parts["fixed point"] == pytest.approx(0.4 + 0.2 + 0.15)
    assert parts["replicated"] == 0.8
    size = 8.0 * 1000 + 8.0 * 8 * 10
    inside = 2e-4 + 9e-4 * (size - 8000.0) / 72000.0
    assert parts["sum"] == pytest.approx(inside + 2.0 * 1e-3 + size / 1e6)
    assert MODEL.seconds(4, shards=8) == pytest.approx(sum(parts.values()))
    assert set(parts) == set(scaling_model.PARTS)
    # Of floats a shard would be stored and another added, and nothing read.
    assert MODEL.share(4, 8) == pytest.approx((0.75 / sum(parts.values()), (0.75 - 0.25 - 0.1) / sum(parts.values())))
    assert MODEL.share(1, 8)[0] == pytest.approx((0.3 + 7 * 0.2 + 0.1) / MODEL.seconds(1, shards=8))


def test_one_rank_sums_nothing() -> None:
    parts = MODEL.step(1)
    assert parts["sum"] == parts["waiting"] == parts["fixed point"] == 0.0
    assert MODEL.seconds(1) == pytest.approx(17.25 + 8.0 + 0.7)
    assert MODEL.seconds(1, batch=32) == pytest.approx(2.0 * 25.25 + 0.7)  # beyond what was measured: in proportion
    assert MODEL.hours(1) == pytest.approx((100 * MODEL.seconds(1) + 10 * 40 * 0.1) / 3600.0)


def test_the_last_of_many_ranks() -> None:
    """A row's deviation is a tenth: the mean of the largest of four normals is 1.03 deviations."""
    model = scaling_model.Model({**ONE, "spread": 0.1}, TWO, FABRIC, node=2)
    parts = model.step(4)
    assert parts["waiting"] == pytest.approx(1.03 * 0.1 * parts["computing"] / 2.0, rel=0.02)


def test_a_sum_during_the_backward_pass_hides_what_the_pass_leaves_time_for() -> None:
    slow = MODEL.seconds(16)
    hidden = MODEL.overlapped(16)
    late = MODEL.sum(8.0 * 600, 16)
    first = MODEL.sum(8.0 * 400, 16)
    assert hidden == pytest.approx(slow - MODEL.step(16)["sum"] + late + max(0.0, first - 0.25))
    narrow = scaling_model.Model(ONE, TWO, FABRIC, node=2, width=4)
    assert narrow.message(16) == 4.0 * 1000 + 8.0 * 16 * 10


def test_where_it_stops() -> None:
    """Without anything shared speed-up is the number of ranks; what every rank does for itself ends it (Amdahl)."""
    rows = {str(rows): {"plain": float(rows), "monitored": float(rows), "inputs": 0.0} for rows in (1, 16)}
    nothing = {"first": 0.0, "add": 0.0, "value": 0.0}
    free = {**ONE, "rows": rows, "fixed_point": nothing, "replicated": 0.0}
    same = {"rows": {"1": 1.0, "8": 8.0}, "fixed_point": nothing, "replicated": 0.0}
    still = {**TWO, **same, "sum": [[8.0, 0.0], [80000.0, 0.0]]}
    model = scaling_model.Model(free, still, scaling_model.Fabric("free", 0.0, math.inf), node=2)
    assert [model.seconds(1) / model.seconds(r) for r in (1, 2, 4, 16)] == pytest.approx([1.0, 2.0, 4.0, 16.0])
    assert (model.best(), model.half()) == (16, 16)
    both = {"replicated": 4.0}
    model = scaling_model.Model(
        {**free, **both}, {**still, **both}, scaling_model.Fabric("free", 0.0, math.inf), node=2
    )
    assert model.seconds(1) / model.seconds(16) == pytest.approx(20.0 / 5.0)
    assert model.half() == 4  # 20 / (4 (4 + 4)) is above a half, 20 / (8 (4 + 2)) below


def test_narrow_integers_lose_what_they_must() -> None:
    """Sums of four shards in 16 bits are sums on a grid of 2^-11 times the power of two above all."""
    rng = np.random.default_rng(0)
    shards = [{"w": rng.normal(size=300)} for _ in range(4)]

    class Parts:
        index, shapes = np.arange(4), {"w": (300,)}

        def part(self, rows: int, first: int) -> Any:
            return lambda: shards[first]

    found = {(one["bits"], one["headroom"]): one for one in scaling_measure.rounding(Parts(), 4)}  # type: ignore[arg-type]
    exact = sum(each["w"] for each in shards)
    top = 2.0 ** math.ceil(math.log2(max(np.abs(each["w"]).max() for each in shards)))
    grid = 2.0 * top / 2**12  # 16 bits, two of them sign and sum, two for four shards, one bit of headroom
    near = sum(np.round(each["w"] / grid) * grid for each in shards)
    assert found[16, 1]["error"] == pytest.approx(np.linalg.norm(near - exact) / np.linalg.norm(exact), rel=1e-12)
    assert found[64, 10]["error"] < 1e-14
    assert found[32, 1]["error"] < found[32, 10]["error"] < found[16, 1]["error"]


def test_both_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra plots")
    small = ["model.hidden=[4]", "training.batch=4"]
    assert scaling_measure.main(["digits_binary", *small, "--out", str(tmp_path), "--budget", "0"]) == 0
    two = scaling_measure.together("digits_binary", small, 0.0, ALONE)
    (tmp_path / "digits_binary.2.json").write_text(json.dumps(two))
    assert scaling_measure.main(["digits_binary", *small, "--out", str(tmp_path), "--memory"]) == 0
    document = tmp_path / "document.md"
    document.write_text(f"before\n{scaling.MARKS[0]}\nold\n{scaling.MARKS[1]}\nafter\n")
    assert scaling.main([str(tmp_path), "--into", str(document)]) == 0
    lines = document.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "old" not in lines
    assert sum(line.startswith("| `digits_binary`") for line in lines) >= 5
    told = capsys.readouterr().out
    assert "digits_binary: " in told
    record = json.loads((tmp_path / "scaling.json").read_text())["digits_binary"]
    assert set(record["fabrics"]) == {fabric.name for fabric in scaling_model.FABRICS}
    assert (tmp_path / "scaling.svg").stat().st_size > 10_000
    with pytest.raises(InputError, match="no tables of scaling"):
        scaling.between_marks("", "")
    with pytest.raises(InputError, match="holds no CONFIG"):
        scaling.main([str(tmp_path / "none")])
