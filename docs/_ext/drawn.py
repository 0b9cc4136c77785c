"""Figures that the pages show and the repository does not keep: drawn by scripts of docs/ into docs/_generated."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from sphinx.errors import ExtensionError

SCRIPTS = ("figures.py", "estimators/figures.py")
"""Each is run from the repository's root, and writes into docs/_generated."""


def _draw(app: Any) -> None:
    docs = Path(app.srcdir)
    (docs / "_generated").mkdir(exist_ok=True)
    for name in SCRIPTS:
        if (docs / name).is_file():
            done = subprocess.run([sys.executable, docs / name], cwd=docs.parent, capture_output=True, text=True)
            if done.returncode:
                raise ExtensionError(f"docs/{name} failed:\n{done.stderr}")


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", _draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
