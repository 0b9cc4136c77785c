"""Codes with uniforms besides the one that makes the spike: `gr`, and planted errors of it. Nothing here is drawn."""

import numpy as np
import pytest

import oracle
from refsbnn.errors import InputError
from tests.validation.certify import codes
from tests.validation.certify.test_planted import faulty
from validation.certify.call import Convention
from validation.certify.deeper import differing
from validation.certify.extra import Averaged, points, renamed
from validation.certify.identify import Match, identify
from validation.certify.networks import LOSSES, Loss, standard
from validation.certify.report import Report, certify
from validation.certify.slopes import GRID, NEAR, tried
from validation.certify.states import moments


def report(fn: object, **words: str) -> Report:
    found = certify(fn, **words)
    assert isinstance(found, Report)
    return found


def named(fn: object, count: int, noise: str = "logistic") -> str:
    """The member by four r, which is sooner done."""
    found = tried(Averaged(fn, points(count)), Convention(noise, "binary", True), GRID[::3], 3, NEAR)
    return renamed(identify(found), count).told()


def test_points_integrate() -> None:
    some = points(2)
    assert sum(each.p for each in some) == pytest.approx(1.0)
    assert sum(each.p * each.u[0] ** 2 * each.u[1] for each in some) == pytest.approx(1 / 6, rel=1e-6)


@pytest.mark.parametrize(("noise", "tau"), [("logistic", 0.5), ("gaussian", 0.25)])
def test_gr_is_named_and_has_the_oracles_moments(noise: str, tau: float) -> None:
    name = f"gr(tau={tau},K=1)"
    found = report(codes.extra(name, noise))
    assert (found.member, found.wrong) == (f"this is {name}", [])
    net = standard("one-unit")
    assert [each.loss for each in found.tried] == list(LOSSES)
    for each in found.tried:
        custom = oracle.Custom(Loss(each.loss).law)
        told = net.named(oracle.moments(net.net(noise, "binary"), net.x, custom, oracle.gr(tau, 1)))
        for key, value in each.estimates.items():
            np.testing.assert_allclose(value.mean, told[key].mean, atol=1e-7)
            np.testing.assert_allclose(value.square, told[key].square, atol=1e-7)


def test_gr_of_the_reference_is_named() -> None:
    assert named(codes.own("gr(tau=0.5,K=1)", "numpy", "gaussian"), 1, "gaussian") == "this is gr(tau=0.5,K=1)"


def test_one_draw_used_twice_has_the_mean_and_not_the_variance() -> None:
    once = codes.extra("gr(tau=0.5,K=1)")

    def fn(p, x, u, loss):
        return once(p, x, [each[:2] for each in u], loss)

    net, how = standard("one-unit"), Convention("logistic", "binary", True)
    for code, wrong in ((codes.extra("gr(tau=0.5,K=2)", count=2), []), (fn, ["w0", "b0"])):
        law = moments(code, net, how, "affine", inside=False, kink=False, more=points(2))
        assert differing(Match("gr(tau=0.5,K=2)", 1.0, 0.0), net, how, "affine", law) == wrong


def test_a_sum_for_a_mean_over_the_draws_is_found() -> None:
    gr = faulty("gr: a sum for a mean over its draws").Gr(tau=0.5, K=2)
    fn = codes.plain(
        lambda z, r, law, u: gr.slope(z, r, law, u[0], u[1:]), sample=lambda r, u, law: (u[0] < law.cdf(r)) * 1.0
    )
    assert named(fn, 2) == "this is gr(tau=0.5,K=2), times 2"


@pytest.mark.parametrize(
    ("count", "network", "words"), [(3, None, "accepted: 0 to 2"), (-1, None, "accepted"), (1, "one-one", "one-unit")]
)
def test_bad_input_is_one_line(count: int, network: str | None, words: str) -> None:
    fn = codes.extra("gr(tau=0.5,K=1)")
    fn.extra = count
    with pytest.raises(InputError, match=words):
        certify(fn, network=network)
    drawing = codes.drawing(codes.extra("gr(tau=0.5,K=1)"))
    drawing.extra = 1
    with pytest.raises(InputError, match="no noise beside the extra ones"):
        certify(drawing)
