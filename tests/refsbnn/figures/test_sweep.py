"""The figures of a sweep show its scores where they are."""

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from refsbnn.figures import style
from refsbnn.figures.draw import save
from refsbnn.figures.sweep import Shown, grid, search

NAMES = {"training.rate": "rate", "model.units.member": "member"}


def points(rates=(0.001, 0.01, 0.1), members=("st", "trapezoid"), error=0.1):
    """A grid whose negative log-likelihood is the rate, and whose accuracy is half."""
    return [
        Shown({"training.rate": rate, "model.units.member": member}, {"nll": (rate, error), "accuracy": (0.5, None)})
        for rate in rates
        for member in members
    ]


def test_a_line_for_each_choice_of_the_other_keys_against_the_numeric_one():
    with style.sheet():
        left, right = grid(points(), NAMES).axes
    assert [bars.get_label() for bars in left.containers] == ["member=st", "member=trapezoid"]
    x, y = left.containers[0][0].get_data()
    assert list(x) == list(y) == [0.001, 0.01, 0.1]
    assert left.get_xscale() == "log"
    assert left.get_xlabel() == "rate"
    assert list(right.containers[1][0].get_ydata()) == [50.0] * 3
    (segments,) = left.containers[0][2]
    low, high = segments.get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((-0.099, 0.101))


def test_without_a_numeric_key_each_point_is_named():
    with style.sheet():
        left, _ = grid(points(rates=(0.01,)), NAMES).axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["member=st", "member=trapezoid"]


def test_a_search_shows_the_best_so_far_and_a_panel_for_each_key():
    values = [0.05, 0.02, 0.08, 0.01]
    tried = [points(rates=(value,), members=("st",), error=None)[0] for value in values]
    with style.sheet():
        first, rate, member = search(tried, NAMES, "nll").axes
    assert [list(line.get_ydata()) for line in first.lines] == [values, [0.05, 0.02, 0.02, 0.01]]
    assert list(rate.lines[0].get_xdata()) == values
    assert (rate.get_xlabel(), member.get_xlabel()) == ("rate", "member")
    with style.sheet():
        assert list(search(tried, NAMES, "accuracy").axes[0].lines[1].get_ydata()) == [50.0] * 4


@pytest.mark.parametrize(
    "several", [points(), points(rates=(0.01,)), points()[:1], points(members=map(str, range(12)))]
)
def test_any_grid_can_be_drawn(tmp_path, several):
    save(tmp_path / "sweep.png", grid, several, NAMES)
    save(tmp_path / "search.png", search, several, NAMES, "nll")
    assert (tmp_path / "sweep.png").read_bytes()[:4] == b"\x89PNG"
