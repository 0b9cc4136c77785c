"""The tests can fail: each planted error of the files `tests/mutants*.py` is caught by the test beside it.

The tests named are green without the error, since they are part of this suite.
"""

import os
import shutil
import subprocess
import sys
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


@pytest.mark.parametrize("mutant", ALL, ids=[mutant.error for mutant in ALL])
def test_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    for package in ("refsbnn", "oracle", "validation", "tests"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    path = tmp_path / mutant.file
    text = path.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.file} has {mutant.old!r} {text.count(mutant.old)} times"
    path.write_text(text.replace(mutant.old, mutant.new))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", mutant.tests]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == TESTS_FAILED, f"{mutant.error}: exit code {run.returncode}\n{run.stdout[-2000:]}"
