"""A part of an event data set: batches of recordings, moved a little in training (theory 6.1 for the draws)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from refsbnn.data.recordings import Recordings
from refsbnn.events import Events
from refsbnn.layers.signal import Signal
from refsbnn.streams import Draws, Purpose

WHOLE, EACH = 0, 1  # the streams' layers: draws for a whole recording, draws for each of its events


@dataclass(frozen=True)
class Augment:
    """How training recordings differ from epoch to epoch.

    Attributes
    ----------
    delay : int
        Bins by which a recording starts later or earlier, uniform in [-delay, delay].
    shift : int
        Units (channels of sound, pixels of images both ways) by which it is moved, uniform in [-shift, shift].
    jitter : float
        Standard deviation of the move of each single event, in channels; sound only.
    drop : float
        Probability that an event is left out; sound only.
    mirror : bool
        Whether half of the recordings are mirrored left to right; images only.
    """

    delay: int = 0
    shift: int = 0
    jitter: float = 0.0
    drop: float = 0.0
    mirror: bool = False


@dataclass(frozen=True)
class Spikes:
    """Some of the recordings of a data set.

    Attributes
    ----------
    recordings : Recordings
    rows : (n,) int64 array
        Which of them.
    signal : Signal
        (features,) gives batches of `Events`; (height, width, channels) gives bytes (steps, batch, height, ...).
    augment : Augment
    """

    recordings: Recordings
    rows: np.ndarray
    signal: Signal
    augment: Augment = Augment()

    @property
    def labels(self) -> np.ndarray:
        """(n,) int64 array."""
        return self.recordings.labels[self.rows]

    def batch(self, rows: np.ndarray, draws: Draws) -> Events | np.ndarray:
        """Examples as `Network.forward` takes them."""
        from refsbnn.data import scatter

        steps, shape = self.signal.steps or 1, self.signal.shape
        size = int(np.prod(shape))
        bits = np.zeros((len(rows), steps, -(-size // scatter.WORD)), np.uint64)
        late, down, right, mirrored = self._moves(draws)
        data = (self.recordings.offsets, self.recordings.bins, self.recordings.units, self.rows[rows], late)
        if len(shape) == 3:
            scatter.place(*data, down, right, mirrored, *shape, bits)
            octets = np.unpackbits(bits.view(np.uint8), axis=2, count=size, bitorder="little")
            return np.ascontiguousarray(octets.swapaxes(0, 1)).reshape(steps, len(rows), *shape)
        address = Draws(draws.streams, Purpose.AUGMENT, draws.step, draws.samples).address(EACH, (1,))
        key, samples = np.uint64(draws.streams.seed), np.asarray(draws.samples, np.int64)
        moves = (down, self.augment.jitter, self.augment.drop, key, samples, address.word, draws.step)
        scatter.scatter(*data, *moves, size, bits)
        counts = np.zeros((steps, len(rows)), np.int64)
        scatter.count(bits, counts)
        offsets = np.concatenate([[0], np.cumsum(counts.ravel())])
        columns = np.empty(offsets[-1], np.int32)
        scatter.events(bits.view(np.uint8), offsets, columns)
        return Events(offsets, columns, (steps, len(rows), size))

    def _moves(self, draws: Draws) -> Any:
        """Bins later, units (or pixels down), pixels to the right, mirrored or not: each (batch,)."""
        drawn = Draws(draws.streams, Purpose.AUGMENT, draws.step, draws.samples).uniforms(WHOLE, (4,))
        spans = np.array([self.augment.delay, self.augment.shift, self.augment.shift])
        late, down, right = (np.floor(drawn[:, :3] * (2 * spans + 1)).astype(np.int64) - spans).T
        return late, down, right, (drawn[:, 3] < 0.5) & self.augment.mirror
