"""A block on a residual stream of mean and variance, without normalisation (theory 3.8)."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from refsbnn.errors import InputError, check_number
from refsbnn.fed import Fed, added
from refsbnn.layers import chain
from refsbnn.layers.layer import Layer, Parameters, Pass, Place, Stage, expect
from refsbnn.layers.linear import Conv2d, LinearTape
from refsbnn.layers.signal import Moments, Signal
from refsbnn.layers.units import Spike, SpikeTape


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

    Examples
    --------
    >>> from refsbnn.layers import Dense, Residual, Signal, Spike
    >>> print(Residual((Spike(), Dense(8)), scale=0.5).connect(Signal("moments", (8,))))
    moments of shape (8,)
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

    def pair(self, run: Pass, stage: Stage, x: Moments) -> tuple[Spike, Conv2d] | None:
        """The branch's layers where they are units and a convolution, which the backend runs as one (theory 3.8)."""
        if len(self.branch) != 2 or stage.place.input.steps is not None or x.v is None:
            return None
        units, conv = self.branch
        return (units, conv) if type(units) is Spike and type(conv) is Conv2d else None

    def options(self, run: Pass, stage: Stage, units: Spike, conv: Conv2d) -> dict[str, Any]:
        """What the backend's block is told of the three."""
        own = {"scale": self.scale, "accumulate": self.accumulate}
        return units.options() | conv.operator(run, stage.inner[1].place.input)[1] | own

    def forward(self, run: Pass, stage: Stage, parameters: Parameters, x: Moments) -> tuple[Moments, ResidualTape]:
        pair = self.pair(run, stage, x)
        if pair is not None:
            return self.forward_pair(run, stage, parameters, x, *pair)
        y, tapes = chain.forward(stage.inner, run, parameters, x)
        fed = x.fed.then(y.fed, self.scale, spread=self.accumulate or x.v is None)  # every branch so far
        if x.v is None:
            return Moments(x.m + self.scale * y.m, None, fed), ResidualTape(tapes)  # theory 3.8, 3.18
        H, U = run.backend.residual.add_forward(x.m, x.v, y.m, y.v, scale=self.scale, accumulate=self.accumulate)
        return Moments(H, U, fed), ResidualTape(tapes)

    def forward_pair(
        self, run: Pass, stage: Stage, parameters: Parameters, x: Moments, units: Spike, conv: Conv2d
    ) -> tuple[Moments, ResidualTape]:
        """As `forward`, in one call of the backend; the tapes are those of the two layers."""
        below, above = stage.inner
        own = chain.own(parameters, above)
        mu, sigma2, bias_sigma2 = conv.met(run, own)
        u = run.draws.address(below.place.index, below.place.input.shape)
        H, U, h = run.backend.block.forward(
            *(x.m, x.v, u, mu, sigma2, own["bias_mu"], bias_sigma2), **self.options(run, stage, units, conv)
        )
        kept = run.backend.keep(h)
        fed = x.fed.then(Fed((conv.feeds(run, above, mu, sigma2),)), self.scale, spread=self.accumulate)
        return Moments(H, U, fed), ResidualTape([SpikeTape(x, u, kept), LinearTape(kept, mu, sigma2, bias_sigma2)])

    def backward_pair(
        self, run: Pass, stage: Stage, tape: ResidualTape, g: Moments, units: Spike, conv: Conv2d
    ) -> tuple[Moments, Parameters]:
        """As `backward` of what `forward_pair` did, where there is no penalty and nobody listens."""
        (x, u, h), met = tape.branch
        gradient = run.backend.block.backward(
            *(g.m, g.v, h, x.m, x.v, u, met.mu, met.sigma2),
            extra=units.extra(run, stage.inner[0], None),
            **self.options(run, stage, units, conv),
        )
        own = conv.own_gradients(run, stage.inner[1], met, gradient, None)
        return Moments(gradient.H, gradient.U), chain.named(stage.inner[1], own)

    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: ResidualTape, g: Moments, penalty: float
    ) -> tuple[Moments, Parameters]:
        pair = self.pair(run, stage, g) if penalty == 0.0 and g.rows is None and run.heard is None else None
        if pair is not None:
            return self.backward_pair(run, stage, tape, g, *pair)
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
