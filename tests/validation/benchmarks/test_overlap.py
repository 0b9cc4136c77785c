"""Sums during the backward pass: the same integers as after it, on several ranks; no measured number is judged."""

import pytest

from tests.refsbnn.ranks.launch import libraries, ours

pytestmark = [
    pytest.mark.xdist_group("ranks"),  # they need the processor for themselves
    pytest.mark.skipif(not libraries(), reason="no mpi4py with an MPI library"),
]
SMALL = ("digits_binary", "training.batch=16", "--rounds", "1")  # two messages of a MiB


@pytest.mark.parametrize("ranks", [2, 4])
def test_three_ways_to_the_same_sums(ranks: int) -> None:
    library = next(iter(libraries().values()))
    done = library.run(ranks, "validation.benchmarks.overlap", *SMALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("after ") == done.stdout.count("pieces ") == done.stdout.count("asked ") == 1


def test_a_number_that_is_not_sent_is_seen() -> None:
    done = next(iter(libraries().values())).run(2, "tests.validation.benchmarks.overlap_lost", *SMALL)
    assert done.returncode != 0
    assert ours(done.stderr)[0].endswith("'pieces' does not give the sums of 'after'")
