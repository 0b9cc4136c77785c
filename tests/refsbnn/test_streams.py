"""Philox against its published vectors, and the addressing of draws (theory 6.1)."""

import numpy as np
import pytest
from scipy import stats

from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.streams import Purpose, Streams, philox

# Random123 1.14, tests/kat_vectors, "philox4x32 10": counter, key, result.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter, key, expected):
    k0, k1 = words(key)
    np.testing.assert_array_equal(philox(np.array(words(counter), np.uint32), (k0, k1)), words(expected))


def test_address_is_the_documented_counter():
    seed, sample, step, layer, time, unit = 2**40 + 17, 9, 1234567, 35, 77, 14
    got = Streams(seed).words(Purpose.TRAIN, step=step, samples=[sample], layer=layer, time=time, units=unit + 1)
    counter = [unit // 4, sample, time + 2**16 * layer + 2**28 * int(Purpose.TRAIN), step]
    assert got[0, unit] == philox(np.array(counter, np.uint32), (seed % 2**32, seed // 2**32))[unit % 4]


def test_uniforms_are_on_the_grid_and_exact_in_single_precision():
    u = Streams(3).uniforms(Purpose.TRAIN, samples=np.arange(50), units=101)
    assert u.min() >= 0.0
    assert u.max() < 1.0
    np.testing.assert_array_equal(u * 2**24, np.round(u * 2**24))
    np.testing.assert_array_equal(u.astype(np.float32), u)


def test_a_draw_does_not_depend_on_what_else_is_drawn():
    streams = Streams(5)
    many = streams.uniforms(Purpose.PREDICT, step=2, samples=np.arange(8), layer=1, units=11)
    one = streams.uniforms(Purpose.PREDICT, step=2, samples=[6], layer=1, units=3)
    np.testing.assert_array_equal(many[6:7, :3], one)


@pytest.mark.parametrize("change", [{"step": 1}, {"layer": 1}, {"time": 1}, {"samples": [1]}])
def test_every_part_of_the_address_matters(change):
    base = {"step": 0, "layer": 0, "time": 0, "samples": [0], "units": 64}
    a, b = (Streams(1).words(Purpose.TRAIN, **{**base, **part}) for part in ({}, change))
    assert (a != b).mean() > 0.9  # two independent words agree with probability 2^-32
    assert (a != Streams(2).words(Purpose.TRAIN, **base)).mean() > 0.9
    assert (a != Streams(1).words(Purpose.PREDICT, **base)).mean() > 0.9


def test_uniforms_and_normals_have_their_laws():
    # The seed is fixed, so the outcome is too: this documents the fit and cannot be flaky.
    streams = Streams(11)
    u = streams.uniforms(Purpose.TRAIN, samples=np.arange(100), units=1000).ravel()
    n = streams.normals(Purpose.TRAIN, samples=np.arange(100), units=1000).ravel()
    assert stats.kstest(u, "uniform").pvalue > 1e-6
    assert stats.kstest(n, "norm").pvalue > 1e-6
    assert np.isfinite(n).all()


def test_extra_draws_follow_the_spikes_addresses():
    draws = CounterDraws(Streams(4), Purpose.TRAIN, 3, np.array([5, 2]))
    flat = Streams(4).uniforms(Purpose.TRAIN, step=3, samples=[5, 2], layer=7, units=18)
    np.testing.assert_array_equal(draws.uniforms(7, (2, 3)), flat[:, :6].reshape(2, 2, 3))
    np.testing.assert_array_equal(draws.uniforms(7, (2, 3), draw=2), flat[:, 12:].reshape(2, 2, 3))
    later = Streams(4).uniforms(Purpose.TRAIN, step=3, samples=[5, 2], layer=7, time=1, units=6)
    np.testing.assert_array_equal(draws.uniforms(7, (6,), steps=2)[1], later)


def test_permutation_is_one():
    order = Streams(9).permutation(1000, step=4)
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    assert (order != Streams(9).permutation(1000, step=5)).any()


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, True, "1"])
def test_seeds_out_of_range(seed):
    with pytest.raises(InputError, match="seed is"):
        Streams(seed)


@pytest.mark.parametrize("address", [{"step": 2**32}, {"layer": 4096}, {"time": -1}, {"samples": [0.5]}, {"units": -1}])
def test_addresses_out_of_range(address):
    with pytest.raises(InputError, match=next(iter(address))):
        Streams(0).words(Purpose.TRAIN, **address)
