"""The audit's rows as one aligned text table."""

from collections import Counter
from collections.abc import Sequence

from validation.evidence.record import VERDICTS, Row

HEADER = ("claim", "setting", "exact value", "expected", "verdict")


def number(value: float) -> str:
    """A number as the table and the page show it.

    >>> number(0.0), number(0.1234567891), number(-1.5e-13)
    ('0', '0.12345679', '-1.5e-13')
    """
    return f"{value:.8g}"


def expectation(row: Row) -> str:
    """The relation, the expected number and its tolerance."""
    slack = f" +/- {row.tolerance:.1g}" if row.tolerance else ""
    return f"{row.relation} {number(row.expected)}{slack}"


def cells(row: Row) -> tuple[str, ...]:
    """The cells of one row, in the order of `HEADER`."""
    return (row.claim, row.setting, number(row.exact), expectation(row), row.verdict)


def table(rows: Sequence[Row]) -> str:
    """All rows as lines of equal columns; a claim's title stands on its first row alone."""
    body = [HEADER, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in body) for column in range(len(HEADER))]
    lines = []
    above = ""
    for line in body:
        title = "" if line[0] == above else line[0]
        above = line[0]
        shown = (title, *line[1:])
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(shown, widths, strict=True)).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def count(rows: Sequence[Row]) -> dict[str, int]:
    """How many rows have each verdict.

    >>> count([])
    {'confirmed': 0, 'refuted': 0, 'failed': 0}
    """
    counted = Counter(row.verdict for row in rows)
    return {verdict: counted[verdict] for verdict in VERDICTS}
