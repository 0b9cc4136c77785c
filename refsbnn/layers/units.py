"""Layers that spike: noisy binary units, and LIF neurons over time (theory 1.1, 3.9 to 3.12)."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from refsbnn import estimators, posterior, sensitivity
from refsbnn import noise as noises
from refsbnn.draws import Uniforms
from refsbnn.errors import check_choice, check_number
from refsbnn.layers.layer import Layer, Monitor, Parameters, Pass, Stage, TapeT, expect
from refsbnn.layers.linear import acting, initial_weights
from refsbnn.layers.signal import Domain, Moments, Signal
from refsbnn.reference.lif import LIFTape, Recurrent, State
from refsbnn.sensitivity import Fed, Neurons, Reset, Rows, Weights
from refsbnn.streams import Streams


def monitor(m: np.ndarray, v: np.ndarray | None, z: np.ndarray, penalty: float) -> Monitor:
    """The record of one layer of units with pre-activation moments m, v and spikes z in {0, 1}."""
    noisy = np.ones(m.shape, bool) if v is None else v > 0.0
    r = m if v is None else m[noisy] / np.sqrt(v[noisy])
    mean, spread = (float(r.mean()), float(r.std())) if r.size else (0.0, 0.0)
    return Monitor(float(z.mean()), mean, spread, penalty)


def noise_of(m: np.ndarray, v: np.ndarray | None) -> np.ndarray:
    """v, or the units' own noise of variance 1 beside point weights (theory 3.18)."""
    return np.ones(m.shape) if v is None else v


def density(law: noises.Noise, m: np.ndarray, v: np.ndarray | None) -> np.ndarray:
    """f(m / s), 0 for a unit without noise (theory 3.17); v None stands for 1 (theory 3.18)."""
    m = m.astype(np.float64)
    if v is None:
        return law.pdf(m)
    noisy = v > 0.0
    return noisy * law.pdf(m / np.sqrt(np.where(noisy, v, 1.0)))


class SpikeTape(NamedTuple):
    """Of binary units: what entered them, their uniforms, and their values as the backend keeps them."""

    x: Moments
    u: np.ndarray | Uniforms
    h: ArrayLike


class NeuronTape(NamedTuple):
    """Of LIF neurons: uniforms, recurrent weights, the membranes' moments and the spikes as the backend keeps them.

    V is None beside point weights; `before` is the state that the first step met, None at rest; `fed` are the
    weights from below, as the bias penalty sees them, `reset` what it knows of the reset, None where it leaves it out.
    """

    u: np.ndarray | Uniforms
    weights: Recurrent | None
    M: np.ndarray
    V: np.ndarray | None
    z: ArrayLike
    before: State | None
    fed: Fed
    reset: Reset | None


class Units(Layer[TapeT]):
    """What layers that fire share: a member and a noise by name, read once, when the layer is made.

    Attributes
    ----------
    estimator : Member
    law : Noise
    """

    member: str
    noise: str
    estimator: estimators.Member
    law: noises.Noise

    def __post_init__(self) -> None:
        object.__setattr__(self, "estimator", estimators.get(self.member))  # no fields: a description holds the names
        object.__setattr__(self, "law", noises.get(self.noise))

    @property
    def units(self) -> int:
        return 1

    @abstractmethod
    def spikes(self, tape: TapeT) -> np.ndarray:
        """As in `Layer`."""

    @abstractmethod
    def densities(self, tape: TapeT) -> np.ndarray:
        """As in `Layer`."""

    def extra(self, run: Pass, stage: Stage, steps: int | None) -> np.ndarray | None:
        """The extra uniforms of a member that draws in the backward pass: (draws, ...), None for the others."""
        ask, place = run.draws.uniforms, stage.place
        each = [ask(place.index, place.input.shape, steps=steps, draw=k + 1) for k in range(self.estimator.draws)]
        return np.stack(each) if each else None


@dataclass(frozen=True)
class Spike(Units[SpikeTape]):
    """Noisy binary units: moments to spikes.

    Parameters
    ----------
    member : str
        Estimator of the backward pass, as `refsbnn.estimators.get` reads it.
    noise : {"gaussian", "logistic"}
    domain : {"binary", "bipolar"}

    Examples
    --------
    >>> from refsbnn.layers import Signal, Spike
    >>> print(Spike("agr(tau=0.5)", domain="bipolar").connect(Signal("moments", (8,))))
    bipolar values of shape (8,)
    """

    kind: ClassVar[str] = "spike"
    member: str = "agr(tau=0.5)"
    noise: str = "gaussian"
    domain: Domain = "binary"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("spike: domain", self.domain, ("binary", "bipolar"))

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "moments")
        return signal.spikes(self.domain)

    def draws(self, stage: Stage, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        return stage.place.input.steps or 1, {}

    def options(self) -> dict[str, Any]:
        """What the backend is told of the units."""
        return {"noise": self.law, "member": self.estimator, "domain": self.domain}

    def _steps(self, stage: Stage, m: np.ndarray) -> int | None:
        """How many time steps m has, which may be a piece of the signal's; None where there is no time."""
        return None if stage.place.input.steps is None else len(m)

    def forward(self, run: Pass, stage: Stage, parameters: Parameters, x: Moments) -> tuple[np.ndarray, SpikeTape]:
        u = run.draws.address(stage.place.index, stage.place.input.shape, steps=self._steps(stage, x.m))
        h = run.backend.unit.forward(x.m, x.v, u, **self.options())
        return h, SpikeTape(x, u, run.backend.keep(h))

    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: SpikeTape, g: np.ndarray, penalty: float
    ) -> tuple[Moments, Parameters]:
        x, h = tape.x, np.asarray(tape.h)
        extra = self.extra(run, stage, self._steps(stage, x.m))
        dm, dv = run.backend.unit.backward(g, h, x.m, x.v, tape.u, extra=extra, **self.options())
        if run.heard is not None:
            run.heard[stage.place.index] = dm if x.v is None else dm * np.sqrt(x.v)  # theory 5.11
        if penalty == 0.0:
            return Moments(dm, dv), {}
        one = sensitivity.units(x.fed.total(), x.m, noise_of(x.m, x.v))
        dm = (dm + penalty * one.m).astype(dm.dtype, copy=False)
        dv = None if dv is None else (dv + penalty * one.v).astype(dv.dtype, copy=False)
        return Moments(dm, dv, rows=one.rows.times(penalty)), {}

    def monitor(self, tape: SpikeTape) -> Monitor:
        x = tape.x
        return monitor(x.m, x.v, self.spikes(tape), sensitivity.value(x.fed.total(), x.m, noise_of(x.m, x.v)))

    def spikes(self, tape: SpikeTape) -> np.ndarray:
        h = np.asarray(tape.h)
        return h if self.domain == "binary" or h.dtype == np.uint8 else (h + 1.0) / 2.0

    def densities(self, tape: SpikeTape) -> np.ndarray:
        return density(self.law, tape.x.m, tape.x.v)


@dataclass(frozen=True)
class LIF(Units[NeuronTape]):
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

    Examples
    --------
    >>> from refsbnn.layers import LIF, Signal
    >>> print(LIF(beta=0.9).connect(Signal("moments", (8,), steps=20)))
    binary values of shape (8,) over 20 steps
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
        super().__post_init__()
        check_choice("lif: reset", self.reset, ("hard", "soft"))
        check_choice("lif: variance", self.variance, ("linear", "quadratic"))
        check_number("lif: beta", self.beta, lambda beta: 0.0 <= beta <= 1.0, "a number from 0 to 1")
        for name in ("gain", "spread", "prior"):
            check_number(f"lif: {name}", getattr(self, name), lambda value: value > 0.0, "a number > 0")

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "moments", 1 if self.recurrent else None, time=True)
        return signal.spikes("binary")

    def initial(self, stage: Stage, streams: Streams) -> Parameters:
        if not self.recurrent:
            return {}
        signal = stage.place.input
        shape = (signal.shape[0], signal.shape[0])
        weights = initial_weights(streams, stage.place.index, shape, self.gain, self.spread, "recurrent_")
        if signal.point:
            del weights["recurrent_rho"]
        return weights

    def weight_count(self, stage: Stage) -> int:
        return stage.place.input.shape[0] ** 2 if self.recurrent else 0

    def priors(self, stage: Stage) -> dict[str, float]:
        if not self.recurrent or stage.place.input.point:
            return {}
        return {"recurrent_": self.prior / stage.place.input.shape[0]}

    def draws(self, stage: Stage, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        steps = stage.place.input.steps or 1
        # One draw for each pair of a step and an earlier one whose input the membrane still holds.
        each = steps if self.beta == 0.0 else steps * (steps + 1) // 2 if self.accumulate or steps == 1 else None
        if self.noise == "logistic" and self.theta != 0.0:
            each = None
        return each, dict.fromkeys(self.priors(stage), each)

    def operations(self, stage: Stage) -> int:
        signal = stage.place.input
        return signal.shape[0] ** 2 * (signal.steps or 1) if self.recurrent else 0

    def _options(self) -> dict[str, Any]:
        names = ("beta", "theta", "reset", "accumulate", "variance")
        return {"noise": self.law, "member": self.estimator, **{name: getattr(self, name) for name in names}}

    def _weights(self, parameters: Parameters) -> Recurrent | None:
        if not self.recurrent:
            return None
        rho = parameters.get("recurrent_rho")
        return parameters["recurrent_mu"], None if rho is None else posterior.sigma2_of(rho)

    def forward(self, run: Pass, stage: Stage, parameters: Parameters, x: Moments) -> tuple[np.ndarray, NeuronTape]:
        index = stage.place.index
        u = run.draws.address(index, stage.place.input.shape, steps=len(x.m))
        weights = self._weights(parameters)
        before = None if run.memory is None else run.memory.states.get(index)
        z, states = run.backend.lif.forward(x.m, x.v, u, weights, before=before, **self._options())
        if run.memory is not None:
            run.memory.states[index] = states.last
        reset = None
        if run.penalty != "norm":
            carried = self.accumulate and states.V is not None
            reset = Reset(self.beta, self.theta, self.reset == "hard", carried)
        return z, NeuronTape(u, weights, states.M, states.V, run.backend.keep(z), states.before, x.fed, reset)

    def _neurons(self, tape: NeuronTape) -> Neurons:
        """What moves the neurons, for the bias penalty."""
        none, before = np.zeros(()), tape.before
        recurrent, diagonal = Rows(none, none, none), (none, none)
        if tape.weights is not None:
            mu, sigma2 = tape.weights
            recurrent = Weights(mu, None if tape.reset is None else sigma2, 1.0).rows()
            diagonal = np.diagonal(mu), none if sigma2 is None else np.diagonal(sigma2)
        past = None if before is None else (before.M, noise_of(before.M, before.V))
        reset, V = tape.reset, noise_of(tape.M, tape.V)
        return Neurons(tape.fed.total(), recurrent, diagonal, reset, self.theta, tape.M, V, past)

    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: NeuronTape, g: np.ndarray, penalty: float
    ) -> tuple[Moments, Parameters]:
        index, weights = stage.place.index, tape.weights
        one, direct = None, dict[str, np.ndarray | None]()
        if penalty != 0.0:
            one = sensitivity.neurons(self._neurons(tape))
            dM, dV = penalty * one.M, penalty * one.V
            if run.memory is not None:
                for part, sent in zip((dM, dV), run.memory.penalties.get(index, (0.0, 0.0)), strict=True):
                    part[-1] += sent
                run.memory.penalties[index] = penalty * one.before[0], penalty * one.before[1]
            kind = tape.M.dtype
            direct = {"dM": dM.astype(kind, copy=False)}
            direct["dV"] = None if tape.V is None else dV.astype(kind, copy=False)
        gradient = run.backend.lif.backward(
            g,
            LIFTape(tape.M, tape.V, self.spikes(tape), tape.before),
            tape.u,
            weights,
            **direct,
            after=None if run.memory is None else run.memory.gradients.get(index),
            reset_gradient=self.reset_gradient,
            extra=self.extra(run, stage, len(tape.M)),
            **self._options(),
        )
        if run.memory is not None:
            run.memory.gradients[index] = gradient.before
        if run.heard is not None:
            run.heard[index] = self._heard(tape, gradient.m)
        own = {}
        if weights is not None:
            mu, sigma2 = weights
            dmu, dsigma2 = gradient.recurrent_mu, gradient.recurrent_sigma2
            if one is not None:
                counted = Weights(mu, None if tape.reset is None else sigma2, 1.0)
                more = counted.gradients(one.recurrent.times(penalty))
                dmu = dmu + more[0] + penalty * np.diag(one.diagonal[0])
                dsigma2 = None if sigma2 is None else dsigma2 + more[1] + penalty * np.diag(one.diagonal[1])
            own["recurrent_mu"] = dmu.astype(mu.dtype, copy=False)
            if sigma2 is not None:
                own["recurrent_rho"] = (dsigma2 * sigma2).astype(mu.dtype, copy=False)  # theory 3.5
        return Moments(gradient.m, gradient.v, rows=None if one is None else one.rows.times(penalty)), own

    def _heard(self, tape: NeuronTape, dM: np.ndarray) -> np.ndarray:
        """c_t of theory 3.12, from dM_t = c_t / s_t + beta n_t dM_{t+1} with dM_{T+1} = 0."""
        later = np.concatenate([dM[1:], np.zeros_like(dM[:1])])
        kept = self.beta * (1.0 - self.spikes(tape)) if self.reset == "hard" else self.beta
        c_over_s = dM - kept * later
        return c_over_s if tape.V is None else c_over_s * np.sqrt(tape.V)

    def monitor(self, tape: NeuronTape) -> Monitor:
        return monitor(tape.M - self.theta, tape.V, self.spikes(tape), self._neurons(tape).value())

    def spikes(self, tape: NeuronTape) -> np.ndarray:
        return np.asarray(tape.z)

    def densities(self, tape: NeuronTape) -> np.ndarray:
        return density(self.law, tape.M - self.theta, tape.V)

    def counted(self, stage: Stage, tape: NeuronTape) -> int:
        spikes = self.spikes(tape)
        return acting(spikes[:-1], "binary") * spikes.shape[-1] if self.recurrent else 0  # the last feed no later step
