"""Layers that spike: noisy binary units, and LIF neurons over time (theory 1.1, 3.9 to 3.12)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from refsbnn import estimators, objective, posterior
from refsbnn import noise as noises
from refsbnn.errors import InputError, check_choice
from refsbnn.layers.layer import Layer, Monitor, Parameters, Pass, Place, expect
from refsbnn.layers.linear import initial_weights
from refsbnn.layers.signal import Domain, Moments, Signal
from refsbnn.streams import Streams


def steps_of(place: Place, m: np.ndarray) -> int | None:
    """How many time steps m has, which may be a piece of the signal's; None where there is no time."""
    return None if place.input.steps is None else len(m)


def own_uniforms(run: Pass, place: Place, draws: int, steps: int | None) -> np.ndarray | None:
    """The extra uniforms of a member that draws in the backward pass: (draws, ...), None for the others."""
    if draws == 0:
        return None
    each = [run.draws.uniforms(place.index, place.input.shape, steps=steps, draw=k + 1) for k in range(draws)]
    return np.stack(each)


def monitor(m: np.ndarray, v: np.ndarray | None, z: np.ndarray, norm2: np.ndarray) -> Monitor:
    """The record of one layer of units with pre-activation moments m, v and spikes z in {0, 1}."""
    if v is None:
        return Monitor(
            float(z.mean()), float(m.mean()), float(m.std()), objective.bias_penalty(norm2, np.ones_like(norm2))[0]
        )
    noisy = v > 0.0
    r = m[noisy] / np.sqrt(v[noisy])
    mean, spread = (float(r.mean()), float(r.std())) if r.size else (0.0, 0.0)
    return Monitor(float(z.mean()), mean, spread, objective.bias_penalty(norm2, v)[0])


def weighted_penalty(penalty: float, norm2: np.ndarray, v: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Gradients of penalty * B with respect to norm2 and v, in norm2's type (theory 4.5)."""
    if v is None:
        return (penalty * objective.bias_penalty(norm2, np.ones_like(norm2))[1]).astype(norm2.dtype, copy=False), None
    _, dnorm2, dv = objective.bias_penalty(norm2, v)
    return (penalty * dnorm2).astype(v.dtype, copy=False), (penalty * dv).astype(v.dtype, copy=False)


@dataclass(frozen=True)
class Spike(Layer):
    """Noisy binary units: moments to spikes.

    Parameters
    ----------
    member : str
        Estimator of the backward pass, as `refsbnn.estimators.get` reads it.
    noise : {"gaussian", "logistic"}
    domain : {"binary", "bipolar"}
    """

    kind: ClassVar[str] = "spike"
    member: str = "agr(tau=0.5)"
    noise: str = "gaussian"
    domain: Domain = "binary"

    def __post_init__(self) -> None:
        estimators.get(self.member)
        noises.get(self.noise)
        check_choice("spike: domain", self.domain, ("binary", "bipolar"))

    @property
    def units(self) -> int:
        return 1

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "moments")
        return signal.values(self.domain)

    def draws(self, place: Place, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        return place.input.steps or 1, {}

    def _options(self) -> dict[str, Any]:
        return {"noise": self.noise, "member": self.member, "domain": self.domain}

    def forward(self, run: Pass, place: Place, parameters: Parameters, x: Moments) -> tuple[np.ndarray, Any]:
        u = run.draws.address(place.index, place.input.shape, steps=steps_of(place, x.m))
        h = run.backend.unit.forward(x.m, x.v, u, **self._options())
        return h, (x, u, run.backend.keep(h))

    def backward(
        self, run: Pass, place: Place, parameters: Parameters, tape: Any, g: np.ndarray, penalty: float
    ) -> tuple[Moments, Parameters]:
        x, u, kept = tape
        h = np.asarray(kept)
        extra = own_uniforms(run, place, estimators.get(self.member).draws, steps_of(place, x.m))
        dm, dv = run.backend.unit.backward(g, h, x.m, x.v, u, extra=extra, **self._options())
        if penalty == 0.0:
            return Moments(dm, dv, np.zeros_like(x.norm2)), {}
        dnorm2, dv_penalty = weighted_penalty(penalty, x.norm2, x.v)
        return Moments(dm, None if dv is None else dv + dv_penalty, dnorm2), {}

    def monitors(self, tape: Any) -> list[Monitor]:
        x, _, kept = tape
        h = np.asarray(kept)
        upper = h if self.domain == "binary" or h.dtype == np.uint8 else (h + 1.0) / 2.0
        return [monitor(x.m, x.v, upper, x.norm2)]


@dataclass(frozen=True)
class LIF(Layer):
    """Leaky integrate-and-fire neurons: moments over time to spikes in {0, 1}.

    Parameters
    ----------
    beta : float
        Decay of the membrane per step, in [0, 1].
    theta : float
        Threshold.
    recurrent : bool
        Whether the neurons feed one another; needs moments of shape (features,). The recurrent weights are points where
        those that feed the layer are.
    member, noise
        As in `Spike`.
    reset : {"hard", "soft"}
    accumulate : bool
        Whether the membrane carries its variance along.
    reset_gradient : bool
        Whether the gradient flows through the reset.
    variance, gain, spread, prior
        Of the recurrent weights, as in `Dense`.
    """

    kind: ClassVar[str] = "lif"
    beta: float = 0.9
    theta: float = 1.0
    recurrent: bool = False
    member: str = "agr(tau=0.5)"
    noise: str = "gaussian"
    reset: str = "hard"
    accumulate: bool = True
    reset_gradient: bool = True
    variance: str = "linear"
    gain: float = 0.5
    spread: float = 0.5
    prior: float = 1.0

    def __post_init__(self) -> None:
        estimators.get(self.member)
        noises.get(self.noise)
        check_choice("lif: reset", self.reset, ("hard", "soft"))
        check_choice("lif: variance", self.variance, ("linear", "quadratic"))
        if not 0.0 <= self.beta <= 1.0:
            raise InputError(f"lif: beta is {self.beta!r}; expected a number from 0 to 1")
        for name in ("gain", "spread", "prior"):
            if not getattr(self, name) > 0.0:
                raise InputError(f"lif: {name} is {getattr(self, name)!r}; expected a number > 0")

    @property
    def units(self) -> int:
        return 1

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "moments", 1 if self.recurrent else None, time=True)
        return signal.values("binary")

    def initial(self, place: Place, streams: Streams) -> Parameters:
        if not self.recurrent:
            return {}
        units = place.input.shape[0]
        weights = initial_weights(streams, place.index, (units, units), self.gain, self.spread, "recurrent_")
        if place.input.point:
            del weights["recurrent_rho"]
        return weights

    def priors(self, place: Place) -> dict[str, float]:
        if not self.recurrent or place.input.point:
            return {}
        return {"recurrent_": self.prior / place.input.shape[0]}

    def draws(self, place: Place, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        steps = place.input.steps or 1
        # One draw for each pair of a step and an earlier one whose input the membrane still holds.
        each = steps if self.beta == 0.0 else steps * (steps + 1) // 2 if self.accumulate or steps == 1 else None
        if self.noise == "logistic" and self.theta != 0.0:
            each = None
        return each, dict.fromkeys(self.priors(place), each)

    def operations(self, place: Place) -> int:
        return place.input.shape[0] ** 2 * (place.input.steps or 1) if self.recurrent else 0

    def _options(self) -> dict[str, Any]:
        names = ("beta", "theta", "noise", "member", "reset", "accumulate", "variance")
        return {name: getattr(self, name) for name in names}

    def _weights(self, parameters: Parameters) -> tuple[np.ndarray, np.ndarray | None] | None:
        if not self.recurrent:
            return None
        rho = parameters.get("recurrent_rho")
        return parameters["recurrent_mu"], None if rho is None else posterior.sigma2_of(rho)

    def forward(self, run: Pass, place: Place, parameters: Parameters, x: Moments) -> tuple[np.ndarray, Any]:
        u = run.draws.address(place.index, place.input.shape, steps=len(x.m))
        weights = self._weights(parameters)
        before = None if run.memory is None else run.memory.states.get(place.index)
        z, states = run.backend.lif.forward(x.m, x.v, u, weights, before=before, **self._options())
        if run.memory is not None:
            run.memory.states[place.index] = states.last
        norm2 = x.norm2 if weights is None else x.norm2 + np.square(weights[0]).sum(axis=1)
        return z, (u, weights, states._replace(z=run.backend.keep(z)), norm2)

    def backward(
        self, run: Pass, place: Place, parameters: Parameters, tape: Any, g: np.ndarray, penalty: float
    ) -> tuple[Moments, Parameters]:
        u, weights, kept, norm2 = tape
        states = kept._replace(z=np.asarray(kept.z))
        extra = own_uniforms(run, place, estimators.get(self.member).draws, len(states.M))
        after = None if run.memory is None else run.memory.gradients.get(place.index)
        dnorm2, dV = np.zeros_like(norm2), None
        if penalty != 0.0:
            dnorm2, dV = weighted_penalty(penalty, norm2, states.V)
        gradient = run.backend.lif.backward(
            g,
            states,
            u,
            weights,
            dV=dV,
            after=after,
            reset_gradient=self.reset_gradient,
            extra=extra,
            **self._options(),
        )
        if run.memory is not None:
            run.memory.gradients[place.index] = gradient.before
        own = {}
        if weights is not None:
            own["recurrent_mu"] = gradient.recurrent_mu + 2.0 * weights[0] * dnorm2[:, None]
            if weights[1] is not None:
                own["recurrent_rho"] = gradient.recurrent_sigma2 * weights[1]  # theory 3.5
        return Moments(gradient.m, gradient.v, dnorm2), own

    def monitors(self, tape: Any) -> list[Monitor]:
        _, _, states, norm2 = tape
        return [monitor(states.M - self.theta, states.V, np.asarray(states.z), norm2)]
