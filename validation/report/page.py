"""The audit as one self-contained HTML page: no script, no request, readable in light and dark."""

import html
import re
from collections.abc import Mapping, Sequence

from validation.evidence.claim import Entry
from validation.evidence.curves import Figure
from validation.evidence.record import VERDICTS, Row
from validation.report import draw
from validation.report.table import count, expectation, number

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fff; --faint: #666; --line: #d9d9d9; --grid: #e4e4e4;
  --confirmed: #17692f; --refuted: #8a5500; --failed: #b3141d;
  --series-0: #2166ac; --series-1: #d6604d; --series-2: #1b7837; --series-3: #762a83; --series-4: #b8860b;
  --series-5: #35978f; --series-6: #c51b7d; --series-7: #555; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #16181b; --faint: #9aa0a6; --line: #3a3d41;
  --grid: #2c2f33; --confirmed: #6fcf8b; --refuted: #f0b958; --failed: #ff7b82;
  --series-0: #6baed6; --series-1: #f4a582; --series-2: #7fbf7b; --series-3: #c2a5cf; --series-4: #e6c35c;
  --series-5: #80cdc1; --series-6: #f1a3cf; --series-7: #bbb; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
p { margin: .4rem 0; max-width: 50rem; } .faint, figcaption { color: var(--faint); }
figure { margin: 1.4rem 0; } figure svg { width: 100%; height: auto; } figure.one svg { max-width: 30rem; }
figure.two svg { max-width: 52rem; }
figcaption { max-width: 50rem; font-size: .93rem; } figcaption b { color: var(--ink); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; } td.why { color: var(--faint); min-width: 16rem; }
.confirmed .verdict { color: var(--confirmed); } .refuted .verdict { color: var(--refuted); font-weight: 600; }
.failed .verdict { color: var(--failed); font-weight: 700; }
fieldset { border: 0; padding: 0; margin: 1rem 0; } label { margin-right: 1.2rem; white-space: nowrap; }
code { font-size: .92em; } svg text { font-family: system-ui, sans-serif !important; }
"""


def page(entries: Sequence[Entry], facts: Mapping[str, str]) -> str:
    """Build the page.

    Parameters
    ----------
    entries : sequence of Entry
    facts : mapping of str to str
        How the audit was run: level, seed, versions, time.

    Returns
    -------
    str
        The whole document.
    """
    rows = [row for entry in entries for row in entry.rows]
    counted = count(rows)
    summary = ", ".join(f"{counted[verdict]} {verdict}" for verdict in VERDICTS)
    told = " &middot; ".join(f"{html.escape(key)} {html.escape(value)}" for key, value in facts.items())
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>refsbnn audit</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}{_filter_style()}</style></head><body>",
        f"<h1>refsbnn audit</h1><p>{len(rows)} checks: {summary}.</p>",
        f'<p class="faint">{told}</p>',
        "<p>Every number below is exact up to rounding (enumeration or quadrature), unless its row says otherwise. "
        "<b>Confirmed</b>: the exact number is the one docs/theory.md predicts. <b>Refuted</b>: so it is, and it "
        "contradicts the claim as its source words it. <b>Failed</b>: the exact number is not the predicted one.</p>",
        *_figures([figure for entry in entries for figure in entry.figures]),
        "<h2>Checks</h2>",
        _filter(),
    ]
    parts += [_section(entry.claim.title, entry.rows, entry.note) for entry in entries]
    return "\n".join([*parts, "</body></html>\n"])


def _filter() -> str:
    choices = ("all", *VERDICTS)
    buttons = (
        f'<label><input type="radio" name="show" id="show-{choice}"{" checked" if choice == "all" else ""}> '
        f"{choice}</label>"
        for choice in choices
    )
    return f"<fieldset><legend>Show</legend>{''.join(buttons)}</fieldset>"


def _filter_style() -> str:
    """Filtering by verdict in style alone: rows of other verdicts, and sections left empty, are hidden."""
    rules = []
    for verdict in VERDICTS:
        chosen = f"body:has(#show-{verdict}:checked)"
        rules.append(
            f"{chosen} tbody tr:not(.{verdict}), {chosen} section:not(:has(tr.{verdict})) {{ display: none; }}"
        )
    return "\n".join(rules)


def _figures(figures: Sequence[Figure]) -> list[str]:
    if not draw.available():
        return [
            '<p class="faint">The figures need matplotlib, which is not installed (pip install "refsbnn[plots]"); '
            "their numbers are in the JSON file.</p>"
        ]
    parts = ["<h2>Figures</h2>"]
    for index, figure in enumerate(figures):
        width = {1: "one", 2: "two"}.get(len(figure.panels), "wide")
        caption = f"<figcaption><b>{html.escape(figure.title)}.</b> {_inline(figure.caption)}</figcaption>"
        parts.append(f'<figure class="{width}">{draw.svg(figure, f"f{index}")}{caption}</figure>')
    return parts


def _section(title: str, rows: Sequence[Row], statement: str) -> str:
    paragraphs = "".join(f"<p>{_inline(text)}</p>" for text in re.split(r"\n\s*\n", statement.strip()) if text)
    head = "".join(
        f"<th>{name}</th>" for name in ("setting", "exact value", "expected", "verdict", "tolerance, and why")
    )
    body = "\n".join(
        f'<tr class="{row.verdict}"><td>{html.escape(row.setting)}</td><td class="number">{number(row.exact)}</td>'
        f'<td class="number">{html.escape(expectation(row))}</td><td class="verdict">{row.verdict}</td>'
        f'<td class="why">{_inline(row.why)}</td></tr>'
        for row in rows
    )
    return (
        f'<section><h2>{html.escape(title)}</h2>{paragraphs}<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _inline(text: str) -> str:
    """Escape, and show what stands between backticks as code."""
    return re.sub(r"(`+)(.+?)\1", r"<code>\2</code>", html.escape(text), flags=re.DOTALL)
