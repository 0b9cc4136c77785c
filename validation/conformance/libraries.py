"""The libraries in use, as installed, against the cases without noise: a record, and a page made of it.

    python -m validation.conformance.libraries record.json page.md

A library passes a case, follows another convention (which the judge names; a convention that is written down is no
failure), or fails it. `NOTES` says what a library's own documents state about a case that it does not pass.
"""

import platform
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import wrap
from typing import Any

from refsbnn.console import complain
from refsbnn.errors import InputError
from refsbnn.files import writable, write_json, write_text
from validation.conformance.cases import all_cases
from validation.conformance.judge import Outcome
from validation.conformance.process import TIMEOUT, apart

HOME = "validation.conformance.adapters"
# The name on PyPI, and the adapter.
LIBRARIES = {
    "snntorch": f"{HOME}.snntorch_neurons:SnnTorch",
    "spikingjelly": f"{HOME}.spikingjelly_neurons:SpikingJelly",
    "norse": f"{HOME}.norse_neurons:Norse",
    "spyx": f"{HOME}.spyx_neurons:Spyx",
}
OPERATIONS = ("surrogate", "lif_deterministic", "loss")
DTYPE = "float32"
ORDER = ("fail", "convention", "pass", "unsupported")
NOTES = {
    ("snntorch", "surrogate.triangular_*"): "As documented: the gradient is threshold below and -threshold above; no "
    "published triangle has a slope that does not fall off or is negative.",
    (
        "snntorch",
        "lif_deterministic.subtract_before_decay_*",
    ): "Run with `reset_delay=False`, which subtracts in the step "
    "of the spike. A membrane that is still above the threshold then is reset once more before the next input, so the "
    "two agree until a membrane exceeds twice the threshold.",
    (
        "snntorch",
        "lif_deterministic.*_kept",
    ): "As documented: the reset is detached (`mem_reset`: 'detached reset signal').",
    ("snntorch", "loss.count_mse"): "Documented target: num_steps times the rate. The count is cut to a whole number "
    "(`int(num_steps * rate)`), so the two agree where the product is whole.",
    (
        "spikingjelly",
        "lif_deterministic.*subtract*",
    ): "As documented: the soft reset is part of the step of the spike, so the next step decays what it leaves.",
    ("spikingjelly", "surrogate.fast_sigmoid_scale4"): "As documented: `SuperSpike` is alpha / (1 + |x|)^2.",
    ("spikingjelly", "surrogate.triangular_*"): "As documented: `PiecewiseQuadratic` has area 1.",
    ("spikingjelly", "lif_deterministic.edge_tie_*"): "As documented: `heaviside` is 1 at 0.",
    ("norse", "surrogate.fast_sigmoid_*"): "`SuperSpike.backward` divides by (|x| + 1)^2 and does not read `alpha`.",
    (
        "norse",
        "surrogate.erf_*",
    ): "The comment has erfc(k x) / 2, whose slope is k exp(-k^2 x^2) / sqrt(pi); the code has "
    "2 exp(-k^2 x^2) / sqrt(pi).",
    (
        "norse",
        "lif_deterministic.*_detached",
    ): "The feed-forward steps keep the reset's gradient; `lif_step`, the recurrent one, detaches it.",
    (
        "norse",
        "lif_deterministic.refractory_*",
    ): "The spikes agree. `compute_refractory_update` passes its counter through "
    "the surrogate as well, so a gradient flows through it.",
    (
        "spyx",
        "lif_deterministic.*",
    ): "The spike is read from the membrane before the step's input, so it comes one step later.",
    ("spyx", "surrogate.arctan_*"): "`axn.arctan` is 1 / (pi (1 + (k pi x)^2)).",
}


def standing(outcome: Outcome) -> str:
    """ "pass", "convention", "fail" or "unsupported"."""
    return "convention" if outcome.verdict == "fail" and outcome.convention else outcome.verdict


def survey(names: Sequence[str] = tuple(LIBRARIES)) -> dict[str, Any]:
    """Every library that is installed, through its cases; those that are not are left out.

    Returns
    -------
    dict
        Plain data: versions, and for each library each case's standing, message, convention and reproducer.
    """
    cases = [case for case in all_cases() if case.op.name in OPERATIONS]
    found: dict[str, Any] = {}
    for name in names:
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        rows = []
        with apart(LIBRARIES[name], None, TIMEOUT) as process:
            process.start()
            for case in cases:
                outcome = process.run(case, DTYPE, 0)
                rows.append(
                    {
                        "case": case.id,
                        "standing": standing(outcome),
                        "message": outcome.message,
                        "convention": outcome.convention,
                        "reproduce": f"refsbnn conformance run --adapter {LIBRARIES[name]} --case {case.id}",
                    }
                )
        found[name] = {"version": installed, "cases": rows}
    about = {"python": platform.python_version()} | {
        name: version(name) for name in ("torch", "jax", "numpy") if is_installed(name)
    }
    return {"dtype": DTYPE, "with": about, "libraries": found}


def is_installed(name: str) -> bool:
    """Whether a package is."""
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def note(library: str, case: str) -> str:
    """What the library's own documents say of a case."""
    return next((text for (name, like), text in NOTES.items() if name == library and fnmatchcase(case, like)), "")


def table(record: Mapping[str, Any]) -> list[str]:
    """One row for each library and operation."""
    lines = [
        "| library | version | operation | pass | convention | fail | not there |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in record["libraries"].items():
        for op in OPERATIONS:
            held = [row["standing"] for row in one["cases"] if row["case"].startswith(f"{op}.")]
            if set(held) == {"unsupported"}:
                continue
            counts = (str(held.count(word)) for word in ("pass", "convention", "fail", "unsupported"))
            lines.append(f"| {name} | {one['version']} | `{op}` | {' | '.join(counts)} |")
    return lines


def page(record: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    lines = [
        "# Libraries of spiking networks, held to exact answers",
        "",
        "What four libraries compute, as installed from PyPI, against the cases of `refsbnn conformance` that have no",
        "noise. Made by one command, from the record in `validation/benchmarks/results/conformance/`; do not edit:",
        "",
        "    python -m validation.conformance.libraries record.json docs/libraries.md",
        "",
        f"In {record['dtype']}, with " + ", ".join(f"{name} {text}" for name, text in record["with"].items()) + ".",
        "",
        "- **pass**: every number is within 4 roundings of the answer, and every spike is equal.",
        "- **convention**: the numbers are exact for another choice than the case asks for, and the judge names it.",
        "  Papers leave these choices open; a convention is no failure. It matters where weights are handed over.",
        "- **fail**: neither. The numbers are given, with what the library's documents or code say.",
        "- **not there**: the library has no such option, or does not show what the case compares.",
        "",
        "A library is run with those of its own options that come nearest to what a case asks for; the adapters are in",
        "`validation/conformance/adapters/`, and what the cases mean is in [conformance.md](conformance.md). A library",
        "that changes is judged again by the command above. An adapter that is unfair to one is a bug of ours: say so.",
        "",
        *table(record),
        "",
    ]
    for name, one in record["libraries"].items():
        lines += [f"## {name} {one['version']}", ""]
        for word in ("fail", "convention"):
            lines += entries(name, word, [row for row in one["cases"] if row["standing"] == word])
        passed = [f"`{row['case']}`" for row in one["cases"] if row["standing"] == "pass"]
        lines += [*wrap(f"Passes: {', '.join(passed)}.", 118), ""]
    return "\n".join(lines)


def entries(library: str, word: str, rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The rows of one standing, those that share a finding together."""
    groups: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        key = row["convention"] if word == "convention" else row["case"]
        groups.setdefault((key, note(library, row["case"])), []).append(row)
    lines = []
    for (key, said), group in groups.items():
        names = ", ".join(f"`{row['case']}`" for row in group)
        lines += [*wrap(f"**{word}** {names}", 118), "", key if word == "convention" else group[0]["message"]]
        lines += ["", *wrap(said, 118)] if said else []
        lines += ["", f"    {group[0]['reproduce']}", ""]
    return lines


def main(argv: Sequence[str]) -> int:
    """Survey what is installed; write the record and the page."""
    if len(argv) != 2:
        raise InputError(f"{len(argv)} names are given; expected two, of the record and of the page")
    for name in argv:
        writable(Path(name))  # before the work
    record = survey()
    write_json(Path(argv[0]), record)
    write_text(Path(argv[1]), page(record))
    print("\n".join(table(record)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        sys.exit(complain(str(error)))
