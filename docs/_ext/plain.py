"""Docstrings are plain text: a star or a bar in one is a character, not markup."""

import re
from typing import Any


def escaped(lines: list[str]) -> list[str]:
    r"""The lines with stars and bars escaped, but not in examples and not between double backticks.

    >>> escaped(["(*, n), |r|, ``a * b``", ">>> 2 * 3"])
    ['(\\*, n), \\|r\\|, ``a * b``', '>>> 2 * 3']
    """
    done, example = [], False
    for line in lines:
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        parts = re.split(r"(``.*?``|`.*?`)", line)
        done.append(line if example else "".join(p if p[:1] == "`" else re.sub(r"([*|])", r"\\\1", p) for p in parts))
    return done


def _process(app: Any, what: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    lines[:] = escaped(lines)


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx, before numpydoc reads the sections."""
    app.connect("autodoc-process-docstring", _process, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
