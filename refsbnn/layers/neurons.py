"""LIF neurons over time (theory 3.9 to 3.12), what each of them may learn for itself (theory 3.27, 3.28), and their
slow states: a synaptic current, a threshold that adapts (theory 3.30 to 3.35).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from refsbnn import posterior, sensitivity
from refsbnn.draws import Uniforms
from refsbnn.errors import InputError, check_choice, check_number
from refsbnn.fed import Fed
from refsbnn.layers.layer import Monitor, Parameters, Pass, Stage, expect
from refsbnn.layers.linear import acting, initial_weights
from refsbnn.layers.signal import Moments, Signal
from refsbnn.layers.units import Units, density, monitor, noise_of
from refsbnn.reference.lif import Each, LIFTape, Recurrent
from refsbnn.reference.lif_slow import SlowTape
from refsbnn.sensitivity import Neurons, NeuronSensitivity, Reset, Rows, Weights
from refsbnn.streams import Purpose, Streams

LEARNT = ("beta", "theta")


class NeuronTape(NamedTuple):
    """Of LIF neurons: uniforms, recurrent weights, the membranes' moments and the spikes as the backend keeps them.

    beta and theta are numbers, or arrays where each neuron has its own. V is None beside point weights; `before` is the
    state that the first step met, None at rest; `fed` are the weights from below, as the bias penalty sees them,
    `reset` what it knows of the reset, None where it leaves it out. `slow` is the backend's tape where there is a
    synaptic current or a threshold that adapts, without the spikes.
    """

    u: np.ndarray | Uniforms
    weights: Recurrent | None
    beta: Each
    theta: Each
    M: np.ndarray
    V: np.ndarray | None
    z: ArrayLike
    before: Any
    fed: Fed
    reset: Reset | None
    slow: SlowTape | None = None


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
    learn_beta, learn_theta : bool
        Whether each neuron, of images each channel, has a decay or a threshold of its own, which is trained: point
        parameters "beta_logit" and "theta", without noise and KL term (theory 3.27, 3.28). Not for beta 0 or 1.
    beta_spread, theta_spread : float
        Deviation of their initial values, normal around logit(beta) and theta: that of the logarithm of
        beta / (1 - beta), and of the threshold.
    alpha : float
        Decay of a synaptic current per step, in [0, 1], through which drives enter the membrane (theory 3.30, 3.31);
        0: none.
    adapt, adapt_decay : float
        How far constant firing raises a neuron's threshold, >= 0, and the decay of that per step, in [0, 1]
        (theory 3.33); adapt 0: the threshold does not move.

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
    learn_beta: bool = False
    beta_spread: float = 0.0
    learn_theta: bool = False
    theta_spread: float = 0.0
    alpha: float = 0.0
    adapt: float = 0.0
    adapt_decay: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("lif: reset", self.reset, ("hard", "soft"))
        check_choice("lif: variance", self.variance, ("linear", "quadratic"))
        for name in ("beta", "alpha", "adapt_decay"):
            check_number(f"lif: {name}", getattr(self, name), lambda decay: 0.0 <= decay <= 1.0, "a number from 0 to 1")
        check_number("lif: adapt", self.adapt, lambda adapt: 0.0 <= adapt < np.inf, "a finite number >= 0")
        if not self.adapt and self.adapt_decay != type(self).adapt_decay:
            raise InputError(f"lif: adapt_decay is {self.adapt_decay!r}; it needs an adapt above 0")
        for name in ("gain", "spread", "prior"):
            check_number(f"lif: {name}", getattr(self, name), lambda value: value > 0.0, "a number > 0")
        for name in LEARNT:
            learnt, spread = getattr(self, f"learn_{name}"), getattr(self, f"{name}_spread")
            check_number(f"lif: {name}_spread", spread, lambda value: value >= 0.0, "a number >= 0")
            if spread and not learnt:
                raise InputError(f"lif: {name}_spread is {spread!r}; it needs learn_{name} = true")
        if self.learn_beta and self.beta in (0.0, 1.0):
            raise InputError(f"lif: beta is {self.beta!r}; one that is learnt lies between 0 and 1")

    @property
    def is_slow(self) -> bool:
        """Whether the neurons have a synaptic current or a threshold that adapts, and so kernels of their own."""
        return self.alpha > 0.0 or self.adapt > 0.0

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "moments", 1 if self.recurrent else None, time=True)
        return signal.spikes("binary")

    def initial(self, stage: Stage, streams: Streams) -> Parameters:
        signal = stage.place.input
        own: Parameters = {}
        if self.learn_beta:
            own["beta_logit"] = special.logit(self.beta) + self.beta_spread * each_normal(streams, stage, 1)
        if self.learn_theta:
            own["theta"] = self.theta + self.theta_spread * each_normal(streams, stage, 2)
        if not self.recurrent:
            return own
        shape = (signal.shape[0], signal.shape[0])
        weights = initial_weights(streams, stage.place.index, shape, self.gain, self.spread, "recurrent_")
        if signal.point:
            del weights["recurrent_rho"]
        return weights | own

    def weight_count(self, stage: Stage) -> int:
        return stage.place.input.shape[0] ** 2 if self.recurrent else 0

    def priors(self, stage: Stage) -> dict[str, float]:
        if not self.recurrent or stage.place.input.point:
            return {}
        return {"recurrent_": self.prior / stage.place.input.shape[0]}

    def draws(self, stage: Stage, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        steps = stage.place.input.steps or 1
        # One draw for each pair of a step and an earlier one whose input membrane or current still hold.
        held = self.beta > 0.0 or self.alpha > 0.0
        each = steps if not held else steps * (steps + 1) // 2 if self.accumulate or steps == 1 else None
        if self.noise == "logistic" and (self.learn_theta or self.theta != 0.0 or self.adapt):
            each = None
        return each, dict.fromkeys(self.priors(stage), each)

    def operations(self, stage: Stage) -> int:
        signal = stage.place.input
        return signal.shape[0] ** 2 * (signal.steps or 1) if self.recurrent else 0

    def _options(self, beta: Each, theta: Each) -> dict[str, Any]:
        names: tuple[str, ...] = ("reset", "accumulate", "variance")
        names += ("alpha", "adapt", "adapt_decay") if self.is_slow else ()
        numbers = {"beta": beta, "theta": theta, **{name: getattr(self, name) for name in names}}
        return {"noise": self.law, "member": self.estimator, **numbers}

    def numbers(self, parameters: Parameters) -> tuple[Each, Each]:
        """Decay and threshold, of all neurons or of each (theory 3.27)."""
        beta = special.expit(parameters["beta_logit"]) if self.learn_beta else self.beta
        return beta, parameters["theta"] if self.learn_theta else self.theta

    def _weights(self, parameters: Parameters) -> Recurrent | None:
        if not self.recurrent:
            return None
        rho = parameters.get("recurrent_rho")
        return parameters["recurrent_mu"], None if rho is None else posterior.sigma2_of(rho)

    def forward(self, run: Pass, stage: Stage, parameters: Parameters, x: Moments) -> tuple[np.ndarray, NeuronTape]:
        index = stage.place.index
        u = run.draws.address(index, stage.place.input.shape, steps=len(x.m))
        weights, (beta, theta) = self._weights(parameters), self.numbers(parameters)
        before = None if run.memory is None else run.memory.states.get(index)
        neurons = run.backend.lif_slow if self.is_slow else run.backend.lif
        z, states = neurons.forward(x.m, x.v, u, weights, before=before, **self._options(beta, theta))
        if run.memory is not None:
            run.memory.states[index] = states.last
        reset = None
        if run.penalty != "norm":
            carried = self.accumulate and states.V is not None
            rise = self.adapt * (1.0 - self.adapt_decay)
            reset = Reset(beta, theta, self.reset == "hard", carried, self.alpha, rise)
        kept = run.backend.keep(z)
        slow = states._replace(z=kept) if self.is_slow else None
        return z, NeuronTape(u, weights, beta, theta, states.M, states.V, kept, states.before, x.fed, reset, slow)

    def threshold(self, tape: NeuronTape) -> Any:
        """Of all neurons, or of each, or where it adapts of each at each step (theory 3.33)."""
        return tape.theta if tape.slow is None else tape.theta + self.adapt * tape.slow.a

    def _neurons(self, tape: NeuronTape) -> Neurons:
        """What moves the neurons, for the bias penalty."""
        none, before = np.zeros(()), tape.before
        recurrent, diagonal = Rows(none, none, none), (none, none)
        if tape.weights is not None:
            mu, sigma2 = tape.weights
            recurrent = Weights(mu, None if tape.reset is None else sigma2, 1.0).rows()
            diagonal = np.diagonal(mu), none if sigma2 is None else np.diagonal(sigma2)
        C = None if tape.slow is None else tape.slow.C
        past: tuple[np.ndarray, ...] | None = None
        if before is not None:
            past = before.M, noise_of(before.M, before.V)
            past += () if C is None else (before.C,)
        reset, V = tape.reset, noise_of(tape.M, tape.V)
        return Neurons(tape.fed.total(), recurrent, diagonal, reset, self.threshold(tape), tape.M, V, past, C)

    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: NeuronTape, g: np.ndarray, penalty: float
    ) -> tuple[Moments, Parameters]:
        index, weights = stage.place.index, tape.weights
        one, direct = None, dict[str, np.ndarray | None]()
        if penalty != 0.0:
            one = sensitivity.neurons(self._neurons(tape))
            parts = {"dM": penalty * one.M, "dV": penalty * one.V}
            if one.C is not None:
                parts["dC"] = penalty * one.C
            if run.memory is not None:
                for part, sent in zip(parts.values(), run.memory.penalties.get(index, (0.0,) * 3), strict=False):
                    part[-1] += sent
                run.memory.penalties[index] = tuple(penalty * part for part in one.before)
            if self.adapt:
                parts["da"] = -self.adapt * penalty * one.m  # theory 3.35
            direct = {name: part.astype(tape.M.dtype, copy=False) for name, part in parts.items()}
            direct["dV"] = None if tape.V is None else direct["dV"]
        neurons = run.backend.lif if tape.slow is None else run.backend.lif_slow
        gradient = neurons.backward(
            g,
            self._spiking(tape),
            tape.u,
            weights,
            **direct,
            after=None if run.memory is None else run.memory.gradients.get(index),
            reset_gradient=self.reset_gradient,
            extra=self.extra(run, stage, len(tape.M)),
            **self._options(tape.beta, tape.theta),
        )
        if run.memory is not None:
            run.memory.gradients[index] = gradient.before
        if run.heard is not None:
            run.heard[index] = self._heard(tape, gradient.m)
        own = self._each(tape, gradient.beta, gradient.theta, one, penalty)
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

    def _spiking(self, tape: NeuronTape) -> LIFTape | SlowTape:
        """The backend's tape."""
        if tape.slow is not None:
            return tape.slow._replace(z=self.spikes(tape))
        return LIFTape(tape.M, tape.V, self.spikes(tape), tape.before)

    def _each(
        self,
        tape: NeuronTape,
        beta: np.ndarray | None,
        theta: np.ndarray | None,
        one: NeuronSensitivity | None,
        penalty: float,
    ) -> Parameters:
        """Gradients of what each neuron has for itself, those of the membranes and of the penalty together."""
        own: Parameters = {}
        if beta is not None:
            total = beta if one is None else beta + penalty * one.beta
            own["beta_logit"] = (total * tape.beta * (1.0 - tape.beta)).astype(beta.dtype, copy=False)  # theory 3.27
        if theta is not None:
            total = theta if one is None else theta + penalty * one.theta
            own["theta"] = total.astype(theta.dtype, copy=False)
        return own

    def _heard(self, tape: NeuronTape, dJ: np.ndarray) -> np.ndarray:
        """c_t of theory 3.12, from dM_t = c_t / s_t + beta n_t dM_{t+1} with dM_{T+1} = 0.

        Through a synaptic current dJ_t = dM_t + alpha dJ_{t+1} (theory 3.34).
        """
        dM = dJ - self.alpha * np.concatenate([dJ[1:], np.zeros_like(dJ[:1])]) if self.alpha else dJ
        later = np.concatenate([dM[1:], np.zeros_like(dM[:1])])
        kept = tape.beta * (1.0 - self.spikes(tape)) if self.reset == "hard" else tape.beta
        c_over_s = dM - kept * later
        return c_over_s if tape.V is None else c_over_s * np.sqrt(tape.V)

    def monitor(self, tape: NeuronTape) -> Monitor:
        return monitor(tape.M - self.threshold(tape), tape.V, self.spikes(tape), self._neurons(tape).value())

    def spikes(self, tape: NeuronTape) -> np.ndarray:
        return np.asarray(tape.z)

    def densities(self, tape: NeuronTape) -> np.ndarray:
        return density(self.law, tape.M - self.threshold(tape), tape.V)

    def counted(self, stage: Stage, tape: NeuronTape) -> int:
        spikes = self.spikes(tape)
        return acting(spikes[:-1], "binary") * spikes.shape[-1] if self.recurrent else 0  # the last feed no later step


def each_normal(streams: Streams, stage: Stage, time: int) -> np.ndarray:
    """A standard normal for each neuron, of images for each channel; the recurrent weights have time 0."""
    units = stage.place.input.shape[-1]
    return streams.normals(Purpose.INITIAL, layer=stage.place.index, time=time, units=units)[0]
