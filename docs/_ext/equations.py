"""The equations of docs/theory.md as mathematics, their numbers as anchors, and links to them from every page.

The file keeps its plain characters, which are the only source: an indented line becomes MathML by way of `ascii_tex`
and the function that renders the audit's equations. "theory 3.12" on any page, and "(3.12)" in the theory, are links.
"""

import re
from collections.abc import Iterator
from html import escape
from typing import Any

from ascii_tex import tex
from docutils import nodes
from sphinx.util import logging

from validation.evidence.claim import Formula
from validation.report.text import mathematics

PAGE = "theory"
NUMBER = re.compile(r"^(.*?)\s*\((\d\.\d+)\)$")
_HERE = re.compile(r"(?<=\()(\d\.\d{1,2})(?=[),])")
_THERE = re.compile(
    r"(?<=[Tt]heory )(\d\.\d{1,2})\b|(?<= to )(\d\.\d{1,2})\b|(?<= and )(\d\.\d{1,2})\b|(?<=, )(\d\.\d{1,2})\b"
)
_logger = logging.getLogger(__name__)


def anchor(number: str) -> str:
    """The id of an equation.

    >>> anchor("2.13")
    'equation-2-13'
    """
    return f"equation-{number.replace('.', '-')}"


def lines(block: str) -> Iterator[tuple[int, str, str]]:
    """Of a block, for each line: how far it is indented, the formula, its number or nothing.

    >>> list(lines("r = m / s    (1.1)"))
    [(0, 'r = m / s', '1.1')]
    """
    for line in block.splitlines():
        found = NUMBER.match(line)
        formula, number = (found[1], found[2]) if found else (line, "")
        if formula.strip():
            yield len(formula) - len(formula.lstrip()), formula.strip(), number


def rendered(block: str) -> str:
    """A block of equations as HTML: a row for each line, the numbers at the right.

    Raises
    ------
    ValueError
        A line that is no formula.
    """
    rows = []
    for indent, formula, number in lines(block):
        identity = f' id="{anchor(number)}"' if number else ""
        told = f"Equation {number}" if number else "Equation, continued"
        shown = mathematics(Formula(number, tex(formula))).replace(
            ' display="block"', ' display="block" class="tml"', 1
        )
        shown = shown.replace("<math ", f'<math alttext="{escape(formula)}" ', 1)
        link = f'<a class="number" href="#{anchor(number)}">({number})</a>' if number else ""
        rows.append(
            f'<div class="line"{identity} style="--indent: {indent}">'
            f'<div class="formula" tabindex="0" role="group" aria-label="{told}">{shown}</div>{link}</div>'
        )
    return f'<div class="equations">{"".join(rows)}</div>'


def _render(app: Any, tree: nodes.document) -> None:
    if app.env.docname != PAGE:
        return
    for block in list(tree.findall(nodes.literal_block)):
        try:
            block.replace_self(nodes.raw("", rendered(block.astext()), format="html"))
        except ValueError as error:
            _logger.warning("an equation that cannot be rendered: %s", error, location=block)
    for node in list(tree.findall(nodes.Text)):
        _link(app, node, _HERE)


def _cite(app: Any, tree: nodes.document, docname: str) -> None:
    """Links to the theory, once all pages are known and docstrings are there."""
    if docname != PAGE:
        for node in list(tree.findall(nodes.Text)):
            if re.search(r"[Tt]heory \d\.\d", node):
                _link(app, node, _THERE, docname)


def _link(app: Any, node: nodes.Text, pattern: re.Pattern[str], docname: str = PAGE) -> None:
    if isinstance(node.parent, nodes.literal_block | nodes.reference | nodes.literal | nodes.raw | nodes.title):
        return
    base = "" if docname == PAGE else app.builder.get_relative_uri(docname, PAGE)
    parts: list[nodes.Node] = []
    end = 0
    for found in pattern.finditer(node):
        parts += [nodes.Text(node[end : found.start()])] if found.start() > end else []
        parts.append(nodes.reference("", found[0], refuri=f"{base}#{anchor(found[0])}", internal=True))
        end = found.end()
    if parts:
        node.parent.replace(node, [*parts, nodes.Text(node[end:])])


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-read", _render)
    app.connect("doctree-resolved", _cite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
