"""A block on a residual stream of mean and variance, without normalisation (theory 3.8)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from refsbnn.errors import InputError
from refsbnn.layers import chain
from refsbnn.layers.layer import Layer, Monitor, Parameters, Pass, Place, expect
from refsbnn.layers.signal import Moments, Signal
from refsbnn.streams import Streams


@dataclass(frozen=True)
class Residual(Layer):
    """Add a branch to the stream: H + scale m(z), U + scale^2 v(z).

    Parameters
    ----------
    branch : tuple of Layer
        Moments in, moments of the same shape out: for instance (Spike(), Conv2d(...)), once or twice.
    scale : float
        The branch's weight a_l.
    accumulate : bool
        False keeps only this branch's variance in U.
    """

    branch: tuple[Layer, ...]
    scale: float = 1.0
    accumulate: bool = True
    kind: ClassVar[str] = "residual"

    def __post_init__(self) -> None:
        if not np.isfinite(self.scale):
            raise InputError(f"residual: scale is {self.scale!r}; expected a finite number")

    @property
    def addresses(self) -> int:
        return sum(layer.addresses for layer in self.branch)

    @property
    def units(self) -> int:
        return sum(layer.units for layer in self.branch)

    def _stages(self, place: Place) -> tuple[chain.Stage, ...]:
        return chain.connect(self.branch, place.input, place.index)

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "moments")
        stages = chain.connect(self.branch, signal)
        if not stages or stages[-1].output != signal:
            gives = stages[-1].output if stages else "nothing"
            raise InputError(f"residual: the branch gives {gives}; the stream is {signal}")
        return signal

    def initial(self, place: Place, streams: Streams) -> Parameters:
        return chain.initial(self._stages(place), streams)

    def priors(self, place: Place) -> dict[str, float]:
        return chain.priors(self._stages(place))

    def draws(self, place: Place, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        entering, own = chain.draws(self._stages(place), readers)
        if not self.accumulate or readers is None or entering is None:
            return None, own
        return readers + entering, own

    def operations(self, place: Place) -> int:
        return sum(stage.layer.operations(stage.place) for stage in self._stages(place))

    def forward(self, run: Pass, place: Place, parameters: Parameters, x: Moments) -> tuple[Moments, Any]:
        y, tapes = chain.forward(self._stages(place), run, parameters, x)
        norm2 = x.norm2 + self.scale**2 * y.norm2
        if x.v is None:
            return Moments(x.m + self.scale * y.m, None, norm2), tapes  # theory 3.8, 3.18
        H, U = run.backend.residual.add_forward(x.m, x.v, y.m, y.v, scale=self.scale, accumulate=self.accumulate)
        return Moments(H, U, norm2), tapes

    def backward(
        self, run: Pass, place: Place, parameters: Parameters, tape: Any, g: Moments, penalty: float
    ) -> tuple[Moments, Parameters]:
        options = {"scale": self.scale, "accumulate": self.accumulate}
        if g.v is None:
            dH, dU, dm, dv = g.m, None, self.scale * g.m, None
        else:
            dH, dU, dm, dv = run.backend.residual.add_backward(g.m, g.v, **options)
        into = Moments(dm, dv, self.scale**2 * g.norm2)
        dx, gradients = chain.backward(self._stages(place), run, parameters, tape, into, penalty)
        dU = None if dU is None else dU + dx.v
        return Moments(dH + dx.m, dU, g.norm2 + dx.norm2), gradients

    def monitors(self, tape: Any) -> list[Monitor]:
        return [record for layer, own in zip(self.branch, tape, strict=True) for record in layer.monitors(own)]
