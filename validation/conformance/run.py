"""Running the cases of given noise through an adapter."""

from collections.abc import Iterable

from refsbnn.adapter import Adapter, Capabilities, Unsupported
from refsbnn.errors import InputError
from validation.conformance.adapters import DTYPES, one_line
from validation.conformance.answers import OPS
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
        dtypes, ops = declared.dtypes, frozenset(declared.ops)
    except (Exception, SystemExit) as error:
        raise InputError(f"adapter {name}: capabilities() raised {one_line(error)}") from None
    if not isinstance(dtypes, tuple | list) or not dtypes or not set(dtypes) <= set(DTYPES):
        raise InputError(f"adapter {name}: dtypes is {dtypes!r}; accepted: some of {', '.join(DTYPES)}")
    if unknown := ops - KNOWN:
        raise InputError(
            f"adapter {name}: {min(map(str, unknown))!r} is no operation; accepted: {', '.join(sorted(KNOWN))}"
        )
    return declared


def run_case(adapter: Adapter, case: Case, dtype: str, seed: int = 0) -> Outcome:
    """Run one case and judge it. An exception is a failure, unless it declares the case unsupported."""
    try:
        declared = adapter.capabilities()
        if declared.ops and case.op.name not in declared.ops:
            return Outcome(case.id, "unsupported", f"the adapter has no operation {case.op.name}")
        noise = {k: y.copy() for k, y in case.arrays["noise"].items()}
        results = adapter.run(case.op, {k: y.copy() for k, y in case.given().items()}, noise, dtype, seed)
    except Unsupported as reason:
        return Outcome(case.id, "unsupported", str(reason))
    except (Exception, SystemExit) as error:  # an adapter that exits with 0 has not passed
        return Outcome(case.id, "fail", one_line(error), bug_class=case.bug_class, question=case.question)
    return judge(case, results, dtype)


def run_cases(adapter: Adapter, cases: Iterable[Case], dtype: str, seed: int = 0) -> list[Outcome]:
    """Run cases in order."""
    return [run_case(adapter, case, dtype, seed) for case in cases]
