"""The planted errors of tests/mutants.py that are an estimator's, found by `certify` from the outside.

The faulty file is run under another name, so that the names and the oracle that `certify` compares with stay right.
"""

import importlib
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from refsbnn import estimators
from refsbnn.errors import InputError
from refsbnn.reference import unit
from tests.mutants import MUTANTS
from tests.validation.certify import codes
from validation.certify.report import certify

ROOT = Path(__file__).parents[3]
# The member that shows it; the error of `gr`, with its extra uniforms, is in test_extra.py.
SHOWN = {
    "unnormalised target of mix": ("mix(lam=0.5)", "logistic"),
    "affine members: the other state's hazard": ("trapezoid", "logistic"),
    "temp: a bound of 1 + c for 1 + c/2": ("temp(c=2)", "logistic"),
    "gapped-st: the logit's derivative without one of its hazards": ("gapped-st(gap=1,tau=1)", "gaussian"),
    "agr: density of the wrong width": ("agr(tau=0.5)", "gaussian"),
    "identity-st with a slope of zero": ("identity-st", "logistic"),
}


def faulty(error: str) -> ModuleType:
    """The file of a planted error as a module of its own."""
    mutant = next(each for each in MUTANTS if each.error == error)
    path = ROOT / mutant.file
    text = path.read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1
    right = importlib.import_module(".".join(Path(mutant.file).with_suffix("").parts))
    module = ModuleType(right.__name__)
    exec(compile(text.replace(mutant.old, mutant.new), str(path), "exec"), module.__dict__)
    return module


def test_every_planted_error_of_an_estimator_is_here() -> None:
    listed = {each.error for each in MUTANTS if each.file.startswith("refsbnn/estimators/")}
    assert listed == {*SHOWN, "swapped inequality of the spike", "gr: a sum for a mean over its draws"}


@pytest.mark.parametrize("error", SHOWN)
def test_is_found(error: str) -> None:
    name, noise = SHOWN[error]
    right = estimators.get(name)
    kind = getattr(faulty(error), type(right).__name__)
    wrong = kind(**{each.name: getattr(right, each.name) for each in fields(right)})
    assert (
        certify(codes.plain(right.slope, noise, "binary", right.sample), network="one-unit").member == f"this is {name}"
    )
    assert (
        certify(codes.plain(wrong.slope, noise, "binary", wrong.sample), network="one-unit").member != f"this is {name}"
    )


def test_a_swapped_inequality_is_found() -> None:
    st = estimators.get("st")
    module = faulty("swapped inequality of the spike")
    kind = next(value for value in vars(module).values() if "sample" in getattr(value, "__dict__", ()))
    with pytest.raises(InputError, match="spikes with probability"):
        certify(codes.plain(st.slope, sample=lambda r, u, n: kind.sample(st, r, u, n)), network="one-unit")


def test_the_factor_of_bipolar_units_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit, "backward", faulty("missing factor 2 of bipolar units").backward)
    fn = codes.own("st", "numpy", "logistic", "bipolar")
    assert certify(fn, network="one-unit").member == "this is st, times 0.5"
