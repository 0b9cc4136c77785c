"""The conformance cases, a file for each family of operations; `all_cases` makes them in a fixed order."""

import importlib
from functools import lru_cache

from validation.conformance.schema import Case

FILES = (
    "linear",
    "units",
    "dynamics",
    "objective",
    "sensitivity",
    "streams",
    "networks",
    "edge",
    "deterministic",
    "point",
    "reject",
)


@lru_cache(maxsize=1)
def all_cases() -> tuple[Case, ...]:
    """Every case: a few seconds of decimal arithmetic."""
    found = [case for name in FILES for case in importlib.import_module(f"validation.conformance.cases.{name}").make()]
    ids = [case.id for case in found]
    assert len(set(ids)) == len(ids), "two cases share an id"
    return tuple(found)
