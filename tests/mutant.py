"""What a planted error is."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """An error: in `file`, the text `old`, which stands there once, becomes `new`; `tests` must then fail."""

    error: str
    file: str
    old: str
    new: str
    tests: str
