"""A comparison gives every contestant the same trials, chooses on validation, and scores the test split once."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refsbnn import cli
from refsbnn.errors import InputError
from refsbnn.sweeps.sweep import ABOUT
from refsbnn.training.folder import RESULT
from validation.benchmarks import compare
from validation.benchmarks.table import SUMMARY, table

SMALL = ["digits_binary", "training.epochs=1", "model.hidden=[8]", "training.backend=numpy", "evaluation.samples=2"]
RACE = [
    *SMALL,
    "--trial",
    "evaluation.samples=1",
    "--rates",
    "0.02",
    "1e-6",
    "--seeds",
    "3",
    "--contestants",
    "agr",
    "surrogate",
]


def test_a_race(tmp_path: Path, capsys: Any) -> None:
    out, kept = tmp_path / "out", tmp_path / "kept"
    arguments = [*RACE, "--out", str(out), "--record", str(kept)]
    assert compare.main(arguments) == 0
    results = {path.parent.relative_to(out).as_posix(): path for path in out.rglob(RESULT)}
    trials = {f"trials/{name}_{rate}" for name in ("agr", "surrogate") for rate in ("0.02", "1e-06")}
    assert set(results) == trials | {"agr_seed3", "surrogate_seed3"}
    read = {name: json.loads(path.read_text()) for name, path in results.items()}
    assert all(("test" in result) == (name not in trials) for name, result in read.items())
    summary = json.loads((out / SUMMARY).read_text())
    for name in ("agr", "surrogate"):
        best = max(("0.02", "1e-06"), key=lambda rate: read[f"trials/{name}_{rate}"]["validation"]["accuracy"])
        assert summary["rates"][name] == float(best)
        assert read[f"{name}_seed3"]["config"]["training"]["rate"] == float(best)
        assert read[f"{name}_seed3"]["config"]["seed"] == 3
    assert read["surrogate_seed3"]["config"]["model"]["weights"]["posterior"] == "point"
    assert not list(kept.rglob("*.npz"))
    assert str(tmp_path) not in "".join(path.read_text() for path in kept.rglob("*") if path.is_file())
    assert table(kept) == table(out)
    assert "| SBNN, `agr(tau=0.5)` |" in table(out)  # the configuration's own member
    assert table(out) in capsys.readouterr().out
    results.pop("agr_seed3").unlink()  # as if it had been stopped before its end: its checkpoints are there
    times = {name: path.stat().st_mtime_ns for name, path in results.items()}
    assert compare.main(arguments) == 0
    assert {name: path.stat().st_mtime_ns for name, path in results.items()} == times
    assert "--resume" in (out / "agr_seed3" / "train.log").read_text()
    assert json.loads((out / "agr_seed3" / RESULT).read_text())["test"] == read["agr_seed3"]["test"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such", "--rates", "0.1"], "configuration 'no_such' is no file"),
        ([*SMALL, "--rates", "-1"], "training.rate is -1.0; expected a finite number >= 0"),
        ([*SMALL, "--rates", "nan"], "training.rate is nan; expected a finite number >= 0"),
        ([*SMALL, "--rates", "0.1", "--jobs", "0"], "--jobs is 0; expected an integer >= 1"),
        ([*SMALL, "--rates", "0.1", "--contestants", "surrogate", "--surrogate", "box"], "'box'"),
        ([*SMALL, "model.units.member=st", "--rates", "0.1"], "model.units.member = 'st'; expected agr(tau=...)"),
        ([*SMALL, "data.root=7", "--rates", "0.1"], "data.root is 7; expected a string"),
        (
            ["shd_small", "data.root=nowhere", "--rates", "0.1", "--contestants", "st"],
            "st failed with exit code 2",
        ),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, capsys: Any, arguments: list[str], message: str) -> None:
    assert compare.main([*arguments, "--out", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_another_configuration_is_not_taken_for_the_same(tmp_path: Path, capsys: Any) -> None:
    one = ["--rates", "0.02", "--contestants", "st", "--out", str(tmp_path)]
    assert compare.main([*SMALL, *one]) == 0
    assert compare.main([*SMALL, "training.batch=32", *one]) == 2
    assert "is the result of another configuration" in capsys.readouterr().err


def test_a_folder_without_a_comparison_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"comparison\.json"):
        table(tmp_path)


def test_a_result_that_is_no_comparisons_is_named(tmp_path: Path) -> None:
    (tmp_path / SUMMARY).write_text('{"rates": {"st": 0.1}, "seeds": [0]}')
    (tmp_path / "st_seed0").mkdir()
    (tmp_path / "st_seed0" / RESULT).write_text('{"validation": {"accuracy": 0.5}}')
    with pytest.raises(InputError, match="holds a result without 'test'; expected what a comparison leaves"):
        table(tmp_path)


def test_the_table_of_a_sweep(tmp_path: Path, capsys: Any) -> None:
    """Two points of two seeds, one of which is not finished."""
    words = ["digits_binary", "model.hidden=[4]", "training.epochs=1", "training.batch=512", "evaluation.samples=1"]
    out = tmp_path / "sweep"
    assert cli.main(["sweep", *words, "training.rate=[0.01, 0.25]", "seeds=0-1", "--test", "--out", str(out)]) == 0
    capsys.readouterr()
    (out / "rate=0.25,seed=1" / RESULT).unlink()
    first, second = table(out).splitlines()[2:]
    results = [json.loads((out / f"rate=0.01,seed={seed}" / RESULT).read_text()) for seed in (0, 1)]
    assert first.startswith("| `rate=0.01` | 0.01 | 2 | ")
    assert second.startswith("| `rate=0.25` | 0.25 | 1 | ")
    assert f"| {np.mean([each['test']['nll'] for each in results]):.3f} ± " in first
    about = json.loads((out / ABOUT).read_text())
    (out / ABOUT).write_text(json.dumps({**about, "test": False}))  # as a sweep leaves it without --test
    head, _, first, _ = table(out).splitlines()
    assert head == "| network | seeds | one sample | average | NLL | ECE | seconds |"
    last = [(out / f"rate=0.01,seed={seed}" / "metrics.csv").read_text().splitlines() for seed in (0, 1)]
    single = [float(lines[-1].split(",")[lines[0].split(",").index("validation_accuracy")]) for lines in last]
    assert first.startswith(f"| `rate=0.01` | 2 | {100 * np.mean(single):.1f} ± ")
    assert f"| {np.mean([each['validation']['nll'] for each in results]):.3f} ± " in first
