"""The page: links lead somewhere, strings are escaped, no network is asked, words stand where they belong."""

import importlib
import re
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import fields, replace

import pytest

from tests.validation.report.pages import CLAIM, ENTRY, FACTS, FIGURE, PANELS, ROWS, Document, crowd, faults
from validation import claims
from validation.evidence.claim import FINDINGS, Entry, Formula
from validation.evidence.curves import Figure, Panel, Series
from validation.evidence.record import equal
from validation.report import text
from validation.report.page import page
from validation.report.section import LONG, MARKS

HOSTILE = "<u title=\"x\"> & 'y' </section>"


def section(html: str, name: str) -> str:
    """The part of the page that is one claim's."""
    return html[html.index(f'id="claim-{name}"') :].split("</section>")[0]


def test_the_page_of_every_claim_is_sound() -> None:
    assert faults(page(crowd(rows=60, figures=1), FACTS)) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('href="#claim-trade-off"', 'href="#claim-another"', "nowhere: claim-another"),
        ('href="../oracle/members.py"', 'href="../oracle/member.py"', "no such file: ../oracle/member.py"),
        ("theory.md#2-", "theory.md#7-", "no such heading: ../docs/theory.md#7-estimators"),
        ('id="ledger-paper"', 'id="ledger"', "id twice: ledger"),
        ("<footer>", '<footer><img src="a.png">', "request: a.png"),
        ("<style>", "<style>@import 'a.css';", "address: @import"),
        ("<style>", "<script>1</script><style>", "not self-contained: <script>"),
    ],
)
def test_a_planted_fault_is_seen(old: str, new: str, told: str) -> None:
    html = page([ENTRY], FACTS)
    assert old in html
    assert told in faults(html.replace(old, new))


def test_every_string_is_escaped() -> None:
    words = {one.name: HOSTILE for one in fields(CLAIM) if one.name not in ("owner", "finding", "assumptions", "code")}
    claim = replace(
        CLAIM, **{**words, "assumptions": (HOSTILE,), "code": (HOSTILE,), "equations": (Formula("2.6", "a < b"),)}
    )
    series = [Series(HOSTILE, [1.0, 2.0], [1.0, 2.0]), Series("b", [1.0, 2.0], [2.0, 1.0])]
    figure = Figure(HOSTILE, HOSTILE, [Panel(HOSTILE, HOSTILE, HOSTILE, series)])
    row = equal(HOSTILE, HOSTILE, 1.0, 1.0, 0.0, HOSTILE)
    document = Document(page([Entry("a", claim, [row], [figure], HOSTILE)], {**FACTS, "system": HOSTILE}))
    opened = [tag for tag, _ in document.tags]
    assert "u" not in opened
    assert opened.count("section") == 3  # the ledger, the words, the claim
    # Title, sentence, source, statement, reason and claimed stand twice or once; setting, caption, note, facts too.
    assert document.text.count(HOSTILE) >= 15


def test_the_papers_claims_come_first_and_each_has_one_line() -> None:
    mine = Entry("ours_one", replace(CLAIM, owner="ours", sentence="our words"), ROWS, [], "")
    theirs = Entry("theirs", replace(CLAIM, owner="others", sentence="their words"), ROWS, [], "")
    html = page([theirs, mine, ENTRY], FACTS)
    ledger = html[html.index('id="ledger"') : html.index('id="words"')]
    places = [ledger.index(f"“{words}”") for words in ("a sentence", "our words", "their words")]
    assert places == sorted(places)
    assert ledger.count('<th scope="row">') == 3
    assert re.findall(r'<section class="claim" id="([\w-]+)"', html) == [
        "claim-trade-off",
        "claim-ours-one",
        "claim-theirs",
    ]
    for name, owner in (("trade-off", "The paper"), ("ours-one", "This project"), ("theirs", "Others")):
        assert f"<b>{owner}</b>" in section(html, name)
    assert "The paper's sentences: <span><b>1</b>" in html
    assert "Only the abstract" in html[: html.index('id="ledger"')]


def test_the_papers_claims_stand_in_the_order_of_its_abstract() -> None:
    records = [importlib.import_module(f"validation.claims.{name}").CLAIM for name in claims.NAMES]
    sentences = [int(re.findall(r"\d+", one.source)[0]) for one in records if one.owner == "paper"]
    assert sentences == sorted(sentences)


def test_a_part_of_the_claims_is_not_taken_for_all() -> None:
    assert f"1 of {len(claims.NAMES)} claims" in page([ENTRY], FACTS)
    assert "were not run" not in page(crowd(rows=0, figures=0), FACTS)


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_verdict_stands_in_the_ledger_and_in_its_section(finding: str) -> None:
    rows = [] if finding == "not decidable here" else ROWS
    html = page([Entry("trade_off", replace(CLAIM, finding=finding), rows, [], "")], FACTS)
    line = re.findall(r'<tr class="(\w+)"><td><span class="badge (\w+)">.*?</span> ([\w ]+)</span>', html)
    assert line == [(MARKS[finding][0], MARKS[finding][0], finding)]
    assert f"</span> {finding}</span>" in section(html, "trade-off")
    assert "<details open" not in html


def test_a_failed_row_fails_the_claim_and_opens_its_numbers() -> None:
    html = page([ENTRY._replace(rows=[*ROWS, equal("A title", "c", 2.0, 1.0, 0.5, "rounding")])], FACTS)
    assert '<span class="badge failed">' in section(html, "trade-off")
    assert "<details open><summary>All numbers: 3 rows, 1 confirmed, 1 refuted, 1 failed" in html
    assert "1 of 3 numbers failed" in html


def test_only_long_tables_of_confirmed_rows_stay_folded_on_paper() -> None:
    good, bad = ROWS
    for rows, folded in (([good] * LONG, 0), ([good] * (LONG + 1), 1), ([good] * LONG + [bad], 0)):
        assert page([ENTRY._replace(rows=rows)], FACTS).count("<details class=long>") == folded


def test_found_and_predicted_are_those_of_the_row_that_stands_for_the_claim() -> None:
    claim = replace(CLAIM, headline="another setting")
    html = page([ENTRY._replace(claim=claim)], FACTS)
    assert '<td data-label="found">0.25</td><td data-label="predicted">≤ 0.5</td>' in html


def test_commands_give_the_numbers_of_this_run_again() -> None:
    assert "<code>refsbnn audit --claim trade_off</code>" in page([ENTRY], FACTS)
    html = page([ENTRY], {**FACTS, "level": "quick", "seed": "7"})
    assert "<code>refsbnn audit --claim trade_off --quick --seed 7</code>" in html
    assert "<code>refsbnn audit --quick --seed 7</code>" in html


def test_without_the_extra_the_page_shows_tex_and_says_what_figures_need(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "latex2mathml", "latex2mathml.converter"):
        monkeypatch.setitem(sys.modules, name, None)
    html = page([ENTRY], FACTS)
    assert "<svg" not in html
    assert "refsbnn[plots]" in html
    assert r"<code>p_1 = (1 - \lambda) \pi + \frac{\lambda}{2}</code>" in html
    assert faults(html) == []


@pytest.mark.parametrize("name", claims.NAMES)
def test_every_equation_becomes_mathml(name: str) -> None:
    pytest.importorskip("latex2mathml")
    for formula in importlib.import_module(f"validation.claims.{name}").CLAIM.equations:
        tree = ElementTree.fromstring(text.mathematics(formula))
        assert tree.tag.endswith("math")
        assert "\\" not in "".join(tree.itertext()), formula  # an unknown command is left as it is


def test_figures_have_words_for_who_does_not_see_them() -> None:
    pytest.importorskip("matplotlib")
    html = page([ENTRY], FACTS)
    assert html.count("<svg role=") == len(PANELS)
    for panel in PANELS:
        assert f">{panel.title}</title>" in html
    assert "KL against tau. a line: 1 at 1, 0 at 4. a bound: 2 at 1, 3 at 4.</desc>" in html
    assert FIGURE.title in html
