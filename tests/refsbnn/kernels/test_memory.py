"""What a step frees serves the next: no page is cleared again."""

import subprocess
import sys

import pytest

from refsbnn.kernels import memory

PROGRAM = """
import resource, numpy as np
{first}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(size << 20, np.uint8) for size in (40, 8, 70)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults(), faults())
"""


def faults(first: str) -> list[int]:
    """Page faults of making some arrays, and of making them again."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(first=first)], capture_output=True, text=True, check=True
    )
    return [int(word) for word in ran.stdout.split()]


@pytest.mark.skipif(not memory.keep_freed(), reason="the C library is not glibc")
def test_memory_that_is_freed_is_used_again() -> None:
    once, again = faults("from refsbnn.kernels.memory import keep_freed; assert keep_freed()")
    assert again < 10 < once
    # Without it each array is new: the test can fail.
    once, again = faults("")
    assert again > 10
