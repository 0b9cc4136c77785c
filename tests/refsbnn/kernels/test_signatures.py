"""Whoever can call the reference can call the kernels: same files, same functions, same arguments and defaults."""

import importlib
import inspect
from pathlib import Path

import pytest

import refsbnn.reference

ROOM = Path(refsbnn.reference.__file__).parent
FILES = sorted(path.stem for path in ROOM.glob("*.py") if path.stem not in ("__init__", "moments"))


def public(module):
    """Its own functions that document their parameters."""
    functions = inspect.getmembers(module, inspect.isfunction)
    return {n: f for n, f in functions if f.__module__ == module.__name__ and "Parameters\n" in (f.__doc__ or "")}


@pytest.mark.parametrize("name", FILES)
def test_kernels_have_the_signatures_of_the_reference(name):
    reference, kernels = (importlib.import_module(f"refsbnn.{room}.{name}") for room in ("reference", "kernels"))
    found = public(reference)
    assert found
    for function, what in found.items():
        mine, theirs = (
            [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]
            for f in (getattr(kernels, function), what)
        )
        assert mine == theirs, function
