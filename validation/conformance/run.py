"""Running the cases of given noise through an adapter."""

from collections.abc import Iterable, Mapping

import numpy as np

from refsbnn.adapter import Adapter, Capabilities, Unsupported
from refsbnn.errors import InputError
from validation.conformance.adapters import DTYPES, one_line
from validation.conformance.answers import OPS
from validation.conformance.conventions import explain
from validation.conformance.judge import Outcome, judge
from validation.conformance.schema import Case

# REINFORCE draws for itself, so it has no answer with given noise.
KNOWN = frozenset(OPS) | {"reinforce_network"}


def capabilities(adapter: Adapter, name: str) -> Capabilities:
    """What an adapter declares, after checking it: a misspelt operation would leave the suite in silence.

    Raises
    ------
    InputError
        It raises, or names types or operations that do not exist.
    """
    try:
        declared = adapter.capabilities()
        dtypes, ops, own = list(declared.dtypes), list(declared.ops), bool(declared.own_noise)
        checks = bool(declared.checks)
        odd = [text for text in map(str, dtypes) if text not in DTYPES]
        unknown = [text for text in map(str, ops) if text not in KNOWN]
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise InputError(f"adapter {name}: capabilities() raised {one_line(error)}") from None
    if odd or not dtypes or not all(isinstance(dtype, str) for dtype in dtypes):
        raise InputError(f"adapter {name}: dtypes is {dtypes!r}; accepted: some of {', '.join(DTYPES)}"[:300])
    if unknown or not all(isinstance(op, str) for op in ops):
        what = min(unknown, default="an operation whose name is no text")[:100]
        raise InputError(f"adapter {name}: {what!r} is no operation; accepted: {', '.join(sorted(KNOWN))}")
    return Capabilities(tuple(dtypes), frozenset(ops), own, checks)


def run_case(
    adapter: Adapter, case: Case, dtype: str, seed: int = 0, keep: dict[str, np.ndarray] | None = None
) -> Outcome:
    """Run one case and judge it. An exception is a failure, unless it declares the case unsupported.

    Parameters
    ----------
    adapter : Adapter
    case : Case
    dtype : str
    seed : int
    keep : dict, optional
        Gets the results, those that are arrays.

    Returns
    -------
    Outcome
    """
    try:
        declared = adapter.capabilities()
        if declared.ops and case.op.name not in declared.ops:
            return Outcome(case.id, "unsupported", f"the adapter has no operation {case.op.name}")
        if "reject" in case.flags:
            outcome = rejects(adapter, case, dtype, seed) if checks_for(declared, case) else unchecked(case)
            if keep is not None and outcome.verdict == "pass":
                keep["rejected"] = case.expected["rejected"]
            return outcome
        noise = {k: y.copy() for k, y in case.arrays["noise"].items()}
        results = adapter.run(case.op, {k: y.copy() for k, y in case.given().items()}, noise, dtype, seed)
        if keep is not None and isinstance(results, Mapping):
            keep |= {str(name): y for name, y in results.items() if isinstance(y, np.ndarray)}
        # In here: a mapping may raise only when it is asked.
        return explain(case, results, judge(case, results, dtype), dtype)
    except Unsupported as reason:
        return Outcome(case.id, "unsupported", one_line(reason).partition(": ")[2])
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # an adapter that exits with 0 has not passed
        return Outcome(case.id, "fail", one_line(error), bug_class=case.bug_class, question=case.question)


def checks_for(declared: Capabilities, case: Case) -> bool:
    """Whether a case of bad input is for this implementation: one that hands a NaN on need not look for it."""
    return declared.checks or bool(hands_on(case))


def unchecked(case: Case) -> Outcome:
    """What does not check its input does not claim to."""
    return Outcome(case.id, "unsupported", "the adapter does not check its input")


def hands_on(case: Case) -> list[str]:
    """The outputs that may carry a NaN instead of a refusal: flags such as "hands-on:m"."""
    return [flag.partition(":")[2] for flag in case.flags if flag.startswith("hands-on:")]


def rejects(adapter: Adapter, case: Case, dtype: str, seed: int) -> Outcome:
    """Bad input: an exception with a reason is a pass, and so is a NaN that reaches every output it belongs in.

    What an infinite input makes may be infinite too.
    """
    odd = (lambda y: ~np.isfinite(y)) if "infinity" in case.flags else np.isnan
    noise = {k: y.copy() for k, y in case.arrays["noise"].items()}
    try:
        results = adapter.run(case.op, {k: y.copy() for k, y in case.given().items()}, noise, dtype, seed)
        carried = [name for name in hands_on(case) if odd(np.asarray(results[name], np.float64)).any()]
    except (Unsupported, KeyboardInterrupt):
        raise
    except BaseException as error:
        if str(error).strip():
            return Outcome(case.id, "pass")
        return Outcome(case.id, "fail", "refused without a reason", bug_class=case.bug_class)
    if carried and carried == hands_on(case):
        return Outcome(case.id, "pass")
    wanted = "an exception that says why" + (", or NaN in " + ", ".join(hands_on(case)) if hands_on(case) else "")
    return Outcome(case.id, "fail", f"computed what it has to refuse; expected {wanted}", bug_class=case.bug_class)


def run_cases(adapter: Adapter, cases: Iterable[Case], dtype: str, seed: int = 0) -> list[Outcome]:
    """Run cases in order."""
    return [run_case(adapter, case, dtype, seed) for case in cases]
