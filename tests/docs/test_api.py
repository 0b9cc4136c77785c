"""The reference of the code: what a program imports is on its pages, and has an example that the doctests run."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))
ENTRY = re.compile(r"^\.\. (?:currentmodule:: (?P<module>\S+)|auto(?:class|function):: (?P<name>\S+))$", re.MULTILINE)


def listed() -> list[tuple[str, str]]:
    """Module and name of everything that the pages document."""
    found, module = [], ""
    for page in PAGES:
        for entry in ENTRY.finditer(page.read_text(encoding="utf-8")):
            module = entry["module"] or module
            if entry["name"]:
                found.append((module, entry["name"]))
    return found


LISTED = listed()


@pytest.mark.parametrize("module", ["oracle", "refsbnn", "refsbnn.layers", "refsbnn.estimators"])
def test_whatever_a_package_exports_is_on_a_page(module: str) -> None:
    package = importlib.import_module(module)
    exported = {
        name for name in package.__all__ if inspect.isroutine(item := getattr(package, name)) or inspect.isclass(item)
    }
    objects = [getattr(importlib.import_module(where), name) for where, name in LISTED]
    assert not [name for name in exported if not any(getattr(package, name) is each for each in objects)]


def test_everything_on_the_pages_has_an_example() -> None:
    bare = []
    for where, name in LISTED:
        if where == "refsbnn.classifier":
            pytest.importorskip("sklearn")
        text = inspect.getdoc(getattr(importlib.import_module(where), name)) or ""
        if ">>>" not in text:
            bare.append(f"{where}.{name}")
    assert not bare, "\n".join(bare)
