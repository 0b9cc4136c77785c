"""Few recordings: who has seen what, whose predictions are averaged, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refsbnn.evaluation.scores import score
from refsbnn.figures import style
from tests.refsbnn.data.layouts import write_shd
from validation.benchmarks import compare, small_data, small_figure

SMALL = [
    "shd_small",
    "data.steps=4",
    "data.bin_ms=300",
    "model.hidden=[4]",
    "training.epochs=2",
    "evaluation.samples=2",
]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("data")
    write_shd(root, recordings=24)
    return [*SMALL, f"data.root={root}"]


def watched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, list[int], list[int]]]:
    """What is trained: the slope, seed, rows seen and rows held out, in order."""
    seen, train = [], small_data.train

    def spy(task: Any) -> Any:
        units, data = task.config.model.units, task.data
        seen.append((units["member"], task.config.seed, data.train.rows.tolist(), data.validation.rows.tolist()))
        return train(task)

    monkeypatch.setattr(small_data, "train", spy)
    return seen


def test_fewer_recordings_are_some_of_more(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, out = watched(monkeypatch), tmp_path / "few.json"
    rest = ["--recordings", "3", "7", "--passes", "6", "7", "--seeds", "0", "1", "--out", str(out)]
    assert small_data.main([*words, *rest]) == 0
    assert [member for member, *_ in seen] == 2 * (2 * ["agr(tau=0.5)"] + 2 * [compare.SURROGATE])
    assert [seed for _, seed, *_ in seen] == 4 * [0, 1]
    few, more = ({tuple(rows) for _, _, rows, _ in part} for part in (seen[:4], seen[4:]))
    assert len(few) == len(more) == 1
    assert set(*few) < set(*more)
    assert all(len(held) == 1 and held[0] not in rows for _, _, rows, held in seen)
    rows = json.loads(out.read_text())["rows"]
    kinds = ["sbnn", "sbnn, ensemble", "single", "surrogate", "surrogate, ensemble"]
    assert [(row["recordings"], row["kind"]) for row in rows] == [(n, kind) for n in (3, 7) for kind in kinds]
    assert [len(row["nll"]) for row in rows] == 2 * [2, 1, 2, 2, 1]


def test_no_recording_is_predicted_by_who_has_seen_it(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen, out = watched(monkeypatch), tmp_path / "one.json"
    rest = ["--leave-one-out", "--kinds", "twin", "--seeds", "5", "--out", str(out)]
    assert small_data.main([*words, "training.epochs=1", *rest]) == 0
    assert [held for *_, held in seen] == [[i] for i in range(24)]
    assert [rows for _, _, rows, _ in seen] == [[j for j in range(24) if j != i] for i in range(24)]
    assert {member for member, *_ in seen} == {"gaussian(scale=0.8944271909999159)"}
    table = capsys.readouterr().out.splitlines()
    assert table[2].startswith("| 23 | twin | 1 | ")
    assert len(table) == 3


def test_an_ensemble_is_the_mean_of_its_networks() -> None:
    rng, labels = np.random.default_rng(), np.array([0, 1, 1])
    both = [rng.dirichlet(np.ones(2), 3) for _ in range(2)]
    alone, ensemble = small_data.rows_of(small_data.Probabilities(surrogate=both), labels, 9)
    assert alone["nll"] == [score(p, labels).nll for p in both]
    assert ensemble["nll"] == [score((both[0] + both[1]) / 2, labels).nll]


def test_runs_of_a_comparison(words: list[str], tmp_path: Path) -> None:
    race = [
        "--rates",
        "0.01",
        "--seeds",
        "0",
        "1",
        "--contestants",
        "agr",
        "surrogate",
        "--out",
        str(tmp_path / "runs"),
    ]
    assert compare.main([*words, *race]) == 0
    assert small_data.main([*words, "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "all.json")]) == 0
    rows = {row["kind"]: row for row in json.loads((tmp_path / "all.json").read_text())["rows"]}
    for kind, name in (("sbnn", "agr"), ("surrogate", "surrogate")):
        results = [json.loads((tmp_path / f"runs/{name}_seed{seed}/result.json").read_text()) for seed in (0, 1)]
        assert rows[kind]["nll"] == [result["test"]["nll"] for result in results]
        assert rows[kind]["recordings"] == 23  # of 24, one is held out
    if style.available():
        assert small_figure.main([str(tmp_path / "all.json"), "--out", str(tmp_path / "all.svg")]) == 0
        assert b"<svg" in (tmp_path / "all.svg").read_bytes()


@pytest.mark.parametrize(
    ("rest", "line"),
    [
        (["--recordings", "3"], "--passes holds 0 numbers; expected 1, as --recordings"),
        (["--recordings", "24", "--passes", "9"], "--recordings holds 24; expected 1 to 23, so that one is for"),
        (["--runs", "none"], "none holds no agr_seed0; expected the runs of a comparison"),
        (
            ["--leave-one-out", "model.units.member=st", "--kinds", "twin"],
            "model.units.member is 'st'; expected agr(tau=...)",
        ),
    ],
)
def test_bad_input(
    rest: list[str], line: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert small_data.main([*words, *rest, "--out", str(tmp_path / "out.json")]) == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1


def test_images_are_no_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert small_data.main(["digits_binary", "--leave-one-out", "--out", str(tmp_path / "out.json")]) == 2
    assert "data.name is 'digits'; expected a set of recorded events" in capsys.readouterr().err
