"""Codes that draw their own noise. A report calls correct code wrong with probability below 3e-6; seeds are fixed."""

import re
from typing import Any

import numpy as np
import pytest

import oracle
from refsbnn.errors import InputError
from tests.validation.certify import codes
from validation.certify import own
from validation.certify.call import Convention
from validation.certify.networks import LOSSES, Loss, standard
from validation.certify.report import Report, assert_unbiased, certify


def report(fn: Any, **words: Any) -> Report:
    found = certify(codes.drawing(fn), **words)
    assert isinstance(found, Report)
    return found


@pytest.mark.parametrize(
    ("name", "noise", "domain"), [("st", "logistic", "binary"), ("trapezoid", "gaussian", "bipolar")]
)
def test_a_slope_that_the_spike_decides_is_named_and_exact_on_one_unit(name: str, noise: str, domain: str) -> None:
    found = report(codes.member(name, noise, domain))
    assert (found.member, found.wrong, found.how) == (f"this is {name}", [], Convention(noise, domain, True))
    net = standard("one-unit")
    for each in found.tried[: len(LOSSES)]:
        custom = oracle.Custom(Loss(each.loss).law)
        told = net.named(oracle.moments(net.net(noise, domain), net.x, custom, oracle.member(name)))
        for key, value in each.estimates.items():
            np.testing.assert_allclose(value.mean, told[key].mean, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(value.square, told[key].square, rtol=1e-12, atol=1e-12)
            assert value.mean_error.max() == 0.0
    assert found.verdict("affine", "one-unit") == "unbiased"
    assert "by random numbers of its own" in found.table()


def test_the_score_function_is_unbiased_without_a_doubt() -> None:
    assert_unbiased(codes.drawing(codes.reinforce), "one-unit", up_to="softmax")


def test_a_random_slope_is_held_to_the_member_that_is_named() -> None:
    right = report(codes.member("st-gs(tau=0.5)"), member="st-gs(tau=0.5)", network="one-unit")
    assert (right.member, right.wrong) == ("nothing against st-gs(tau=0.5)", [])
    # The same mean and another variance; another mean.
    net, how = standard("one-unit"), Convention("logistic", "binary", True)
    for name in ("gr(tau=0.5,K=3)", "st-gs(tau=1)"):
        fn = codes.drawing(codes.member("st-gs(tau=0.5)"))
        assert own.beyond(fn, net, how, "softmax", own.member(name), 1)
    plain = report(codes.member("st-gs(tau=0.5)"), network="one-unit")
    assert plain.member.startswith("not named: the slope has noise of its own")
    assert plain.verdict("softmax") in ("biased", "not decided")
    assert "false alarms 1e-06" in plain.table()


# Planted bugs.


def test_spikes_of_another_law_are_seen() -> None:
    """Of one unit, 1.4 times too steep; and of a deeper network alone."""
    steep = codes.plain(lambda z, r, n, u: n.pdf(r), sample=lambda r, u, n: (u < n.cdf(1.4 * r)) * 1.0)
    assert any("it spikes in" in note for note in report(steep, network="one-unit").wrong)
    often = codes.plain(lambda z, r, n, u: n.pdf(r), sample=lambda r, u, n: (u < n.cdf(r) + 0.2) * 1.0)
    st = codes.member("st")

    wrong = own.law(
        codes.drawing(lambda p, x, u, loss: (often if "w2" in p else st)(p, x, u, loss)),
        Convention("logistic", "binary", True),
        [standard("one-one")],
    )
    assert wrong
    assert all(note.startswith("one-one: the logits") for note in wrong)


def test_a_bug_that_only_a_deeper_network_shows() -> None:
    st = codes.member("st")

    def fn(p: Any, x: Any, u: Any, loss: Any) -> Any:
        found = st(p, x, u, loss)
        return found | ({"w0": 0.5 * found["w0"]} if "w2" in found else {})

    found = report(fn)
    assert found.member == "this is st"
    assert any(re.match(r"one-one, .* loss: the mean of w0 is not that of this is st", note) for note in found.wrong)


def test_bad_input_is_one_line() -> None:
    st = codes.member("st")
    for fn, words, match in (
        (codes.drawing(st), {"network": "two-two"}, "accepted: one-unit, one-one"),
        (codes.drawing(st), {"member": "no-such-member"}, "no-such-member"),
        (codes.drawing(st), {"member": "gs(tau=1)"}, "expected a member that sends spikes"),
        (st, {"member": "st"}, "it needs none"),
        (codes.drawing(codes.member("gs(tau=0.5)")), {}, "draws its own noise, and its unit sends"),
    ):
        with pytest.raises(InputError, match=match) as caught:
            certify(fn, **words)
        assert "\n" not in str(caught.value)
