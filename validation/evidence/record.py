"""One row of the audit: an exact number, what theory expects there, and the verdict."""

import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any, Literal

import numpy as np

Verdict = Literal["confirmed", "refuted", "failed"]
Number = float | np.ndarray  # an array holds one number
VERDICTS: tuple[Verdict, ...] = ("confirmed", "refuted", "failed")


@dataclass(frozen=True)
class Level:
    """How much the audit does: `quick` takes fewer settings, `seed` picks the random networks."""

    quick: bool = False
    seed: int = 0

    def rng(self, claim: str) -> np.random.Generator:
        """A generator of the claim's own, so that no claim's networks depend on which others ran."""
        return np.random.default_rng([self.seed, zlib.crc32(claim.encode())])


@dataclass(frozen=True)
class Row:
    """One check.

    Attributes
    ----------
    claim : str
        Title of the claim.
    setting : str
        The network, member or parameter it was measured on.
    exact : float
        The number measured, without sampling error unless `why` says otherwise.
    relation : str
        "=", "<=" or ">=": how `exact` must stand to `expected`.
    expected : float
        The number docs/theory.md predicts.
    tolerance : float
        How far off `exact` may be.
    why : str
        Where the tolerance comes from; for a refuted row also what the source says instead.
    verdict : str
        "confirmed": the number is the predicted one. "refuted": the number is the one docs/theory.md predicts,
        and it contradicts the claim as its source words it. "failed": the number is not the predicted one.
    """

    claim: str
    setting: str
    exact: float
    relation: str
    expected: float
    tolerance: float
    why: str
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """The row as plain JSON values; JSON has no NaN and no infinity, so those become null."""
        return {key: None if value in (inf, -inf) or value != value else value for key, value in asdict(self).items()}


Rows = Iterator[Row]  # what a claim's check yields


def equal(claim: str, setting: str, exact: Number, expected: Number, tolerance: float, why: str) -> Row:
    """A row that holds when `exact` is within `tolerance` of `expected`."""
    holds = abs(float(exact) - float(expected)) <= tolerance
    return _row(claim, setting, exact, "=", expected, tolerance, why, holds)


def at_most(claim: str, setting: str, exact: Number, bound: float, why: str, tolerance: float = 0.0) -> Row:
    """A row that holds when `exact` is no larger than `bound` + `tolerance`.

    >>> at_most("KL", "at the prior", 0.0, 1e-15, "rounding").verdict
    'confirmed'
    """
    return _row(claim, setting, exact, "<=", bound, tolerance, why, float(exact) <= bound + tolerance)


def at_least(claim: str, setting: str, exact: Number, bound: float, why: str, tolerance: float = 0.0) -> Row:
    """A row that holds when `exact` is no smaller than `bound` - `tolerance`."""
    return _row(claim, setting, exact, ">=", bound, tolerance, why, float(exact) >= bound - tolerance)


def refutes(row: Row, statement: str) -> Row:
    """Mark a row whose predicted number contradicts `statement`, the claim as its source words it.

    >>> refutes(equal("order", "deep", 1.0, 1.0, 0.1, "slope"), "the order is 2").verdict
    'refuted'
    """
    verdict: Verdict = "refuted" if row.verdict == "confirmed" else "failed"
    return replace(row, verdict=verdict, why=f"Contradicts: {statement}. {row.why}")


def _row(
    claim: str, setting: str, exact: Number, relation: str, expected: Number, tolerance: float, why: str, holds: bool
) -> Row:
    verdict: Verdict = "confirmed" if holds else "failed"
    return Row(claim, setting, float(exact), relation, float(expected), float(tolerance), why, verdict)
