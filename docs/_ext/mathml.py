"""Mathematics of the pages as MathML, made at build time: no script, no font and no network in the reader's browser."""

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    """A row for each paragraph, so that long ones need no scrolling on a phone."""
    rows = "".join(f'<div class="row">{convert(each, display="block")}</div>' for each in node.astext().split("\n\n"))
    writer.body.append(f'<div class="formulas">{rows}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx, as the renderer `mathml`."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
