"""The gallery's scripts: what needs no run of them, and that the site's build, which runs them, stops at an error."""

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SCRIPTS = sorted((DOCS / "gallery").glob("*/*.py"))
LONGEST = 60
ALLOWED = {"numpy", "scipy", "matplotlib", "sklearn", "torch", "mpmath", "oracle", "refsbnn", "validation"}


def test_there_are_enough() -> None:
    assert len(SCRIPTS) >= 15
    assert {path.parent.name for path in SCRIPTS} == {"audit", "train", "implement"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_an_example(path: Path) -> None:
    """A title, cells, a figure with named axes, no file to read, nothing that another example lends it."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert re.match(r"\n(.+)\n=+\n\n", ast.get_docstring(tree, clean=False) or "")
    assert "\n# %%\n" in text
    assert len(text.splitlines()) <= LONGEST
    assert "plt.subplots" in text or "ConfusionMatrixDisplay" in text
    assert "xlabel" in text or "imshow" in text
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) <= ALLOWED


def test_citations_exist() -> None:
    theory = (DOCS / "theory.md").read_text(encoding="utf-8")
    for path in SCRIPTS:
        for number in re.findall(r"theory,? (?:below )?(\d\.\d+)", path.read_text(encoding="utf-8")):
            assert f"({number})\n" in theory, (path.name, number)


def test_an_error_in_a_script_stops_the_build(tmp_path: Path) -> None:
    """With the site's own settings of sphinx-gallery."""
    pytest.importorskip("sphinx_gallery")
    pytest.importorskip("furo")
    settings = runpy.run_path(str(DOCS / "conf.py"))["sphinx_gallery_conf"]
    settings = {**settings, "examples_dirs": ["examples"], "gallery_dirs": ["out"], "reset_modules": ()}
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "GALLERY_HEADER.rst").write_text("Title\n=====\n", encoding="utf-8")
    script = '"""\nOne\n===\n"""\n\n# %%\nprint(1 / 0)\n'
    (tmp_path / "examples" / "one.py").write_text(script, encoding="utf-8")
    (tmp_path / "index.rst").write_text("Home\n====\n\n.. toctree::\n\n   out/index\n", encoding="utf-8")
    conf = f"extensions = ['sphinx_gallery.gen_gallery']\nsphinx_gallery_conf = {settings!r}\n"
    (tmp_path / "conf.py").write_text(conf, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(tmp_path), str(tmp_path / "html")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode
    assert "division by zero" in done.stderr
