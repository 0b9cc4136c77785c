"""`certify` names members, gives their exact law, and finds planted bugs. Nothing here is drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import oracle
from refsbnn import estimators
from refsbnn.errors import InputError
from tests.validation.certify import codes
from validation.certify.call import convention
from validation.certify.identify import identify
from validation.certify.networks import LOSSES, Loss, standard
from validation.certify.report import assert_unbiased, certify
from validation.certify.slopes import profile
from validation.certify.states import rule

# One uniform a unit: `gr` wants more. Those that send a fixed or deterministic value forward are not of theory 1.1.
NAMED = [
    name
    for name in estimators.EXAMPLES
    if estimators.get(name).proposal in ("bernoulli", "relaxed") and not estimators.get(name).draws
]
# The same slopes under the name that is found first.
OTHERWISE = {
    "temp(c=0)": "this is st",
    "two-point(target=[0.25,0.5])": "this is iwst(p=0.666667), times 0.75",
}


def named(fn: Callable[..., Any]) -> str:
    """The member of a code, without the moments."""
    match = identify(profile(fn, convention(fn)))
    return "none" if match is None else match.told()


def law(slope: Callable[..., np.ndarray]) -> Callable[..., Any]:
    return codes.plain(slope)


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize(("noise", "domain"), [("logistic", "binary"), ("gaussian", "bipolar")])
def test_every_member_is_named(name: str, noise: str, domain: str) -> None:
    assert named(codes.member(name, noise, domain)) == OTHERWISE.get(name, f"this is {name}")


@pytest.mark.parametrize("name", NAMED)
def test_every_member_of_the_reference_is_named(name: str) -> None:
    assert named(codes.own(name, "numpy", "gaussian")) == OTHERWISE.get(name, f"this is {name}")


@pytest.mark.parametrize("name", ["st", "mix(lam=0.5)", "temp(c=2)"])  # each is a kernel to compile
def test_members_of_the_engine_are_named(name: str) -> None:
    assert named(codes.own(name, "numba", "logistic", "bipolar")) == OTHERWISE.get(name, f"this is {name}")


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_every_member_of_the_adapters_is_named(framework: str) -> None:
    """An autograd.Function and a custom_vjp, as conformance has them."""
    pytest.importorskip(framework)
    code, some = {"torch": (codes.pytorch, NAMED[::3]), "jax": (codes.jax, NAMED[::5])}[
        framework
    ]  # each is compiled by JAX
    for name in some:
        assert named(code(name)) == OTHERWISE.get(name, f"this is {name}"), name
    for name in ("st", "trapezoid"):
        assert named(code(name, "logistic", "bipolar")) == f"this is {name}"


@pytest.mark.parametrize(
    ("name", "deeper", "close"),
    [("trapezoid", "two-two", 1e-12), ("st", "two-two", 1e-12), ("st-gs(tau=0.5)", "one-one", 1e-5)],
)
@pytest.mark.parametrize("domain", ["binary", "bipolar"])
def test_moments_are_those_of_the_oracle(name: str, deeper: str, close: float, domain: str) -> None:
    """To rounding; where the slope varies, to the quadrature's error, which is below its own estimate."""
    report = certify(codes.member(name, "gaussian", domain))
    assert [each.network for each in report.tried] == ["one-unit"] * 3 + [deeper] * 3
    assert not report.wrong
    for each in report.tried:
        net = standard(each.network)
        custom = oracle.Custom(Loss(each.loss).law)
        told = net.named(oracle.moments(net.net("gaussian", domain), net.x, custom, oracle.member(name)))
        for key, found in each.estimates.items():
            for ours, theirs in ((found.mean, told[key].mean), (found.square, told[key].square)):
                np.testing.assert_allclose(ours, theirs, rtol=close, atol=close * max(1.0, np.abs(theirs).max()))
            assert (np.abs(found.mean - told[key].mean) <= found.mean_error + 1e-12).all()


def test_the_rule_takes_the_ends_of_a_cell() -> None:
    x, weights, coarse = rule(41)
    np.testing.assert_allclose(
        [weights @ np.log(x), weights @ x**0.3, weights @ x**2], [-1.0, 1 / 1.3, 1 / 3], rtol=1e-8
    )
    assert np.count_nonzero(coarse) in (20, 21)


# The verdicts of theory 2.2 on one unit, and what needs the loss elsewhere.


@pytest.mark.parametrize(
    ("fn", "unbiased"),
    [
        (codes.member("st"), "affine"),
        (codes.member("mix(lam=0.5)"), "affine"),
        (codes.member("trapezoid"), "quadratic"),
        (codes.member("agr(tau=0.5)"), None),
        (codes.reinforce, "softmax"),
        (codes.arm, "softmax"),
    ],
)
def test_what_one_unit_is_unbiased_for(fn: Callable[..., Any], unbiased: str | None) -> None:
    report = certify(fn, network="one-unit")
    first = LOSSES.index(unbiased) + 1 if unbiased else 0
    assert [report.verdict(loss) for loss in LOSSES] == ["unbiased"] * first + ["biased"] * (3 - first)
    for loss in LOSSES[:first]:
        assert_unbiased(fn, "one-unit", up_to=loss)
    for loss in LOSSES[first:]:
        with pytest.raises(AssertionError, match=f"is biased up to {loss} losses on one-unit"):
            assert_unbiased(fn, "one-unit", up_to=loss)


def test_codes_that_ask_the_loss_elsewhere_are_no_member() -> None:
    for fn in (codes.arm, codes.midpoint):
        report = certify(fn, network="one-unit")
        assert report.member == "no member: depends on the loss at both states"
        assert report.as_dict()["mass"] is None
    assert certify(codes.reinforce, network="one-unit").member == "no member: depends on the value of the loss"


# Planted bugs.


def hazard(z: Any, r: np.ndarray, noise: Any) -> np.ndarray:
    """The trapezoid's slope."""
    return 0.5 * np.where(z > 0.5, noise.pdf_over_cdf(r), noise.pdf_over_sf(r))


def broken(change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> Callable[..., Any]:
    """st with its gradients changed."""
    st = codes.member("st")
    return lambda p, x, u, loss: (lambda g: g | change(g))(st(p, x, u, loss))


def test_a_factor_is_told() -> None:
    report = certify(law(lambda z, r, noise, u: 2.0 * noise.pdf(r)), network="one-unit")
    assert (report.member, report.mass) == ("this is st, times 2", "2: biased even for affine losses")
    report = certify(law(lambda z, r, noise, u: 0.79 * hazard(z, r, noise)), network="one-unit")
    assert (report.member, report.mass) == ("this is trapezoid, times 0.79", "0.79: biased even for affine losses")


def test_a_bipolar_unit_without_its_factor_is_half() -> None:
    assert named(codes.plain(lambda z, r, noise, u: 0.5 * noise.pdf(r), domain="bipolar")) == "this is st, times 0.5"


def test_a_slope_of_the_wrong_sign_is_times_minus_one() -> None:
    assert named(law(lambda z, r, noise, u: -noise.pdf(r))) == "this is st, times -1"


@pytest.mark.parametrize(
    ("slope", "inside"),
    [
        (lambda z, r, noise, u: hazard(1.0 * (1.0 - u < noise.cdf(r)), r, noise), True),  # a spike drawn besides
        (lambda z, r, noise, u: hazard(1.0 - z, r, noise), False),
        (lambda z, r, noise, u: np.exp(-np.abs(r)), False),  # another noise's density
    ],
)
def test_slopes_of_no_member(slope: Callable[..., np.ndarray], inside: bool) -> None:
    report = certify(law(slope), network="one-unit")
    varies = "varies given the spike" if inside else "is a function of r"
    assert report.member.startswith(f"no member: the slope {varies}")
    assert report.member.endswith("and is that of none")
    assert report.verdict("affine") != "unbiased"


@pytest.mark.parametrize(
    ("slope", "told"),
    [
        (lambda r: 1.0 * (np.abs(r) <= 1.0), "no member: the slope is a function of r (0 at r = -1.3; 1 at r = 0; 1"),
        (lambda r: np.maximum(1.0 - np.abs(r) / 3.0, 0.0) / 3.0, "this is triangular(scale=0.333333), times 0.333333"),
        (lambda r: np.exp(-2.0 * r**2), "this is gaussian(scale=2), times 1.25331"),
    ],
)
def test_slopes_that_end_somewhere(slope: Callable[..., np.ndarray], told: str) -> None:
    """A hard tanh, a hat, and a bump with the noise's draws: 0 at some of the r where they are looked at."""
    report = certify(law(lambda z, r, noise, u: slope(r) + 0.0 * z), network="one-unit")
    assert report.member.startswith(told)
    assert report.verdict("affine") != "unbiased"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda g: {"w0": 0.0 * g["w0"]}, "w0"),
        (lambda g: {"w1": g["w1"][:, ::-1] + 1.0}, "w1"),
        (lambda g: {"b1": 0.0 * g["b1"]}, "b1"),
    ],
)
def test_detached_terms_are_noted(change: Callable[..., Any], key: str) -> None:
    report = certify(broken(change), network="one-unit")
    assert report.member == "this is st"
    assert any(f"the gradient of {key} is not" in note for note in report.wrong)


def test_a_bug_that_only_a_deeper_network_shows() -> None:
    """The lowest layer's gradient is halved where there are two."""
    fn = broken(lambda g: {key: 0.5 * g[key] for key in ("w0", "b0")} if "w2" in g else {})
    report = certify(fn)
    assert report.member == "this is st"
    assert report.wrong == [f"two-two, {loss} loss: w0, b0 not as st has it" for loss in LOSSES]


# Bad input.


def without(p: Any, x: Any, u: Any, loss: Any) -> Any:
    """No question to the loss."""
    return {key: 0.0 * value for key, value in p.items()}


def raises(p: Any, x: Any, u: Any, loss: Any) -> Any:
    raise RuntimeError("out of luck")


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        (3, "is no function"),
        (lambda p, x: {}, "expected a function of"),
        (raises, "raised RuntimeError at .*out of luck"),
        (lambda p, x, u, loss: None, "returned a NoneType; expected a dict"),
        (lambda p, x, u, loss: {"w0": 0.0}, "returned w0; expected a dict"),
        (broken(lambda g: {"w0": g["w0"].T}), "gradient w0 has shape"),
        (broken(lambda g: {"b0": np.nan * g["b0"]}), "gradient b0 holds NaN"),
        (broken(lambda g: {"b0": "many"}), "gradient b0 is a str"),
        (without, "never asked the loss"),
        (
            codes.plain(lambda z, r, n, u: n.pdf(r), sample=lambda r, u, n: (u < n.cdf(1.6 * r)) * 1.0),
            "spikes with prob",
        ),
        (codes.plain(lambda z, r, n, u: n.pdf(r), sample=lambda r, u, n: 2.0 * (u < n.cdf(r))), "a spike and none"),
    ],
)
def test_bad_codes_are_one_line(fn: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        certify(fn, network="one-unit")
    assert "\n" not in str(caught.value)


def test_a_forward_pass_that_goes_astray_deeper_is_seen() -> None:
    def second(r: np.ndarray, u: np.ndarray, law: Any) -> np.ndarray:
        return (u < law.cdf(r if len(r) == 1 else r + 0.1)) * 1.0

    with pytest.raises(InputError, match=r"network two-two: at uniforms .* expected the logits"):
        certify(codes.plain(lambda z, r, noise, u: noise.pdf(r), sample=second))


def test_words_that_do_not_exist() -> None:
    fn = codes.member("st")
    with pytest.raises(InputError, match="accepted"):
        certify(fn, network="ten-ten")
    with pytest.raises(InputError, match="accepted"):
        assert_unbiased(fn, up_to="cubic")
    with pytest.raises(InputError, match="accepted: one-unit, one-one"):
        certify(codes.member("st-gs(tau=0.5)"), network="two-two")
