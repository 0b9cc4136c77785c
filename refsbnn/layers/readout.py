"""The end of a network: leaky integration over time (theory 3.13) and a sample of the outputs (theory 3.14)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from refsbnn.errors import InputError, check_choice
from refsbnn.layers.layer import Layer, Parameters, Pass, Place, expect
from refsbnn.layers.signal import Moments, Signal


@dataclass(frozen=True)
class LeakyReadout(Layer):
    """A leaky integrator without spikes: moments over time to moments.

    Parameters
    ----------
    beta : float
        Decay per step, in [0, 1].
    reduce : {"mean", "max", "last"}
        Which value over time is the output.
    """

    kind: ClassVar[str] = "leaky_readout"
    beta: float = 0.95
    reduce: str = "mean"

    def __post_init__(self) -> None:
        check_choice("leaky_readout: reduce", self.reduce, ("mean", "max", "last"))
        if not 0.0 <= self.beta <= 1.0:
            raise InputError(f"leaky_readout: beta is {self.beta!r}; expected a number from 0 to 1")

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "moments", 1, time=True)
        return Signal("moments", signal.shape, point=signal.point)

    def draws(self, place: Place, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        return (place.input.steps if self.reduce != "max" or place.input.steps == 1 else None), {}

    def forward(self, run: Pass, place: Place, parameters: Parameters, x: Moments) -> tuple[Moments, Any]:
        m, v, tape = run.backend.readout.integrate_forward(x.m, x.v, beta=self.beta, reduce=self.reduce)
        return Moments(m, v, x.norm2), tape

    def backward(
        self, run: Pass, place: Place, parameters: Parameters, tape: Any, g: Moments, penalty: float
    ) -> tuple[Moments, Parameters]:
        dm, dv = run.backend.readout.integrate_backward(g.m, g.v, tape)
        return Moments(dm, dv, g.norm2), {}


@dataclass(frozen=True)
class SampledReadout(Layer):
    """One sample of the outputs under the readout's own posterior: moments to real values.

    Beside point weights the outputs are the means (theory 3.18).
    """

    kind: ClassVar[str] = "sampled_readout"

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "moments", 1, time=False)
        return signal.values("real")

    def draws(self, place: Place, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        return 1, {}

    def forward(self, run: Pass, place: Place, parameters: Parameters, x: Moments) -> tuple[np.ndarray, Any]:
        if x.v is None:
            return x.m, (None, None, x.norm2)
        eps = run.draws.normals(place.index, place.input.shape).astype(run.dtype, copy=False)
        return run.backend.readout.sample_forward(x.m, x.v, eps), (x.v, eps, x.norm2)

    def backward(
        self, run: Pass, place: Place, parameters: Parameters, tape: Any, g: np.ndarray, penalty: float
    ) -> tuple[Moments, Parameters]:
        v, eps, norm2 = tape
        if v is None:
            return Moments(g, None, np.zeros_like(norm2)), {}
        dm, dv = run.backend.readout.sample_backward(g, v, eps)
        return Moments(dm, dv, np.zeros_like(norm2)), {}
