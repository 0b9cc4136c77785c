"""The reference of the code: what a program imports is on its pages, and has an example that the doctests run."""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))
ENTRY = re.compile(
    r"^\.\. (?:currentmodule:: (?P<module>\S+)|auto(?:class|function):: (?P<name>\S+)(?P<members>\n   :members:.*)?)$",
    re.MULTILINE,
)
# Besides docstrings, documents that the tests run show what needs more than a line: by class.
GUIDES = {"Run": ("docs/python.md", "docs/exchange.md"), "Network": ("docs/exchange.md",)}


def listed() -> list[tuple[str, str, str | None]]:
    """Module and name of everything that the pages document, and which methods: None for none, "" for all."""
    found, module = [], ""
    for page in PAGES:
        for entry in ENTRY.finditer(page.read_text(encoding="utf-8")):
            module = entry["module"] or module
            if entry["name"]:
                members = entry["members"]
                found.append((module, entry["name"], members and members.partition(":members:")[2].strip()))
    return found


LISTED = listed()


def documented(where: str, name: str) -> Any:
    """What an entry stands for; skips where it needs a package that is not installed."""
    if where in ("refsbnn.classifier", "refsbnn.regressor"):
        pytest.importorskip("sklearn")
    return getattr(importlib.import_module(where), name)


def examples(text: str) -> str:
    """The lines of examples alone."""
    return "\n".join(line for line in text.splitlines() if line.strip().startswith((">>>", "...")))


def methods(item: type, members: str) -> Iterator[tuple[str, str]]:
    """The methods that a class says something of, or those that are asked for: name, and docstring."""
    data = getattr(item, "__dataclass_fields__", {})
    for name, each in vars(item).items():
        function = each.fget if isinstance(each, property) else getattr(each, "__func__", each)
        if name.startswith("_") or name in data or not inspect.isfunction(function) or not function.__doc__:
            continue
        if not members or name in members.split(", "):
            yield name, function.__doc__


@pytest.mark.parametrize("module", ["oracle", "refsbnn", "refsbnn.layers", "refsbnn.estimators"])
def test_whatever_a_package_exports_is_on_a_page(module: str) -> None:
    package = importlib.import_module(module)
    exported = {
        name for name in package.__all__ if inspect.isroutine(item := getattr(package, name)) or inspect.isclass(item)
    }
    objects = [getattr(importlib.import_module(where), name) for where, name, _ in LISTED]
    assert not [name for name in exported if not any(getattr(package, name) is each for each in objects)]


def test_everything_on_the_pages_has_an_example() -> None:
    bare = []
    for where, name, _ in LISTED:
        if ">>>" not in (inspect.getdoc(documented(where, name)) or ""):
            bare.append(f"{where}.{name}")
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize(
    ("where", "name", "members"), [each for each in LISTED if each[2] is not None], ids=lambda each: str(each)
)
def test_every_method_on_the_pages_is_called_in_an_example(where: str, name: str, members: str) -> None:
    """In its own docstring, in that of its class, or in a guide that the tests run."""
    item = documented(where, name)
    guides = [(ROOT / path).read_text(encoding="utf-8") for path in GUIDES.get(name, ())]
    shown = examples("\n".join([inspect.getdoc(item) or "", *guides]))
    own = dict(methods(item, members))
    bare = [key for key, text in own.items() if ">>>" not in text and not re.search(rf"\.{key}\b", shown)]
    assert not bare, f"{where}.{name}: {', '.join(bare)}"
