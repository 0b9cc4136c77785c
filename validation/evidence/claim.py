"""A claim: whose sentence it is, what it says exactly, what the exact numbers say of it.

A module of `validation.claims` is one claim. It holds ``CLAIM``, its docstring, ``check(level)``, which yields rows,
and, where curves tell more than a number, ``figures(level)``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from validation.evidence.curves import Figure
from validation.evidence.record import Row

Owner = Literal["paper", "ours", "others"]
Finding = Literal["holds", "holds with conditions", "does not hold", "not decidable here"]
FINDINGS: tuple[Finding, ...] = ("holds", "holds with conditions", "does not hold", "not decidable here")


class Formula(NamedTuple):
    """An equation of docs/theory.md: its number there ("2.6"), and the equation as LaTeX."""

    number: str
    tex: str


@dataclass(frozen=True)
class Claim:
    """One line of the ledger.

    Attributes
    ----------
    title : str
        Its name on the page and in every row of its check.
    sentence : str
        The words as their source has them: the abstract of arXiv:2505.17962 for the paper's claims.
    owner : "paper", "ours" or "others"
        Whose claim it is.
    source : str
        Where the sentence stands: "abstract, sentence 3", "theory 4.5", "Liu et al. 2023".
    statement : str
        The precise version that the check decides, in a sentence or two.
    assumptions : tuple of str
        What it needs.
    finding : str
        One of `FINDINGS`: what the exact numbers say of the sentence.
    reason : str
        One line why, for the ledger: the condition, or what breaks it.
    claimed : str
        What the sentence claims, as a number or a relation where it has one.
    headline : str
        The `setting` of the row whose number stands for the claim; found and predicted are that row's.
    equations : tuple of Formula
    code : tuple of str
        Files that implement it, from the root of the repository.
    """

    title: str
    sentence: str
    owner: Owner
    source: str
    statement: str
    assumptions: tuple[str, ...]
    finding: Finding
    reason: str
    claimed: str
    headline: str
    equations: tuple[Formula, ...]
    code: tuple[str, ...]


class Entry(NamedTuple):
    """A claim with what its check gave: what the report is made of."""

    name: str  # of the module: `refsbnn audit --claim NAME`
    claim: Claim
    rows: Sequence[Row]
    figures: Sequence[Figure]
    note: str  # the docstring of the module


class Verdict(NamedTuple):
    """A claim's line in the ledger after its check ran: the finding, or "failed" where a row is not as predicted."""

    word: str
    row: Row | None  # the headline's; none where no number decides


def judge(claim: Claim, rows: Sequence[Row]) -> Verdict:
    """The verdict on a claim from the rows of its check.

    Parameters
    ----------
    claim : Claim
    rows : sequence of Row
        All of this claim.

    Returns
    -------
    Verdict
        "failed" if any row failed or no row is left to show; else the claim's finding.
    """
    shown = next((row for row in rows if row.setting == claim.headline), None)
    if any(row.verdict == "failed" for row in rows):
        return Verdict("failed", shown)
    if claim.finding == "not decidable here":
        return Verdict(claim.finding, None)
    return Verdict("failed" if shown is None else claim.finding, shown)
