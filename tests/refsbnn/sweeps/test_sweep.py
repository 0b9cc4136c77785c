"""A sweep in its folder: what is done is found, what differs is refused, the table says what the runs left."""

import json
from pathlib import Path

import pytest

from refsbnn.errors import InputError
from refsbnn.sweeps import sweep as sweeps
from refsbnn.sweeps import table
from tests.refsbnn.sweeps.fake import Killed, engine, finish, sweep

GRID = ("training.rate=[0.01,0.02]", "seeds=0-1")


def test_only_what_is_missing_is_done(tmp_path: Path) -> None:
    one, said = sweep(tmp_path, *GRID), []
    with pytest.raises(KeyboardInterrupt):
        sweeps.run(one.points(), Killed(1), said.append)
    assert [line.split()[0] for line in said] == ["[1/4]"]
    asked: list[str] = []

    def counting(jobs, report):
        asked.extend(job.name for job in jobs)
        engine(jobs, report)

    assert sweeps.run(one.points(), counting, said.append) == {}
    assert asked == ["rate=0.01,seed=1", "rate=0.02,seed=0", "rate=0.02,seed=1"]
    assert said[-1].startswith("[4/4] rate=0.02,seed=1: validation accuracy 98.00%")
    sweeps.run(one.points(), None, said.append)  # type: ignore[arg-type]  # nothing is left to do


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*GRID, "training.batch=32"), "training.batch is 64 there, 32 here"),
        (
            ("training.batch=[32,64]", "seeds=0-1"),
            r"what is swept is \['training.rate'\] there",
        ),
        ((*GRID, "objective.warmup=1"), r"objective.warmup is 5.0 there, 1.0 here"),
    ],
)
def test_another_sweep_is_refused(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    sweep(tmp_path, *GRID).begin()
    with pytest.raises(InputError, match=message):
        sweep(tmp_path, *words).begin()


def test_a_sweep_of_another_version_or_with_test_scores_is_refused(tmp_path: Path) -> None:
    sweep(tmp_path, *GRID).begin()
    with pytest.raises(InputError, match="--test is False there, True here"):
        sweep(tmp_path, *GRID, test=True).begin()
    path = tmp_path / sweeps.ABOUT
    path.write_text(path.read_text().replace('"refsbnn": "', '"refsbnn": "9'))
    with pytest.raises(InputError, match=r"refsbnn is '90\.1\.0' there"):
        sweep(tmp_path, *GRID).begin()


def test_more_values_and_seeds_and_what_changes_no_result_may_come(tmp_path: Path) -> None:
    sweep(tmp_path, *GRID).begin()
    sweep(tmp_path, "training.rate=[0.005,0.01,0.04]", "seeds=0-7", "training.checkpoint=1", "training.keep=5").begin()


def test_a_result_of_another_run_is_refused_before_anything_begins(tmp_path: Path) -> None:
    one = sweep(tmp_path, *GRID)
    job = one.points()[1].runs[1]
    finish(job)
    path = job.folder / "result.json"
    facts = json.loads(path.read_text())
    facts["config"]["training"]["batch"] = 32
    path.write_text(json.dumps(facts))
    with pytest.raises(InputError, match=r"of another configuration: training\.batch is 32 there, 64 here"):
        sweeps.run(one.points(), None, print)  # type: ignore[arg-type]


def rows(tmp_path: Path, *words: str, test: bool = False) -> tuple[sweeps.Sweep, list[table.Row]]:
    """A finished sweep and its rows."""
    one = sweep(tmp_path, *words, test=test)
    sweeps.run(one.points(), engine, lambda line: None)
    return one, [table.Row(point, point.results()) for point in one.points()]


def test_the_table_has_means_and_standard_errors(tmp_path: Path) -> None:
    """Seeds 0, 1, 2 have NLL m, m + 1e-4, m + 2e-4: standard error 1e-4 / sqrt(3), that of the sample."""
    one, found = rows(tmp_path, "training.rate=[0.01,0.02]", "seeds=0-2")
    middle, error = found[0].score("nll")
    assert middle == pytest.approx(0.0101)
    assert error == pytest.approx(1e-4 / 3**0.5)
    lines = table.table(one, found, "nll", 100).splitlines()
    assert lines[1].split() == ["0.01", "3/3", "99.00", "±", "0.00", "%", "0.0101", "±", "0.0001"]
    assert lines[2].split()[:3] == ["*", "0.02", "3/3"]
    assert lines[3:] == ["* best validation NLL: rate=0.02", "mean ± standard error over 3 seeds"]
    assert table.table(one, found, "accuracy", 100).splitlines()[1].startswith("*")
    told = table.as_dict(one, found, "nll", {})
    assert json.loads(json.dumps(told)) == told
    assert told["points"][1]["runs"][2]["validation"]["nll"] == pytest.approx(2e-4)
    assert told["best"] == "rate=0.02"


def test_test_scores_are_shown_where_they_were_asked_for_and_choose_nothing(tmp_path: Path) -> None:
    one, found = rows(tmp_path, "training.rate=[0.01,0.02]", test=True)
    found[0].results[0]["test"]["nll"] = -1.0
    text = table.table(one, found, "nll", 120)
    assert "test accuracy" in text
    assert "best validation NLL: rate=0.02" in text


def test_an_unfinished_point_is_shown_and_is_not_the_best(tmp_path: Path) -> None:
    one, found = rows(tmp_path, "training.rate=[0.01,0.02]", "seeds=0-1")
    del found[1].results[0]
    found[0].results.clear()
    text = table.table(one, found, "nll", 120)
    assert text.splitlines()[1].split() == ["0.01", "0/2", "-", "-"]
    assert "1/2" in text
    assert "best" not in text
    assert "*" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_table_fits_the_terminal(tmp_path: Path, width: int) -> None:
    """But for the scores, which are not cut: 43 columns with the narrowest values."""
    member = "model.units.member=[agr(tau=0.123456789),agr(tau=0.1234567891),mix(lam=0.123456789123)]"
    one, found = rows(tmp_path, member, "model.hidden=[[8],[8,8,8,8,8,8,8,8,8,8]]", "seeds=0-1")
    lines = table.table(one, found, "nll", width).splitlines()[:-1]
    assert max(map(len, lines)) <= max(width, 64)
    assert ("…" in "".join(lines)) == (width < 90)


def test_of_many_points_the_best_are_shown(tmp_path: Path) -> None:
    rates = [round(0.001 * i, 3) for i in range(1, table.SHOWN + 11)]
    one, found = rows(tmp_path, f"training.rate={rates}")
    lines = table.table(one, found, "nll", 100).splitlines()
    assert len(lines) == 1 + table.SHOWN + 2
    assert lines[1].split()[:2] == ["*", "0.02"]
    assert "the 40 best of 50 points; --json writes all" in lines
