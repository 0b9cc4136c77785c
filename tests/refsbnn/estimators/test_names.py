"""Names: spellings round-trip, and bad input is one line that says what is accepted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn import estimators
from refsbnn.errors import InputError
from refsbnn.estimators import Agr, Gr, Iwst, Surrogate, TwoPoint
from refsbnn.noise import GAUSSIAN


@pytest.mark.parametrize(
    "spelling",
    [
        "st",
        "iwst(p=0.5)",
        "iwst(p=0)",
        "mix(lam=0.25)",
        "trapezoid",
        "agr(tau=1)",
        "agr(tau=0.1)",
        "gr(tau=1,K=4)",
        "gr(tau=0.3,K=7)",
        "st-gs(tau=1)",
        "gs(tau=2)",
        "uniform",
        "simpson",
        "gauss2",
        "identity-st",
        "fast-sigmoid(scale=25)",
        "arctan(scale=2)",
        "triangular(scale=1)",
        "gaussian(scale=0.5)",
        "two-point(target=[0.25,0.75])",
        "agr(tau=0.30000000000000004)",
        "agr(tau=1e-08)",
        "quadrature(nodes=[0,1],weights=[0.5,0.5],probabilities=[0.25,0.75])",
    ],
)
def test_spellings_round_trip(spelling) -> None:
    member = estimators.get(spelling)
    assert member.name == spelling
    assert estimators.get(member.name) == member
    assert estimators.get(member) is member


def test_every_name_is_reached_bare_unless_it_needs_a_parameter() -> None:
    for name in estimators.NAMES:
        if name in ("two-point", "quadrature"):
            with pytest.raises(InputError, match=f"^estimator '{name}' has the parameters none; accepted: "):
                estimators.get(name)
        elif name == "reinmax":  # for two states the trapezoid, and it says so
            assert estimators.get(name) == estimators.get("trapezoid")
            assert estimators.get(name).name == "trapezoid"
        else:
            assert estimators.get(name).name.partition("(")[0] == name
    assert estimators.get("agr ( tau = 0.5 )") == Agr(0.5)


def test_every_member_has_examples_that_are_its_own_spelling() -> None:
    """So that what goes through them goes through every member."""
    assert {spec.partition("(")[0] for spec in estimators.EXAMPLES} == {*estimators.NAMES} - {"reinmax"}
    assert [estimators.get(spec).name for spec in estimators.EXAMPLES] == list(estimators.EXAMPLES)


@given(tau=st.floats(1e-6, 1e6), K=st.integers(1, 1000))
def test_any_parameter_round_trips(tau, K) -> None:
    assert estimators.get(Gr(tau, K).name) == Gr(tau, K)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("gumbel", r"^estimator is 'gumbel'; accepted: st, iwst, mix, .*gaussian$"),
        (None, r"^estimator is None; accepted: st, "),
        (3, r"^estimator is 3; accepted: st, "),
        ("agr(temperature=1)", r"^estimator 'agr\(temperature=1\)' has the parameters temperature; accepted: tau$"),
        ("st(p=1)", r"accepted: none$"),
        ("agr(1)", r"^estimator 'agr\(1\)' cannot be read; write it as name\(parameter=number,...\)$"),
        ("agr(tau=1", r"cannot be read"),
        ("agr(tau=1)(2)", r"cannot be read"),
        ("agr(tau=open('x'))", r"cannot be read"),
        ("agr(tau=1,tau=2)", r"cannot be read"),
        ("agr(tau=0)", r"^agr: tau is 0; expected a number > 0 "),
        ("agr(tau='1')", r"^agr: tau is '1'; expected a number > 0 "),
        ("gs(tau=-1)", r"^gs: tau is -1; expected"),
        ("st-gs(tau=1e999)", r"^st-gs: tau is inf; expected"),
        ("gr(K=0)", r"^gr: K is 0; expected an integer >= 1$"),
        ("gr(K=1.5)", r"^gr: K is 1.5; expected an integer >= 1$"),
        ("iwst(p=1.5)", r"^iwst: p is 1.5; expected a number from 0 to 1, or a function of pi$"),
        ("iwst(p=True)", r"^iwst: p is True; expected"),
        ("mix(lam=-0.1)", r"^mix: lam is -0.1; expected a number from 0 to 1$"),
        ("arctan(scale=0)", r"^arctan: scale is 0; expected a number > 0$"),
        ("two-point(target=[1,2,3])", r"^two-point: target has shape \(3,\); expected \(2\)$"),
        ("quadrature(nodes=[0,2],weights=[1,1])", r"^quadrature: nodes are \[0.0, 2.0\]; accepted: ascending"),
        ("quadrature(nodes=[1,0],weights=[1,1])", r"^quadrature: nodes are \[1.0, 0.0\]; accepted: ascending"),
        ("quadrature(nodes=[],weights=[])", r"^quadrature: nodes are \[\]; accepted: ascending"),
        ("quadrature(nodes=[0,1],weights=[1])", r"^quadrature: weights has shape \(1,\); expected \(2\)$"),
        ("quadrature(nodes=[0,1],weights=[1,0])", r"^quadrature: a weight is 0; accepted"),
        ("quadrature(nodes=[0,1],weights=[1,1],probabilities=[0.5,0.6])", r"^quadrature: probabilities are "),
    ],
)
def test_bad_input_is_one_clear_line(spec, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        estimators.get(spec)
    assert "\n" not in str(caught.value)


def test_missing_or_wrong_arguments_are_one_clear_line() -> None:
    r = np.zeros(3)
    for name in ("st-gs", "gs"):
        with pytest.raises(InputError, match=rf"^{name}\(tau=1\) needs `u`, the uniform that made"):
            estimators.get(name).slope(r, r, GAUSSIAN)
    with pytest.raises(InputError, match=r"^gr\(tau=1,K=4\) needs `extra`, its own uniforms; none was given$"):
        Gr().slope(r, r, GAUSSIAN)
    with pytest.raises(InputError, match=r"^gr\(tau=1,K=4\): extra has shape \(3,\); expected \(4, 3\)$"):
        Gr().slope(r, r, GAUSSIAN, None, r)
    with pytest.raises(InputError, match=r"^uniform has no target measure on \{0, 1\}$"):
        estimators.get("uniform").masses(r, GAUSSIAN)

    def double(pi):
        return 4 * pi

    with pytest.raises(InputError, match=r"^iwst\(p=double\): p\(pi\) has values from 2 to 2; accepted: 0 to 1$"):
        Iwst(double).slope(r, r, GAUSSIAN)
    with pytest.raises(InputError, match=r"p0 holds NaN"):
        TwoPoint(lambda r, noise: (r * np.nan, r)).slope(r, r, GAUSSIAN)
    with pytest.raises(InputError, match=r"^surrogate: kind is 'step'; accepted: 'fast-sigmoid'"):
        Surrogate("step")
