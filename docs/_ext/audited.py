"""The audit's page as a part of the site, and the colours of its figures for the site's own.

The page is audit/quick.html where `make demo` has left it; otherwise the quick audit is run.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from equations import anchor
from sphinx.errors import ExtensionError

_THEORY = re.compile(r'href="\.\./docs/theory\.md#[^"]*" aria-label="Theory, equation (\d\.\d+)"')
_FILE = re.compile(r'href="\.\./([^"#]+)(#[^"]*)?"')


def moved(page: str, repository: str) -> str:
    """The page with links that hold in the site's folder audit/: equations in the theory, files in the repository.

    >>> moved('<a href="../oracle/tree.py">', "https://host/name")
    '<a href="https://host/name/blob/main/oracle/tree.py">'
    """
    page = _THEORY.sub(
        lambda found: f'href="../theory.html#{anchor(found[1])}" aria-label="Theory, equation {found[1]}"', page
    )
    page = re.sub(r'href="\.\./docs/(\w+)\.md', r'href="../\1.html', page)
    return _FILE.sub(
        lambda found: (
            found[0] if found[1].endswith(".html") else f'href="{repository}/blob/main/{found[1]}{found[2] or ""}"'
        ),
        page,
    )


def colours(style: str) -> str:
    """Of the audit's style, the colours of lines and grids, for the theme's light and dark."""
    light, dark = ("".join(re.findall(r"--(?:series-\d|grid): [^;]+;", part)) for part in style.split("@media", 2)[:2])
    return (
        f":root {{ {light} }}\nbody[data-theme=dark] {{ {dark} }}\n"
        f"@media (prefers-color-scheme: dark) {{ body:not([data-theme=light]) {{ {dark} }} }}\n"
    )


def _made(app: Any) -> str:
    root = Path(app.srcdir).parent
    given, kept = root / "audit" / "quick.html", Path(app.srcdir) / "_generated" / "audit.html"
    if given.is_file():
        return given.read_text(encoding="utf-8")
    if not kept.is_file():
        command = [sys.executable, "-m", "refsbnn", "audit", "--quick", "--html", str(kept)]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        if done.returncode:
            raise ExtensionError(f"the audit failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return kept.read_text(encoding="utf-8")


def _write(app: Any, failure: Exception | None) -> None:
    if failure is None and app.builder.format == "html":
        folder = Path(app.outdir) / "audit"
        folder.mkdir(exist_ok=True)
        page = moved(_made(app), app.config.repository_address)
        (folder / "index.html").write_text(page, encoding="utf-8")
        style = (Path(app.srcdir).parent / "validation" / "report" / "style.css").read_text(encoding="utf-8")
        (Path(app.outdir) / "_static" / "colours.css").write_text(colours(style), encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("build-finished", _write)
    app.add_css_file("colours.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
