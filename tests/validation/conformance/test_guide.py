"""docs/conformance.md says what is so: its numbers, its table of questions, its adapters and its bugs."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from validation.conformance import adapters
from validation.conformance.cases import all_cases
from validation.conformance.mutants import MUTANTS
from validation.conformance.own import run as own
from validation.conformance.own.cases import make
from validation.conformance.own.law import law

ROOT = Path(adapters.__file__).parents[3]
GUIDE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")


def test_its_numbers() -> None:
    tests = sum(own.number_of_tests(law(case)) for case in make())
    assert f"A run makes {tests} tests" in GUIDE
    assert f"{len(MUTANTS)} copies of the reference" in GUIDE
    assert f"({own.EXAMPLES:,} examples)" in GUIDE


def test_the_changelog_counts_the_same() -> None:
    told = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"{len(all_cases())} cases with exact answers" in told
    assert f"{len(MUTANTS)} planted bugs" in told


PACKAGE = """
import numpy as np
from refsbnn.reference import dense as layer, unit

def dense(x, mu, sigma2, bias_mu, bias_sigma2, domain):
    bias = () if bias_mu is None else (bias_mu, bias_sigma2)
    m, v = layer.forward(x, mu, sigma2, *bias, domain=domain)
    def pull(dm, dv):
        g = layer.backward(dm, dv, x, mu, sigma2, domain=domain)._asdict()
        return {k: y.astype("float32") for k, y in g.items() if bias or "bias" not in k}
    return m.astype("float32"), v.astype("float32"), pull

def spike_and_gradient(m, v, u, g):
    words = {"noise": "gaussian", "member": "st", "domain": "binary"}
    z = unit.forward(m, v, u, **words)
    dm, dv = unit.backward(g, z, m, v, u, **words)
    return z, dm.astype("float32"), dv.astype("float32")
"""


def test_its_skeleton_runs_as_a_newcomer_would_run_it(tmp_path: Path) -> None:
    """Over a package of theirs that is right, it passes what it has, and nothing fails."""
    code = re.search(r"```python\n(# my_conformance.py\n.*?)```", GUIDE, flags=re.DOTALL)
    assert code is not None
    (tmp_path / "my_conformance.py").write_text(code[1])
    (tmp_path / "my_package.py").write_text(PACKAGE)
    run = "import sys; from refsbnn.cli import main; sys.exit(main(['conformance', 'run', '--adapter', "
    run += "'my_conformance:MyAdapter', '--case', '[du]*']))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = {"cwd": tmp_path, "env": environment, "text": True, "capture_output": True}
    done = subprocess.run([sys.executable, "-c", run], **words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^dense +7 ", done.stdout, flags=re.MULTILINE), done.stdout


def test_its_questions_are_those_of_the_cases() -> None:
    asked = {case.question.split("?")[0] for case in all_cases() if case.question}
    told = GUIDE.split("## Questions implementers ask")[1].split("## Planted bugs")[0]
    # Each answer's row; "Does it enter the bias penalty" and the padding are worded for the table.
    assert told.count("\n| ") - 1 == len(asked)


def test_its_adapters_are_there() -> None:
    for name in re.findall(r"^\| `(\w+):\w+` \|", GUIDE, flags=re.MULTILINE):
        assert (Path(adapters.__file__).parent / f"{name}.py").exists()


def test_its_bugs_are_the_mutants() -> None:
    told = GUIDE.split("## Planted bugs")[1].lower()
    for mutant in MUTANTS:
        first = mutant.name.lower().split(" of ")[0].removesuffix(" backward").removesuffix(" forward")
        words = {"one uniform for all steps": "one for all steps"}
        assert words.get(mutant.name, first) in told, mutant.name


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed (extra `torch`)")
def test_its_worked_failure_is_what_the_judge_says(tmp_path: Path) -> None:
    """The commands as printed, then every line that is shown; digits of errors may differ between builds of PyTorch."""
    worked = GUIDE.split("## A worked failure")[1].split("How to read it.")[0]
    blocks = [[]]
    for line in worked.splitlines():
        if line.startswith("    "):
            blocks[-1].append(line[4:])
        elif line and blocks[-1]:
            blocks.append([])
    commands, shown = blocks[:2]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:.",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    options = {"cwd": tmp_path, "env": environment, "text": True, "capture_output": True}
    subprocess.run(["bash", "-c", "\n".join(commands)], check=True, **options)
    layers = tmp_path / "mine_layers.py"
    right, wrong = re.findall(r"`(past = [^`]*)`", worked)[::-1]
    assert layers.read_text().count(right) == 1
    layers.write_text(layers.read_text().replace(right, wrong))
    asked = shown[0].removeprefix("$ refsbnn ").split()
    run = f"import sys; from refsbnn.cli import main; sys.exit(main({asked!r}))"
    done = subprocess.run([sys.executable, "-c", run], **options)
    assert done.returncode == 1, done.stderr

    def words(line: str) -> str:
        """What a build of PyTorch does not change: a row's counts, a line without its numbers."""
        if "roundings off" in line:
            return line.split(":")[0]
        row = re.match(r"\w+( +[\d.]+){4} ", line)
        return row.group() if row else line

    said = [words(line) for line in done.stdout.splitlines()]
    for line in shown[1:]:
        assert not line or line == "..." or words(line) in said, line
