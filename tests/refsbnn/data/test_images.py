"""Cutout: which pixels are blanked, and that nothing else of a batch changes; crops: where they lie."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from refsbnn.data.images import Images
from refsbnn.data.options import Data
from refsbnn.data.sources import load
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.data.layouts import write_cifar10

HEIGHT, WIDTH, COUNT = 9, 12, 40
IMAGES = Images(
    np.random.default_rng(0).integers(1, 256, (COUNT, HEIGHT, WIDTH, 3)).astype(np.uint8),
    np.zeros(COUNT, np.int64), np.zeros(3, np.float32), np.ones(3, np.float32), shift=2, mirror=True,
)  # fmt: skip


def draws(rows, step=0):
    return CounterDraws(Streams(1), Purpose.TRAIN, step, np.asarray(rows))


@pytest.mark.parametrize("side", [1, 4, 5, 30])
def test_a_square_is_blanked_and_nothing_else_changes(side):
    rows = np.arange(COUNT)
    plain = IMAGES.batch(rows, draws(rows))
    cut = replace(IMAGES, cutout=side).batch(rows, draws(rows))
    drawn = Streams(1).uniforms(Purpose.AUGMENT, samples=rows, units=5)[:, 3:]
    for before, after, u in zip(plain, cut, drawn, strict=True):
        top, left = int(u[0] * HEIGHT) - side // 2, int(u[1] * WIDTH) - side // 2
        want = before.copy()
        want[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = 0.0
        np.testing.assert_array_equal(after, want)


def test_draws_belong_to_the_example_and_the_step():
    part = replace(IMAGES, cutout=4)
    alone = part.batch(np.array([6]), draws([6], 9))[0]
    among = part.batch(np.array([1, 6, 2]), draws([1, 6, 2], 9))[1]
    np.testing.assert_array_equal(alone, among)
    assert (alone != part.batch(np.array([6]), draws([6], 10))[0]).any()


def test_a_crop_reaches_every_place():
    """A lit pixel in the middle moves to each of 5 x 5 places with the same chance (false alarm 1e-6)."""
    x = np.zeros((1, HEIGHT, WIDTH, 3), np.uint8)
    x[0, 4, 6] = 1
    rows = np.arange(4000)
    moved = replace(IMAGES, x=x, mirror=False).batch(np.zeros(len(rows), np.int64), draws(rows))[..., 0]
    counts = moved.sum(axis=0)
    assert counts.sum() == len(rows)
    places = counts[2:7, 4:9].ravel()
    assert places.sum() == len(rows)
    assert stats.chisquare(places).pvalue > 1e-6


def test_only_training_images_are_cut(tmp_path):
    write_cifar10(tmp_path, "python")
    data = load(Data(name="cifar10", root=str(tmp_path), cutout=16))
    assert (data.train.cutout, data.validation.cutout, data.test.cutout) == (16, 0, 0)
    with pytest.raises(InputError, match=r"data\.cutout is -1; expected a number from 0 to below 2\^31"):
        Data(name="cifar10", cutout=-1)
