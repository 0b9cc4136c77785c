"""One claim of the page: its sentence, what it says exactly, figures, numbers, and how to get them again."""

from collections.abc import Iterator, Mapping, Sequence

from validation.evidence.claim import Claim, Entry, Formula, Verdict, judge
from validation.evidence.curves import Figure
from validation.evidence.record import Row
from validation.report import draw
from validation.report.ledger import command
from validation.report.table import count, expectation, number
from validation.report.text import SECTIONS, escape, inline, mathematics, paragraphs, path, signs

MARKS = {
    "holds": ("holds", "✓"),
    "holds with conditions": ("conditions", "≈"),
    "does not hold": ("not", "✗"),
    "not decidable here": ("open", "?"),
    "failed": ("failed", "!"),
}
"""Of each verdict on a sentence: its class in the style, and its mark, since colour alone tells not everyone."""

LONG = 24
"""More rows than these, all confirmed, stay folded on paper."""

OWNERS = {"paper": "The paper", "ours": "This project", "others": "Others"}
"""Who says a sentence, by `Claim.owner`."""


def section(entry: Entry, facts: Mapping[str, str]) -> str:
    """The section of one claim.

    Parameters
    ----------
    entry : Entry
    facts : mapping of str to str
        How the audit was run; "level" and "seed" make the command that gives the same numbers again.

    Returns
    -------
    str
        A ``<section>`` with the id `anchor(entry.name)`.
    """
    claim, identity = entry.claim, anchor(entry.name)
    verdict = judge(claim, entry.rows)
    assumptions = "".join(f"<li>{inline(each)}</li>" for each in claim.assumptions)
    parts = [
        f'<section class="claim" id="{identity}" aria-labelledby="{identity}-title"><header>',
        f'<p class="whose"><b>{OWNERS[claim.owner]}</b> ({inline(claim.source)})</p>',
        f'<h2 id="{identity}-title">{escape(claim.title)}</h2>{badge(verdict.word)}</header><div class="facts"><div>',
        f"<blockquote>{quoted(claim.sentence)}</blockquote>",
        f'<p class="reason">{because(claim, verdict)}</p>',
        f"<h3>What is checked</h3><p>{inline(claim.statement)}</p>",
        f"<h3>Assumptions</h3><ul>{assumptions}</ul>" if assumptions else "",
        f"</div><div>{_headline(claim, verdict)}<h3>The same number on your machine</h3>",
        f"<pre><code>{escape(command(facts, entry.name))}</code></pre>",
        _files("Check", [f"validation/claims/{entry.name}.py"]),
        _files("Code", claim.code) + "</div></div>",
        *(_figure(figure, f"{identity}-figure-{index}") for index, figure in enumerate(entry.figures)),
        _equations(claim.equations),
        _rows(entry, verdict.word == "failed"),
        f'<details class="note"><summary>Source and method</summary>{paragraphs(entry.note)}</details>',
        '<p class="back"><a href="#ledger">Back to the ledger</a></p></section>',
    ]
    return "\n".join(part for part in parts if part)


def anchor(name: str) -> str:
    """The id of a claim's section.

    >>> anchor("deep_bias")
    'claim-deep-bias'
    """
    return f"claim-{name.replace('_', '-')}"


def badge(word: str) -> str:
    """A verdict on a sentence, with its mark."""
    style, mark = MARKS[word]
    return f'<span class="badge {style}"><span aria-hidden="true">{mark}</span> {word}</span>'


def because(claim: Claim, verdict: Verdict) -> str:
    """Why the verdict is what it is."""
    if verdict.word == claim.finding:
        return inline(claim.reason)
    return f"on record: {claim.finding}; here a number is not the predicted one"


def quoted(sentence: str) -> str:
    """A sentence between quotation marks."""
    return f"“{inline(signs(sentence))}”"


def _headline(claim: Claim, verdict: Verdict) -> str:
    """Claimed, found and predicted, with the setting of the row that stands for the claim."""
    row = verdict.row
    found = (("found", number(row.exact)), ("predicted", expectation(row))) if row else ()
    cells = "".join(
        f"<div><dt>{name}</dt><dd>{escape(signs(value))}</dd></div>"
        for name, value in (("claimed", claim.claimed), *found)
    )
    where = f'<p class="setting">{escape(row.setting)}</p>' if row else ""
    return f'<div class="headline"><dl>{cells}</dl>{where}</div>'


def _files(what: str, names: Sequence[str]) -> str:
    return f'<p class="files">{what}: {", ".join(path(name) for name in names)}</p>' if names else ""


def _figure(figure: Figure, identity: str) -> str:
    caption = f"<figcaption><b>{escape(figure.title)}.</b> {inline(figure.caption)}</figcaption>"
    if not draw.available():
        return (
            f'<figure><p class="faint">This figure needs matplotlib (pip install "refsbnn[plots]"); '
            f"its numbers are in the JSON file.</p>{caption}</figure>"
        )
    panels = "".join(draw.svg(panel, f"{identity}-{index}") for index, panel in enumerate(figure.panels))
    return f'<figure><div class="panels">{panels}</div>{caption}</figure>'


def _equations(equations: tuple[Formula, ...]) -> str:
    if not equations:
        return ""
    shown = "".join(f'<div class="equation">{_theory(one.number)}{mathematics(one)}</div>' for one in equations)
    return f'<h3>Equations</h3><div class="equations">{shown}</div>'


def _theory(equation: str) -> str:
    """A link to the part of docs/theory.md that holds an equation."""
    place = f"../docs/theory.md#{SECTIONS[equation.split('.')[0]]}"
    return f'<a href="{place}" aria-label="Theory, equation {escape(equation)}">({escape(equation)})</a>'


def _rows(entry: Entry, opened: bool) -> str:
    """All rows, those of one reason under it; folded unless one failed."""
    if not entry.rows:
        return ""
    counted = count(entry.rows)
    told = ", ".join(f"{many} {verdict}" for verdict, many in counted.items() if many)
    folded = " class=long" if counted["confirmed"] == len(entry.rows) > LONG else ""
    head = "".join(f'<th scope="col">{name}</th>' for name in ("setting", "exact value", "predicted", "result"))
    bodies = "\n".join(_bodies(entry))
    return (
        f"<details{folded}{' open' if opened else ''}><summary>All numbers: {len(entry.rows)} rows, {told}</summary>"
        f'<table class="rows"><thead><tr>{head}</tr></thead>{bodies}</table></details>'
    )


def _bodies(entry: Entry) -> Iterator[str]:
    groups: dict[str, list[Row]] = {}
    for row in entry.rows:
        groups.setdefault(row.why, []).append(row)
    for why, rows in groups.items():
        first = rows[0].verdict
        told = inline(why) if first == "refuted" else f"Tolerance: {inline(why)}"
        if len(rows) == 1:
            yield f"<tbody>{_row(rows[0], f' <i>{told}</i>')}</tbody>"
        else:
            lines = "\n".join(map(_row, rows))
            yield f'<tbody><tr class="why {first}"><th colspan="4" scope="rowgroup">{told}</th></tr>{lines}</tbody>'


def _row(row: Row, told: str = "") -> str:
    return (
        f'<tr class="{row.verdict}"><th scope="row">{escape(row.setting)}{told}</th>'
        f'<td data-label="exact value">{number(row.exact)}</td>'
        f'<td data-label="predicted">{escape(signs(expectation(row)))}</td><td class="result">{row.verdict}</td></tr>'
    )
