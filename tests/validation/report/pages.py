"""Entries to make pages of, and what may be wrong with a page's HTML."""

import importlib
from html.parser import HTMLParser
from pathlib import Path

from validation import claims
from validation.evidence.claim import Claim, Entry, Formula
from validation.evidence.curves import Figure, Panel, Series
from validation.evidence.record import Row, at_most, equal, refutes

ROOT = Path(__file__).parents[3]
FACTS = {"level": "full", "seed": "0", "refsbnn": "0", "time": "1 s"}
LINES = [Series("a line", [1.0, 2.0, 4.0], [1.0, 0.5, 0.0]), Series("a bound", [1.0, 4.0], [2.0, 3.0], dashed=True)]
PANELS = [Panel("left", "depth", "relative bias", LINES), Panel("right", "tau", "KL", LINES, log_x=True, log_y=True)]
FIGURE = Figure("A figure", "Of `nothing` & more.", PANELS)
CLAIM = Claim(
    title="A title",
    sentence="a sentence",
    owner="paper",
    source="abstract, sentence 1",
    statement="what is checked",
    assumptions=("one unit",),
    finding="holds",
    reason="a reason",
    claimed="order 2",
    headline="a setting",
    equations=(Formula("2.6", r"p_1 = (1 - \lambda) \pi + \frac{\lambda}{2}"),),
    code=("oracle/members.py",),
)
ROWS = (
    equal("A title", "a setting", 1.0, 1.0, 0.0, "rounding"),
    refutes(at_most("A title", "another setting", 0.25, 0.5, "counted"), "it is 1"),
)
ENTRY = Entry("trade_off", CLAIM, ROWS, [FIGURE], "A note.")


def crowd(rows: int, figures: int) -> list[Entry]:
    """Every claim's record with stand-ins for its rows, and figures for some: a long page that costs no audit."""
    entries = []
    for index, name in enumerate(claims.NAMES):
        module = importlib.import_module(f"validation.claims.{name}")
        claim: Claim = module.CLAIM
        share = [*([claim.headline] if claim.headline else []), *map(_setting, range(rows // len(claims.NAMES)))]
        checked = [_row(claim.title, setting, number) for number, setting in enumerate(share)]
        drawn = [FIGURE] if index < figures else []
        entries.append(Entry(name, claim, checked, drawn, module.__doc__))
    return entries


def _setting(number: int) -> str:
    return f"gapped-st(gap=0.5,tau={number}), 3 layers, {{-1,+1}}, sigma2 fixed: order of the relative bias"


def _row(title: str, setting: str, number: int) -> Row:
    why = f"slope over three halvings of delta, extrapolated once: its error is O(delta^{2 + number // 5})"
    row = equal(title, setting, 1.2345678e-13 * number, 1.2345678e-13 * number, 1e-15, why)
    return refutes(row, "relative bias O(delta) for st, O(delta^2) for the trapezoid") if number % 8 == 7 else row


class Document(HTMLParser):
    """The tags of a page, its ids, its links and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, key: str) -> list[str]:
        """Every value of an attribute."""
        return [attributes[key] for _, attributes in self.tags if key in attributes]


def faults(text: str) -> list[str]:
    """What breaks a page: an id twice, an anchor or an id that is nowhere, a file that is not there, a request."""
    page = Document(text)
    ids = page.values("id")
    told = [f"id twice: {one}" for one in sorted(set(ids)) if ids.count(one) > 1]
    named = [
        one for key in ("aria-labelledby", "aria-describedby") for value in page.values(key) for one in value.split()
    ]
    links = [*page.values("href"), *page.values("xlink:href")]
    named += [link[1:] for link in links if link.startswith("#")]
    told += [f"nowhere: {one}" for one in named if one not in ids]
    for link in links:
        path, _, anchor = link.partition("#")
        if path and not (ROOT / "audit" / path).resolve().exists():
            told.append(f"no such file: {link}")
        elif path and anchor and anchor not in anchors((ROOT / "audit" / path).resolve()):
            told.append(f"no such heading: {link}")
    told += [f"request: {one}" for one in page.values("src") + page.values("srcset")]
    told += [
        f"not self-contained: <{tag}>" for tag, _ in page.tags if tag in ("script", "link", "iframe", "object", "img")
    ]
    bare = text.replace("http://www.w3.org/", "")  # names of languages, which nothing asks for
    return told + [f"address: {mark}" for mark in ("http:", "https:", "@import", "url(//") if mark in bare]


def anchors(path: Path) -> set[str]:
    """The anchors of a Markdown file's headings."""
    heads = [line.lstrip("#").strip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return {"".join(c for c in head.lower().replace(" ", "-") if c.isalnum() or c in "-_") for head in heads}
