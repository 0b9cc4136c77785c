"""Batches of recordings against their definition, and what augmentation does to them."""

import numpy as np
import pytest
from scipy import stats

from refsbnn.data.recordings import Recording, binned
from refsbnn.data.spikes import Augment, Spikes
from refsbnn.events import Events
from refsbnn.layers.signal import Signal
from refsbnn.streams import Draws, Purpose, Streams

STEPS, RNG, PLAIN = 6, np.random.default_rng(3), Augment()


def made(size, shape, augment=PLAIN, recordings=9, events=80):
    several = [Recording(60 * RNG.random(events), RNG.integers(0, size, events), i % 4) for i in range(recordings)]
    return Spikes(
        binned(several, 10.0, STEPS, size), np.arange(recordings), Signal("values", shape, "binary", STEPS), augment
    )


def draws(rows, step=0, seed=1):
    return Draws(Streams(seed), Purpose.TRAIN, step, np.asarray(rows))


def dense(part, row):
    """One recording as an array (steps, units)."""
    data, out = part.recordings, np.zeros((STEPS, int(np.prod(part.signal.shape))), np.uint8)
    span = slice(data.offsets[row], data.offsets[row + 1])
    out[data.bins[span], data.units[span]] = 1
    return out


@pytest.mark.parametrize("size", [5, 64, 70, 130])
def test_a_batch_is_its_recordings(size):
    part = made(size, (size,))
    rows = np.array([4, 0, 4, 8])
    batch = part.batch(rows, draws(rows))
    assert isinstance(batch, Events)
    assert batch.shape == (STEPS, 4, size)
    Events(batch.offsets, batch.columns, batch.shape)  # which checks its order
    np.testing.assert_array_equal(np.asarray(batch), np.stack([dense(part, row) for row in rows], axis=1))


def test_images_are_bytes():
    part = made(4 * 5 * 2, (4, 5, 2))
    rows = np.array([2, 7])
    batch = part.batch(rows, draws(rows))
    want = np.stack([dense(part, row) for row in rows], axis=1).reshape(STEPS, 2, 4, 5, 2)
    np.testing.assert_array_equal(batch, want)
    assert batch.dtype == np.uint8


def moved(array, axis, by):
    """What leaves the array is lost; nothing comes in."""
    out = np.zeros_like(array)
    n = array.shape[axis]
    source, target = (slice(max(0, -by), n - max(0, by)), slice(max(0, by), n - max(0, -by)))
    index = [slice(None)] * array.ndim
    into = index.copy()
    index[axis], into[axis] = source, target
    out[tuple(into)] = array[tuple(index)]
    return out


def test_whole_recordings_move_by_whole_units_and_bins():
    part, seen = made(40, (40,), Augment(delay=1, shift=3)), set()
    for step in range(40):
        got = np.asarray(part.batch(np.array([5]), draws([5], step)))[:, 0]
        fits = [
            (late, by) for late in (-1, 0, 1) for by in range(-3, 4)
            if (moved(moved(dense(part, 5), 0, late), 1, by) == got).all()
        ]  # fmt: skip
        assert len(fits) == 1
        seen.add(fits[0])
    assert {late for late, _ in seen} == {-1, 0, 1}  # each missed with probability (2/3)^40 = 1e-7
    assert {by for _, by in seen} == set(range(-3, 4))  # (6/7)^40 = 0.002 each: the draws are fixed


def test_images_move_and_are_mirrored():
    part, seen = made(6 * 7 * 2, (6, 7, 2), Augment(shift=1, mirror=True)), set()
    image = dense(part, 3).reshape(STEPS, 6, 7, 2)
    for step in range(60):
        got = part.batch(np.array([3]), draws([3], step))[:, 0]
        fits = [
            (mirror, down, right) for mirror in (False, True) for down in (-1, 0, 1) for right in (-1, 0, 1)
            if (moved(moved(image[:, :, ::-1] if mirror else image, 1, down), 2, right) == got).all()
        ]  # fmt: skip
        assert len(fits) == 1
        seen.add(fits[0])
    assert {mirror for mirror, _, _ in seen} == {False, True}


def test_jitter_and_drops_have_their_law():
    """Lone events in the middle: how many stay, and how far they move (two tests, false alarm 1e-6 each)."""
    recordings, middle, jitter, drop = 4000, 500, 4.0, 0.3
    one = [Recording(np.array([5.0]), np.array([middle]), 0)] * recordings
    part = Spikes(
        binned(one, 10.0, STEPS, 1000), np.arange(recordings), Signal("values", (1000,), "binary", STEPS),
        Augment(jitter=jitter, drop=drop),
    )  # fmt: skip
    rows = np.arange(recordings)
    batch = part.batch(rows, draws(rows))
    assert stats.binomtest(len(batch.columns), recordings, 1 - drop).pvalue > 1e-6
    away = batch.columns - middle
    edges = np.arange(-3, 4) * jitter / 2 + 0.25
    p = np.diff(stats.norm.cdf(np.concatenate([[-np.inf], np.floor(edges) + 0.5, [np.inf]]) / jitter))
    count = np.bincount(np.searchsorted(np.floor(edges), away), minlength=len(p))
    assert stats.chisquare(count, p * len(away)).pvalue > 1e-6


def test_draws_belong_to_the_example_and_the_step():
    part = made(40, (40,), Augment(delay=2, shift=5, jitter=1.0, drop=0.2))
    alone = np.asarray(part.batch(np.array([6]), draws([6], 9)))[:, 0]
    among = np.asarray(part.batch(np.array([1, 6, 2]), draws([1, 6, 2], 9)))[:, 1]
    np.testing.assert_array_equal(alone, among)
    assert (alone != np.asarray(part.batch(np.array([6]), draws([6], 10)))[:, 0]).any()
