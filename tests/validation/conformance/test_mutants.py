"""Every planted bug is found: with given noise, and with own noise where its statistics can show it."""

import numpy as np
import pytest

from validation.conformance.adapters.reference import Reference
from validation.conformance.cases import all_cases
from validation.conformance.mutant import Mutant
from validation.conformance.mutants import MUTANTS
from validation.conformance.own import run as own
from validation.conformance.own.cases import OwnCase, make
from validation.conformance.own.law import law
from validation.conformance.run import run_case
from validation.conformance.subtle_mutants import neurons_backward

OWN = list(make())
LEVEL = own.level_of(own.ALPHA, OWN)


def named(mode: str) -> dict:
    found = [mutant for mutant in MUTANTS if mode in mutant.modes]
    return {"argvalues": found, "ids": [mutant.name for mutant in found]}


def test_the_mutants_are_those_of_the_specification_and_more() -> None:
    names = " ".join(mutant.name for mutant in MUTANTS)
    wanted = ("swapped inequality", "unnormalised weight", "stale posterior mean", "detached reset", "flowing reset")
    wanted += (
        "quadratic for linear",
        "fresh backward noise",
        "missing factor 1/2",
        "leave-one-out",
        "transposed weight",
    )
    wanted += ("global for element-wise scale", "zero gradient", "decay applied after reset", "KL without 1/N")
    assert all(name in names for name in wanted)
    classes = {bug for case in [*all_cases(), *OWN] for bug in case.bug_class}
    assert {mutant.bug_class for mutant in MUTANTS} <= classes


class Narrow:
    """An adapter whose results are rounded to a narrower type: what a program in that type can show at best."""

    def __init__(self, inner: Reference) -> None:
        self.inner, self.capabilities = inner, inner.capabilities

    def run(self, op, arrays, noise, dtype, seed):
        out = self.inner.run(op, arrays, noise, "float64", seed)
        return {k: y.astype(np.float32) if y.dtype.kind == "f" else y for k, y in out.items()}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a bug may divide by zero
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("mutant", **named("given"))
def test_given_noise_kills(mutant: Mutant, dtype: str) -> None:
    """By a wrong number in a case that is there for it; not by an exception. float32's tolerance is as good."""
    adapter = mutant.adapter() if dtype == "float64" else Narrow(mutant.adapter())
    outcomes = [run_case(adapter, case, dtype) for case in all_cases() if mutant.bug_class in case.bug_class]
    failed = [outcome for outcome in outcomes if outcome.verdict == "fail"]
    wrong = [outcome for outcome in failed if "Error" not in outcome.message]
    assert wrong
    # A member whose spike is a value between the states passes the bug's NaN on to backward, which refuses it.
    assert all("InputError: h holds NaN" in outcome.message for outcome in failed if outcome not in wrong)


def test_without_a_bug_nothing_is_killed() -> None:
    """What tells a mutant from the reference is its bug: neither the patching nor the rounding fails."""
    adapter = Narrow(Mutant("none", "", ()).adapter())
    assert {run_case(adapter, case, "float32").verdict for case in all_cases()} == {"pass"}
    right = Mutant("the neurons' backward pass, rewritten", "", (), lambda: neurons_backward(0, np.square)).adapter()
    neurons = [case for case in all_cases() if case.op.name == "lif"]
    assert {run_case(right, case, "float64").verdict for case in neurons} == {"pass"}


def matching(mutant: Mutant) -> list[OwnCase]:
    return [case for case in OWN if mutant.bug_class in case.bug_class]


@pytest.mark.parametrize("mutant", **named("own"))
def test_own_noise_kills(mutant: Mutant) -> None:
    adapter = mutant.adapter()
    outcomes = (own.run_case(adapter, case, "float64", 1, LEVEL, 20_000) for case in matching(mutant))
    killed = next((outcome for outcome in outcomes if outcome.verdict == "fail"), None)
    assert killed is not None
    assert "Error" not in killed.message


def effect(mutant: Mutant, case: OwnCase, examples: int) -> dict[str, np.ndarray]:
    """Lower bounds on how far the mutant's means are from the law: the distance seen, less eight standard errors.

    The mutant's spread is not known but from the sample: of its 50 batches, whose means are nearly normal.
    """
    exact, adapter = law(case), mutant.adapter()
    batches: dict[str, list[np.ndarray]] = {}
    bits = (np.arange(exact.joint.size)[:, None] >> np.arange(exact.units)[::-1]) & 1
    for call in range(examples // own.BATCH):
        results = adapter.run(case.op, case.arrays(own.BATCH), None, "float64", 7_000_000 + call)
        table = own.counts(case, exact, results) / (own.BATCH * case.draws)
        means = own.gradients(case, exact, results, "float64", own.BATCH)
        for name, value in {"joint": table, "marginal": table @ bits, **means}.items():
            batches.setdefault(name, []).append(value)
    wanted = {"joint": exact.joint, "marginal": exact.marginals, **exact.mean}
    lower = {}
    for name, values in batches.items():
        error = np.std(values, axis=0, ddof=1) / np.sqrt(len(values))
        lower[name] = np.abs(np.mean(values, axis=0) - wanted[name]) - 8.0 * error
    return lower


@pytest.mark.parametrize("mutant", **named("own"))
def test_the_smallest_detectable_error_is_below_the_mutants(mutant: Mutant) -> None:
    """In some case, for some tested mean, at the size of a real run and in float32."""
    for case in matching(mutant):
        smallest, lower = own.smallest(case, LEVEL), effect(mutant, case, own.EXAMPLES)
        if any((lower[name] > smallest[name]).any() for name in smallest):
            return
    pytest.fail("no case is sensitive enough for this mutant")
