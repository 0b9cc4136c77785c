"""The words of a sweep: what is fixed, swept, searched; what cannot be meant is one line."""

import pytest

from refsbnn.errors import InputError
from refsbnn.sweeps.grid import Span, parse


def test_a_list_is_swept_and_a_list_of_numbers_is_a_value_where_the_key_takes_one() -> None:
    grid = parse("digits_binary", ["model.hidden=[8]", "training.rate=[0.01, 0.02]", "training.epochs=2"])
    assert grid.fixed == ("model.hidden=[8]", "training.epochs=2")
    assert list(grid.points()) == [{"training.rate": 0.01}, {"training.rate": 0.02}]
    assert parse("digits_binary", ["model.hidden=[[8], [8, 4]]"]).axes == {"model.hidden": [[8], [8, 4]]}
    assert parse("digits_binary", ["training.warmup=[1,2]"]).axes == {"training.warmup": [1, 2]}


def test_strings_need_no_quotes_and_brackets_hold_commas_together() -> None:
    grid = parse("digits_binary", ["model.units.member=[st, agr(tau=1), mix(lam=0.5)]"])
    assert grid.axes == {"model.units.member": ["st", "agr(tau=1)", "mix(lam=0.5)"]}


def test_the_words_of_each_run_make_its_configuration() -> None:
    grid = parse("digits_binary", ["training.rate=[0.01,0.02]", "model.units.member=[st,trapezoid]", "seeds=3,5-6"])
    assert grid.seeds == (3, 5, 6)
    from refsbnn.training.config import load

    made = [load("digits_binary", grid.words(values, seed)) for values in grid.points() for seed in grid.seeds]
    assert [(m.training.rate, m.model.units["member"], m.seed) for m in made] == [
        (rate, member, seed) for rate in (0.01, 0.02) for member in ("st", "trapezoid") for seed in (3, 5, 6)
    ]


def test_without_seeds_it_is_the_configurations_own() -> None:
    assert parse("digits_binary", []).seeds == (0,)
    assert parse("digits_binary", ["training.rate=[0.1,0.2]", "seed=7"]).seeds == (7,)


def test_ranges_are_of_whole_numbers_where_the_key_is() -> None:
    spans = parse("digits_binary", ["training.rate=1..2", "training.batch=16..64", "training.clip=0.5..1e3:log"]).spans
    assert spans == {
        "training.rate": Span(1.0, 2.0, False),
        "training.batch": Span(16, 64, False),
        "training.clip": Span(0.5, 1000.0, True),
    }
    assert [type(span.low) for span in spans.values()] == [float, int, float]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("training.rate=[0.1, 0.10]", "two points of the grid are the same"),
        ("training.rate=[0.1, -1]", "training.rate is -1.0; expected"),
        ("training.rate=[]", "has no values"),
        ("training.rate=[1, {a=1}]", "cannot be swept"),
        ("training.rate=[1979-05-27]", "cannot be swept"),
        ("nothing=[1, 2]", "unknown key 'nothing'"),
        ("training.rate=1..0.1", "is no range"),
        ("training.rate=0.1..0.1", "is no range"),
        ("training.rate=0.1..1e999", "is no range"),
        ("training.rate=0..1:log", "begins above 0"),
        ("training.rate=0.1..1:lin", "the scale is 'lin'; accepted: 'log'"),
        ("training.rate=-1..1", "training.rate is -1.0"),
        ("training.batch=0.5..3", "takes whole numbers"),
        ("training.rate=0.1..", "expected a number"),
        ("seeds=5-3", "3 comes before 5"),
        ("seeds=1,1", "names a seed twice"),
        ("seeds=", "cannot be read"),
        ("seeds=-1", "cannot be read"),
        ("seeds=0-99999999", "too many"),
        ("rate", "not of the form"),
        ("training.epochs=4", "training.epochs is given twice"),
        ("seed=4", "seed is given twice"),
    ],
)
def test_what_cannot_be_meant_is_one_line(word: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse("digits_binary", ["training.epochs=[1,2]", "seeds=0-1", word] if "given twice" in message else [word])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_grid_of_too_many_runs_is_refused_before_it_is_made() -> None:
    with pytest.raises(InputError, match="the sweep has 1000000 runs"):
        parse("digits_binary", [f"training.epochs={list(range(1, 101))}", "seeds=0-9999"])
