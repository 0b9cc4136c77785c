"""A user's files may be called `validation.py` and `oracle.py`: nothing of `refsbnn` takes them for its own."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

QUICK = ["training.epochs=1", "model.hidden=[4]", "evaluation.samples=1"]
SCRIPT = f"""
import json
from refsbnn import fit
import oracle, validation

run = fit("digits_binary", *{QUICK})
print(json.dumps([run.evaluate(samples=1).modes[0].scores.examples, oracle.mine, validation.mine]))
"""
ADAPTER = """
import numpy as np
from refsbnn.adapter import Arrays, Capabilities, Op, Unsupported


class Mine:
    def capabilities(self) -> Capabilities:
        return Capabilities(("float64",), frozenset({"average_pool"}), own_noise=False)

    def run(self, op: Op, arrays: Arrays, noise: Arrays | None, dtype: str, seed: int) -> Arrays:
        raise Unsupported("not written yet")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("validation", "oracle"):
        (tmp_path / f"{name}.py").write_text("mine = True\n")
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "adapter.py").write_text(ADAPTER)
    return tmp_path


def called(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python run in a folder."""
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_fit(folder: Path) -> None:
    done = called(folder, "script.py")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [360, True, True]


def test_train_and_evaluate(folder: Path) -> None:
    for arguments in (["train", "digits_binary", *QUICK, "--out", "run"], ["evaluate", "run"]):
        done = called(folder, "-m", "refsbnn", *arguments)
        assert done.returncode == 0, done.stderr


def test_an_adapter_imports_nothing_but_refsbnn(folder: Path) -> None:
    code = "import adapter, sys; print(adapter.Mine().capabilities().dtypes, 'validation' in sys.modules)"
    done = called(folder, "-c", code)
    assert done.stdout == "('float64',) False\n", done.stderr


@pytest.mark.skipif(not entry_points(group="refsbnn.commands"), reason="refsbnn is not installed: no other commands")
def test_the_judge_runs_an_adapter_beside_them(folder: Path) -> None:
    """Here all is unsupported, so no check passes: exit code 1, after the adapter was asked."""
    done = called(folder, "-m", "refsbnn", "conformance", "run", "--adapter", "adapter:Mine")
    assert done.returncode == 1, done.stderr
    assert re.search(r"unsupported: .*average_pool 2.*: .*not written yet", done.stdout)
