"""The documents keep their promises: every equation that is cited exists, and the README's example runs."""

import configparser
import doctest
import re
import sys
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
THEORY = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
SECTIONS = {1: 4, 2: 24, 3: 35, 4: 21, 5: 15, 6: 4}
# "theory 3.2", "theory 2.13, 2.14", "theory 3.9 to 3.12", "theory 3.1 and 3.6", with line breaks anywhere.
CITATION = re.compile(r"theory\s+(\d\.\d+(?:(?:\s*,|\s+to|\s+and|\s*,\s+and)\s+\d\.\d+)*)")


def labels() -> list[str]:
    """The labels of the equations, in order: what closes a line of an indented block."""
    return re.findall(r"^    .*\((\d\.\d+)\)$", THEORY, flags=re.MULTILINE)


def cited() -> list[tuple[str, str]]:
    """Each label that a Python file or document cites, and where."""
    files = [path for top in ("refsbnn", "oracle", "validation", "tests") for path in (ROOT / top).rglob("*.py")]
    files += [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    return [
        (label, str(path.relative_to(ROOT)))
        for path in files
        for match in CITATION.findall(path.read_text(encoding="utf-8"))
        for label in re.findall(r"\d\.\d+", match)
    ]


def test_every_equation_has_its_number_once_and_in_order() -> None:
    assert labels() == [f"{section}.{i}" for section, last in SECTIONS.items() for i in range(1, last + 1)]


def test_every_cited_equation_exists() -> None:
    known = set(labels())
    assert not [f"{where} cites theory {label}" for label, where in cited() if label not in known]


def test_the_citations_are_found_at_all() -> None:
    """Guards the pattern above: some of the house's own ways of citing."""
    samples = ("(theory 3.2)", "theory 2.13, 2.14, 2.15", "theory 3.9 to 3.12", "theory\n3.1 and 3.6")
    assert [len(re.findall(r"\d\.\d+", CITATION.search(text)[1])) for text in samples] == [1, 3, 2, 2]


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_inside_the_house_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = [t.split("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in t]
    assert not [t for t in targets if t and not ((ROOT / name).parent / t).exists()]


@pytest.mark.parametrize("package", ["refsbnn", "oracle", "validation"])
def test_the_design_lists_the_rooms_of_each_package(package: str) -> None:
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {package}:.*?(?=^## )", design, flags=re.MULTILINE | re.DOTALL)[0]
    told = {name for row in re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE) for name in row.split("`")[1::2]}
    rooms = {path.parent.name + "/" for path in (ROOT / package).glob("*/__init__.py")}
    files = {path.name for path in (ROOT / package).glob("*.py")} - {"__init__.py"}
    assert told == rooms | files


def test_the_readme_runs() -> None:
    result = doctest.testfile(
        str(ROOT / "README.md"),
        module_relative=False,
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
        encoding="utf-8",
    )
    assert result.attempted
    assert not result.failed


def test_the_changelog_counts_what_there_is() -> None:
    from validation.conformance.cases import all_cases
    from validation.conformance.mutants import MUTANTS

    told = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"{len(list(all_cases()))} cases" in told
    assert f"{len(MUTANTS)} planted bugs" in told


def test_links_of_the_readme_hold_on_pypi_and_lead_somewhere() -> None:
    """Where there is no folder beside the README: addresses, whose paths exist in this tree."""
    repository = configparser.ConfigParser()
    repository.read(ROOT / "setup.cfg", encoding="utf-8")
    address = repository["metadata"]["url"]
    targets = re.findall(r"\]\(([^)\s]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert not [target for target in targets if "://" not in target]
    raw = address.replace("github.com", "raw.githubusercontent.com")
    paths = [re.sub(rf"^(?:{address}/(?:blob|tree)|{raw})/main/", "", target).split("#")[0] for target in targets]
    assert not [path for path in paths if "://" not in path and not (ROOT / path).exists()]
    assert sum("://" not in path for path in paths) > 20


def test_the_readmes_picture_shows_what_the_oracle_says() -> None:
    pytest.importorskip("docutils")
    sys.path.insert(0, str(ROOT / "docs" / "_ext"))
    import pictures

    from validation.report.draw import described

    assert described(pictures.family().panels[0]) in unescape((ROOT / "docs" / "family.svg").read_text("utf-8"))
