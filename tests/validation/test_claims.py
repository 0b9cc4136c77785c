"""Every claim of the audit holds, at its quick level: what `refsbnn audit` prints is tested, row by row."""

import importlib
from collections import Counter

import pytest

from validation import claims
from validation.evidence.claim import judge
from validation.evidence.record import Level


@pytest.mark.parametrize("name", claims.NAMES)
def test_the_claims_rows_are_as_its_record_says(name: str) -> None:
    module = importlib.import_module(f"validation.claims.{name}")
    rows = list(module.check(Level(quick=True)))
    assert [row for row in rows if row.verdict == "failed"] == []
    assert {row.claim for row in rows} == {module.CLAIM.title}
    assert [setting for setting, times in Counter(row.setting for row in rows).items() if times > 1] == []
    assert judge(module.CLAIM, rows).word == module.CLAIM.finding
    refuted = any(row.verdict == "refuted" for row in rows)
    if module.CLAIM.finding != "holds with conditions":
        assert refuted == (module.CLAIM.finding == "does not hold")


@pytest.mark.parametrize("name", claims.NAMES)
def test_the_full_level_has_the_row_that_stands_for_the_claim(name: str) -> None:
    """A check yields rows as it measures them, so what comes after that row is not run."""
    module = importlib.import_module(f"validation.claims.{name}")
    assert any(row.setting == module.CLAIM.headline for row in module.check(Level()))
