"""Memory that is freed and asked for again is not got from the system again."""

import subprocess
import sys

import pytest

PAGES = """
import resource
import numpy as np
from refsbnn import memory
if {keep} and not memory.keep_freed():
    print("unable")
    raise SystemExit
def step():
    return [np.ones(size) for size in (50_000, 300_000, 1_000_000)]  # 0.4, 2.4 and 8 MB
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: bool) -> int:
    """Pages that twenty steps after the first got from the system."""
    done = subprocess.run([sys.executable, "-c", PAGES.format(keep=keep)], capture_output=True, text=True, check=True)
    if done.stdout.strip() == "unable":
        pytest.skip("the C library is not glibc")
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
def test_arrays_lie_where_the_last_ones_lay() -> None:
    assert faults(keep=True) < 20  # the interpreter's own
    assert faults(keep=False) > 1000  # else this test shows nothing


def test_every_command_keeps_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from refsbnn import cli, memory

    called: list[None] = []
    monkeypatch.setattr(memory, "keep_freed", lambda: called.append(None))
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    assert len(called) == 1
