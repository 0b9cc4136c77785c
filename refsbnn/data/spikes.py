"""A part of an event data set: batches of recordings, moved a little in training (theory 6.1 for the draws)."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from refsbnn.data.recordings import Recordings
from refsbnn.draws import CounterDraws
from refsbnn.events import Events
from refsbnn.layers.signal import Signal
from refsbnn.streams import Purpose

# The streams' layers: draws for a whole recording, each of its events, each event of the one it is blended with.
WHOLE, EACH, OTHER = 0, 1, 2

Found = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # what `Recordings.events` gives


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
    stretch : float
        Its times are multiplied by a number uniform in [1 - stretch, 1 + stretch]; events lie anywhere in their bin.
    blend : float
        Probability that it is blended with a recording of its label, drawn among all of them: moved so that their mean
        times agree, and each event of both left out with probability 1/2 (after Nowotny et al. 2022, arXiv:2212.01232);
        sound only.
    """

    delay: int = 0
    shift: int = 0
    jitter: float = 0.0
    drop: float = 0.0
    mirror: bool = False
    time_jitter: float = 0.0
    roll: int = 0
    cutout: int = 0
    stretch: float = 0.0
    blend: float = 0.0


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
        data = self.recordings.events(self.rows[rows])
        if len(shape) == 3:
            corner = np.floor(moves.centre * shape[:2]).astype(np.int64) - single.cutout // 2
            each = (*data, moves.late, moves.stretch, single.time_jitter, *counters(draws, EACH))
            scatter.place(*each, moves.moved, moves.rolled, moves.mirrored, corner, single.cutout, shape, bits)
            octets = np.unpackbits(bits.view(np.uint8), axis=2, count=size, bitorder="little")
            return np.ascontiguousarray(octets.swapaxes(0, 1)).reshape(steps, len(rows), *shape)
        blended = np.flatnonzero(moves.blended)
        drop = np.full(len(rows), single.drop)
        drop[blended] = 1.0 - (1.0 - single.drop) / 2.0
        most = self._set(data, moves, draws, EACH, drop, bits)
        if len(blended):
            other = self.recordings.events(self.rows[self._others(rows[blended], moves.other[blended])])
            own = (*data[:3], data[3][blended])
            moves = moves.of(blended)
            ahead = np.rint(moves.stretch * (middles(*own) - middles(*other))).astype(np.int64)
            moves, few = moves._replace(late=moves.late + ahead), replace(draws, samples=draws.samples[blended])
            more = np.zeros((len(blended), *bits.shape[1:]), np.uint64)
            most += self._set(other, moves, few, OTHER, drop[blended], more)
            bits[blended] |= more
        offsets = np.zeros(steps * len(rows) + 1, np.int64)
        columns = np.empty(most, np.int32)  # or fewer
        scatter.events(bits.view(np.uint8), offsets, columns)
        return Events(offsets, columns[: offsets[-1]], (steps, len(rows), size))

    def _set(
        self, data: Found, moves: "Moves", draws: CounterDraws, layer: int, drop: np.ndarray, bits: np.ndarray
    ) -> int:
        """Set the bits of some recordings of sound; returns how many events they have."""
        from refsbnn.data import scatter

        single, shift = self.augment, np.ascontiguousarray(moves.moved[:, 0])
        each = (*data, moves.late, moves.stretch, single.time_jitter, *counters(draws, layer))
        scatter.scatter(*each, shift, single.jitter, drop, self.signal.shape[0], bits)
        return int(np.diff(data[0])[data[3]].sum())

    def _others(self, rows: np.ndarray, u: np.ndarray) -> np.ndarray:
        """For each row one of its label, itself among them, by a uniform each."""
        labels = self.labels
        order = np.argsort(labels, kind="stable")
        first, end = (np.searchsorted(labels[order], labels[rows], side) for side in ("left", "right"))
        return order[first + np.floor(u * (end - first)).astype(np.int64)]

    def _moves(self, draws: CounterDraws) -> "Moves":
        augment = self.augment
        drawn = CounterDraws(draws.streams, Purpose.AUGMENT, draws.step, draws.samples).uniforms(WHOLE, (11,))
        spans = np.array([augment.delay, augment.shift, augment.shift, 0, augment.roll, augment.roll])
        by = np.floor(drawn[:, :6] * (2 * spans + 1)).astype(np.int64) - spans
        mirrored = (drawn[:, 3] < 0.5) & augment.mirror
        late, moved, rolled = (np.ascontiguousarray(part) for part in (by[:, 0], by[:, 1:3], by[:, 4:]))
        stretch = 1.0 + augment.stretch * (2.0 * drawn[:, 8] - 1.0)
        return Moves(late, moved, mirrored, rolled, drawn[:, 6:8], stretch, drawn[:, 9] < augment.blend, drawn[:, 10])


def counters(draws: CounterDraws, layer: int) -> tuple[np.uint64, np.ndarray, int, int]:
    """The address of the draws of single events, as `scatter.scatter` takes it."""
    address = CounterDraws(draws.streams, Purpose.AUGMENT, draws.step, draws.samples).address(layer, (1,))
    return np.uint64(draws.streams.seed), np.asarray(draws.samples, np.int64), address.word, draws.step


def middles(offsets: np.ndarray, bins: np.ndarray, units: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Mean bin of each of some recordings; 0 of one without events."""
    spans = [bins[offsets[row] : offsets[row + 1]] for row in rows]
    return np.array([span.mean() if len(span) else 0.0 for span in spans])


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
    stretch : (batch,) float64 array
        What times are multiplied by.
    blended : (batch,) bool array
    other : (batch,) float64 array
        A uniform that says with which.
    """

    late: np.ndarray
    moved: np.ndarray
    mirrored: np.ndarray
    rolled: np.ndarray
    centre: np.ndarray
    stretch: np.ndarray
    blended: np.ndarray
    other: np.ndarray

    def of(self, rows: np.ndarray) -> "Moves":
        """The moves of some rows of the batch."""
        return Moves(*(part[rows] for part in self))
