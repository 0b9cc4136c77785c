"""The page on libraries of this build's own installed releases, where `.ci/run` has made it: docs/_build/libraries.md.

Elsewhere it is docs/libraries.md, made from the record in validation/benchmarks/results/conformance.
"""

from pathlib import Path
from typing import Any

PAGE = "libraries"


def read(app: Any, name: str, source: list[str]) -> None:
    """Put the page that was made in the place of the recorded one."""
    made = Path(app.srcdir) / "_build" / f"{PAGE}.md"
    if name == PAGE and made.is_file():
        source[0] = made.read_text(encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
