"""Cameras: PokerDVS and DVS Gesture in tonic's layout, coarser pixels, merged polarities, the background filter."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsbnn.data import denoise, pixels, pokerdvs
from refsbnn.data.options import Data
from refsbnn.data.sources import load
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.streams import Purpose, Streams

DRAWS = CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(2))


def seen_by_a_camera(rng: np.random.Generator, size: int, milliseconds: int, clockwise: bool) -> np.ndarray:
    """Events (x, y, polarity, ms) of a bright square that circles: its edges brighten ahead and darken behind."""
    rows, before = [], np.zeros((size, size), bool)
    phase, sign = rng.random() * 2 * np.pi, 1 if clockwise else -1
    for t in range(0, milliseconds, 5):
        angle = phase + sign * 2 * np.pi * t / milliseconds
        y, x = (int(size * (0.5 + 0.3 * f(angle))) for f in (np.sin, np.cos))
        image = np.zeros((size, size), bool)
        image[max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5] = True
        for polarity, changed in ((1, image & ~before), (0, before & ~image)):
            at = np.argwhere(changed)
            rows += [(b, a, polarity, t) for a, b in at]
        before = image
    return np.array(rows)


def write_gestures(root: Path, users: int = 3) -> None:
    rng = np.random.default_rng(0)
    for part, first in (("Train", 1), ("Test", 20)):
        for user in range(first, first + users):
            folder = root / "DVSGesture" / f"ibmGesture{part}" / f"user{user:02d}_fluorescent_led"
            folder.mkdir(parents=True)
            for label in (3, 4):
                np.save(folder / f"{label}.npy", seen_by_a_camera(rng, 128, 100, label == 3))


def test_gestures(tmp_path):
    write_gestures(tmp_path)
    data = load(Data(name="dvs_gesture", root=str(tmp_path), steps=10, downsample=4, groups=[2]))
    assert data.signal.shape == (32, 32, 2)
    assert set(data.train.recordings.groups[data.train.rows]) == {1, 3}
    assert sorted(data.validation.labels) == [3, 4]
    batch = data.train.batch(np.array([0, 1]), DRAWS)
    assert batch.shape == (10, 2, 32, 32, 2)
    assert 0.0 < batch.mean() < 0.1
    table = np.load(tmp_path / "DVSGesture/ibmGestureTrain/user01_fluorescent_led/3.npy")
    want = np.zeros((10, 32, 32, 2), np.uint8)
    t = table[:, 3] - table[:, 3].min()
    want[np.minimum(t * 10 // t.max(), 9), table[:, 1] // 4, table[:, 0] // 4, table[:, 2]] = 1
    np.testing.assert_array_equal(batch[:, 0], want)


@pytest.mark.parametrize("merge", [True, False])
def test_poker(tmp_path, merge):
    rng, wrote = np.random.default_rng(0), {}
    for part in ("train", "test"):
        for suit in pokerdvs.SUITS:
            folder = tmp_path / "POKERDVS" / f"pips_{part}" / suit
            folder.mkdir(parents=True)
            for number in range(3):
                table = np.stack(
                    [np.sort(rng.integers(0, 9000, 50)), *rng.integers(0, 35, (2, 50)), rng.integers(0, 2, 50)]
                )
                np.save(folder / f"{number}.npy", table.T.astype(np.uint64))
                wrote[folder / f"{number}.npy"] = table
    data = load(Data(name="pokerdvs", root=str(tmp_path), steps=3, bin_ms=3.0, merge=merge))
    assert (data.classes, data.signal.shape) == (4, (35, 35, 1 if merge else 2))
    t, x, y, polarity = wrote[tmp_path / "POKERDVS/pips_test/he/1.npy"]
    want = np.zeros((3, *data.signal.shape), np.uint8)
    want[t // 3000, y, x, 0 if merge else polarity] = 1
    np.testing.assert_array_equal(data.test.batch(np.array([4, 4]), DRAWS)[:, 0], want)
    assert data.test.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3


SHAPE = b"{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000000, 4)}"
HUGE = b"\x93NUMPY\x01\x00v\x00" + SHAPE.ljust(117) + b"\n"  # 32 PB


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.zeros((3, 5)), r"is float64 \(3, 5\); expected numbers, \(events, 4\)"),
        (np.full((3, 4), 128), "has y from 128 to 128; expected integers from 0 to 127"),
        (np.array([[128, 1, 0, 5], [-1, 1, 0, 5]]), "has x from -1 to 128; expected integers from 0 to 127"),
        (np.array([[1, 1, 2, 5]]), "has polarity from 2 to 2; expected integers from 0 to 1"),
        (np.array([[1, 1, 0, np.nan]]), "holds NaN or infinity; expected finite numbers"),
        (np.array([[1, 1, 0, 1e300]]), "holds numbers beyond 2.52"),
        (np.array([{}]), r"cannot be read: it holds object \(1,\); expected numbers"),
        (b"", "cannot be read: no array of numpy.save: EOF"),
        (b"\x93NUMPY\x01\x00", "cannot be read: no array of numpy.save: EOF"),
        (b"PK\x03\x04, an archive", "cannot be read: no array of numpy.save: the magic string is not correct"),
        (HUGE, "cannot be read: 128 bytes are no array int64"),
    ],
)
def test_damaged_arrays(tmp_path, table, message):
    write_gestures(tmp_path, users=1)
    path = next((tmp_path / "DVSGesture/ibmGestureTrain").glob("*/3.npy"))
    if isinstance(table, bytes):
        path.write_bytes(table)
    else:
        np.save(path, table)
    with pytest.raises(InputError, match=r"3\.npy " + message):
        load(Data(name="dvs_gesture", root=str(tmp_path), steps=2))


def test_names_and_absence(tmp_path):
    with pytest.raises(InputError, match=r"ibmGestureTrain holds no files user<n>_<light>/<label>\.npy; they are from"):
        load(Data(name="dvs_gesture", root=str(tmp_path), steps=2))
    write_gestures(tmp_path, users=1)
    path = next((tmp_path / "DVSGesture/ibmGestureTrain").glob("*/3.npy"))
    path = path.rename(path.with_name("11.npy"))
    with pytest.raises(InputError, match=r"11\.npy has the label 11; expected 0 to 10"):
        load(Data(name="dvs_gesture", root=str(tmp_path), steps=2))
    path.rename(path.with_name("²"))
    path.parent.rename(path.parent.with_name("user²_led"))
    with pytest.raises(InputError, match=r"4\.npy is not named user<n>_<light>/<label>\.npy with a label below 11"):
        load(Data(name="dvs_gesture", root=str(tmp_path), steps=2))


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.sampled_from([0.5, 2.0, 10.0]))
@settings(deadline=None)
def test_the_filter_keeps_what_has_a_neighbour_shortly_before(seed, count, within):
    rng = np.random.default_rng(seed)
    t, x, y = np.sort(20 * rng.random(count)), *rng.integers(0, 6, (2, count))
    kept = denoise.supported(t, x, y, (6, 6, 2), within)
    for e in range(count):
        near = (np.maximum(np.abs(x[:e] - x[e]), np.abs(y[:e] - y[e])) == 1) & (t[e] - t[:e] <= within)
        # Only a pixel's last event counts, and that is the nearest in time.
        assert kept[e] == near.any()


@given(st.integers(1, 5), st.booleans())
def test_coarse_pixels_are_all_used(downsample, merge):
    shape = (7, 9, 2)
    y, x, p = (a.ravel() for a in np.meshgrid(np.arange(7), np.arange(9), np.arange(2), indexing="ij"))
    units = pixels.units_of(x, y, p, shape, downsample, merge)
    assert set(units) == set(range(int(np.prod(pixels.coarse(shape, downsample, merge)))))
