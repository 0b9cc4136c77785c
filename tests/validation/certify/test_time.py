"""Units over time: resets and their gradients are told, planted errors are found. Nothing here is drawn."""

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
from validation.certify.time import BETA, RESETS, THETA, spiking


def lif(
    member: str,
    noise: str = "logistic",
    *,
    soft: bool = False,
    detach: bool = False,
    decay: float = BETA,
    lost: float = 1.0,
) -> Any:
    """Units, in time where x is; `decay` is the backward pass's, `lost` multiplies what flows through the reset."""
    one, law = estimators.get(member), noises.get(noise)
    plain = codes.member(member, noise)

    def estimate(p: Any, x: np.ndarray, uniforms: Any, loss: Any) -> Any:
        if x.ndim == 1:
            return plain(p, x, uniforms, loss)
        steps, units, membranes, spikes = len(x), len(p["b0"]), [], []
        recurrent = p.get("r0", np.zeros((units, units)))
        M, z = np.zeros(units), np.zeros(units)
        for t in range(steps):
            kept = BETA * M - THETA * z if soft else BETA * M * (1.0 - z)
            M = kept + p["w0"] @ x[t] + recurrent @ z + p["b0"]
            z = (uniforms[0][t] < law.cdf(M - THETA)) * 1.0
            membranes.append(M)
            spikes.append(z)
        g = loss.gradient(p["w1"] @ np.mean(spikes, axis=0) + p["b1"])
        out = {key: 0.0 * value for key, value in p.items()}
        out |= {"w1": np.outer(g, np.mean(spikes, axis=0)), "b1": g}
        after = np.zeros(units)  # the cotangent of M at the next step
        for t in reversed(range(steps)):
            taken = THETA * after if soft else BETA * membranes[t] * after
            dz = p["w1"].T @ g / steps + recurrent.T @ after - (0.0 if detach else lost * taken)
            dM = dz * one.slope(spikes[t], membranes[t] - THETA, law, uniforms[0][t])
            if t + 1 < steps and "r0" in p:
                out["r0"] = out["r0"] + np.outer(after, spikes[t])
            after = dM + decay * (1.0 if soft else 1.0 - spikes[t]) * after
            out["w0"] = out["w0"] + np.outer(after, x[t])
            out["b0"] = out["b0"] + after
        return out

    return estimate


def report(fn: Callable[..., Any], network: str = "over-time") -> Report:
    found = certify(fn, network=network)
    assert isinstance(found, Report)
    return found


@pytest.mark.parametrize(
    ("member", "noise", "network", "reset", "detach"),
    [
        ("st", "logistic", "over-time", "hard", False),
        ("trapezoid", "gaussian", "over-time", "hard", True),
        ("trapezoid", "logistic", "over-time", "soft", False),
        ("trapezoid", "logistic", "recurrent", "hard", True),
        ("agr(tau=0.5)", "gaussian", "recurrent", "hard", False),
        ("st", "gaussian", "recurrent", "soft", False),
        ("trapezoid", "gaussian", "recurrent", "soft", True),
    ],
)
def test_members_and_resets_are_told_and_moments_are_the_oracles(member, noise, network, reset, detach) -> None:
    found = report(lif(member, noise, soft=reset == "soft", detach=detach), network)
    assert (found.member, found.wrong) == (f"this is {member}", [])
    assert found.reset == (RESETS[reset], "detached" if detach else "kept")
    net = spiking(network, reset, not detach)
    for each in found.tried:
        custom = oracle.Custom(Loss(each.loss).law)
        told = net.named(oracle.moments(net.net(noise, "binary"), net.x, custom, oracle.member(member)))
        assert set(told) == set(each.estimates)
        for key, value in each.estimates.items():
            np.testing.assert_allclose(value.mean, told[key].mean, atol=1e-12)
            np.testing.assert_allclose(value.square, told[key].square, atol=1e-12)
            np.testing.assert_allclose(value.gradient, told[key].gradient, atol=1e-12)
    assert [each.loss for each in found.tried] == list(LOSSES)
    assert f"reset     {RESETS[reset]}, its gradient: {found.reset.gradient}" in found.table()


@pytest.mark.parametrize(
    ("kept", "network", "reset"),
    [(True, "over-time", "hard"), (False, "over-time", "soft"), (True, "recurrent", "hard")],
)
def test_the_references_neurons(kept: bool, network: str, reset: str) -> None:
    found = report(codes.own("trapezoid", "numpy", "gaussian", timed=spiking(network, reset, kept)), network)
    assert (found.member, found.wrong) == ("this is trapezoid", [])
    assert found.reset == (RESETS[reset], "kept" if kept else "detached")


@pytest.mark.parametrize(
    ("network", "planted"),
    [
        *(("over-time", planted) for planted in ({"decay": 1.0}, {"decay": 0.0}, {"lost": -1.0}, {"lost": 0.5})),
        ("recurrent", {"soft": True, "lost": BETA}),  # the threshold taken before the decay, backwards alone
        ("recurrent", {"lost": 0.5}),
    ],
)
def test_planted_errors_of_the_backward_pass_in_time(network: str, planted: dict[str, Any]) -> None:
    found = report(lif("trapezoid", **planted), network)
    assert found.member == "this is trapezoid"
    assert found.reset.gradient == "neither kept nor detached"
    assert found.wrong == [f"{network}: not as trapezoid has it, whether the reset is differentiated or not"]


def test_a_transposed_recurrent_gradient_is_found() -> None:
    right = lif("st")

    def shifted(p: Any, x: np.ndarray, u: Any, loss: Any) -> Any:
        out = right(p, x, u, loss)
        return out | ({"r0": out["r0"].T} if "r0" in p else {})

    assert report(right, "recurrent").wrong == []
    assert report(shifted, "recurrent").reset.gradient == "neither kept nor detached"


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
        (late, "network over-time: reset to zero: with spikes .* it first asked .*; reset by subtraction: with spikes"),
        (codes.member("st", domain="bipolar"), "has units 0 and 1"),
        (codes.member("st-gs(tau=0.5)"), "do not vary given the spike"),
        (codes.drawing(codes.member("st")), "accepted: one-unit, one-one"),
        (codes.member("fast-sigmoid(scale=2)"), "network of units that draw nothing is 'over-time'"),
    ):
        with pytest.raises(InputError, match=words):
            certify(fn, network="over-time")
