"""The kernels' cache: a second process compiles nothing, and none that can be written to is no error."""

import os
import subprocess
import sys
from pathlib import Path

RUN = """
import numpy as np
from refsbnn.layers import Dense, SampledReadout, Signal, Spike
from refsbnn.network import Network
from refsbnn.draws import CounterDraws
from refsbnn.streams import Purpose, Streams
network = Network([Dense(4), Spike(), Dense(2), SampledReadout()], Signal("values", (3,)), backend="numba")
parameters, draws = network.initial(Streams(1)), CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(2))
from refsbnn.kernels import cache
with cache.told():
    logits, tape = network.forward(parameters, np.ones((2, 3)), draws)
    network.backward(parameters, tape, logits)
print(logits.tolist())
"""
# One kernel, and no cache: what a network compiles is not the point.
SMALL = """
from numba.core import caching
caching.CacheImpl._locator_classes = [c for c in caching.CacheImpl._locator_classes if "UserProvided" in c.__name__]
import numpy as np
from refsbnn.kernels import cache, pool
with cache.told():
    print(pool.average_forward(np.ones((1, 2, 2, 1), np.float32), 2).tolist())
"""


def run(folder: Path | None, script: str = RUN) -> subprocess.CompletedProcess[str]:
    """The script in a process of its own, with its cache in `folder`."""
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    if folder is not None:
        environment["NUMBA_CACHE_DIR"] = str(folder)
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


def test_second_process_compiles_nothing(tmp_path: Path) -> None:
    first, second = run(tmp_path), run(tmp_path)
    assert first.stderr.splitlines() == ["compiling kernels for this machine, once; this takes up to a minute"]
    assert second.stderr == ""
    assert first.stdout == second.stdout


def test_no_folder_to_write_to_is_no_error() -> None:
    """Without the places beside the source and in the user's folder, as on a read-only system."""
    out = run(None, SMALL)
    assert "no folder for compiled kernels can be written to" in out.stderr.splitlines()[0]
    assert out.stdout
