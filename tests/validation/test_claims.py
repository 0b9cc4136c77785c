"""Every claim of the audit holds, at its quick level: what `refsbnn audit` prints is tested, row by row."""

import importlib

import pytest

from validation import claims
from validation.evidence.record import Level


@pytest.mark.parametrize("name", claims.NAMES)
def test_no_check_of_the_claim_fails(name: str) -> None:
    rows = list(importlib.import_module(f"validation.claims.{name}").check(Level(quick=True)))
    assert rows
    assert [row for row in rows if row.verdict == "failed"] == []
