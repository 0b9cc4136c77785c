"""The embedded digits: what the file holds, the split, and the spike codes."""

from importlib import resources

import numpy as np
import pytest

from refsbnn.data import digits
from refsbnn.errors import InputError


def test_file_is_small_and_whole():
    packed = resources.files("refsbnn.data").joinpath("digits.npz").read_bytes()
    assert len(packed) < 100_000
    splits = digits.load()
    labels = np.concatenate([split.labels for split in splits])
    # Counts of the published file, optdigits.tes: 178 zeros, 182 ones, ...
    np.testing.assert_array_equal(np.bincount(labels), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    images = np.concatenate([split.x for split in splits])
    assert images.min() == 0.0
    assert images.max() == 1.0
    np.testing.assert_array_equal(images * 16, np.round(images * 16))


def test_parts_do_not_overlap():
    rows = [{image.tobytes() for image in split.x} for split in digits.load()]
    assert not rows[0] & rows[1]
    assert not rows[0] & rows[2]
    assert not rows[1] & rows[2]


def test_damage_is_named(monkeypatch):
    monkeypatch.setattr(digits, "SHA256", "0" * 64)
    with pytest.raises(InputError, match=r"digits\.npz is damaged"):
        digits.load()


def test_rate_code_is_the_uniforms():
    rng = np.random.default_rng(0)
    x, u = rng.random((3, 4)), rng.random((5, 3, 4))
    np.testing.assert_array_equal(digits.encode(x, "rate", 5, u), u < x)


def test_latency_code_fires_once_and_earlier_when_brighter():
    x = np.linspace(0.0, 1.0, 33)[None]
    z = digits.encode(x, "latency", 6)
    np.testing.assert_array_equal(z.sum(axis=0)[0], [0.0] + [1.0] * 32)
    when = z.argmax(axis=0)[0, 1:]
    assert (np.diff(when) <= 0).all()
    assert when[0] == 5
    assert when[-1] == 0
    # Within a sixth of the range the step is the same: 0.9 is in the first sixth from above, 0.7 in the second.
    assert digits.encode(np.array([[0.9, 0.7]]), "latency", 6).argmax(axis=0).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("x", "coding", "steps", "message"),
    [
        ([[0.5]], "phase", 3, "accepted: 'rate', 'latency'"),
        ([[1.5]], "latency", 3, "expected"),
        ([[np.nan]], "latency", 3, "expected"),
        ([[0.5]], "latency", 0, "steps is 0"),
        ([[0.5]], "rate", 3, "uniforms of shape"),
    ],
)
def test_bad_codes(x, coding, steps, message):
    with pytest.raises(InputError, match=message):
        digits.encode(np.array(x), coding, steps)
