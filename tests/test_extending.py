"""docs/extending.md runs, and its tables of files are what names a member, a layer, a data set and a claim."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
CODE = ("refsbnn", "oracle", "validation")
BUILT = {"_build", "_generated", "_gallery", "_tutorials"}  # by `make docs`


def told(table: str) -> set[str]:
    """The files in the first column of the table whose header begins so."""
    rows = GUIDE.split(f"| {table} | what stands there |\n|---|---|\n")[1].split("\n\n")[0]
    files = set(re.findall(r"^\| `([\w/.]+)` \|", rows, flags=re.MULTILINE))
    assert len(files) == len(rows.splitlines())
    assert all((ROOT / name).is_file() for name in files)
    return files


def naming(pattern: str, folders: tuple[str, ...], kinds: tuple[str, ...] = ("*.py",)) -> set[str]:
    """The files of some folders in which the pattern stands."""
    word = re.compile(pattern)
    files = [path for top in folders for kind in kinds for path in (ROOT / top).rglob(kind)]
    files = [path for path in files if not BUILT & set(path.parts)]
    return {path.relative_to(ROOT).as_posix() for path in files if word.search(path.read_text(encoding="utf-8"))}


def test_the_examples_run() -> None:
    result = doctest.testfile(
        str(ROOT / "docs" / "extending.md"),
        module_relative=False,
        encoding="utf-8",
    )
    assert result.attempted
    assert not result.failed


def test_a_member_stands_in_the_files_that_are_told_and_in_no_other() -> None:
    """`temp` by its name, as a call or as its class, but for claims that compare it and what recognises it.

    The digest names nothing; this test and the guide speak of it.
    """
    files = told("file")
    assert len(files) <= 8
    found = naming(r"[\"'`]temp[(\"'`]|\bTemp\b|\btemp\(", (*CODE, "tests", "docs"), ("*.py", "*.md"))
    compared = {"validation/claims/least_error.py", "validation/claims/least_mass.py"}
    # Which tell who is who.
    compared |= {"validation/certify/identify.py"}
    compared |= {f"tests/validation/certify/{name}.py" for name in ("test_certify", "test_planted")}
    compared |= {"validation/conformance/cases/fuzz.py", "docs/operations.md", "tests/refsbnn/kernels/test_block.py"}
    # The site: its reference, the member's page, and where members are beside each other.
    compared |= {"docs/api/estimators.md", "docs/estimators/temp.md", "docs/estimators/figures.py"}
    compared |= {f"docs/gallery/audit/{name}.py" for name in ("04_frontier", "05_best_member")}
    compared |= {"tests/docs/test_estimators.py"}
    # What was trained with it.
    compared |= {"docs/training.md", "validation/benchmarks/results/README.md"}
    assert found - compared - {"docs/extending.md", "tests/test_extending.py"} == files - {
        "validation/conformance/vectors.sha256"
    }


def test_a_layer_stands_in_the_files_that_are_told_and_in_those_that_use_it() -> None:
    """`average_pool` by its kind, its class or its functions.

    The equations, the digest and the cases, which both poolings share, name it otherwise. What needs it and is not
    needed by it: models, the networks of the comparisons with normalisation, and the map from the oracle's pools.
    """
    files = told("file of the layer")
    assert len(files) <= 12
    users = {"refsbnn/models.py", "validation/benchmarks/batchnorm_network.py", "validation/twin.py"}
    users |= {"validation/conformance/cases/__init__.py"}  # which file has an operation's cases
    users |= {f"refsbnn/exchange/{name}.py" for name in ("from_nir", "to_nir", "torch_module")}  # others' words
    found = naming(r"average_pool|AveragePool|\baverage_(for|back)ward\b", CODE)
    assert (
        found
        == (files - {f"validation/conformance/{name}" for name in ("cases/linear.py", "vectors.sha256")})
        - {"docs/theory.md"}
        | users
    )


@pytest.mark.parametrize(
    ("table", "pattern"),
    [
        ("file of the data set", r"\bpokerdvs\b|\bPOKERDVS\b"),
        ("file of the claim", r"claims[./]scaling|claims import .*\bscaling|\"scaling\"|Joint scaling"),
    ],
)
def test_a_data_set_and_a_claim_stand_in_two_files(table: str, pattern: str) -> None:
    """And a claim's planted error in a third, of the tests."""
    files = told(table)
    code = {name for name in files if not name.startswith("tests/")}
    assert len(code) <= 2
    fuzzed = {name for name in naming(pattern, CODE) if name.startswith("validation/faults/")}  # each set by its files
    assert naming(pattern, CODE) - fuzzed == code
    assert all("scaling" in (ROOT / name).read_text(encoding="utf-8") for name in files - code)
