"""Fresh cases: the same from the same seed, others from another, and answers that two implementations meet."""

import importlib.util

import pytest

from validation.conformance.adapters import load
from validation.conformance.adapters.reference import Reference
from validation.conformance.cases import all_cases, fuzz
from validation.conformance.mutants import MUTANTS
from validation.conformance.run import run_cases
from validation.conformance.vectors import digest

FRESH = list(fuzz.make(2 * len(fuzz.KINDS), 11))


def test_a_seed_names_its_cases() -> None:
    assert digest(FRESH) == digest(list(fuzz.make(len(FRESH), 11)))
    assert digest(FRESH) != digest(list(fuzz.make(len(FRESH), 12)))
    known = {tuple(y.tobytes() for y in case.expected.values()) for case in all_cases()}
    assert not known & {tuple(y.tobytes() for y in case.expected.values()) for case in FRESH}


def test_the_reference_meets_them() -> None:
    assert {outcome.verdict for outcome in run_cases(Reference(), FRESH, "float64")} == {"pass"}


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed (extra `torch`)")
def test_pytorch_meets_them() -> None:
    adapter = load("validation.conformance.adapters.pytorch:PyTorch")
    verdicts = {outcome.verdict for outcome in run_cases(adapter, FRESH, "float32")}
    assert verdicts <= {"pass", "unsupported"}


@pytest.mark.parametrize("name", ["missing factor 1/2", "transposed weight backward", "reset without its gradient"])
def test_a_bug_is_found_in_them(name: str) -> None:
    (mutant,) = (mutant for mutant in MUTANTS if mutant.name == name)
    assert "fail" in {outcome.verdict for outcome in run_cases(mutant.adapter(), FRESH, "float64")}


class Fitted(Reference):
    """Knows the cases of the file by heart, and nothing else."""

    def __init__(self) -> None:
        self.known = {self.key(case.op, case.given()): case.expected for case in all_cases()}

    @staticmethod
    def key(op, arrays):
        return op.name, *sorted((k, y.tobytes()) for k, y in arrays.items()), str(sorted(op.options.items()))

    def run(self, op, arrays, noise, dtype, seed):
        return self.known[self.key(op, arrays)]


def test_who_has_learnt_the_vectors_fails() -> None:
    plain = [case for case in all_cases() if "reject" not in case.flags and "noise" not in case.id][:20]
    assert {outcome.verdict for outcome in run_cases(Fitted(), plain, "float64")} == {"pass"}
    assert {outcome.verdict for outcome in run_cases(Fitted(), FRESH, "float64")} == {"fail"}
