"""Batches made ahead: order, errors, and what happens when nobody asks for more."""

import threading
from contextlib import closing

import pytest

from refsbnn.data.loader import ahead


@pytest.mark.parametrize("depth", [0, 1, 5])
def test_order_is_kept(depth):
    assert list(ahead(lambda n: -n, iter(range(20)), depth)) == [-n for n in range(20)]


def test_the_next_is_made_meanwhile():
    made = threading.Event()

    def make(n):
        if n == 1:
            made.set()
        return n

    with closing(ahead(make, range(3))) as batches:
        assert next(batches) == 0
        assert made.wait(30.0)  # without asking for it; a loader that waits would never set it


def test_errors_come_at_their_item():
    def make(n):
        if n == 2:
            raise ValueError("the third")
        return n

    batches = ahead(make, range(5))
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(ValueError, match="the third"):
        next(batches)


def test_closing_starts_no_more():
    seen = []
    with closing(ahead(lambda n: seen.append(n) or n, range(1000), depth=2)) as batches:
        next(batches)
    assert len(seen) <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]
