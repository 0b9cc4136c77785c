"""The end of a network: leaky integration over time (theory 3.13) and a sample of the outputs (theory 3.14)."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from refsbnn.errors import check_choice, check_number
from refsbnn.layers.layer import Layer, Parameters, Pass, Stage, expect
from refsbnn.layers.signal import Moments, Signal
from refsbnn.reference.readout import coefficients


class LeakyTape(NamedTuple):
    """Of a leaky readout: the coefficient of each step, (steps, batch, classes)."""

    c: np.ndarray


class SampledTape(NamedTuple):
    """Of a sampled readout: the variance and the normals, None beside point weights."""

    v: np.ndarray | None
    eps: np.ndarray | None


@dataclass(frozen=True)
class LeakyReadout(Layer[LeakyTape]):
    """A leaky integrator without spikes: moments over time to moments.

    Parameters
    ----------
    beta : float
        Decay per step, in [0, 1].
    reduce : {"mean", "max", "last"}
        Which value over time is the output.

    Examples
    --------
    >>> from refsbnn.layers import LeakyReadout, Signal
    >>> print(LeakyReadout(beta=0.9).connect(Signal("moments", (10,), steps=20)))
    moments of shape (10,)
    """

    kind: ClassVar[str] = "leaky_readout"
    beta: float = 0.95
    reduce: str = "mean"

    def __post_init__(self) -> None:
        check_choice("leaky_readout: reduce", self.reduce, ("mean", "max", "last"))
        check_number("leaky_readout: beta", self.beta, lambda beta: 0.0 <= beta <= 1.0, "a number from 0 to 1")

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "moments", 1, time=True)
        return Signal("moments", signal.shape, point=signal.point)

    def draws(self, stage: Stage, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        steps = stage.place.input.steps
        return (steps if self.reduce != "max" or steps == 1 else None), {}

    def forward(self, run: Pass, stage: Stage, parameters: Parameters, x: Moments) -> tuple[Moments, LeakyTape]:
        m, v, c = run.backend.readout.integrate_forward(x.m, x.v, beta=self.beta, reduce=self.reduce)
        return Moments(m, v, x.fed), LeakyTape(c)

    def passed(self, stage: Stage) -> float:
        # Of the maximum: as if every class were read at the last step.
        steps = stage.place.input.steps or 1
        c = coefficients(np.zeros(steps), self.beta, "mean" if self.reduce == "mean" else "last")
        return float(np.sqrt(np.square(c).sum()))

    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: LeakyTape, g: Moments, penalty: float
    ) -> tuple[Moments, Parameters]:
        dm, dv = run.backend.readout.integrate_backward(g.m, g.v, tape.c)
        return Moments(dm, dv, rows=g.rows), {}


@dataclass(frozen=True)
class SampledReadout(Layer[SampledTape]):
    """One sample of the outputs under the readout's own posterior: moments to real values.

    Beside point weights the outputs are the means (theory 3.18).

    Examples
    --------
    >>> from refsbnn.layers import SampledReadout, Signal
    >>> print(SampledReadout().connect(Signal("moments", (10,))))
    real values of shape (10,)
    """

    kind: ClassVar[str] = "sampled_readout"

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "moments", 1, time=False)
        return signal.values("real")

    def draws(self, stage: Stage, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        return 1, {}

    def forward(self, run: Pass, stage: Stage, parameters: Parameters, x: Moments) -> tuple[np.ndarray, SampledTape]:
        if x.v is None:
            return x.m, SampledTape(None, None)
        eps = run.draws.normals(stage.place.index, stage.place.input.shape).astype(run.dtype, copy=False)
        return run.backend.readout.sample_forward(x.m, x.v, eps), SampledTape(x.v, eps)

    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: SampledTape, g: np.ndarray, penalty: float
    ) -> tuple[Moments, Parameters]:
        if tape.v is None:
            return Moments(g, None), {}
        dm, dv = run.backend.readout.sample_backward(g, tape.v, tape.eps)
        return Moments(dm, dv), {}
