"""Deep networks looked at while they train: as `refsbnn train` trains them, and each window counts its own steps."""

import json
from pathlib import Path

import numpy as np
import pytest

from refsbnn import fit
from refsbnn.figures import style
from refsbnn.training.tally import Tally
from validation.benchmarks import depth, depth_figure

WORDS = [
    *("digits_spiking", "model.hidden=[6,5]", "training.epochs=2", "training.batch=200", "training.monitor=1"),
    *("training.backend=numpy", "evaluation.samples=2"),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("depth") / "one.json"
    assert depth.main([*WORDS, "--window", "3", "--out", str(out)]) == 0
    return out


def test_it_trains_as_the_command_does_and_records_every_step(written: Path) -> None:
    found, run = json.loads(written.read_text()), fit(*WORDS)
    assert found["steps"] == len(found["loglik"]) == 10
    for epoch, row in enumerate(run.history):
        assert np.mean(found["loglik"][5 * epoch : 5 * epoch + 5]) == pytest.approx(row["loglik"], rel=1e-12)
    assert found["single"]["nll"] == run.history[-1]["validation_nll"]
    assert found["average"]["nll"] == run.evaluate("validation").modes[-1].scores.nll
    assert found["average"].keys() == {"accuracy", "nll", "brier", "calibration_error", "examples"}


def test_windows_hold_their_own_steps_also_across_epochs(written: Path) -> None:
    found = json.loads(written.read_text())["windows"]
    assert [(own["first"], own["last"]) for own in found.values()] == [(0, 3), (3, 6), (7, 10)]
    for own in found.values():  # two unit layers; two feeding, two recurrent and one of the readout
        assert [len(own[key]) for key in ("rate", "spread", "norm", "snr")] == [2, 2, 5, 5]
        assert all(0.0 <= rate <= 1.0 for rate in own["rate"])


def test_the_signal_of_gradients_is_estimated_without_bias() -> None:
    """Of n gradients N(m, I) in d dimensions: the expectation of the estimated signal is |m|^2."""
    rng, dimensions, steps, trials = np.random.default_rng(), 50, 6, 4000
    mean, signals = np.full(dimensions, 0.3), []
    for _ in range(trials):
        tally = Tally()
        for each in mean + rng.normal(size=(steps, dimensions)):
            tally.add({}, {"0.dense.mu": each})
        own = depth.between(Tally(), tally)
        noise = own["norm"][0] ** 2
        signals.append(noise * own["snr"][0] / (1.0 + own["snr"][0]))
    error = np.std(signals) / np.sqrt(trials)
    assert np.mean(signals) == pytest.approx(dimensions * 0.09, abs=5.0 * error)
    assert 5.0 * error < 0.2 * dimensions * 0.09


def test_what_came_before_a_window_is_not_in_it() -> None:
    rng, before, after = np.random.default_rng(), Tally(), Tally()
    for step in range(7):
        numbers, gradients = {"rate.0": float(step)}, {"0.dense.mu": rng.normal(size=3)}
        for tally in (after, before) if step < 3 else (after,):
            tally.add(numbers, gradients)
    assert depth.between(before, after)["rate"] == [4.5]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["digits_binary", "training.epochs=1", "--window", "9"],
            "--window is 9; expected 2 to 5, a third of the run's",
        ),
        (["digits_binary", "model.hidden=[]"], "model.hidden"),
    ],
)
def test_bad_input(words: list[str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert depth.main([*words, "--out", str(tmp_path / "out.json")]) == 2
    assert line in capsys.readouterr().err


def test_names_and_files_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is trained or drawn."""
    assert depth.main([*WORDS, "--window", "3", "--out", str(tmp_path / "out.txt")]) == 2
    assert "out.txt; expected a name that ends in .json" in capsys.readouterr().err
    for number, text in enumerate(("{}", '{"windows": []}', '{"windows": {"start": {"rate": []}}}')):
        other = tmp_path / f"{number}.json"
        other.write_text(text, encoding="utf-8")
        assert depth_figure.main([str(other), "--titles", "a", "--out", str(tmp_path / "depth.svg")]) == 2
        told = capsys.readouterr().err
        assert len(told.splitlines()) == 1
        assert "expected what validation.benchmarks.depth writes" in told or not style.available()


def test_the_figure(written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two = [str(written), str(written), "--titles", "one", "other", "--out"]
    if style.available():
        assert depth_figure.main([*two, str(tmp_path / "depth.svg")]) == 0
        assert b"<svg" in (tmp_path / "depth.svg").read_bytes()
    assert depth_figure.main([*two, str(tmp_path / "depth.jpg")]) == 2
    assert "expected a name that ends in .svg or .png" in capsys.readouterr().err
    assert depth_figure.main([str(written), "--titles", "a", "b", "--out", str(tmp_path / "depth.svg")]) == 2
    assert "--titles holds 2; expected 1, one for each file" in capsys.readouterr().err
