"""What a planted bug is: the NumPy reference with some of its functions replaced while it runs.

So the bug is in every layer and network that uses them.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest import mock

from refsbnn.adapter import Arrays, Op
from validation.conformance.adapters.reference import Reference

Patch = tuple[Any, str, Any]  # owner, attribute, replacement
BOTH, GIVEN, OWN = ("given", "own"), ("given",), ("own",)


@dataclass(frozen=True)
class Mutant:
    """One planted bug.

    Attributes
    ----------
    name : str
    bug_class : str
        What the cases that are there for it list.
    modes : tuple of str
        Where it has to be found; docs/conformance.md argues what is left out.
    patches : callable
        Makes the replacements, afresh for each run.
    options : dict
        Changes of the operation's options, as factors.
    """

    name: str
    bug_class: str
    modes: tuple[str, ...]
    patches: Callable[[], list[Patch]] = list
    options: Mapping[str, float] = ()  # type: ignore[assignment]

    def adapter(self) -> Reference:
        """The reference with the bug."""
        return Mutated(self)


class Mutated(Reference):
    """The reference under a mutant's patches."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def run(self, op: Op, arrays: Arrays, noise: Arrays | None, dtype: str, seed: int) -> Arrays:
        changed = {k: op.options[k] * f for k, f in dict(self.mutant.options).items() if k in op.options}
        with ExitStack() as stack:
            for owner, attribute, replacement in self.mutant.patches():
                stack.enter_context(mock.patch.object(owner, attribute, replacement))
            return super().run(Op(op.name, {**op.options, **changed}), arrays, noise, dtype, seed)


def wrapped(owner: Any, attribute: str, change: Callable[..., Any]) -> Patch:
    """A replacement that calls `change(original, *arguments)`."""
    original = getattr(owner, attribute)

    def replacement(*args: Any, **keywords: Any) -> Any:
        return change(original, *args, **keywords)

    return owner, attribute, replacement
