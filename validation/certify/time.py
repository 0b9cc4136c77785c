"""Leaky integrate-and-fire units over three steps: the same code with x (steps, inputs) and uniforms (steps, units).

    M_t = beta M_(t-1) + w0 x_t + r0 z_(t-1) + b0, less what the last spike takes: beta M_(t-1), or theta

with a spike with probability F(M_t - theta), and logits that are the mean over the steps of w1 z_t + b1 (theory 3.9 to
3.13, with noise of scale 1 at each step). Which reset the code has is found out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

import oracle
from refsbnn.errors import InputError
from validation.certify.call import Convention, Estimator, call, name_of
from validation.certify.deeper import differing
from validation.certify.identify import Match
from validation.certify.networks import LOSSES, Loss, Standard, standard
from validation.certify.own import same
from validation.certify.states import MARGIN

WIDTHS = {"over-time": (2, 1, 2), "recurrent": (2, 2, 2)}  # inputs, units, outputs
NEITHER = "neither kept nor detached"
BETA, THETA, STEPS = 0.8, 0.5, 3
RESETS = {"hard": "to zero", "soft": "by subtraction"}


@dataclass(frozen=True)
class Spiking(Standard):
    """`Standard` in time: the reset, and whether the estimator, not the network, differentiates it."""

    reset: str = "hard"
    reset_gradient: bool = True

    def net(self, noise: str, domain: str) -> oracle.LIF:
        """The same for the oracle."""
        w0, b0, w1, b1 = (self.parameters[key] for key in ("w0", "b0", "w1", "b1"))
        r0 = self.parameters.get("r0")
        return oracle.LIF(
            [oracle.Layer(w0, 0.0 * w0, b0, np.ones(len(b0)), r0, None if r0 is None else 0.0 * r0)],
            oracle.Layer(w1, 0.0 * w1, b1, 0.0 * b1),
            beta=BETA,
            theta=THETA,
            reset=self.reset,
            accumulate=False,
            reset_gradient=self.reset_gradient,
            readout_beta=0.0,
            noise=noise,
        )

    def named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """As `Standard.named`, with the recurrent weights."""
        found = super().named(values)
        return found | ({"r0": values["layers.0.recurrent_mu"]} if "r0" in self.parameters else {})

    def trains(self, how: Convention) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
        """Each of the spike trains (steps, units), uniforms that give it, and its probability."""
        w0, b0 = self.parameters["w0"], self.parameters["b0"]
        r0 = self.parameters.get("r0", np.zeros((len(b0), len(b0))))
        for states in product((0.0, 1.0), repeat=STEPS * len(b0)):
            spikes = np.array(states).reshape(STEPS, len(b0))
            u, p, membrane, before = np.empty(spikes.shape), 1.0, np.zeros(len(b0)), np.zeros(len(b0))
            for t, z in enumerate(spikes):
                lost = BETA * membrane if self.reset == "hard" else THETA
                membrane = BETA * membrane - lost * before + w0 @ self.x[t] + r0 @ before + b0
                pi = how.law.cdf(membrane - THETA)
                u[t] = np.where(z == 1.0, pi * (1.0 - MARGIN), pi + MARGIN * (1.0 - pi))
                p *= float(np.where(z == 1.0, pi, 1.0 - pi).prod())
                before = z
            yield spikes, u, p


def spiking(name: str = "over-time", reset: str = "hard", reset_gradient: bool = True) -> Spiking:
    """One of `WIDTHS` with an input at each step, always with the same numbers."""
    rng, widths = np.random.default_rng(23), WIDTHS[name]
    x = rng.normal(size=(STEPS, widths[0]))
    parameters = dict(standard("one-unit").parameters)
    units = widths[1]
    if name == "recurrent":
        parameters["w0"], parameters["w1"] = rng.normal(size=(units, widths[0])), rng.normal(size=(widths[2], units))
        parameters["b0"], parameters["r0"] = rng.normal(size=units) / 2.0, rng.normal(size=(units, units))
    return Spiking(name, parameters, x, widths, reset, reset_gradient)


@dataclass(frozen=True)
class Timed:
    """The exact law of the estimate of each loss, and the network with the reset that the code has."""

    net: Spiking
    laws: dict[str, dict[str, oracle.Estimate]]


def tried(fn: Estimator, how: Convention, name: str) -> Timed:
    """Exact mean and mean square of the estimates beside the exact gradients, over all spike trains.

    Raises
    ------
    InputError
        As `call`; logits that are those of neither reset.
    """
    astray = {}
    for reset in RESETS:
        net = spiking(name, reset)
        wrong = next(
            (told for told in map(lambda train: _astray(fn, how, net, *train[:2]), net.trains(how)) if told), ""
        )
        if not wrong:
            return Timed(net, {loss: moments(fn, how, net, loss) for loss in LOSSES})
        astray[reset] = wrong
    told = "; ".join(f"reset {RESETS[reset]}: {each}" for reset, each in astray.items())
    raise InputError(f"{name_of(fn)}, network {name}: {told}")


def _asked(
    fn: Estimator, how: Convention, net: Spiking, u: np.ndarray, loss: str
) -> tuple[Loss, dict[str, np.ndarray]]:
    asked = Loss(loss)
    return asked, call(fn, net, how.uniforms([u]), asked)


def _astray(fn: Estimator, how: Convention, net: Spiking, spikes: np.ndarray, u: np.ndarray) -> str:
    """What the code asks the loss about that is not the spikes' logits; nothing where it is."""
    asked, _ = _asked(fn, how, net, u, LOSSES[0])
    y = net.parameters["w1"] @ spikes.mean(axis=0) + net.parameters["b1"]
    if asked.seen and same(asked.seen[0], y):
        return ""
    where = asked.seen[0] if asked.seen else "nothing"
    return f"with spikes {spikes.astype(int).tolist()} it first asked the loss about {where}, expected {y}"


def moments(fn: Estimator, how: Convention, net: Spiking, loss: str) -> dict[str, oracle.Estimate]:
    """Exact mean and mean square of the estimate for one loss."""
    sums = {key: np.zeros((2, *value.shape)) for key, value in net.parameters.items()}
    for _, u, p in net.trains(how):
        for key, value in _asked(fn, how, net, u, loss)[1].items():
            sums[key] += p * np.stack([value, value**2])
    exact = net.exact(how.noise, how.domain, Loss(loss))
    return {key: oracle.Estimate(exact[key], *both) for key, both in sums.items()}


def check(how: Convention, inside: bool, name: str) -> None:
    """Refuse what is not tried in time.

    Raises
    ------
    InputError
        Bipolar units, or a slope that varies given the spike.
    """
    if how.cuts:
        raise InputError(f"network {name} has units 0 and 1; those of the code are between")
    if how.domain != "binary":
        raise InputError(f"network {name} has units 0 and 1; those of the code are -1 and +1")
    if inside:
        raise InputError(f"network {name} is for slopes that do not vary given the spike; accepted: one-unit, one-one")


def gradient(match: Match | None, how: Convention, found: Timed) -> str:
    """Whether the reset is differentiated, from the estimates by loss: kept, detached, or neither of both."""
    if match is None:
        return "not told: one unit is no member"
    for words, flag in (("kept", True), ("detached", False)):
        net = replace(found.net, reset_gradient=flag)
        if not any(differing(match, net, how, loss, found.laws[loss]) for loss in LOSSES):
            return words
    return NEITHER
