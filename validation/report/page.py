"""The audit as one self-contained HTML page: no script, no request, in light and dark, on a phone and on paper."""

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files

from validation import claims
from validation.evidence.claim import Entry, judge
from validation.evidence.record import Row
from validation.report.ledger import command
from validation.report.section import MARKS, anchor, badge, because, quoted, section
from validation.report.table import count, expectation
from validation.report.text import escape, signs

GROUPS = {
    "paper": (
        "What the paper says",
        "Words of its abstract, in its order. The precise versions are ours: the abstract gives none.",
    ),
    "ours": (
        "What this project says",
        "Sentences of docs/theory.md, derived here. The paper does not say them. Where one does not hold, "
        "a short form of our own is wrong, and its section says what is true.",
    ),
    "others": ("What others say", "Sentences of the works named in each section."),
}
"""Heading and remark of each part of the ledger, by `Claim.owner`, in the order of the page."""

WORDS = {
    "holds": "Every number is as predicted, and none contradicts the sentence.",
    "holds with conditions": "The precise version holds; the sentence as worded needs the conditions beside it.",
    "does not hold": "A number contradicts the sentence. A finding about the sentence, no error of the program.",
    "not decidable here": "Exact numbers of small networks do not decide it; its section says what they do show.",
    "failed": "A number is not as predicted: the program or docs/theory.md is wrong, and the sentence undecided.",
}
"""What each verdict on a sentence means."""

ROWS = {
    "confirmed": "The number is the one docs/theory.md predicts.",
    "refuted": "So it is, and it contradicts the words above it: the sentence, or a short form without its conditions.",
    "failed": "The number is not the predicted one.",
}
"""What each result of a row means."""


def page(entries: Sequence[Entry], facts: Mapping[str, str]) -> str:
    """Build the page.

    Parameters
    ----------
    entries : sequence of Entry
        The claims with their rows and figures. The page shows the paper's first, then ours, then others', each in the
        order given.
    facts : mapping of str to str
        How the audit was run: "level", "seed", versions, time.

    Returns
    -------
    str
        The whole document.
    """
    groups = {owner: [entry for entry in entries if entry.claim.owner == owner] for owner in GROUPS}
    rows = [row for entry in entries for row in entry.rows]
    style = files("validation.report").joinpath("style.css").read_text(encoding="utf-8")
    told = " · ".join(f"{escape(key)} {escape(value)}" for key, value in facts.items())
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>refsbnn audit</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta name="color-scheme" content="light dark"><style>{style}</style></head><body>',
        '<a class="skip" href="#ledger">Skip to the ledger</a>',
        "<header><h1>Which sentences of arXiv:2505.17962 hold?</h1>",
        "<p>Claims about Spiking Bayesian Neural Networks and their gradient estimators, held to exact numbers of "
        "small networks by <code>refsbnn audit</code>. <b>Only the abstract of arXiv:2505.17962 was at hand.</b></p>",
        f'<p class="tally">{_tally(groups["paper"], rows)}</p>{_part(len(entries))}</header>',
        '<main><section id="ledger" aria-label="Ledger">',
        *(_ledger(owner, group) for owner, group in groups.items() if group),
        "</section>",
        _words(),
        *(section(entry, facts) for group in groups.values() for entry in group),
        f'</main><footer><p>This run: {told}.</p><p>All of it again: <code>pip install ".[plots]"</code> in the '
        f"repository, then <code>{escape(command(facts))}</code>.</p></footer></body></html>\n",
    ]
    return "\n".join(parts)


def _tally(paper: Sequence[Entry], rows: Sequence[Row]) -> str:
    """How the paper's sentences fare, and whether the audit itself is in order."""
    counted = Counter(judge(entry.claim, entry.rows).word for entry in paper)
    words = " ".join(f"<span><b>{counted[word]}</b> {badge(word)}</span>" for word in MARKS if counted[word])
    failed = count(rows)["failed"]
    state = (
        f"<b>{failed} of {len(rows)} numbers failed.</b>" if failed else f"All {len(rows)} numbers are as predicted."
    )
    return (f"The paper's sentences: {words} " if paper else "") + f"<span>{state}</span>"


def _part(shown: int) -> str:
    """A word where claims were left out, lest a part be taken for all."""
    every = len(claims.NAMES)
    return (
        f'<p class="remark">This page holds {shown} of {every} claims: the others were not run.</p>'
        if shown < every
        else ""
    )


def _ledger(owner: str, entries: Sequence[Entry]) -> str:
    heading, remark = GROUPS[owner]
    head = "".join(f'<th scope="col">{name}</th>' for name in ("verdict", "sentence", "claimed", "found", "predicted"))
    lines = "\n".join(_line(entry) for entry in entries)
    return (
        f'<h2 id="ledger-{owner}">{heading}</h2><p class="remark">{remark}</p>'
        f'<table class="ledger" aria-labelledby="ledger-{owner}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table>"
    )


def _line(entry: Entry) -> str:
    claim = entry.claim
    word, row = verdict = judge(claim, entry.rows)
    found, predicted = (f"{row.exact:.3g}", signs(expectation(row, short=True))) if row else ("", "")
    return (
        f'<tr class="{MARKS[word][0]}"><td>{badge(word)}</td><th scope="row"><a href="#{anchor(entry.name)}">'
        f'{quoted(claim.sentence)}</a> <span class="reason">{because(claim, verdict)}</span></th>'
        f'<td data-label="claimed">{escape(signs(claim.claimed))}</td><td data-label="found">{found}</td>'
        f'<td data-label="predicted">{escape(predicted)}</td></tr>'
    )


def _words() -> str:
    """What the verdicts on sentences mean, and what the results of rows mean: two things."""
    verdicts = "".join(f"<div><dt>{badge(word)}</dt><dd>{told}</dd></div>" for word, told in WORDS.items())
    results = "".join(
        f'<div><dt class="{word}"><span class="result">{word}</span></dt><dd>{told}</dd></div>'
        for word, told in ROWS.items()
    )
    return (
        '<section id="words" aria-labelledby="words-title"><h2 id="words-title">What the words mean</h2>'
        f'<div class="words"><div><h3>Of a sentence</h3><dl>{verdicts}</dl></div>'
        f"<div><h3>Of a row, one number of a section</h3><dl>{results}</dl>"
        "<p>Numbers are exact up to rounding (enumeration or quadrature) unless their row says otherwise. What stands "
        "above rows is where their tolerance comes from.</p></div></div></section>"
    )
