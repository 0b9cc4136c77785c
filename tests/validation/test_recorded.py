"""Claims that read the recorded runs: the numbers are those of the files, and without the files the claims say so."""

import importlib

import pytest

from validation.claims import depth, matches, regulariser, state_of_the_art
from validation.evidence import recorded
from validation.evidence.claim import judge
from validation.evidence.record import Level

QUICK = Level(quick=True)


def test_scores_and_metrics_are_those_of_the_files() -> None:
    right = 360 * matches.scores("digits_binary", "agr", "accuracy")
    assert right == pytest.approx([352, 352, 349], abs=1e-9)
    assert len(recorded.runs("shd_small", "st")) == 2
    runs = recorded.sweep("paper/shd_noise", posterior="gaussian", member="agr")
    assert [run["config"]["seed"] for run in runs] == [0, 1, 2]
    assert all(run["config"]["model"]["weights"].get("posterior", "gaussian") == "gaussian" for run in runs)
    assert regulariser.accuracies(runs) == pytest.approx([62.291, 50.772, 51.544], abs=1e-3)
    assert not recorded.sweep("paper/shd_noise", posterior="nothing")
    row = recorded.last_epoch("cifar10_small", "agr_seed0")
    assert row["epoch"] == 26.0
    assert recorded.logliks("paper/deep_digits", "noise_1000").shape == (85,)
    assert [row[f"spread.{layer}"] for layer in range(depth.UNITS)] == depth.spreads("agr_seed0")


def test_without_the_records_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(recorded, "AT_HAND", False)
        missing = importlib.reload(matches)
        rows = list(missing.check(QUICK))
        assert rows == []
        assert judge(missing.CLAIM, rows).word == "not decidable here"
        assert missing.CLAIM.reason == recorded.MISSING
        assert list(state_of_the_art.check(QUICK)) == []
        left = list(depth.check(QUICK))
        assert left
        assert not any("CIFAR" in row.setting or "UCI" in row.setting for row in left)
    importlib.reload(matches)
