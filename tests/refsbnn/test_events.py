"""refsbnn/events.py: rows of events and the dense array they stand for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsbnn.errors import InputError
from refsbnn.events import Events
from refsbnn.kernels import occur


@settings(derandomize=True, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from([(1, 1), (3, 5), (2, 3, 4), (0, 4), (4, 1, 70)]),
    density=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_events_of_an_array_are_that_array(seed, shape, density):
    dense = (np.random.default_rng(seed).random(shape) < density).astype(np.uint8)
    events = Events.of(dense)
    assert (np.asarray(events) == dense).all()
    assert events.ndim == dense.ndim
    own = occur.events_of(dense)
    assert (own.offsets == events.offsets).all()
    assert (own.columns == events.columns).all()


def test_some_steps_are_those_of_the_array():
    dense = (np.random.default_rng(0).random((7, 2, 30)) < 0.3).astype(np.uint8)
    for first, last in ((0, 3), (3, 6), (6, 9), (2, 2)):
        part = Events.of(dense).steps(first, last)
        np.testing.assert_array_equal(part, dense[first:last])
        assert part.offsets[0] == 0


@pytest.mark.parametrize(
    ("offsets", "columns", "shape", "message"),
    [
        ([0, 1], [0], (2, 3), r"2 offsets for the shape \(2, 3\); expected 3"),
        ([0, 2, 1], [0], (2, 3), "offsets do not run from 0 up"),
        ([0, 1, 2], [0, 3], (2, 3), "columns run from 0 to 3; expected 0 to 2"),
        ([0, 2, 2], [1, 1], (2, 3), "the columns of a row are not ascending"),
        ([0.0, 1.0], [0], (1, 3), "offsets is float64; expected a flat array of int64"),
    ],
)
def test_what_are_no_events_is_refused(offsets, columns, shape, message):
    offsets = np.array(offsets)
    with pytest.raises(InputError, match=message):
        Events(offsets, np.array(columns, np.int32), shape)
    with pytest.raises(InputError, match="zeros and ones"):
        Events.of(np.array([[2]]))
