"""A search goes on as it would have gone, wherever it was killed."""

from pathlib import Path

import pytest

from refsbnn.errors import InputError
from refsbnn.sweeps import search
from tests.refsbnn.sweeps.fake import Killed, engine, sweep

optuna = pytest.importorskip("optuna", reason="Optuna is not installed (extra `optuna`)")
SPACE = ("training.rate=0.001..0.1:log", "training.batch=16..64", "model.units.member=[st,trapezoid]", "seeds=0-1")
TRIALS = 14  # more than the ten that Optuna draws at random


def tried(out: Path, batch: int, engine=engine, trials: int = TRIALS, seed: int = 0) -> list[dict]:
    """The values of all trials."""
    out.mkdir(exist_ok=True)
    points, failed = search.search(
        sweep(out, *SPACE, search=True), trials, batch, "nll", seed, engine, lambda line: None
    )
    assert not failed
    return [point.values for point in points]


@pytest.mark.parametrize("batch", [1, 3])
def test_a_search_that_was_killed_ends_as_an_undisturbed_one(tmp_path: Path, batch: int) -> None:
    whole = tried(tmp_path / "whole", batch)
    assert len(whole) == TRIALS == len({str(values) for values in whole})
    for done in (0, 1, 5, 21, 26):
        out = tmp_path / f"killed{done}"
        with pytest.raises(KeyboardInterrupt):
            tried(out, batch, Killed(done))
        assert tried(out, batch) == whole
    assert tried(tmp_path / "other", batch, seed=1) != whole


def test_what_a_killed_process_left_of_the_journal_is_put_in_order(tmp_path: Path) -> None:
    whole = tried(tmp_path, 1, trials=5)
    journal = tmp_path / search.JOURNAL
    Path(f"{journal}.lock").symlink_to("nothing")
    content = journal.read_bytes()
    journal.write_bytes(content[:-20])  # the value of the last trial is lost: its runs are there
    assert tried(tmp_path, 1, trials=5) == whole
    assert len(search.study(journal, "minimize").get_trials(states=[optuna.trial.TrialState.COMPLETE])) == 5


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    tried(tmp_path, 1, trials=1)
    journal = tmp_path / search.JOURNAL
    journal.write_bytes(b"nonsense\n" + journal.read_bytes())
    with pytest.raises(InputError, match=r"optuna\.log cannot be read"):
        tried(tmp_path, 1, trials=1)


def test_the_trials_lie_in_their_ranges_and_improve(tmp_path: Path) -> None:
    values = tried(tmp_path, 1, trials=25)
    assert all(0.001 <= each["training.rate"] <= 0.1 and 16 <= each["training.batch"] <= 64 for each in values)
    assert {each["model.units.member"] for each in values} == {"st", "trapezoid"}
    study = search.study(tmp_path / search.JOURNAL, "minimize")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 25
    assert study.best_value == pytest.approx(min(abs(each["training.rate"] - 0.02) + 0.5e-4 for each in values))


def test_a_trial_whose_run_failed_stays_open_and_is_tried_again(tmp_path: Path) -> None:
    def failing(jobs, report):
        for job in jobs:
            report(job, "disk full")

    points, failed = search.search(sweep(tmp_path, *SPACE, search=True), 2, 1, "nll", 0, failing, lambda line: None)
    assert failed == dict.fromkeys(
        ("trial=0000,seed=0", "trial=0000,seed=1", "trial=0001,seed=0", "trial=0001,seed=1"), "disk full"
    )
    assert tried(tmp_path, 1, trials=2) == [point.values for point in points]
