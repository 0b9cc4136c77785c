"""Outcomes as a text table, JSON, JUnit XML and a self-contained HTML page."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from xml.etree import ElementTree

from validation.conformance.judge import VERDICTS, Outcome, count

Facts = Mapping[str, str]


def summary(outcomes: Sequence[Outcome]) -> str:
    """One line: how many of each verdict.

    >>> summary([])
    '0 checks: 0 pass, 0 fail, 0 unsupported, 0 waived'
    """
    counted = count(outcomes)
    return f"{len(outcomes)} checks: " + ", ".join(f"{counted[verdict]} {verdict}" for verdict in VERDICTS)


def table(outcomes: Sequence[Outcome], *, all_rows: bool = False) -> str:
    """One row for each operation with the largest errors, then every check that did not pass.

    An operation of which nothing ran has no row; the lines at the end name it, with the reason.

    >>> print(table([Outcome("unit.a", "pass"), Outcome("lif.a", "unsupported", "no neurons over time")]))
    checks  pass  fail  unsupported  waived  peak eps  rms eps
    ------  ----  ----  -----------  ------  --------  -------
    unit       1     .            .       .         0        0
    <BLANKLINE>
    unsupported: lif 1: no neurons over time
    """
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.case if all_rows else outcome.case.split(".")[0], []).append(outcome)
    rows: list[tuple[str, ...]] = [("checks", "pass", "fail", "unsupported", "waived", "peak eps", "rms eps")]
    for name, group in groups.items():
        counted = count(group)
        if counted["unsupported"] == len(group) and not all_rows:
            continue
        rms = max((one["rms_eps"] for outcome in group for one in outcome.outputs.values()), default=0.0)
        peak = max(outcome.peak for outcome in group)
        rows.append((name, *(str(counted[v] or ".") for v in VERDICTS), f"{peak:.2g}", f"{rms:.2g}"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    for outcome in outcomes:
        if outcome.verdict in ("fail", "waived"):
            lines += ["", f"{outcome.verdict}: {outcome.case}", f"  {outcome.message}"]
            lines += [f"  convention: {outcome.convention}"] if outcome.convention else []
            lines += [f"  asks: {outcome.question}"] if outcome.question else []
            lines += [f"  catches: {', '.join(outcome.bug_class)}"] if outcome.bug_class else []
            lines += [f"  alone: {outcome.reproduce}"] if outcome.reproduce else []
    if hints := separators(outcomes):
        lines += ["", *hints]
    reasons = unsupported(outcomes)
    return "\n".join([*lines, "", *reasons] if reasons else lines)


def unsupported(outcomes: Sequence[Outcome]) -> list[str]:
    """One line for each operation: what is not there, and how many checks that leaves out.

    >>> unsupported([Outcome("lif.a", "unsupported", "no reset"), Outcome("lif.b", "unsupported", "no reset")])
    ['unsupported: lif 2: no reset']
    """
    groups: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        if outcome.verdict == "unsupported":
            reasons = groups.setdefault(outcome.case.split(".")[0], {})
            reasons[outcome.message] = reasons.get(outcome.message, 0) + 1
    together: dict[tuple[str, ...], list[str]] = {}
    for name, reasons in groups.items():
        plain = tuple(
            "no such operation" if text.startswith("the adapter has no operation") else text for text in reasons
        )
        together.setdefault(plain, []).append(f"{name} {sum(reasons.values())}")
    return [f"unsupported: {', '.join(names)}: {'; '.join(reasons)}" for reasons, names in together.items()]


def separators(outcomes: Sequence[Outcome]) -> list[str]:
    """Options that tell an operation's failures from its passes: the first place to look.

    >>> case = {"pass": Outcome("lif.a", "pass", options={"reset": "hard"})}
    >>> separators([case["pass"], Outcome("lif.b", "fail", options={"reset": "soft"})])
    ['lif fails where reset is soft, passes where reset is hard']
    """
    found = []
    for name in dict.fromkeys(outcome.case.split(".")[0] for outcome in outcomes):
        group = [outcome for outcome in outcomes if outcome.case.split(".")[0] == name]
        for key in dict.fromkeys(key for outcome in group for key in outcome.options):
            seen = [
                sorted({str(o.options[key]) for o in group if o.verdict == verdict and key in o.options})
                for verdict in ("fail", "pass")
            ]
            if seen[0] and seen[1] and not set(seen[0]) & set(seen[1]):
                failing, passing = (", ".join(values) for values in seen)
                found.append(f"{name} fails where {key} is {failing}, passes where {key} is {passing}")
    return found


def to_json(outcomes: Sequence[Outcome], facts: Facts) -> str:
    """JSON text."""
    record = {"facts": dict(facts), "count": count(outcomes), "checks": [outcome.to_json() for outcome in outcomes]}
    return json.dumps(record, indent=1, allow_nan=False) + "\n"


def to_junit(outcomes: Sequence[Outcome], facts: Facts) -> str:
    """JUnit XML, which CI systems read: unsupported and waived checks are skipped ones."""
    counted = count(outcomes)
    numbers = {
        "tests": str(len(outcomes)),
        "failures": str(counted["fail"]),
        "skipped": str(counted["unsupported"] + counted["waived"]),
        "errors": "0",
    }
    root = ElementTree.Element("testsuites", numbers)
    suite = ElementTree.SubElement(root, "testsuite", {"name": "refsbnn conformance", **numbers})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", {"name": printable(name), "value": printable(value)})
    for outcome in outcomes:
        operation, _, name = outcome.case.partition(".")
        names = {"classname": printable(operation), "name": printable(name or operation)}
        check = ElementTree.SubElement(suite, "testcase", names)
        if outcome.verdict == "fail":
            failure = ElementTree.SubElement(check, "failure", {"message": printable(outcome.message)})
            failure.text = printable(outcome.reproduce)
        elif outcome.verdict != "pass":
            ElementTree.SubElement(check, "skipped", {"message": printable(f"{outcome.verdict}: {outcome.message}")})
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def printable(text: str) -> str:
    """Text without the control characters that XML 1.0 has no way to write."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .25rem .6rem; vertical-align: top; }
tr { border-bottom: 1px solid #ddd; } code { font-size: .85em; overflow-wrap: anywhere; }
.pass { color: #1b6e35; } .fail { color: #a11; font-weight: 600; } .unsupported, .waived { color: #6b5900; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
@media (prefers-color-scheme: dark) {
  body { background: #161616; color: #e8e8e8; } tr { border-color: #333; }
  .pass { color: #6fd08c; } .fail { color: #ff8a80; } .unsupported, .waived { color: #e0c85a; }
}
"""


def to_html(outcomes: Sequence[Outcome], facts: Facts) -> str:
    """One page without scripts or other files; failures come first."""
    order = {verdict: rank for rank, verdict in enumerate(("fail", "waived", "unsupported", "pass"))}
    rows = []
    for outcome in sorted(outcomes, key=lambda outcome: order[outcome.verdict]):
        about = [escape(printable(outcome.message)), escape(outcome.question), escape(outcome.convention)]
        about += [f"<code>{escape(outcome.reproduce)}</code>"] if outcome.reproduce else []
        rows.append(
            f'<tr><td>{escape(printable(outcome.case))}</td><td class="{outcome.verdict}">{outcome.verdict}</td>'
            f'<td class="number">{outcome.peak:.2g}</td><td>{"<br>".join(part for part in about if part)}</td></tr>'
        )
    hints = "".join(f"<p>{escape(hint)}</p>" for hint in separators(outcomes))
    told = "".join(f"<li>{escape(name)}: {escape(value)}</li>" for name, value in facts.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>refsbnn conformance</title>'
        f"<style>{STYLE}</style></head><body><h1>Conformance</h1><p>{escape(summary(outcomes))}</p>{hints}<ul>{told}</ul>"
        "<table><thead><tr><th>check</th><th>verdict</th><th>peak error, eps</th><th>what</th></tr></thead><tbody>"
        f"{''.join(rows)}</tbody></table></body></html>\n"
    )
