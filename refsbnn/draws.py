"""What a forward and backward pass asks for its noise, and the three that answer: counters, given arrays, none.

A pass of a network asks by the layer's number and the shape of its units, and knows no more of where numbers come from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from refsbnn.errors import InputError
from refsbnn.streams import Purpose, Streams


class Draws(Protocol):
    """The noise of one pass over a batch.

    Everything is a function of the layer and the time step: asked twice, it answers the same, which is what running a
    part of the network again in the backward pass rests on.

    Examples
    --------
    >>> import numpy as np
    >>> from refsbnn.streams import Purpose, Streams
    >>> draws: Draws = CounterDraws(Streams(1), Purpose.TRAIN, step=0, samples=np.arange(2))
    >>> draws.uniforms(0, (3,)).shape, draws.normals(0, (3,)).shape, draws.batch
    ((2, 3), (2, 3), 2)
    >>> later = draws.at(time=5).uniforms(0, (3,), steps=2)
    >>> bool((np.asarray(draws.address(0, (3,), steps=7))[5:] == later).all())
    True
    """

    @property
    def batch(self) -> int:
        """How many rows the batch has."""

    def uniforms(self, layer: int, shape: tuple[int, ...], *, steps: int | None = None, draw: int = 0) -> np.ndarray:
        """One uniform a unit.

        Parameters
        ----------
        layer : int
            Number of the layer in the network.
        shape : tuple of int
            Shape of the layer's units.
        steps : int, optional
            Time steps; the array gets a leading axis of time.
        draw : int
            0 for the one that makes the spike; k > 0 for a member's k-th extra uniform.

        Returns
        -------
        (batch, *shape) or (steps, batch, *shape) array
            In [0, 1).
        """

    def address(self, layer: int, shape: tuple[int, ...], *, steps: int | None = None) -> "np.ndarray | Uniforms":
        """The uniforms that make a layer's spikes, or the address that a kernel makes them from."""

    def normals(self, layer: int, shape: tuple[int, ...]) -> np.ndarray:
        """One standard normal a unit: (batch, *shape) array."""

    def at(self, time: int) -> "Draws":
        """The same draws, for a piece of the sequence whose first step is `time`."""


@dataclass(frozen=True)
class CounterDraws:
    """Draws by counter (theory 6.1): a purpose, a step, which sample each row of the batch is, the first time step.

    Examples
    --------
    >>> import numpy as np
    >>> from refsbnn.streams import Purpose, Streams
    >>> both = CounterDraws(Streams(1), Purpose.TRAIN, step=0, samples=np.arange(2)).uniforms(0, (3,))
    >>> second = CounterDraws(Streams(1), Purpose.TRAIN, step=0, samples=np.array([1])).uniforms(0, (3,))
    >>> bool((both[1] == second[0]).all())  # whatever batch an example is in
    True
    """

    streams: Streams
    purpose: Purpose
    step: int
    samples: np.ndarray
    time: int = 0

    @property
    def batch(self) -> int:
        """How many rows the batch has."""
        return len(self.samples)

    def uniforms(self, layer: int, shape: tuple[int, ...], *, steps: int | None = None, draw: int = 0) -> np.ndarray:
        """As `Draws.uniforms`, float64.

        The row-major index of a unit in its layer is its address; that of its k-th extra uniform lies k times the
        number of units above.
        """
        return self._each(self.streams.uniforms, layer, shape, steps, draw)

    def address(self, layer: int, shape: tuple[int, ...], *, steps: int | None = None) -> "Uniforms":
        """The uniforms that make a layer's spikes, not yet drawn; arguments as in `uniforms`."""
        return Uniforms(self, layer, shape, steps)

    def normals(self, layer: int, shape: tuple[int, ...]) -> np.ndarray:
        """One standard normal a unit: (batch, *shape) float64."""
        return self._each(self.streams.normals, layer, shape, None, 0)

    def at(self, time: int) -> "CounterDraws":
        """The same draws from step `time` on."""
        return replace(self, time=time)

    def _each(
        self, make: Callable[..., np.ndarray], layer: int, shape: tuple[int, ...], steps: int | None, draw: int
    ) -> np.ndarray:
        units = int(np.prod(shape))
        rows = [
            make(
                self.purpose,
                step=self.step,
                samples=self.samples,
                layer=layer,
                time=self.time + t,
                units=(draw + 1) * units,
            )[:, draw * units :].reshape(len(self.samples), *shape)
            for t in range(steps or 1)
        ]
        return rows[0] if steps is None else np.stack(rows)


@dataclass(frozen=True)
class GivenDraws:
    """Numbers from outside, by the number of the layer: how the oracle's states and other people's cases drive a pass.

    Parameters
    ----------
    rows : int
        Rows of the batch.
    spikes : mapping of int to array
        Uniforms that make the spikes, (batch, *units) or (steps, batch, *units), of every unit layer.
    readouts : mapping of int to array
        Standard normals, (batch, *units), of a sampled readout.
    extra : mapping of int to array
        Further uniforms of the members that draw in the backward pass, (draws, batch, *units) or
        (draws, steps, batch, *units).
    time : int
        The first step that is asked for.

    Examples
    --------
    >>> GivenDraws(1, {1: np.array([[0.25, 0.75]])}).uniforms(1, (2,))
    array([[0.25, 0.75]])
    """

    rows: int
    spikes: Mapping[int, np.ndarray] = field(default_factory=dict)
    readouts: Mapping[int, np.ndarray] = field(default_factory=dict)
    extra: Mapping[int, np.ndarray] = field(default_factory=dict)
    time: int = 0

    @property
    def batch(self) -> int:
        """How many rows the batch has."""
        return self.rows

    def uniforms(self, layer: int, shape: tuple[int, ...], *, steps: int | None = None, draw: int = 0) -> np.ndarray:
        """The layer's uniforms as they were given.

        Raises
        ------
        InputError
            None were given for the layer, or of another shape.
        """
        if draw == 0:
            return self._found("uniforms", self.spikes, layer, shape, steps)
        if draw > len(self.extra.get(layer, ())):
            raise InputError(
                f"layer {layer} asks for {draw} extra uniforms a unit; {len(self.extra.get(layer, ()))} given"
            )
        return self._found("extra uniforms", {layer: self.extra[layer][draw - 1]}, layer, shape, steps)

    def address(self, layer: int, shape: tuple[int, ...], *, steps: int | None = None) -> np.ndarray:
        """The same numbers: there is nothing to draw."""
        return self.uniforms(layer, shape, steps=steps)

    def normals(self, layer: int, shape: tuple[int, ...]) -> np.ndarray:
        """The layer's normals as they were given."""
        return self._found("normals", self.readouts, layer, shape, None)

    def at(self, time: int) -> "GivenDraws":
        """The same numbers from step `time` on."""
        return replace(self, time=time)

    def _found(
        self, what: str, given: Mapping[int, np.ndarray], layer: int, shape: tuple[int, ...], steps: int | None
    ) -> np.ndarray:
        if layer not in given:
            raise InputError(f"layer {layer} has no {what}; given for layers {sorted(given)}")
        values = np.asarray(given[layer])
        if steps is not None:
            values = values[self.time : self.time + steps]
        expected = (*(() if steps is None else (steps,)), self.rows, *shape)
        if values.shape != expected:
            raise InputError(f"{what} of layer {layer} have shape {values.shape}; expected {expected}")
        return values


@dataclass(frozen=True)
class MeanDraws:
    """No noise, the mean weights: every uniform is 1/2, so that a unit spikes where m > 0 (theory 1.1), every normal 0.

    In floating point a unit whose F(r) rounds to 1/2 does not spike.

    Examples
    --------
    >>> MeanDraws(2).uniforms(0, (3,))
    array([[0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5]])
    """

    batch: int

    def uniforms(self, layer: int, shape: tuple[int, ...], *, steps: int | None = None, draw: int = 0) -> np.ndarray:
        """One half for every unit."""
        return np.full((*(() if steps is None else (steps,)), self.batch, *shape), 0.5)

    def address(self, layer: int, shape: tuple[int, ...], *, steps: int | None = None) -> np.ndarray:
        """The same numbers: there is nothing to draw."""
        return self.uniforms(layer, shape, steps=steps)

    def normals(self, layer: int, shape: tuple[int, ...]) -> np.ndarray:
        """Zero for every unit."""
        return np.zeros((self.batch, *shape))

    def at(self, time: int) -> "MeanDraws":
        """The same: all steps are alike."""
        return self


@dataclass(frozen=True)
class Uniforms:
    """Uniforms by their address: a kernel makes them where it needs them, and nothing stores them.

    ``np.asarray(uniforms)`` draws them, so that every function that takes an array takes an address.

    Examples
    --------
    >>> draws = CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(2))
    >>> where = draws.address(3, (5,))
    >>> bool((np.asarray(where) == draws.uniforms(3, (5,))).all())
    True
    >>> where.shape, where.word == (3 << 16) + (int(Purpose.TRAIN) << 28)
    ((2, 5), True)
    """

    draws: CounterDraws
    layer: int
    units: tuple[int, ...]
    steps: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array: (batch, *units) or (steps, batch, *units)."""
        return (*(() if self.steps is None else (self.steps,)), self.draws.batch, *self.units)

    @property
    def word(self) -> int:
        """The counter's third word at the first time step; later steps are added to it (theory 6.1)."""
        return self.draws.time + (self.layer << 16) + (int(self.draws.purpose) << 28)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The numbers, float64 unless `dtype` says otherwise."""
        drawn = self.draws.uniforms(self.layer, self.units, steps=self.steps)
        return drawn if dtype is None else drawn.astype(dtype, copy=False)
