"""The adapters that ship pass; those of frameworks that are not installed are skipped, with the reason."""

import importlib.util

import pytest

from validation.conformance.adapters import load
from validation.conformance.cases import all_cases
from validation.conformance.run import run_cases

TORCH = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed (extra `torch`)")
JAX = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed (extra `jax`)")
CASES = all_cases()


def check(adapter: str, dtype: str, cases: list, unsupported: int) -> None:
    outcomes = run_cases(load(adapter), cases, dtype)
    failed = [f"{outcome.case}: {outcome.message}" for outcome in outcomes if outcome.verdict == "fail"]
    assert not failed, "\n".join(failed)
    # What is declared not to be there is known too, so that nothing leaves the suite in silence.
    assert sum(outcome.verdict == "unsupported" for outcome in outcomes) == unsupported


# agr with logistic noise at tau = 1/2 has no closed form (3), bad input is not looked at (13), SGD has no rate inside
# its velocity; 16 bits cannot hold uniforms of 24, and float16 no Adam.
@TORCH
@pytest.mark.parametrize(
    ("dtype", "unsupported"), [("float32", 17), ("float64", 17), ("bfloat16", 19), ("float16", 21)]
)
def test_pytorch(dtype: str, unsupported: int) -> None:
    check("validation.conformance.adapters.pytorch:PyTorch", dtype, list(CASES), unsupported)


# Compiling takes a third of a second a case: one case for each operation and each member here, all before a release.
@JAX
def test_jax() -> None:
    kinds = {(c.op.name, c.op.options.get("member") if c.op.name == "unit" else None): c for c in reversed(CASES)}
    check("validation.conformance.adapters.jax_jit:Jax", "float32", list(kinds.values()), 0)


@TORCH
def test_a_device_that_is_not_there_is_one_line() -> None:
    from refsbnn.errors import InputError

    with pytest.raises(InputError, match="cannot be made"):
        load("validation.conformance.adapters.pytorch:PyTorch", "nowhere")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_numba_engine(dtype: str) -> None:
    """Everything it has kernels for; the objective, the optimisers and the random stream are the reference's."""
    adapter = "validation.conformance.adapters.numba_engine:Engine"
    ops = load(adapter).capabilities().ops
    check(adapter, dtype, [case for case in CASES if case.op.name in ops], 0)
