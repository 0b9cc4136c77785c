"""The drawing of a panel: reproducible, in the page's colours, with ids of its own, legible where it is narrow."""

import re

import pytest

from tests.validation.report.pages import PANELS
from validation.evidence.curves import Panel, Series

pytest.importorskip("matplotlib")
from validation.report import draw


def test_same_numbers_draw_the_same_bytes() -> None:
    assert draw.svg(PANELS[0], "f0") == draw.svg(PANELS[0], "f0")


def test_ids_differ_from_panel_to_panel() -> None:
    first, second = (set(re.findall(r'\bid="([^"]*)"', draw.svg(PANELS[0], one))) for one in ("f0", "f1"))
    assert first
    assert not first & second


def test_colours_are_the_pages() -> None:
    drawn = draw.svg(PANELS[0], "f0")
    assert "#010203" not in drawn
    assert {"currentColor", "var(--grid)", "var(--series-0)", "var(--series-1)"} <= set(
        re.findall(r"currentColor|var\(--[\w-]+\)", drawn)
    )


def test_letters_are_text_and_none_is_small() -> None:
    """At 320 pixels, the narrowest a panel is on a page 352 wide, a point of its 288 is 1.11 pixels."""
    drawn = draw.svg(PANELS[1], "f0")
    assert ">tau</text>" in drawn
    sizes = [float(one) for one in re.findall(r"font-size: ([\d.]+)px", drawn)]
    assert min(sizes) * 320 / 288 >= 11.0
    assert 'viewBox="0 0 288 ' in drawn


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_a_legend_is_there_for_more_than_one_line(count: int) -> None:
    panel = Panel("t", "x", "y", [Series(f"member {i}", [1.0, 2.0], [1.0, float(i)]) for i in range(count)])
    drawn = re.sub(r"<desc.*?</desc>", "", draw.svg(panel, "f0"))
    assert sum(f"member {i}" in drawn for i in range(count)) == (count if count > 1 else 0)
