"""Batches of recordings against their definition, and what augmentation does to them."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from refsbnn.data import scatter
from refsbnn.data.recordings import Recording, binned
from refsbnn.data.spikes import Augment, Spikes
from refsbnn.draws import CounterDraws
from refsbnn.events import Events
from refsbnn.layers.signal import Signal
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.kernels.common import around

STEPS, RNG, PLAIN = 6, np.random.default_rng(3), Augment()


def made(size, shape, augment=PLAIN, recordings=9, events=80):
    several = [Recording(60 * RNG.random(events), RNG.integers(0, size, events), i % 4) for i in range(recordings)]
    return Spikes(
        binned(several, 10.0, STEPS, size), np.arange(recordings), Signal("values", shape, "binary", STEPS), augment
    )


def draws(rows, step=0, seed=1):
    return CounterDraws(Streams(seed), Purpose.TRAIN, step, np.asarray(rows))


def dense(part, row):
    """One recording as an array (steps, units)."""
    data, out = part.recordings, np.zeros((STEPS, int(np.prod(part.signal.shape))), np.uint8)
    span = slice(data.offsets[row], data.offsets[row + 1])
    out[data.bins[span], data.units[span]] = 1
    return out


@pytest.mark.parametrize("size", [5, *around(scatter.WORD)])
def test_a_batch_is_its_recordings(size):
    part = made(size, (size,))
    rows = np.array([4, 0, 4, 8])
    batch = part.batch(rows, draws(rows))
    assert isinstance(batch, Events)
    assert batch.shape == (STEPS, 4, size)
    Events(batch.offsets, batch.columns, batch.shape)  # which checks its order
    np.testing.assert_array_equal(np.asarray(batch), np.stack([dense(part, row) for row in rows], axis=1))


def test_labels_are_those_of_the_chosen_recordings():
    part = replace(made(5, (5,)), rows=np.array([7, 2, 5, 6]))
    assert part.labels.tolist() == [3, 2, 1, 2]
    batch = np.asarray(part.batch(np.array([3, 0]), draws([3, 0])))
    np.testing.assert_array_equal(batch, np.stack([dense(part, 6), dense(part, 7)], axis=1))


@pytest.mark.parametrize("shape", [(4, 5, 2), *((1, n, 1) for n in around(scatter.WORD))])
def test_images_are_bytes(shape):
    part = made(int(np.prod(shape)), shape)
    rows = np.array([2, 7])
    batch = part.batch(rows, draws(rows))
    want = np.stack([dense(part, row) for row in rows], axis=1).reshape(STEPS, 2, *shape)
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


def test_images_roll_around():
    part, seen = made(6 * 7 * 2, (6, 7, 2), Augment(roll=2)), set()
    image = dense(part, 3).reshape(STEPS, 6, 7, 2)
    for step in range(120):
        got = part.batch(np.array([3]), draws([3], step))[:, 0]
        fits = [by for by in np.ndindex(5, 5) if (np.roll(image, np.array(by) - 2, (1, 2)) == got).all()]
        assert len(fits) == 1
        seen.add(fits[0])
    assert len(seen) == 25  # each missed with probability (24/25)^120 = 0.007: the draws are fixed


@pytest.mark.parametrize("side", [1, 4, 5, 30])
def test_a_square_of_images_is_blank_at_all_times(side):
    augment = Augment(shift=1, mirror=True, roll=1)
    part = made(6 * 7 * 2, (6, 7, 2), augment)
    rows = np.arange(9)
    plain = part.batch(rows, draws(rows))
    cut = replace(part, augment=replace(augment, cutout=side)).batch(rows, draws(rows))
    centres = Streams(1).uniforms(Purpose.AUGMENT, samples=rows, units=8)[:, 6:]
    for b, u in enumerate(centres):
        top, left = int(u[0] * 6) - side // 2, int(u[1] * 7) - side // 2
        plain[:, b, max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = 0
    np.testing.assert_array_equal(cut, plain)


@pytest.mark.parametrize("shape", [(84,), (6, 7, 2)])
def test_time_jitter_has_its_law(shape):
    """Lone events of two bins that move apart (three tests, false alarm 1e-6 each)."""
    recordings, steps, deviation = 4000, 21, 2.0
    one = [Recording(np.array([105.0, 106.0]), np.array([17, 60]), 0)] * recordings
    part = Spikes(
        binned(one, 10.0, steps, 84), np.arange(recordings), Signal("values", shape, "binary", steps),
        Augment(time_jitter=deviation),
    )  # fmt: skip
    rows = np.arange(recordings)
    batch = np.asarray(part.batch(rows, draws(rows))).reshape(steps, recordings, 84)
    assert not batch[:, :, [i for i in range(84) if i not in (17, 60)]].any()
    times = np.stack([batch[:, :, unit].argmax(axis=0) for unit in (17, 60)])
    edges, fine = np.arange(7, 15), (np.arange(1000) + 0.5) / 1000
    below = stats.norm.cdf((edges[:, None] - 10 - fine) / deviation).mean(axis=1)  # uniform in bin 10, then moved
    p = np.diff(np.concatenate([[0.0], below, [1.0]]))
    for each in times:
        assert (
            stats.chisquare(np.bincount(np.searchsorted(edges, each, "right"), minlength=9), p * recordings).pvalue
            > 1e-6
        )
    assert stats.pearsonr(*times).pvalue > 1e-6


@pytest.mark.parametrize("shape", [(84,), (6, 7, 2)])
def test_stretched_times_have_their_law(shape):
    """A lone event at 10 + u, times 1 + 0.5 (2 w - 1), u and w uniform; a second one of the same factor."""
    recordings, steps, stretch = 4000, 32, 0.5
    one = [Recording(np.array([105.0, 205.0]), np.array([17, 60]), 0)] * recordings
    part = Spikes(
        binned(one, 10.0, steps, 84), np.arange(recordings), Signal("values", shape, "binary", steps),
        Augment(stretch=stretch),
    )  # fmt: skip
    rows = np.arange(recordings)
    batch = np.asarray(part.batch(rows, draws(rows))).reshape(steps, recordings, 84)
    assert batch.sum() == 2 * recordings - (~batch[:, :, 60].any(axis=0)).sum()  # the second one may leave
    factor = 1 + stretch * (2 * Streams(1).uniforms(Purpose.AUGMENT, samples=rows, units=9)[:, 8] - 1)
    for unit, t in ((17, 10), (60, 20)):
        there = batch[:, :, unit].any(axis=0)
        found = batch[:, :, unit].argmax(axis=0)
        assert (found[there] >= np.floor(t * factor)[there]).all()
        assert (found[there] < np.ceil((t + 1) * factor)[there]).all()
        assert (there | ((t + 1) * factor > steps)).all()
    # P(found <= k) = E_u[P(factor < (k + 1) / (10 + u))]: false alarm 1e-6.
    edges, fine = np.arange(6, 17), 10 + (np.arange(2000) + 0.5) / 2000
    below = np.clip(((edges[:, None] / fine - 1) / stretch + 1) / 2, 0, 1).mean(axis=1)
    p, found = np.diff(np.concatenate([[0.0], below, [1.0]])), batch[:, :, 17].argmax(axis=0)
    count = np.bincount(np.searchsorted(edges, found, "right"), minlength=len(p))
    assert not count[p == 0].any()
    assert stats.chisquare(count[p > 0], p[p > 0] * recordings).pvalue > 1e-6


def test_blended_recordings_are_halves_of_two_of_a_label():
    """Each of 3 recordings of a label has its own units, 20 at its own time; four tests, false alarm 1e-6 each."""
    times, n = {0: 1, 1: 3, 2: 4, 3: 2}, 2000
    several = [Recording(np.full(20, 10.0 * t + 5), 20 * i + np.arange(20), int(i == 3)) for i, t in times.items()]
    signal = Signal("values", (80,), "binary", STEPS)
    part = Spikes(binned(several, 10.0, STEPS, 80), np.arange(4), signal, Augment(blend=0.75, drop=0.2))
    batch = np.asarray(part.batch(np.ones(n, np.int64), draws(np.arange(n)))).reshape(STEPS, n, 4, 20)
    assert not batch[[0, 1, 2, 4, 5]].any()  # the others come at the time of the one they are blended with
    assert not batch[:, :, 3].any()  # of another label
    who = batch[3].any(axis=2)  # of 20 events of probability 0.4 none is left with probability 4e-5
    assert (who.sum(axis=1) <= 2).all()
    for other in (0, 2):
        assert stats.binomtest(int(who[:, other].sum()), n, 0.25).pvalue > 1e-6
        both = who[:, other]
        for each in (1, other):
            assert stats.binomtest(int(batch[3, both, each].sum()), 20 * int(both.sum()), 0.4).pvalue > 1e-6
    unblended = ~who[:, [0, 2]].any(axis=1)  # or blended with itself: kept twice with 0.4, once with 0.8
    kept = (0.25 * 0.8 + 0.25 * (1 - 0.6**2)) / 0.5
    assert abs(batch[3, unblended, 1].mean() - kept) < 5 * 0.5 / np.sqrt(unblended.sum())
    np.testing.assert_array_equal(  # whoever stands beside it
        np.asarray(part.batch(np.ones(1, np.int64), draws([7])))[:, 0], batch[:, 7].reshape(STEPS, 80)
    )


def test_blended_means_agree_after_stretching():
    """Late and early recordings, both stretched: the other's events lie around the own ones."""
    several = [Recording(np.full(50, 85.0 if i else 25.0), 50 * i + np.arange(50), 0) for i in range(2)]
    signal = Signal("values", (100,), "binary", 20)
    part = Spikes(binned(several, 10.0, 20, 100), np.arange(2), signal, Augment(blend=0.999, stretch=0.5))
    rows = np.arange(200)
    batch = np.asarray(part.batch(np.zeros(200, np.int64), draws(rows)))
    both = batch[:, :, 50:].any(axis=(0, 2))
    assert 50 < both.sum() < 150
    at = np.arange(20) @ batch.reshape(20, -1) / np.maximum(batch.reshape(20, -1).sum(axis=0), 1)
    own, other = (
        np.ma.masked_equal(at.reshape(200, 100)[both, half], 0).mean(axis=1) for half in (slice(50), slice(50, None))
    )
    # A bin is up to 1.5 wide after stretching; the middle of the other's events is off by up to half a bin of rounding,
    # and each mean of at least 10 events by 1.5 / sqrt(12 * 10) per standard deviation.
    assert abs(own - other).max() < 0.5 + 1.5


@pytest.mark.parametrize(
    ("shape", "augment"),
    [
        ((40,), Augment(delay=2, shift=5, jitter=1.0, drop=0.2)),
        ((40,), Augment(time_jitter=1.5)),
        ((40,), Augment(stretch=0.4, blend=0.7, shift=2)),
        ((4, 5, 2), Augment(delay=1, shift=1, mirror=True, time_jitter=0.5, roll=2, cutout=2, stretch=0.3)),
    ],
)
def test_draws_belong_to_the_example_and_the_step(shape, augment):
    part = made(40, shape, augment)
    alone = np.asarray(part.batch(np.array([6]), draws([6], 9)))[:, 0]
    among = np.asarray(part.batch(np.array([1, 6, 2]), draws([1, 6, 2], 9)))[:, 1]
    np.testing.assert_array_equal(alone, among)
    assert (alone != np.asarray(part.batch(np.array([6]), draws([6], 10)))[:, 0]).any()


def test_what_is_off_leaves_the_others_draws_alone():
    """Bits of every move that there was before time jitter, rolls and cutout."""
    rng, digest = np.random.default_rng(3), hashlib.sha256()
    for shape, augment in (((70,), Augment(2, 5, 1.5, 0.2)), ((6, 7, 2), Augment(1, 2, mirror=True))):
        size = int(np.prod(shape))
        several = [Recording(60 * rng.random(80), rng.integers(0, size, 80), 0) for _ in range(9)]
        signal = Signal("values", shape, "binary", STEPS)
        part = Spikes(binned(several, 10.0, STEPS, size), np.arange(9), signal, augment)
        digest.update(np.asarray(part.batch(np.arange(9), draws(np.arange(9), 3, seed=7))).tobytes())
    assert digest.hexdigest()[:16] == "9ba5e61977a67d3c"
