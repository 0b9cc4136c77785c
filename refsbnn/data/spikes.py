"""A part of an event data set: batches of recordings, moved a little in training (theory 6.1 for the draws)."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from refsbnn.data.recordings import Recordings
from refsbnn.draws import CounterDraws
from refsbnn.events import Events
from refsbnn.layers.signal import Signal
from refsbnn.streams import Purpose

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
    time_jitter : float
        Standard deviation of the move of each single event in time, in bins; events lie anywhere in their bin.
    roll : int
        Pixels by which it is moved both ways, uniform in [-roll, roll], what leaves on one side coming in on the other
        (Li et al. 2022, arXiv:2203.06145); images only.
    cutout : int
        Side in pixels of a square around a random pixel in which there are no events at any time, cut off at the edges
        (DeVries and Taylor 2017, arXiv:1708.04552); images only.
    """

    delay: int = 0
    shift: int = 0
    jitter: float = 0.0
    drop: float = 0.0
    mirror: bool = False
    time_jitter: float = 0.0
    roll: int = 0
    cutout: int = 0


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

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, rows: np.ndarray) -> "Spikes":
        """Some of the recordings, as they are."""
        return Spikes(self.recordings, self.rows[rows], self.signal)

    def batch(self, rows: np.ndarray, draws: CounterDraws) -> Events | np.ndarray:
        """Examples as `Network.forward` takes them."""
        from refsbnn.data import scatter

        steps, shape = self.signal.steps or 1, self.signal.shape
        size = int(np.prod(shape))
        bits = np.zeros((len(rows), steps, -(-size // scatter.WORD)), np.uint64)
        moves, single = self._moves(draws), self.augment
        address = CounterDraws(draws.streams, Purpose.AUGMENT, draws.step, draws.samples).address(EACH, (1,))
        key, samples = np.uint64(draws.streams.seed), np.asarray(draws.samples, np.int64)
        data = self.recordings.events(self.rows[rows])
        each = (*data, moves.late, single.time_jitter, key, samples, address.word, draws.step)
        if len(shape) == 3:
            corner = np.floor(moves.centre * shape[:2]).astype(np.int64) - single.cutout // 2
            scatter.place(*each, moves.moved, moves.rolled, moves.mirrored, corner, single.cutout, shape, bits)
            octets = np.unpackbits(bits.view(np.uint8), axis=2, count=size, bitorder="little")
            return np.ascontiguousarray(octets.swapaxes(0, 1)).reshape(steps, len(rows), *shape)
        scatter.scatter(*each, np.ascontiguousarray(moves.moved[:, 0]), single.jitter, single.drop, size, bits)
        offsets = np.zeros(steps * len(rows) + 1, np.int64)
        columns = np.empty(np.diff(data[0])[data[3]].sum(), np.int32)  # or fewer
        scatter.events(bits.view(np.uint8), offsets, columns)
        return Events(offsets, columns[: offsets[-1]], (steps, len(rows), size))

    def _moves(self, draws: CounterDraws) -> "Moves":
        augment = self.augment
        drawn = CounterDraws(draws.streams, Purpose.AUGMENT, draws.step, draws.samples).uniforms(WHOLE, (8,))
        spans = np.array([augment.delay, augment.shift, augment.shift, 0, augment.roll, augment.roll])
        by = np.floor(drawn[:, :6] * (2 * spans + 1)).astype(np.int64) - spans
        mirrored = (drawn[:, 3] < 0.5) & augment.mirror
        late, moved, rolled = (np.ascontiguousarray(part) for part in (by[:, 0], by[:, 1:3], by[:, 4:]))
        return Moves(late, moved, mirrored, rolled, drawn[:, 6:])


class Moves(NamedTuple):
    """How the recordings of a batch move as a whole.

    Attributes
    ----------
    late : (batch,) int64 array
        Bins.
    moved, rolled : (batch, 2) int64 arrays
        Units (or pixels down), pixels to the right.
    mirrored : (batch,) bool array
    centre : (batch, 2) float64 array
        Of the blanked square, as parts of the height and the width.
    """

    late: np.ndarray
    moved: np.ndarray
    mirrored: np.ndarray
    rolled: np.ndarray
    centre: np.ndarray
