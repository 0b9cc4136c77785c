"""Draws of a batch in which single spikes are forced and everything else is drawn as it was."""

from dataclasses import dataclass, replace

import numpy as np

from refsbnn.draws import Draws, Uniforms

# Uniforms that force a spike, or none, wherever the unit has both states: the second is 1 in float32.
FORCING = np.array([np.nextafter(1.0, 0.0), 0.0])


@dataclass(frozen=True)
class Forced:
    """Every row of some draws repeated, each copy with one spike of one layer forced; as `Draws`.

    A network that runs on it is the network that trains: no forward pass knows of forced spikes.

    Attributes
    ----------
    draws : Draws
        Of n rows.
    layer : int
        Number of the layer in the network.
    cells : (k,) int array
        The spike that copy k forces, as its row-major index in (steps, *units).
    spikes : (n, k) array
        What it is forced to, 0 or 1. The batch has n k rows, the copies of a row beside one another.
    time : int
        The first step that is asked for.

    Examples
    --------
    >>> from refsbnn.draws import CounterDraws
    >>> from refsbnn.streams import Purpose, Streams
    >>> drawn = CounterDraws(Streams(1), Purpose.PREDICT, 0, np.arange(1))
    >>> Forced(drawn, 2, np.array([0, 1]), np.array([[1, 0]])).uniforms(2, (3,)).round(2)
    array([[0.  , 0.88, 0.68],
           [0.59, 1.  , 0.68]])
    """

    draws: Draws
    layer: int
    cells: np.ndarray
    spikes: np.ndarray
    time: int = 0

    @property
    def batch(self) -> int:
        """How many rows the batch has."""
        return self.spikes.size

    def uniforms(self, layer: int, shape: tuple[int, ...], *, steps: int | None = None, draw: int = 0) -> np.ndarray:
        """As `Draws.uniforms`, float64."""
        copies = len(self.cells)
        u = np.repeat(self.draws.uniforms(layer, shape, steps=steps, draw=draw), copies, axis=int(steps is not None))
        if layer == self.layer and draw == 0:
            step, unit = np.divmod(self.cells, int(np.prod(shape)))
            step = step - self.time
            here = np.flatnonzero((step >= 0) & (step < (steps or 1)))
            each = u.reshape(steps or 1, len(self.spikes), copies, -1)
            each[step[here], :, here, unit[here]] = FORCING[self.spikes[:, here].T.astype(int)]
        return u

    def address(self, layer: int, shape: tuple[int, ...], *, steps: int | None = None) -> np.ndarray | Uniforms:
        """The numbers themselves where one is forced, else their address."""
        given = self.draws.address(layer, shape, steps=steps)
        if layer == self.layer or not isinstance(given, Uniforms):
            return self.uniforms(layer, shape, steps=steps)
        samples = np.repeat(given.draws.samples, len(self.cells))
        return replace(given, draws=replace(given.draws, samples=samples))

    def normals(self, layer: int, shape: tuple[int, ...]) -> np.ndarray:
        """As `Draws.normals`."""
        return np.repeat(self.draws.normals(layer, shape), len(self.cells), axis=0)

    def at(self, time: int) -> "Forced":
        """The same draws from step `time` on."""
        return replace(self, draws=self.draws.at(time), time=time)
