"""What the theme leaves out for those who hear or tab through a page: levels of headings, parts that scroll."""

import re
from typing import Any

_THUMBNAIL = re.compile(r'(<a class="reference internal" href="[^"]+")(><span class="(?:doc|std std-ref)">)([^<"]+)')


def _complete(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    for key in ("furo_navigation_tree", "body"):
        if isinstance(context.get(key), str):
            text = context[key].replace('role="heading">', 'role="heading" aria-level="2">')
            # A part that scrolls sideways can be reached by the keyboard.
            text = text.replace('<div class="highlight"><pre>', '<div class="highlight"><pre tabindex="0">')
            if "sphx-glr-thumbcontainer" in text:  # whose titles lie under the pictures' links
                text = _THUMBNAIL.sub(r'\1 aria-label="\3"\2\3', text)
            context[key] = text


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx, after the theme."""
    app.connect("html-page-context", _complete, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
