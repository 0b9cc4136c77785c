"""The reference table of operations: what each gets and has to return, made from the cases themselves."""

from collections.abc import Iterable

from validation.conformance.schema import GROUPS, Case

HEAD = """\
# Operations

Every operation of `refsbnn conformance`: the arrays it gets, by group, with the names of their axes; its options and
the values that cases have; and what it has to return. An array in brackets is not in every case. Floats are float64 on
the way in and of the type under test on the way out, spikes uint8. Made by
`refsbnn conformance operations`; do not edit.
"""


def axes(cases: Iterable[Case], name: str) -> str:
    """How an array's axes are called, in all cases."""
    found = sorted({case.dims[name] for case in cases if name in case.dims}, key=lambda each: (len(each), each))
    return " or ".join(each or "a number" for each in found)


def told(cases: list[Case], names: list[set[str]], dtypes: dict[str, str]) -> list[str]:
    """Each array with its axes and type."""
    lines = []
    for name in dict.fromkeys(name for one in names for name in sorted(one)):
        always = all(name in one for one in names)
        text = f"`{name}` ({axes(cases, name)}{dtypes.get(name, '')})"
        lines.append(text if always else f"[{text}]")
    return lines


def kinds(cases: list[Case], groups: list[dict]) -> dict[str, str]:
    """For arrays that are no floats, their type."""
    return {k: f"; {y.dtype}" for group in groups for k, y in group.items() if y.dtype.kind != "f"}


def section(op: str, cases: list[Case]) -> list[str]:
    """One operation."""
    lines = [f"## {op}", "", f"{len(cases)} cases, such as `{cases[0].id}`.", ""]
    for group in GROUPS:
        arrays = [case.arrays[group] for case in cases]
        if any(arrays):
            listed = ", ".join(told(cases, [set(one) for one in arrays], kinds(cases, arrays)))
            lines += [f"- {group}: {listed}"]
    outputs = [case.expected for case in cases]
    lines += [f"- returns: {', '.join(told(cases, [set(one) for one in outputs], kinds(cases, outputs)))}"]
    for key in dict.fromkeys(key for case in cases for key in case.op.options):
        values = dict.fromkeys(str(case.op.options[key]) for case in cases if key in case.op.options)
        shown = ", ".join(f"`{value}`" for value in list(values)[:12])
        lines += [f"- option `{key}`: {shown}{', ...' if len(values) > 12 else ''}"]
    return [*lines, ""]


def table(cases: Iterable[Case]) -> str:
    """The whole page as Markdown."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        if "reject" not in case.flags:
            groups.setdefault(case.op.name, []).append(case)
    lines = [HEAD]
    for op in sorted(groups):
        lines += section(op, groups[op])
    return "\n".join(lines)
