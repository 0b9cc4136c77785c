"""The judge fails closed: whatever is missing, too much, not finite, of another type or unexpected is a failure."""

import datetime
from dataclasses import replace

import numpy as np
import pytest

from refsbnn.adapter import Capabilities, Unsupported
from refsbnn.errors import InputError
from validation.conformance import waivers
from validation.conformance.adapters import DTYPES, REFERENCE, load
from validation.conformance.cases import all_cases
from validation.conformance.judge import ROUNDINGS, Outcome, judge
from validation.conformance.run import run_case
from validation.conformance.waivers import Waiver

CASES = {case.id: case for case in all_cases()}
CASE = CASES["dense.binary_linear"]
UNIT = CASES["unit.gaussian_trapezoid"]
TODAY = datetime.date(2026, 11, 24)


def given(**changes: object) -> dict[str, object]:
    return {**CASE.expected, **changes}


def test_the_expected_values_pass() -> None:
    assert judge(CASE, given(), "float64").verdict == "pass"
    narrow = {k: y.astype(np.float32) for k, y in CASE.expected.items()}
    assert judge(CASE, narrow, "float32").verdict == "pass"
    assert judge(CASE, narrow, "bfloat16").verdict == "pass"


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ({k: y for k, y in CASE.expected.items() if k != "dx"}, "output dx is missing"),
        (given(more=np.zeros(3)), "output more is unknown"),
        (given(m=np.full_like(CASE.expected["m"], np.nan)), "m: is nan at"),
        (given(v=CASE.expected["v"].astype(np.float32)), "v: is float32; expected float64"),
        (given(dmu=CASE.expected["dmu"].T), "dmu: has shape (5, 3); expected (3, 5) (out,in)"),
        (given(dx=CASE.expected["dx"].tolist()), "dx: is a list"),
        (given(dx=None), "dx: is a NoneType"),
        (None, "the results are a NoneType"),
    ],
)
def test_what_is_unclear_fails(results: object, words: str) -> None:
    outcome = judge(CASE, results, "float64")  # type: ignore[arg-type]
    assert outcome.verdict == "fail"
    assert words in outcome.message


def test_spikes_have_to_be_equal_and_uint8() -> None:
    z = UNIT.expected["z"]
    wrong = z.copy()
    wrong[1, 2] ^= 1
    assert "1 of 12 differ; at (1, 2)" in judge(UNIT, {**UNIT.expected, "z": wrong}, "float64").message
    assert "is float64; expected uint8" in judge(UNIT, {**UNIT.expected, "z": z * 1.0}, "float64").message


# Roundings and machine epsilon of each type as docs/conformance.md promises them.
PROMISED = {"float64": (4.0, 2.0**-52), "float32": (4.0, 2.0**-23)} | {
    "bfloat16": (2.0, 2.0**-7),
    "float16": (2.0, 2.0**-10),
}


def test_every_type_has_the_tolerance_that_is_promised() -> None:
    assert {dtype: (ROUNDINGS[dtype], DTYPES[dtype][0]) for dtype in DTYPES} == PROMISED


@pytest.mark.parametrize("dtype", PROMISED)
def test_the_tolerance_is_roundings_times_scale(dtype: str) -> None:
    allowed, eps = PROMISED[dtype]
    step = np.zeros_like(CASE.expected["m"])
    step[0, 1] = eps * CASE.scale["m"][0, 1]
    # A rounding around the limit leaves room for the type's own rounding of the result; bfloat16 comes as float32.
    for factor, verdict in ((allowed - 1.0, "pass"), (allowed + 1.0, "fail")):
        results = {k: y.astype(DTYPES[dtype][2]) for k, y in given(m=CASE.expected["m"] + factor * step).items()}
        outcome = judge(CASE, results, dtype)
        assert outcome.verdict == verdict
        assert abs(outcome.peak - factor) < 0.6


def test_an_expected_zero_without_scale_has_to_be_zero() -> None:
    case = CASES["unit.edge_zero_variance_trapezoid"]
    dm = case.expected["dm"].copy()
    assert dm[0, 0] == 0.0
    dm[0, 0] = 1e-300
    assert judge(case, {**case.expected, "dm": dm}, "float64").verdict == "fail"


@pytest.mark.parametrize(("dtype", "error"), [("float64", 1e-9), ("float32", 1e-3)])
def test_a_small_relative_error_of_any_output_is_found(dtype: str, error: float) -> None:
    """Every output of every case that is a number other than 0."""
    checked = 0
    for case in CASES.values():
        for name, expected in case.expected.items():
            if expected.dtype.kind == "f" and expected.any():
                results = {k: y.astype(dtype) if y.dtype.kind == "f" else y for k, y in case.expected.items()}
                results[name] = (expected * (1.0 + error)).astype(dtype)
                outcome = judge(case, results, dtype)
                assert outcome.verdict == "fail", f"{case.id} {name}"
                assert outcome.message.startswith(f"{name}: ")
                checked += 1
    assert checked > 600


def test_every_wrong_output_is_named() -> None:
    wrong = {name: expected + 1.0 for name, expected in CASE.expected.items()}
    parts = judge(CASE, {**wrong, "more": np.zeros(3)}, "float64").message.split("; ")
    assert [part.split(":")[0] for part in parts] == ["output more is unknown", *CASE.expected]


class Broken:
    """An adapter that raises what it is told to."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def capabilities(self) -> Capabilities:
        return Capabilities(("float64",), frozenset({"dense"}))

    def run(self, *_: object) -> dict[str, np.ndarray]:
        raise self.error


def test_an_exception_is_a_failure_and_a_declaration_is_not() -> None:
    assert run_case(Broken(MemoryError("out of memory")), CASE, "float64").message == "MemoryError: out of memory"
    # An adapter that ends the program, with success at that, has not passed.
    assert run_case(Broken(SystemExit(0)), CASE, "float64").verdict == "fail"
    assert run_case(Broken(Unsupported("bias")), CASE, "float64").verdict == "unsupported"
    assert run_case(Broken(ValueError()), UNIT, "float64").verdict == "unsupported"  # not among its operations


def test_an_adapter_cannot_change_the_case() -> None:
    class Scribbler(type(load(REFERENCE))):  # type: ignore[misc]
        def run(self, op, arrays, noise, dtype, seed):
            out = super().run(op, arrays, noise, dtype, seed)
            for array in {**arrays, **(noise or {})}.values():
                array[...] = 0
            return out

    for _ in range(2):
        assert run_case(Scribbler(), UNIT, "float64").verdict == "pass"


def test_waivers() -> None:
    def outcomes() -> list[Outcome]:
        return [Outcome("dense.a", "fail", "m: is nan"), Outcome("dense.b", "pass"), Outcome("unit.a", "fail")]

    later = datetime.date(2027, 1, 1)
    waived = waivers.apply(outcomes(), [Waiver("dense.*", "issue 12", later)], TODAY)
    assert [o.verdict for o in waived] == ["waived", "pass", "fail"]
    assert "issue 12" in waived[0].message
    assert "m: is nan" in waived[0].message
    unmatched = waivers.apply(outcomes(), [Waiver("conv2d.*", "issue 13", later)], TODAY)
    assert [o.verdict for o in unmatched] == ["fail", "pass", "fail", "fail"]
    expired = waivers.apply(outcomes(), [Waiver("dense.a", "issue 12", TODAY - datetime.timedelta(1))], TODAY)
    assert [o.verdict for o in expired] == ["fail", "pass", "fail", "fail"]
    assert "expired" in expired[-1].message


@pytest.mark.parametrize(
    "text",
    [
        "[[waiver]]\ncase = 'a'\n",
        "[[waiver]]\ncase='a'\nreason='b'\nexpires='soon'\n",
        "[[",
        "waiver = 3",
        "a = " + "[" * 5000,
        "a = " + "9" * 5000,
        "a." * 20_000 + "a = 1",
        "[[waivers]]\ncase='a'\nreason='b'\nexpires=2099-01-01\n",
    ],
)
def test_bad_waivers(tmp_path, text: str) -> None:
    (tmp_path / "w.toml").write_text(text)
    with pytest.raises(InputError, match=r"w\.toml"):
        waivers.read(tmp_path / "w.toml")


def test_a_case_is_not_a_pass_by_default() -> None:
    assert judge(replace(CASE, expected={}), {"m": np.zeros(1)}, "float64").verdict == "fail"
