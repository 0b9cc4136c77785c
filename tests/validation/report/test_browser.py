"""The page in headless Chromium: widths, print, keyboard, and axe-core's rules.

Needs Debian's package `chromium`, the `test` extra, and for axe-core's rules the variable AXE_CORE with the path of
axe.min.js of the npm package axe-core.
"""

import os
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.validation.report.pages import FACTS, crowd
from validation.report.page import page

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("needs chromium (Debian: chromium)", allow_module_level=True)
pytest.importorskip("matplotlib")
pypdf = pytest.importorskip("pypdf")
playwright = pytest.importorskip("playwright.sync_api")

ROWS, FIGURES = 600, 5  # more rows than a full audit has
WIDTHS = (390, 768, 1400)
PAPER = 695  # pixels between the margins of A4

# What reaches over the right edge of the window, unless it lies in a part that scrolls by itself.
OVER = """() => [...document.querySelectorAll('body *')].filter(one =>
  one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !one.closest('.equation, .skip')
  ).map(one => one.outerHTML.slice(0, 90))"""
# Equations whose tops or feet are hidden, and those whose ends are: on paper nobody can scroll.
LOW = "() => [...document.querySelectorAll('.equation')].filter(one => one.scrollHeight > one.clientHeight).length"
CUT = "() => [...document.querySelectorAll('.equation')].filter(one => one.scrollWidth > one.clientWidth + 1).length"
# The size of the smallest letters of figures, in pixels of the screen.
LETTERS = """() => Math.min(...[...document.querySelectorAll('svg text')].map(
  one => parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().d || Infinity))"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def told() -> list[str]:
    """What the browser's console says."""
    return []


@pytest.fixture(scope="module")
def window(chromium: Any, told: list[str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A long page, open."""
    return _open(chromium, told, tmp_path_factory.mktemp("long"), ROWS, FIGURES)


@pytest.fixture(scope="module")
def short(chromium: Any, told: list[str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A page with one of everything: axe-core takes a time for each element."""
    return _open(chromium, told, tmp_path_factory.mktemp("short"), 50, 1)


def _open(chromium: Any, told: list[str], folder: Path, rows: int, figures: int) -> Any:
    file = folder / "report.html"
    file.write_text(page(crowd(rows, figures), FACTS), encoding="utf-8")
    opened = chromium.new_page()
    opened.on("console", lambda message: told.append(message.text))
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.on("request", lambda request: told.append(request.url) if not request.url.startswith("file:") else None)
    opened.goto(file.as_uri())
    return opened


def unfold(window: Any, opened: bool) -> None:
    window.evaluate("open => document.querySelectorAll('details').forEach(one => { one.open = open })", opened)


def wide(window: Any) -> list[str]:
    """What is wider than the window; the window's own width if it scrolls sideways."""
    over = window.evaluate(OVER)
    scroll, width = window.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    return over + ([f"{scroll} > {width}"] if scroll > width else [])


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(window: Any, told: list[str], width: int) -> None:
    window.set_viewport_size({"width": width, "height": 900})
    for opened in (True, False):
        unfold(window, opened)
        assert wide(window) == []
    assert window.evaluate(LOW) == 0
    assert window.evaluate(LETTERS) >= 11.0
    badges = window.evaluate(
        "() => [...document.querySelectorAll('.ledger .badge')].map(e => e.getClientRects().length)"
    )
    assert badges
    assert all(badges)
    assert told == []


def test_a_planted_overflow_is_seen(window: Any) -> None:
    window.set_viewport_size({"width": 390, "height": 900})
    window.evaluate(
        "() => document.querySelector('main').insertAdjacentHTML('beforeend', '<p id=planted>' + 'a'.repeat(9))"
    )
    window.evaluate("() => { document.getElementById('planted').style.width = '400px' }")
    try:
        assert len(wide(window)) == 2
    finally:
        window.evaluate("() => document.getElementById('planted').remove()")


def test_print_has_fewer_than_25_pages_and_nothing_is_cut(window: Any) -> None:
    """Every table of rows is there without being unfolded, except long ones where all is confirmed."""
    window.set_viewport_size({"width": PAPER, "height": 900})
    unfold(window, False)
    window.emulate_media(media="print")
    try:
        assert window.evaluate(CUT) == 0
        assert wide(window) == []
        assert window.evaluate(
            "() => [...document.querySelectorAll('details:not(.long) tr')].every(one => one.checkVisibility())"
        )
    finally:
        window.emulate_media(media="null")
    sheets = pypdf.PdfReader(BytesIO(window.pdf(prefer_css_page_size=True, print_background=True))).pages
    assert len(sheets) < 25


def test_keyboard(window: Any) -> None:
    """The first stop leads past the head; a summary opens by Enter; the focus is seen and never held."""
    window.set_viewport_size({"width": 768, "height": 900})
    unfold(window, False)
    window.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0) }")
    window.keyboard.press("Tab")
    assert window.evaluate("() => document.activeElement.className") == "skip"
    assert window.evaluate("() => document.activeElement.getBoundingClientRect().left") >= 0
    assert window.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    window.keyboard.press("Enter")
    assert window.evaluate("() => location.hash") == "#ledger"
    stops = set()
    for _ in range(12):
        window.keyboard.press("Tab")
        stops.add(window.evaluate("() => document.activeElement.getAttribute('href')"))
    assert len(stops) == 12
    window.evaluate("() => document.querySelector('summary').focus()")
    window.keyboard.press("Enter")
    assert window.evaluate("() => document.querySelector('details').open")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(short: Any, scheme: str) -> None:
    """Impact serious or critical, of every rule that axe-core runs by itself."""
    script = Path(os.environ.get("AXE_CORE", ""))
    if not script.is_file():
        pytest.skip("needs AXE_CORE, the path of axe.min.js (npm: axe-core)")
    short.set_viewport_size({"width": 390, "height": 900})
    short.emulate_media(color_scheme=scheme)
    unfold(short, True)
    short.evaluate(script.read_text(encoding="utf-8"))
    found = short.evaluate("() => axe.run({ resultTypes: ['violations'] })")["violations"]
    grave = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
    assert grave == []
