"""Planted errors of the audit's page."""

from tests.mutants import Mutant

TESTS = "tests/validation/report"

PAGE = (
    Mutant(
        "a claim's title that is not escaped",
        "validation/report/section.py",
        "{escape(claim.title)}</h2>",
        "{claim.title}</h2>",
        f"{TESTS}/test_page.py::test_every_string_is_escaped",
    ),
    Mutant(
        "a claim that failed shown with its finding on record",
        "validation/report/section.py",
        "</h2>{badge(verdict.word)}",
        "</h2>{badge(claim.finding)}",
        f"{TESTS}/test_page.py::test_a_failed_row_fails_the_claim_and_opens_its_numbers",
    ),
    Mutant(
        "letters of a figure too small for a phone",
        "validation/report/draw.py",
        '"font.size": 10.5',
        '"font.size": 9.0',
        f"{TESTS}/test_draw.py::test_letters_are_text_and_none_is_small",
    ),
    Mutant(
        "two lines of nearly one colour",
        "validation/report/style.css",
        "--series-5: #7a1010",
        "--series-5: #0a78b8",
        f"{TESTS}/test_colours.py::test_lines_differ_for_every_eye",
    ),
)
