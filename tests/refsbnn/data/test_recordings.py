"""Binned recordings: what is in a bin, written and read back, and damaged files."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsbnn.data import kept, recordings
from refsbnn.data.recordings import Recording, binned, joined
from refsbnn.errors import InputError

SIZE = 5
CUTS = ((0, 2), (2, 2), (2, 5))  # parts of five recordings, one of them empty
events = st.lists(st.tuples(st.floats(-20.0, 50.0), st.integers(0, SIZE - 1)), max_size=30)


def bins_of(times, width, steps):
    """Each time's bin, by its definition."""
    if width:
        return [int(t // width) for t in times]
    first, span = min(times, default=0.0), (max(times, default=0.0) - min(times, default=0.0)) or 1.0
    return [min(int((t - first) / span * steps), steps - 1) for t in times]


@given(st.lists(events, min_size=1, max_size=4), st.sampled_from([0.0, 3.0, 10.0]), st.integers(1, 7))
@settings(deadline=None)
def test_a_bin_has_each_unit_that_fired_in_it_once(several, width, steps):
    made = binned([Recording(*map(np.array, zip(*one, strict=True)), label=1) if one else
                   Recording(np.zeros(0), np.zeros(0, int), 1) for one in several], width, steps, SIZE)  # fmt: skip
    assert len(made) == len(several)
    for i, one in enumerate(several):
        part = slice(made.offsets[i], made.offsets[i + 1])
        got = list(zip(made.bins[part].tolist(), made.units[part].tolist(), strict=True))
        places = bins_of([t for t, _ in one], width, steps)
        want = {(place, unit) for place, (_, unit) in zip(places, one, strict=True) if 0 <= place < steps}
        assert got == sorted(want)


def test_times_before_the_first_bin_are_left_out():
    made = binned([Recording(np.array([-0.5, -10.0, 0.0, 9.9]), np.array([0, 1, 2, 3]), 0)], 5.0, 2, SIZE)
    assert (made.bins.tolist(), made.units.tolist()) == ([0, 1], [2, 3])


def example():
    rng = np.random.default_rng(0)
    several = [Recording(100 * rng.random(20), rng.integers(0, SIZE, 20), i % 3, i % 2) for i in range(7)]
    return binned(several, 10.0, 8, SIZE)


def test_written_and_read_back(tmp_path):
    made = example()
    recordings.save(tmp_path / "a.h5", made, {"steps": 8})
    again = recordings.load(tmp_path / "a.h5", {"steps": 8})
    for name in ("offsets", "labels", "groups"):
        np.testing.assert_array_equal(getattr(again, name), getattr(made, name))
    offsets, bins, units, places = again.events(np.arange(len(made)))
    np.testing.assert_array_equal(offsets, made.offsets)
    np.testing.assert_array_equal(places, np.arange(len(made)))
    np.testing.assert_array_equal(bins, made.bins)
    np.testing.assert_array_equal(units, made.units)
    assert recordings.load(tmp_path / "a.h5", {"steps": 9}) is None


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "text"])
def test_a_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "a.h5"
    recordings.save(path, example(), {})
    content = bytearray(path.read_bytes())
    if damage == "bit":
        content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[:-100], "bit": content, "empty": b"", "text": b"hello"}[damage])
    with pytest.raises(InputError, match=r"a\.h5 is damaged: .*; delete it, and it is made again"):
        recordings.load(path, {})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([Recording(np.zeros(2), np.zeros(3, int), 0)], r"recording 0 has \(2,\) times for \(3,\) units"),
        ([Recording(np.array([np.nan]), np.zeros(1, int), 0)], "times not finite"),
        ([Recording(np.zeros(1), np.array([SIZE]), 0)], "recording 0 has units from 5 to 5; accepted: 0 to 4"),
        ([Recording(np.zeros(1), np.zeros(1), 0, name="a.npy")], "a.npy has units of float64; expected integers"),
    ],
)
def test_bad_recordings(given, message):
    with pytest.raises(InputError, match=message):
        binned(given, 1.0, 2, SIZE)


def test_parts_in_a_row_are_the_whole():
    rng = np.random.default_rng(0)
    several = [Recording(100 * rng.random(9 * i), rng.integers(0, SIZE, 9 * i), i) for i in range(5)]
    whole, parts = (binned(several, 10.0, 8, SIZE), [binned(several[a:b], 10.0, 8, SIZE) for a, b in CUTS])
    for item in fields(whole):
        got, want = getattr(joined(parts), item.name), getattr(whole, item.name)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
    with pytest.raises(InputError, match="there is no recording"):
        joined([binned([], 1.0, 2, SIZE)] * 2)


@pytest.mark.parametrize(
    "change",
    [
        {"offsets": lambda a: a[:-1]},
        {"offsets": lambda a: a + 1},
        {"offsets": lambda a: a[::-1].copy()},
        {"offsets": lambda a: np.where(np.arange(len(a)) == 2, 10**9, a)},
        {"offsets": lambda a: np.where(np.arange(len(a)) == len(a) - 1, 10**9, a)},
        {"offsets": lambda a: a.astype(np.int32)},
        {"offsets": lambda a: a[:, None]},
        {"bins": lambda a: a[:-1]},
        {"bins": lambda a: a.astype(np.int64)},
        {"units": lambda a: a[:-1]},
        {"units": lambda a: a.astype(np.float64)},
        {"labels": lambda a: a.astype(np.float64)},
        {"labels": lambda a: a[:-1]},
        {"groups": lambda a: a[:-1]},
        {name: lambda a: a[:0] for name in ("offsets", "bins", "units", "labels", "groups")},
    ],
    ids=lambda change: "-".join(change),
)
def test_arrays_that_do_not_fit_together_are_refused(change, tmp_path):
    """With a checksum that is right: compiled code would read where the offsets lead."""
    made = example()
    odd = replace(made, **{name: how(getattr(made, name)) for name, how in change.items()})
    recordings.save(tmp_path / "a.h5", odd, {})
    with pytest.raises(InputError, match=r"a\.h5 is damaged: its (offsets|bins|units|labels|groups)"):
        recordings.load(tmp_path / "a.h5", {})


def test_an_array_more_or_less_is_refused(tmp_path):
    made = example()
    arrays = {name: getattr(made, name) for name in ("offsets", "bins", "units", "labels", "groups")}
    for odd in ({**arrays, "more": arrays["bins"]}, {k: v for k, v in arrays.items() if k != "groups"}):
        kept.write(tmp_path / "a.h5", odd, {})
        with pytest.raises(InputError, match="is damaged"):
            recordings.load(tmp_path / "a.h5", {})
