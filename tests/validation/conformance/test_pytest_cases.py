"""The one line that an implementer adds, used here as they would."""

import pytest

from validation.conformance.adapters import REFERENCE
from validation.conformance.cases import all_cases
from validation.conformance.pytest_cases import suite

test_units = suite(REFERENCE, dtype="float64", case="unit.gaussian_*")

HERE = "tests.validation.conformance"


def test_a_bug_is_reported_with_what_the_case_is_for() -> None:
    one = suite(f"{HERE}.test_command:Halved", dtype="float64", case="unit.gaussian_st")
    with pytest.raises(pytest.fail.Exception, match=r"dv: .*\n?catches: .*missing-half"):
        one("unit.gaussian_st")


def test_every_case_and_each_test_of_own_noise_is_a_test() -> None:
    (mark,) = suite(REFERENCE, dtype="float64", own_noise=True).pytestmark  # type: ignore[attr-defined]
    assert len(mark.args[1]) == len(all_cases()) + 23
