"""docs/conformance.md says what is so: its numbers, its table of questions, its adapters and its bugs."""

import re
from pathlib import Path

from validation.conformance import adapters
from validation.conformance.cases import all_cases
from validation.conformance.mutants import MUTANTS
from validation.conformance.own import run as own
from validation.conformance.own.cases import make
from validation.conformance.own.law import law

ROOT = Path(adapters.__file__).parents[3]
GUIDE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")


def test_its_numbers() -> None:
    tests = sum(own.number_of_tests(law(case)) for case in make())
    assert f"(HDF5, {len(all_cases())} cases," in GUIDE
    assert f"A run makes {tests} tests" in GUIDE
    assert f"{len(MUTANTS)} copies of the reference" in GUIDE
    assert f"({own.EXAMPLES:,} examples)" in GUIDE


def test_its_questions_are_those_of_the_cases() -> None:
    asked = {case.question.split("?")[0] for case in all_cases() if case.question}
    told = GUIDE.split("## Questions implementers ask")[1].split("## Planted bugs")[0]
    # Each answer's row; "Does it enter the bias penalty" and the padding are worded for the table.
    assert told.count("\n| ") - 1 == len(asked)


def test_its_adapters_are_there() -> None:
    for name in re.findall(r"^\| `(\w+):\w+` \|", GUIDE, flags=re.MULTILINE):
        assert (Path(adapters.__file__).parent / f"{name}.py").exists()


def test_its_bugs_are_the_mutants() -> None:
    told = GUIDE.split("## Planted bugs")[1].lower()
    for mutant in MUTANTS:
        first = mutant.name.lower().split(" of ")[0].removesuffix(" backward").removesuffix(" forward")
        words = {"one uniform for all steps": "one for all steps"}
        assert words.get(mutant.name, first) in told, mutant.name
