"""docs/extending.md runs, and its table of a member's files is what names that member."""

import doctest
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FOLDERS = ("refsbnn", "oracle", "validation", "tests", "docs")
MOST = 8  # files that one has to touch for a member, tests and documents among them


def test_the_examples_run() -> None:
    result = doctest.testfile(str(ROOT / "docs" / "extending.md"), module_relative=False, encoding="utf-8")
    assert result.attempted
    assert not result.failed


def test_a_member_stands_in_the_files_that_are_told_and_in_no_other() -> None:
    """`temp` by its name, as a call or as its class. The digest names nothing; this test and the guide speak of it."""
    told = re.findall(r"^\| `([\w/.]+)` \|", GUIDE, flags=re.MULTILINE)
    assert len(told) <= MOST
    assert all((ROOT / name).is_file() for name in told)
    word = re.compile(r"[\"'`]temp[(\"'`]|\bTemp\b|\btemp\(")
    files = [path for top in FOLDERS for kind in ("*.py", "*.md") for path in (ROOT / top).rglob(kind)]
    naming = {path.relative_to(ROOT).as_posix() for path in files if word.search(path.read_text(encoding="utf-8"))}
    assert naming - {"docs/extending.md", "tests/test_extending.py"} == set(told) - {
        "validation/conformance/vectors.sha256"
    }
