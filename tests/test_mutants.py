"""The tests can fail: each planted error of the files `tests/mutants*.py` is caught by the test beside it.

The tests named are green without the error, since they are part of this suite.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutants import MUTANTS, Mutant
from tests.mutants_engine import ENGINE
from tests.mutants_faults import FAULTS
from tests.mutants_network import NETWORKS
from tests.mutants_page import PAGE
from tests.mutants_slow import SLOW

ROOT = Path(__file__).parents[1]
TESTS_FAILED = 1  # pytest's exit code; other codes mean that no test ran

ALL = (*MUTANTS, *ENGINE, *NETWORKS, *SLOW, *PAGE, *FAULTS)


@pytest.fixture(scope="module")
def forks() -> Iterator[subprocess.Popen[str]]:
    """The process that runs tests in forks of itself."""
    command = [sys.executable, "-B", ROOT / "tests" / "forks.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize("mutant", ALL, ids=[mutant.error for mutant in ALL])
def test_is_caught(mutant: Mutant, forks: subprocess.Popen[str], tmp_path: Path) -> None:
    # Compiled Python is taken along, which is what its source's time and size say; compiled kernels are not.
    unused = shutil.ignore_patterns("results", "*.nbi", "*.nbc")
    for package in ("refsbnn", "oracle", "validation", "tests"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=unused)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    path = tmp_path / mutant.file
    text = path.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.file} has {mutant.old!r} {text.count(mutant.old)} times"
    path.write_text(text.replace(mutant.old, mutant.new))
    os.utime(path, (0, 0))  # so that no compiled Python is taken for this text's
    output = tmp_path / "output"
    assert forks.stdin is not None
    assert forks.stdout is not None
    print(tmp_path, mutant.tests, output, sep="\t", file=forks.stdin, flush=True)
    code = int(forks.stdout.readline())
    told = output.read_text()
    assert code == TESTS_FAILED, f"{mutant.error}: exit code {code}\n{told[-2000:]}"
    assert "1 failed" in told.splitlines()[-1], told[-2000:]
