"""Links of the Markdown files that leave docs/: to the same file on the repository's page."""

import os
import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"(\]\()(\.\.?/[^)\s#]*)(#[^)\s]*)?(\))")


def outside(target: str, place: Path, root: Path) -> str | None:
    """The path in the repository that a relative link leads to, or None where it stays in docs/.

    Parameters
    ----------
    target : str
        The link as written, without its anchor.
    place, root : Path
        Folders of the document and of the repository.
    """
    path = Path(os.path.normpath(place / target))
    if path.is_relative_to(root / "docs") or not path.is_relative_to(root):
        return None
    return path.relative_to(root).as_posix()


def rewrite(text: str, place: Path, root: Path, address: str) -> str:
    """`text` with every link that leaves docs/ as an address of the repository, at its main branch."""

    def whole(found: re.Match[str]) -> str:
        path = outside(found[2], place, root)
        if path is None or not (root / path).exists():  # what does not exist is Sphinx's to report
            return found[0]
        kind = "tree" if (root / path).is_dir() else "blob"
        return f"{found[1]}{address}/{kind}/main/{path}{found[3] or ''}{found[4]}"

    return _LINK.sub(whole, text)


def _read(app: Any, docname: str, source: list[str]) -> None:
    file = Path(app.env.doc2path(docname))
    if file.suffix == ".md":
        source[0] = rewrite(source[0], file.parent, Path(app.srcdir).parent, app.config.repository_address)


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_config_value("repository_address", "", "env", str)
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
