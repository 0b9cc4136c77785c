"""The theory's equations as mathematics: every line, nothing lost, nothing moved."""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))

from ascii_tex import tex  # noqa: E402

THEORY = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
# Indented lines that follow an empty line, an equation's line or another one: not those of a list.
BLOCKS = re.findall(r"(?:(?<=\n\n)|\A)((?:    .*\n)+)", THEORY)
LINES = [re.sub(r"\s*\(\d\.\d+\)$", "", line.rstrip()).strip() for block in BLOCKS for line in block.splitlines()]


def letters(text: str) -> list[str]:
    """Letters and digits in their order, without signs: what has to be there whatever the layout.

    The power of sigma2 is a part of its name; its place beside an index is not the same on both sides.
    """
    return re.findall(r"[A-Za-z0-9]", re.sub(r"sigma2|sigma_p\^2", lambda found: found[0][:-1].rstrip("^"), text))


def shown(source: str) -> list[str]:
    """The same of the TeX of a line."""
    source = re.sub(r"(\\sigma'?\}?(?:_\{\w+\})?)\^\{2\}", r"\1", source)
    for sign in ("frac", "text", "mathrm", "tilde", "texttt", "quad", "cdot", "leq", "geq", "neq", "to", "mp", "dots"):
        source = re.sub(rf"\\{sign}(?![a-z])", " ", source)
    for tex_name, name in (
        ("top", "T"),
        ("infty", "inf"),
        ("varepsilon", "eps"),
        ("int", "integral"),
        ("lambda", "lam"),
    ):
        source = re.sub(rf"\\{tex_name}(?![a-z])", name, source)
    return letters(re.sub(r"\\(?:sim|leftarrow)(?![a-z])", " ", source))


def test_the_blocks_are_found() -> None:
    numbers = re.findall(r"^    .*\((\d\.\d+)\)$", THEORY, flags=re.MULTILINE)
    inside = re.findall(r"\((\d\.\d+)\)$", "".join(BLOCKS), flags=re.MULTILINE)
    assert inside == numbers
    assert len(LINES) > 140


@pytest.mark.parametrize("line", LINES)
def test_every_line_keeps_its_letters_in_their_order(line: str) -> None:
    assert shown(tex(line)) == letters(line.replace("lambda", "lam"))


def test_every_line_is_mathml() -> None:
    converter = pytest.importorskip("latex2mathml.converter")
    for line in LINES:
        ET.fromstring(converter.convert(tex(line)))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("m sigma2_ij / (2 s^3)", r"\frac{m \sigma_{ij}^{2}}{2 s^{3}}"),
        ("1/K sum_k x_k / y", r"\frac{1}{K} \sum_{k} \frac{x_{k}}{y}"),
        ("d^2 E[L]/dmu_ij^2", r"\frac{d^{2} E[ L ]}{d\mu_{ij}^{2}}"),
        ("f(r) dr/dtheta", r"f( r ) \frac{dr}{d\theta}"),
        ("a / b / c", r"\frac{a}{b c}"),
        ("mu'^T dM_{t+1}", r"{\mu'}^{\top} dM_{t + 1}"),
        ("p1* = ||u||^2", r"p_{1}^{*} = \| u \|^{2}"),
        ("w = 1 for z in {0,1}", r"w = 1 \text{ for } z \text{ in } \{ 0 , 1 \}"),
    ],
)
def test_what_a_line_becomes(line: str, expected: str) -> None:
    assert tex(line) == expected


@pytest.mark.parametrize("line", ["f(r", "a]", "x_", "E[L) + 1"])
def test_what_is_no_formula_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"clos|begin"):
        tex(line)
