"""The site as `make docs` builds it: no faults in its links, and in headless Chromium its widths, search and axe-core.

Needs the built site, Debian's package `chromium`, and for axe-core's rules AXE_CORE with the path of axe.min.js.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.validation.report.pages import Document

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "_build" / "html"
if not (SITE / "index.html").is_file():
    pytest.skip("needs the site: make docs", allow_module_level=True)

PAGES = (
    "index.html",
    "theory.html",
    "results.html",
    "training.html",
    "_tutorials/1_exact_bias.html",
    "_gallery/index.html",
    "estimators/st.html",
    "api/oracle.html",
)
WIDTHS = (390, 768, 1400)
# What reaches over the right edge of the window, unless it lies in a part of the article that scrolls by itself.
OVER = """() => [...document.querySelectorAll('article *')].filter(one => {
  const scrolls = at => at && at.tagName !== 'ARTICLE' &&
    (/auto|scroll|hidden/.test(getComputedStyle(at).overflowX) || scrolls(at.parentElement));
  return one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !scrolls(one.parentElement)
}).map(one => one.outerHTML.slice(0, 90))"""


def test_every_link_inside_leads_to_a_page_and_an_anchor() -> None:
    """Sphinx checks the documents; this the pages, with the audit's and what is part of them as HTML."""
    pages = {path: Document(path.read_text(encoding="utf-8")) for path in sorted(SITE.rglob("*.html"))}
    ids = {path: {*page.values("id"), *page.values("name")} for path, page in pages.items()}
    wrong = []
    for path, page in pages.items():
        for link in page.values("href") + page.values("src"):
            target, _, anchor = unquote(link).partition("#")
            if re.match(r"[a-z]+:|//", target):
                continue
            there = (path.parent / target.partition("?")[0]).resolve() if target else path
            if not there.exists():
                wrong.append(f"{path.relative_to(SITE)}: no file {link}")
            elif anchor and there in ids and anchor not in ids[there]:
                wrong.append(f"{path.relative_to(SITE)}: no anchor {link}")
    assert not wrong, "\n".join(wrong[:20])


def test_pages_ask_nobody_for_anything() -> None:
    """Scripts, styles and pictures come with the site, so it is whole without a network."""
    asked = []
    for path in SITE.rglob("*.html"):
        page = Document(path.read_text(encoding="utf-8"))
        asked += [source for source in page.values("src") if re.match(r"(https?:)?//", source)]
        asked += [
            attributes["href"]
            for tag, attributes in page.tags
            if tag == "link" and attributes.get("rel") == "stylesheet" and "//" in attributes.get("href", "")
        ]
    assert asked == []


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs chromium (Debian: chromium)")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def show(window: Any, page: str) -> list[str]:
    """Open a page of the site; what its console says, and what it asks of others."""
    told: list[str] = []
    window.on("console", lambda message: told.append(message.text))
    window.on("pageerror", lambda error: told.append(str(error)))
    window.on("request", lambda request: told.append(request.url) if not request.url.startswith("file:") else None)
    file, _, query = page.partition("?")
    window.goto((SITE / file).as_uri() + (f"?{query}" if query else ""))
    return told


def wide(window: Any) -> list[str]:
    """What is wider than the window."""
    scroll, width = window.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    return window.evaluate(OVER) + ([f"{scroll} > {width}"] if scroll > width else [])


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_wider_than_the_window(chromium: Any, page: str) -> None:
    window = chromium.new_page()
    told = show(window, page)
    for width in WIDTHS:
        window.set_viewport_size({"width": width, "height": 900})
        assert wide(window) == [], width
    window.set_viewport_size({"width": 390, "height": 900})
    window.evaluate("() => document.querySelector('article').insertAdjacentHTML('beforeend', '<p id=planted>a')")
    window.evaluate("() => { document.getElementById('planted').style.width = '400px' }")
    assert wide(window), "a planted overflow is seen"
    window.close()
    assert told == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", ["index.html", "results.html", "_tutorials/1_exact_bias.html", "estimators/st.html"])
def test_axe_finds_nothing_serious(chromium: Any, page: str, scheme: str) -> None:
    script = Path(os.environ.get("AXE_CORE", ""))
    if not script.is_file():
        pytest.skip("needs AXE_CORE, the path of axe.min.js (npm: axe-core)")
    window = chromium.new_page(viewport={"width": 1400, "height": 900}, color_scheme=scheme)
    show(window, page)
    window.evaluate(script.read_text(encoding="utf-8"))
    found = window.evaluate("() => axe.run({ resultTypes: ['violations'] })")["violations"]
    window.close()
    grave = [
        (one["id"], node["html"][:160])
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    assert grave == []


def test_search_works_without_a_server(chromium: Any) -> None:
    window = chromium.new_page()
    told = show(window, "search.html?q=trapezoid")
    window.wait_for_selector("#search-results li", timeout=20_000)
    assert "trapezoid" in window.inner_text("#search-results").lower()
    window.close()
    assert told == []
