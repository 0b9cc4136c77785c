"""A unit over time: kept and detached resets are told, planted errors are found. Nothing here is drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import oracle
from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.errors import InputError
from tests.validation.certify import codes
from validation.certify.networks import LOSSES, Loss
from validation.certify.report import Report, certify
from validation.certify.time import BETA, THETA, spiking


def lif(member: str, noise: str = "logistic", *, detach: bool = False, decay: float = BETA, lost: float = 1.0) -> Any:
    """One unit, in time where x is; `decay` is the backward pass's, `lost` multiplies what flows through the reset."""
    one, law = estimators.get(member), noises.get(noise)
    plain = codes.member(member, noise)

    def estimate(p: Any, x: np.ndarray, uniforms: Any, loss: Any) -> Any:
        if x.ndim == 1:
            return plain(p, x, uniforms, loss)
        steps, membranes, spikes = len(x), [], []
        M, z = np.zeros(1), np.zeros(1)
        for t in range(steps):
            M = BETA * M * (1.0 - z) + p["w0"] @ x[t] + p["b0"]
            z = (uniforms[0][t] < law.cdf(M - THETA)) * 1.0
            membranes.append(M)
            spikes.append(z)
        g = loss.gradient(p["w1"] @ np.mean(spikes, axis=0) + p["b1"])
        out = {"w0": 0.0 * p["w0"], "b0": 0.0 * p["b0"], "w1": np.outer(g, np.mean(spikes, axis=0)), "b1": g}
        after = np.zeros(1)  # the cotangent of M at the next step
        for t in reversed(range(steps)):
            dz = p["w1"].T @ g / steps - (0.0 if detach else lost * BETA * membranes[t] * after)
            dM = dz * one.slope(spikes[t], membranes[t] - THETA, law, uniforms[0][t])
            after = dM + decay * (1.0 - spikes[t]) * after
            out["w0"] = out["w0"] + np.outer(after, x[t])
            out["b0"] = out["b0"] + after
        return out

    return estimate


def report(fn: Callable[..., Any]) -> Report:
    found = certify(fn, network="over-time")
    assert isinstance(found, Report)
    return found


@pytest.mark.parametrize(
    ("member", "noise"), [("st", "logistic"), ("trapezoid", "gaussian"), ("agr(tau=0.5)", "gaussian")]
)
@pytest.mark.parametrize("detach", [False, True])
def test_members_and_resets_are_told_and_moments_are_the_oracles(member: str, noise: str, detach: bool) -> None:
    found = report(lif(member, noise, detach=detach))
    assert (found.member, found.wrong) == (f"this is {member}", [])
    assert found.reset == ("detached" if detach else "kept")
    net = spiking(not detach)
    for each in found.tried:
        custom = oracle.Custom(Loss(each.loss).law)
        told = net.named(oracle.moments(net.net(noise, "binary"), net.x, custom, oracle.member(member)))
        for key, value in each.estimates.items():
            np.testing.assert_allclose(value.mean, told[key].mean, atol=1e-12)
            np.testing.assert_allclose(value.square, told[key].square, atol=1e-12)
            np.testing.assert_allclose(value.gradient, told[key].gradient, atol=1e-12)
    assert [each.loss for each in found.tried] == list(LOSSES)
    assert f"reset     its gradient: {found.reset}" in found.table()


@pytest.mark.parametrize("kept", [True, False])
def test_the_references_neurons(kept: bool) -> None:
    found = report(codes.own("trapezoid", "numpy", "gaussian", reset_gradient=kept))
    assert (found.member, found.reset, found.wrong) == ("this is trapezoid", "kept" if kept else "detached", [])


@pytest.mark.parametrize("planted", [{"decay": 1.0}, {"decay": 0.0}, {"lost": -1.0}, {"lost": 0.5}])
def test_planted_errors_of_the_backward_pass_in_time(planted: dict[str, float]) -> None:
    found = report(lif("trapezoid", **planted))
    assert (found.member, found.reset) == ("this is trapezoid", "neither kept nor detached")
    assert found.wrong == ["over-time: not as trapezoid has it, whether the reset is differentiated or not"]


def test_bad_input_is_one_line() -> None:
    def late(p: Any, x: np.ndarray, u: Any, loss: Any) -> Any:
        """Its membrane forgets nothing at a spike."""
        if x.ndim == 1:
            return codes.member("st")(p, x, u, loss)
        M = np.cumsum(x @ p["w0"].T + p["b0"], axis=0)
        z = (u[0] < noises.get("logistic").cdf(M - THETA)) * 1.0
        loss.gradient(p["w1"] @ z.mean(axis=0) + p["b1"])
        return {key: 0.0 * value for key, value in p.items()}

    for fn, words in (
        (late, "network over-time: with spikes .* it first asked the loss about"),
        (codes.member("st", domain="bipolar"), "has units 0 and 1"),
        (codes.member("st-gs(tau=0.5)"), "do not vary given the spike"),
        (codes.drawing(codes.member("st")), "accepted: one-unit, one-one"),
        (codes.member("fast-sigmoid(scale=2)"), "network of units that draw nothing is 'over-time'"),
    ):
        with pytest.raises(InputError, match=words):
            certify(fn, network="over-time")
