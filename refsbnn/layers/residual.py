"""A block on a residual stream of mean and variance, without normalisation (theory 3.8)."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from refsbnn.errors import InputError, check_number
from refsbnn.layers import chain
from refsbnn.layers.layer import Layer, Parameters, Pass, Place, Stage, expect
from refsbnn.layers.signal import Moments, Signal
from refsbnn.sensitivity import added


class ResidualTape(NamedTuple):
    """Of a residual block: the tapes of its branch, in order."""

    branch: list[Any]


@dataclass(frozen=True)
class Residual(Layer[ResidualTape]):
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

    branch: tuple[Layer[Any], ...]
    scale: float = 1.0
    accumulate: bool = True
    kind: ClassVar[str] = "residual"

    def __post_init__(self) -> None:
        check_number("residual: scale", self.scale, lambda scale: True, "a finite number")

    @property
    def units(self) -> int:
        return sum(layer.units for layer in self.branch)

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "moments")
        return signal

    def inside(self, place: Place) -> tuple[Stage, ...]:
        stages = chain.connect(self.branch, place.input, place.index)
        if not stages or stages[-1].output != place.input:
            gives = stages[-1].output if stages else "nothing"
            raise InputError(f"residual: the branch gives {gives}; the stream is {place.input}")
        return stages

    def draws(self, stage: Stage, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        entering, own = chain.draws(stage.inner, readers)
        if not self.accumulate or readers is None or entering is None:
            return None, own
        return readers + entering, own

    def forward(self, run: Pass, stage: Stage, parameters: Parameters, x: Moments) -> tuple[Moments, ResidualTape]:
        y, tapes = chain.forward(stage.inner, run, parameters, x)
        fed = x.fed.then(y.fed, self.scale, spread=self.accumulate or x.v is None)  # every branch so far
        if x.v is None:
            return Moments(x.m + self.scale * y.m, None, fed), ResidualTape(tapes)  # theory 3.8, 3.18
        H, U = run.backend.residual.add_forward(x.m, x.v, y.m, y.v, scale=self.scale, accumulate=self.accumulate)
        return Moments(H, U, fed), ResidualTape(tapes)

    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: ResidualTape, g: Moments, penalty: float
    ) -> tuple[Moments, Parameters]:
        options = {"scale": self.scale, "accumulate": self.accumulate}
        if g.v is None:
            dH, dU, dm, dv = g.m, None, self.scale * g.m, None
        else:
            dH, dU, dm, dv = run.backend.residual.add_backward(g.m, g.v, **options)
        past, rows = g.rows, None
        if past is not None:
            rows = past.scaled(self.scale, self.scale**2)
            past = past if self.accumulate or g.v is None else past.scaled(1.0, 0.0)
        into = Moments(dm, dv, rows=rows)
        dx, gradients = chain.backward(stage.inner, run, parameters, tape.branch, into, penalty)
        dU = None if dU is None else dU + dx.v
        return Moments(dH + dx.m, dU, rows=added(past, dx.rows)), gradients

    def tapes(self, tape: ResidualTape) -> list[Any]:
        return tape.branch
