"""One line in another project's test suite:

    test_conformance = suite("my_package.conformance:MyAdapter", dtype="float32")

makes a pytest test for every case, with the case's id; failures show what the judge says, and what the adapter
declares not to have is skipped.
"""

from collections.abc import Callable
from functools import lru_cache

from refsbnn.adapter import Adapter
from refsbnn.errors import InputError
from validation.conformance.adapters import load
from validation.conformance.cases import like, matching
from validation.conformance.own import cases as own_cases
from validation.conformance.own import run as own_run
from validation.conformance.run import capabilities, run_case


def suite(
    adapter: str, *, dtype: str, device: str | None = None, case: str = "*", own_noise: bool = False, seed: int = 0
) -> Callable[[str], None]:
    """A pytest test of an adapter.

    Parameters
    ----------
    adapter : str
        "module:Class".
    dtype : str
        Type to compute in.
    device : str, optional
        Handed to the adapter.
    case : str
        Only cases like this; * and ? are wild.
    own_noise : bool
        Whether the statistics of its own noise are tested as well.
    seed : int
        Of its own noise.

    Returns
    -------
    callable
        To be bound to a name that begins with "test".

    Raises
    ------
    InputError
        No case is like `case`.
    """
    import pytest

    given = {one.id: one for one in like(case)}
    own = {one.id: one for one in matching(own_cases.make(), case)} if own_noise else {}
    if not given and not own:
        raise InputError(f"no case has an id like {case!r}")
    level = own_run.level_of(own_run.ALPHA, list(own.values())) if own else 0.0

    @lru_cache(maxsize=1)
    def made() -> Adapter:
        made = load(adapter, device)
        if dtype not in capabilities(made, adapter).dtypes:
            raise InputError(f"adapter {adapter} does not compute in {dtype}")
        return made

    @pytest.mark.parametrize("case_id", [*given, *own])
    def test(case_id: str) -> None:
        if case_id in given:
            outcome = run_case(made(), given[case_id], dtype, seed)
        else:
            outcome = own_run.run_case(made(), own[case_id], dtype, seed, level, own_run.EXAMPLES)
        if outcome.verdict == "unsupported":
            pytest.skip(outcome.message)
        if outcome.verdict != "pass":
            hints = [outcome.convention] if outcome.convention else []
            hints += [f"asks: {outcome.question}"] if outcome.question else []
            hints += [f"catches: {', '.join(outcome.bug_class)}"] if outcome.bug_class else []
            pytest.fail("\n".join([f"{case_id}: {outcome.message}", *hints]), pytrace=False)

    return test
