"""A claim's rows as an aligned text table that fits a terminal."""

import textwrap
from collections import Counter
from collections.abc import Sequence

from validation.evidence.record import VERDICTS, Row

WIDTH = 100  # columns
HEADER = ("setting", "exact value", "expected", "verdict")


def number(value: float) -> str:
    """A number as the table and the page show it.

    >>> number(0.0), number(0.1234567891), number(-1.5e-13)
    ('0', '0.12345679', '-1.5e-13')
    """
    return f"{value:.8g}"


def expectation(row: Row, short: bool = False) -> str:
    """The relation, the expected number and its tolerance; `short`: three digits, and no tolerance."""
    if short:
        return f"{row.relation} {row.expected:.3g}"
    slack = f" +/- {row.tolerance:.1g}" if row.tolerance else ""
    return f"{row.relation} {number(row.expected)}{slack}"


def table(rows: Sequence[Row]) -> str:
    """The rows as lines of equal columns, at most `WIDTH` wide: a long setting goes on below.

    A row that is not confirmed says why.

    >>> table([])
    'nothing to check here'
    """
    if not rows:
        return "nothing to check here"
    cells = [(number(row.exact), expectation(row), row.verdict) for row in rows]
    widths = [max(map(len, column)) for column in zip(HEADER[1:], *cells, strict=True)]
    left = min(max(len(row.setting) for row in rows), WIDTH - sum(widths) - 2 * len(widths))

    def line(setting: str, some: Sequence[str]) -> str:
        return "  ".join([setting.ljust(left), *(c.ljust(w) for c, w in zip(some, widths, strict=True))]).rstrip()

    lines = [line(HEADER[0], HEADER[1:]), "  ".join("-" * width for width in (left, *widths))]
    for row, some in zip(rows, cells, strict=True):
        first, *others = textwrap.wrap(row.setting, left, subsequent_indent="  ")
        lines += [line(first, some), *others]
        if row.verdict != "confirmed":
            indent = "    "
            lines += textwrap.wrap(row.why, WIDTH, initial_indent=indent, subsequent_indent=indent)
    return "\n".join(lines)


def count(rows: Sequence[Row]) -> dict[str, int]:
    """How many rows have each verdict.

    >>> count([])
    {'confirmed': 0, 'refuted': 0, 'failed': 0}
    """
    counted = Counter(row.verdict for row in rows)
    return {verdict: counted[verdict] for verdict in VERDICTS}
