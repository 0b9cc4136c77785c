"""Running the cases of given noise through an adapter."""

from collections.abc import Iterable

from validation.conformance.adapters import Adapter, Unsupported
from validation.conformance.judge import Outcome, judge
from validation.conformance.schema import Case


def run_case(adapter: Adapter, case: Case, dtype: str, seed: int = 0) -> Outcome:
    """Run one case and judge it. An exception is a failure, unless it declares the case unsupported."""
    capabilities = adapter.capabilities()
    if capabilities.ops and case.op.name not in capabilities.ops:
        return Outcome(case.id, "unsupported", f"the adapter has no operation {case.op.name}")
    try:
        noise = {k: y.copy() for k, y in case.arrays["noise"].items()}
        results = adapter.run(case.op, {k: y.copy() for k, y in case.given().items()}, noise, dtype, seed)
    except Unsupported as reason:
        return Outcome(case.id, "unsupported", str(reason))
    except Exception as error:
        message = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return Outcome(case.id, "fail", message, bug_class=case.bug_class, question=case.question)
    return judge(case, results, dtype)


def run_cases(adapter: Adapter, cases: Iterable[Case], dtype: str, seed: int = 0) -> list[Outcome]:
    """Run cases in order."""
    return [run_case(adapter, case, dtype, seed) for case in cases]
