"""Layers that spike: what they share, and noisy binary units (theory 1.1)."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from refsbnn import estimators, sensitivity
from refsbnn import noise as noises
from refsbnn.draws import Uniforms
from refsbnn.errors import check_choice
from refsbnn.layers.layer import Layer, Monitor, Parameters, Pass, Stage, TapeT, expect
from refsbnn.layers.signal import Domain, Moments, Signal


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
