"""The verdicts: pass, fail, unsupported (declared), waived (with a reason and a date). Whatever is unclear fails."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from validation.conformance.adapters import DTYPES
from validation.conformance.schema import Case

# How many roundings of its scale an output may be off. An operation that is rounded correctly errs by eps/2, and the
# functions of common libraries (expf, erfcf and normcdff of CUDA, XLA's, SLEEF's) by up to 4 ulp; the scale counts both
# as one eps, and a sum as one on the absolute values of its terms. In the 16-bit types functions are evaluated in a
# wider type and rounded; the second rounding is for sums that are not.
ROUNDINGS = {"float64": 4.0, "float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
VERDICTS = ("pass", "fail", "unsupported", "waived")


@dataclass
class Outcome:
    """What came of one case.

    Attributes
    ----------
    case, verdict, message : str
    outputs : dict
        For each output its peak and root mean square error, in eps times scale.
    reproduce : str
        A command that runs this case alone.
    bug_class, question : str
        Of the case, to show beside a failure.
    detectable : dict
        Of a case of own noise: the smallest error that is found, the largest over the entries of each tested mean.
    options : dict
        Of the case's operation.
    convention : str
        The other options for which failing results are right (`conventions`), or "".
    """

    case: str
    verdict: str
    message: str = ""
    outputs: dict[str, dict[str, float]] = field(default_factory=dict)
    reproduce: str = ""
    bug_class: tuple[str, ...] = ()
    question: str = ""
    detectable: dict[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    convention: str = ""

    @property
    def peak(self) -> float:
        """The largest error of any output, in eps times scale."""
        return max((one["peak_eps"] for one in self.outputs.values()), default=0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain data. An error that is not finite has no JSON number: None."""
        numbers = {k: {n: x if math.isfinite(x) else None for n, x in one.items()} for k, one in self.outputs.items()}
        return {
            "case": self.case,
            "verdict": self.verdict,
            "message": self.message,
            "outputs": numbers,
            "reproduce": self.reproduce,
            "bug_class": list(self.bug_class),
            "question": self.question,
            "detectable": self.detectable,
            "options": dict(self.options),
            "convention": self.convention,
        }


def judge(case: Case, results: Mapping[str, Any], dtype: str) -> Outcome:
    """Compare one case's results with what has to come out."""
    outcome = Outcome(case.id, "pass", bug_class=case.bug_class, question=case.question)
    problems = []
    if not isinstance(results, Mapping):
        problems.append(f"the results are a {type(results).__name__}; expected a mapping from names to arrays")
        results = {}
    for name in sorted(set(case.expected) - set(results)):
        problems.append(f"output {name} is missing")
    free = "forward-only" in case.flags  # gradients are neither asked for nor in the way
    for name in sorted(set(map(str, results)) - set(case.expected)):
        if free and name.startswith("d"):
            continue
        problems.append(f"output {name} is unknown")
    for name in case.expected:
        if name in results:
            problem, errors = compare(case, name, results[name], dtype)
            outcome.outputs |= {name: errors} if errors else {}
            problems += [f"{name}: {problem}"] if problem else []
    if problems:
        outcome.verdict, outcome.message = "fail", "; ".join(problems)
    return outcome


def compare(case: Case, name: str, given: Any, dtype: str) -> tuple[str, dict[str, float]]:
    """What is wrong with one output ("" if nothing), and its errors in eps."""
    expected = case.expected[name]
    eps, tiny, numpy_name = DTYPES[dtype]
    if not isinstance(given, np.ndarray | np.generic):
        return f"is a {type(given).__name__}; expected a NumPy array", {}
    given = np.asarray(given)
    wanted = numpy_name if expected.dtype.kind == "f" else expected.dtype.name
    if given.shape != expected.shape:
        return f"has shape {given.shape}; expected {expected.shape} ({case.dims[name] or 'a number'})", {}
    if given.dtype.name != wanted:
        return f"is {given.dtype.name}; expected {wanted}", {}
    if expected.dtype.kind != "f":
        wrong = np.argwhere(given != expected)
        if wrong.size == 0:
            return "", {}
        first = tuple(map(int, wrong[0]))
        return f"{len(wrong)} of {expected.size} differ; at {first} {given[first]}, expected {expected[first]}", {}
    if not np.isfinite(given).all():
        first = tuple(map(int, np.argwhere(~np.isfinite(given))[0]))
        return f"is {given[first]} at {first}", {"peak_eps": math.inf, "rms_eps": math.inf}
    error = np.abs(given.astype(np.float64) - expected)
    slack = case.bound[name] + np.where(expected == 0.0, 0.0, tiny)
    scale = case.scale[name]
    beyond = np.maximum(error - slack, 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        units = np.where(beyond == 0.0, 0.0, beyond / (eps * scale))
    numbers = {"peak_eps": float(units.max(initial=0.0)), "rms_eps": float(np.sqrt(np.square(units).mean()))}
    if not (units > ROUNDINGS[dtype]).any():
        return "", numbers
    worst = tuple(map(int, np.unravel_index(int(units.argmax()), units.shape)))
    where = f" at {worst}" if worst else ""
    text = f"{given[worst]:.9g}{where}, expected {expected[worst]:.9g}: {units[worst]:.3g} roundings off"
    return f"{text}, {ROUNDINGS[dtype]:g} allowed", numbers


def count(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many outcomes have each verdict."""
    verdicts = [outcome.verdict for outcome in outcomes]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}
