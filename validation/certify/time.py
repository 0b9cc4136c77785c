"""One leaky integrate-and-fire unit over three steps: the same code with x (steps, inputs) and uniforms (steps, units).

M_t = beta M_(t-1) (1 - z_(t-1)) + w0 x_t + b0, a spike with probability F(M_t - theta), and logits that are the mean
over the steps of w1 z_t + b1 (theory 3.9 to 3.13, with noise of scale 1 at each step).
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

import oracle
from refsbnn.errors import InputError
from validation.certify.call import Convention, Estimator, call, name_of
from validation.certify.deeper import differing
from validation.certify.identify import Match
from validation.certify.networks import LOSSES, Loss, Standard, standard
from validation.certify.own import same
from validation.certify.states import MARGIN

NAME = "over-time"
NEITHER = "neither kept nor detached"
BETA, THETA, STEPS = 0.8, 0.5, 3


@dataclass(frozen=True)
class Spiking(Standard):
    """`Standard` in time; whether the reset is differentiated is the estimator's, not the network's."""

    reset_gradient: bool = True

    def net(self, noise: str, domain: str) -> oracle.LIF:
        """The same for the oracle."""
        w0, b0, w1, b1 = (self.parameters[key] for key in ("w0", "b0", "w1", "b1"))
        return oracle.LIF(
            [oracle.Layer(w0, 0.0 * w0, b0, np.ones(1))],
            oracle.Layer(w1, 0.0 * w1, b1, 0.0 * b1),
            beta=BETA,
            theta=THETA,
            accumulate=False,
            reset_gradient=self.reset_gradient,
            readout_beta=0.0,
            noise=noise,
        )


def spiking(reset_gradient: bool = True) -> Spiking:
    """The network of one unit with an input at each step, always with the same numbers."""
    one = standard("one-unit")
    x = np.random.default_rng(23).normal(size=(STEPS, len(one.x)))
    return Spiking(NAME, one.parameters, x, one.widths, reset_gradient)


def moments(fn: Estimator, how: Convention, loss: str) -> dict[str, oracle.Estimate]:
    """Exact mean and mean square of the estimate beside the exact gradient, over the unit's 2^3 spike trains.

    Raises
    ------
    InputError
        As `call`; logits that are not those of the spikes.
    """
    net = spiking()
    w0, b0, w1, b1 = (net.parameters[key] for key in ("w0", "b0", "w1", "b1"))
    sums = {key: np.zeros((2, *value.shape)) for key, value in net.parameters.items()}
    for spikes in product((0.0, 1.0), repeat=STEPS):
        u, p, membrane, before = np.empty((STEPS, 1)), 1.0, np.zeros(1), 0.0
        for t, z in enumerate(spikes):
            membrane = BETA * membrane * (1.0 - before) + w0 @ net.x[t] + b0
            pi = float(how.law.cdf(membrane - THETA)[0])
            u[t] = pi * (1.0 - MARGIN) if z else pi + MARGIN * (1.0 - pi)
            p *= pi if z else 1.0 - pi
            before = z
        y = w1[:, 0] * np.mean(spikes) + b1
        asked = Loss(loss)
        found = call(fn, net, how.uniforms([u]), asked)
        if not asked.seen or not same(asked.seen[0], y):
            where = asked.seen[0] if asked.seen else "nothing"
            told = f"{name_of(fn)}, network {NAME}: with spikes {spikes} it first asked the loss about {where}"
            raise InputError(f"{told}; expected {y}")
        for key, value in found.items():
            sums[key] += p * np.stack([value, value**2])
    exact = net.exact(how.noise, how.domain, Loss(loss))
    return {key: oracle.Estimate(exact[key], *both) for key, both in sums.items()}


def check(how: Convention, inside: bool) -> None:
    """Refuse what is not tried in time.

    Raises
    ------
    InputError
        Bipolar units, or a slope that varies given the spike.
    """
    if how.domain != "binary":
        raise InputError(f"network {NAME} has units 0 and 1; those of the code are -1 and +1")
    if inside:
        raise InputError(f"network {NAME} is for slopes that do not vary given the spike; accepted: one-unit, one-one")


def reset(match: Match | None, how: Convention, found: dict[str, dict[str, oracle.Estimate]]) -> str:
    """Whether the reset is differentiated, from the estimates by loss: kept, detached, or neither of both."""
    if match is None:
        return "not told: one unit is no member"
    for words, flag in (("kept", True), ("detached", False)):
        if not any(differing(match, spiking(flag), how, loss, found[loss]) for loss in LOSSES):
            return words
    return NEITHER
