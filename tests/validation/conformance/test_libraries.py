"""The adapters of libraries: each where it is installed gives what the record says, and the page is the record's."""

import json
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from validation.conformance import libraries
from validation.conformance.adapters import load
from validation.conformance.cases import all_cases
from validation.conformance.judge import Outcome
from validation.conformance.run import run_cases

ROOT = Path(libraries.__file__).parents[2]
RECORD = json.loads((ROOT / "validation/benchmarks/results/conformance/libraries.json").read_text(encoding="utf-8"))
CASES = [case for case in all_cases() if case.op.name in libraries.OPERATIONS]


def outcomes(name: str) -> list[Outcome]:
    try:
        version(name)
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    # JAX compiles most of a second for each case: a few of those that it has, and all in the record's command.
    recorded = {row["case"]: row["standing"] for row in RECORD["libraries"][name]["cases"]}
    there = [case for case in CASES if name != "spyx" or recorded.get(case.id) != "unsupported"]
    return run_cases(load(libraries.LIBRARIES[name]), there if name != "spyx" else there[::5], libraries.DTYPE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries, about PyTorch
@pytest.mark.parametrize("name", libraries.LIBRARIES)
def test_a_library_computes_what_the_record_says(name: str) -> None:
    """Of another version than the recorded one only that it runs: it may have changed, and the page is made again."""
    found = outcomes(name)
    broken = [one.message for one in found if "Error" in one.message]
    assert not broken
    if version(name) == RECORD["libraries"][name]["version"]:
        recorded = {row["case"]: (row["standing"], row["convention"]) for row in RECORD["libraries"][name]["cases"]}
        assert {one.case: (libraries.standing(one), one.convention) for one in found}.items() <= recorded.items()
    else:
        assert Counter(libraries.standing(one) for one in found)["pass"] > 0


def test_the_page_is_made_of_the_record() -> None:
    assert (ROOT / "docs" / "libraries.md").read_text(encoding="utf-8") == libraries.page(RECORD)


def test_every_note_is_about_a_case_that_is_not_passed() -> None:
    for name, like in libraries.NOTES:
        rows = RECORD["libraries"][name]["cases"]
        said = [row for row in rows if libraries.note(name, row["case"]) == libraries.NOTES[name, like]]
        assert any(row["standing"] in ("fail", "convention") for row in said), (name, like)


def test_a_library_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(libraries.LIBRARIES, "no-such-library", "nowhere:Class")
    assert libraries.survey(["no-such-library"])["libraries"] == {}
