"""Codes whose units draw nothing: the slope is named, and what is not the chain rule is told. Nothing here is drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import oracle
from refsbnn import estimators
from refsbnn.errors import InputError
from tests.validation.certify import codes
from validation.certify.fixed import FixedReport, fixed
from validation.certify.networks import LOSSES, Loss, standard
from validation.certify.report import certify

SURROGATES = [name for name in estimators.EXAMPLES if estimators.get(name).proposal == "deterministic"]


def report(fn: Any) -> FixedReport:
    found = certify(fn)
    assert isinstance(found, FixedReport)
    return found


@pytest.mark.parametrize("domain", ["binary", "bipolar"])
@pytest.mark.parametrize("name", SURROGATES)
def test_the_projects_surrogates_are_named_and_are_the_oracles(name: str, domain: str) -> None:
    found = report(codes.member(name, "logistic", domain))
    kind, _, scale = name.partition("(scale=")
    known = {"gaussian": f"the density of Gaussian noise of scale {1.0 / float(scale[:-1]):g}"}  # the same slope
    assert (found.member, found.wrong) == (f"this is {known.get(kind, name)}", [])
    member = oracle.surrogate(kind, float(scale[:-1]))
    for network, loss, estimate, exact in found.tried:
        net = standard(network)
        told = net.named(oracle.moments(net.net("logistic", domain), net.x, oracle.Custom(Loss(loss).law), member))
        for key, value in estimate.items():
            size = np.abs(told[key].mean).max() + 1.0
            np.testing.assert_allclose(value, told[key].mean, atol=1e-12 * size)
            np.testing.assert_allclose(exact["logistic"][key], told[key].gradient, atol=1e-12 * size)
    assert len(found.tried) == 2 * len(LOSSES)
    assert found.verdict("affine") == "biased"


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        (lambda r: 1.0 + 0.0 * r, "this is identity-st"),
        (lambda r: 2.0 / (1.0 + 10.0 * np.abs(r)) ** 2, "this is fast-sigmoid(scale=10), times 2"),
        (lambda r: np.where(r > 0.0, -1.0, 1.0), "a step: 1 below 0, -1 above"),
        (lambda r: (np.abs(r) < 0.5) * 1.0, "1 where r > -0.5 and r < 0.5, 0 elsewhere"),
        (lambda r: (r > 1.0) / (1.0 + np.abs(r)) ** 2, "this is fast-sigmoid(scale=1) where r > 1, 0 elsewhere"),
        (lambda r: np.exp(-12.5 * r**2) / 0.08**0.5 / np.pi**0.5, "this is the density of Gaussian noise of scale 0.2"),
        (lambda r: 0.0 * r, "0 everywhere: nothing is learned below"),
        (lambda r: 1.0 / (1.0 + r**4), "a function of r that has no name here"),
    ],
)  # fmt: skip
def test_slopes_in_words(slope: Callable[..., Any], words: str) -> None:
    assert report(codes.surrogate(slope)).member == words


def test_a_slope_is_shown_as_it_is_where_it_jumps() -> None:
    """Of a hard tanh whose ends are -1 and 1: the value there, and none between those on both sides."""
    for slope, at in ((lambda r: (np.abs(r) <= 1.0) * 1.0, 1.0), (lambda r: (np.abs(r) < 1.0) * 1.0, 0.0)):
        found = report(codes.surrogate(slope))
        assert (found.at(-1.0), found.at(1.0)) == (at, at)
        assert f"at r = -1 {at:g}, at r = 1 {at:g}" in found.table()


def test_a_bug_that_only_a_deeper_network_shows() -> None:
    one = codes.surrogate(lambda r: 1.0 / (1.0 + np.abs(r)) ** 2)

    def fn(p: Any, x: Any, u: Any, loss: Any) -> Any:
        found = one(p, x, u, loss)
        return found | ({"w0": 0.5 * found["w0"]} if "w2" in found else {})

    found = report(fn)
    assert found.wrong == [
        f"two-two, {loss} loss: w0 not by the chain rule with the one unit's slope" for loss in LOSSES
    ]
    assert "wrong     two-two" in found.table()
    assert found.as_dict()["cases"][-1]["network"] == "two-two"


def test_a_detached_term_is_noted() -> None:
    one = codes.surrogate(lambda r: 1.0 / (1.0 + np.abs(r)) ** 2)
    found = report(lambda p, x, u, loss: (lambda g: g | {"b1": 0.0 * g["b1"]})(one(p, x, u, loss)))
    assert any("the gradient of b1 is not dL/dy" in note for note in found.wrong)


def test_what_is_not_fixed_and_what_is_no_spike() -> None:
    assert fixed(codes.member("st")) is None
    assert fixed(codes.member("gs(tau=0.5)")) is None
    with pytest.raises(InputError, match="expected a threshold of 0"):
        certify(codes.surrogate(lambda r: 1.0 + 0.0 * r, threshold=0.3))
    with pytest.raises(InputError, match="expected a spike and none"):
        certify(codes.plain(lambda z, r, n, u: 1.0 + 0.0 * r, sample=lambda r, u, n: 2.0 * (r > 0.0)))
    astray = codes.plain(lambda z, r, n, u: 1.0 + 0.0 * r, sample=lambda r, u, n: (r > (len(r) - 1) * 50.0) * 1.0)
    with pytest.raises(InputError, match="network two-two: it first asked the loss about"):
        certify(astray)
