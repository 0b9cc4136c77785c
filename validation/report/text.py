"""Strings as HTML: escaped, paragraphs and code as written, equations as MathML."""

import html
import re

from validation.evidence.claim import Formula


def escape(text: str) -> str:
    """`text` where HTML expects text or an attribute's value.

    >>> escape('a < "b"')
    'a &lt; &quot;b&quot;'
    """
    return html.escape(text)


def inline(text: str) -> str:
    """Escaped, and what stands between backticks as code.

    >>> inline("`st` < 1")
    '<code>st</code> &lt; 1'
    """
    return re.sub(r"(`+)(.+?)\1", r"<code>\2</code>", escape(text), flags=re.DOTALL)


def signs(text: str) -> str:
    """The signs of `text` as print has them.

    >>> signs("<= 2 +/- 0.1 -- a bound")
    '≤ 2 ± 0.1 – a bound'
    """
    return text.replace("<=", "≤").replace(">=", "≥").replace("+/-", "±").replace(" -- ", " – ")


def paragraphs(text: str) -> str:
    r"""Blocks between empty lines: lines that begin with "- " as a list, as written where indented, else a paragraph.

    >>> paragraphs("Two:\n- a\n- b")
    '<p>Two:</p><ul><li>a</li><li>b</li></ul>'
    """
    return "".join(_block(block) for block in re.split(r"\n[ \t]*\n", text.strip("\n")) if block.strip())


def _block(block: str) -> str:
    if block.startswith("    "):
        return f"<pre>{escape(block)}</pre>"
    text, *points = re.split(r"^- ", block, flags=re.MULTILINE)
    listed = "".join(f"<li>{inline(point.strip())}</li>" for point in points)
    return (f"<p>{inline(text.strip())}</p>" if text.strip() else "") + (f"<ul>{listed}</ul>" if listed else "")


def mathematics(formula: Formula) -> str:
    """An equation as MathML, or as its TeX where latex2mathml (the `plots` extra) is not installed."""
    try:
        from latex2mathml.converter import convert
    except ImportError:
        return f"<code>{escape(formula.tex)}</code>"
    return convert(formula.tex, display="block")


SECTIONS = {
    "1": "1-the-noisy-binary-unit",
    "2": "2-estimators",
    "3": "3-layers",
    "4": "4-the-objective",
    "5": "5-exact-answers",
    "6": "6-random-numbers",
}
"""The anchors of docs/theory.md by the first part of an equation's number."""


def path(name: str, anchor: str = "") -> str:
    """A link to a file of the repository, as seen from audit/, where the report is written by default.

    >>> path("oracle/tree.py")
    '<a href="../oracle/tree.py"><code>oracle/tree.py</code></a>'
    """
    return f'<a href="../{escape(name)}{anchor}"><code>{escape(name)}</code></a>'
