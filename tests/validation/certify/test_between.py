"""Members that send a value between the states, drawn whatever r is. Nothing here is drawn."""

import numpy as np
import pytest

import oracle
from refsbnn.errors import InputError
from tests.validation.certify import codes
from validation.certify.between import between
from validation.certify.identify import identify
from validation.certify.networks import Loss, standard
from validation.certify.report import Report, certify
from validation.certify.slopes import profile

# A rule of mass 1 with a negative weight, a node at 0, and chances that are not its weights.
NODES, WEIGHTS, CHANCES = (0.0, 0.4, 0.9), (0.3, -0.1, 0.8), (0.2, 0.3, 0.5)
RULE = "nodes=[0,0.4,0.9],weights=[0.3,-0.1,0.8],probabilities=[0.2,0.3,0.5]"


def mirrored(fn):
    """The same code with 1 - u in the place of u."""
    return lambda p, x, uniforms, loss: fn(p, x, [1.0 - u for u in uniforms], loss)


@pytest.mark.parametrize(
    ("member", "noise", "domain", "answer"),
    [
        ("uniform", "logistic", "binary", oracle.uniform()),
        ("simpson", "gaussian", "binary", oracle.simpson()),
        ("gauss2", "logistic", "bipolar", oracle.gauss2()),
        (f"quadrature({RULE})", "logistic", "bipolar", oracle.rule(NODES, WEIGHTS, CHANCES)),
    ],
)
def test_members_are_named_and_their_moments_are_the_oracles(member, noise, domain, answer) -> None:
    found = certify(codes.member(member, noise, domain))
    assert isinstance(found, Report)
    assert (found.member, found.wrong) == (f"this is {member}", [])
    assert (found.how.noise, found.how.domain) == (noise, domain)
    assert found.mass == "1: one unit is unbiased for affine losses"
    assert "whatever r is" in found.table()
    assert {each.network for each in found.tried} == {"one-unit"}
    net = standard("one-unit")
    for each in found.tried:
        custom = oracle.Custom(Loss(each.loss).law)
        told = net.named(oracle.moments(net.net(noise, domain), net.x, custom, answer))
        for key, value in each.estimates.items():
            np.testing.assert_allclose(value.mean, told[key].mean, atol=1e-9)
            np.testing.assert_allclose(value.square, told[key].square, atol=1e-9)
        if member == f"quadrature({RULE})":
            assert (np.abs(each.estimates["w0"].bias).max() < 1e-9) == (each.loss == "affine")
        elif member == "uniform" or each.loss != "softmax":  # theory 1.3; affine and quadratic: L' of degree 1
            assert np.abs(each.estimates["w0"].bias).max() < 1e-9
        else:
            assert np.abs(each.estimates["w0"].bias).max() > 1e-8


def test_rules_of_any_nodes() -> None:
    """In whatever order the nodes are drawn, one of them in two pieces of the uniform."""

    def sample(r, u, law):
        return np.select([u < 0.25, u < 0.5, u < 0.75], [0.7, 0.2, 0.7], 0.9) + 0.0 * r

    fn = codes.plain(lambda z, r, law, u: law.pdf(r) * np.where(z == 0.2, 0.4, 1.2), "gaussian", sample=sample)
    found = certify(fn)
    words = "nodes=[0.2,0.7,0.9],weights=[0.1,0.6,0.3],probabilities=[0.25,0.5,0.25]"
    assert (found.member, found.mass) == (f"this is quadrature({words})", "1: one unit is unbiased for affine losses")


def test_the_other_side_of_the_uniforms_and_a_factor() -> None:
    def twice(p, x, uniforms, loss):
        out = codes.member("uniform")(p, x, uniforms, loss)
        return out | {key: 2.0 * out[key] for key in ("w0", "b0")}

    assert certify(mirrored(codes.member("uniform"))).member == "this is uniform"
    found = certify(twice)
    assert (found.member, found.mass) == ("this is uniform, times 2", "2: biased even for affine losses")


def test_a_slope_that_is_none_and_values_of_no_member() -> None:
    squashed = codes.plain(lambda z, r, law, u: law.pdf(r) * (0.5 + z), sample=lambda r, u, law: u + 0.0 * r)
    assert certify(squashed).member == "no member: the slope varies given the spike, and is that of none"
    away = codes.plain(lambda z, r, law, u: law.pdf(r), sample=lambda r, u, law: 0.2 + 1.5 * (u < 0.3) + 0.0 * r)
    with pytest.raises(InputError, match="expected a spike and none"):
        certify(away)  # 1.7 is no value of a unit
    halves = codes.plain(lambda z, r, law, u: law.pdf(r) * (1.0 + u), sample=lambda r, u, law: 0.2 + 0.5 * (u < 0.3))
    assert certify(halves).member == "no member: the slope varies given the spike, and is that of none"
    with pytest.raises(InputError, match="a relaxed value is no state of the deeper networks"):
        certify(codes.member("gauss2"), network="two-two")
    with pytest.raises(InputError, match="has units 0 and 1; those of the code are between"):
        certify(codes.member("gauss2"), network="recurrent")


@pytest.mark.parametrize(
    ("framework", "code", "name"),
    [
        ("numpy", lambda name: codes.own(name, "numpy", "gaussian"), "uniform"),
        ("numpy", lambda name: codes.own(name, "numpy", "gaussian"), f"quadrature({RULE})"),
        ("torch", codes.pytorch, "simpson"),
        ("jax", codes.jax, "gauss2"),
    ],
)
def test_members_of_the_three_implementations_are_named(framework: str, code, name: str) -> None:
    pytest.importorskip(framework)
    fn = code(name)
    how = between(fn)
    assert how is not None
    match = identify(profile(fn, how))
    assert (how.noise, match.told()) == ("gaussian", f"this is {name}")
