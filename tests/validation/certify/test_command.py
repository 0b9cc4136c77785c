"""`refsbnn certify` from the command line, and the examples of docs/certify.md."""

import json
import re
import sys
from pathlib import Path

import pytest

from refsbnn.cli import main as refsbnn
from tests.refsbnn.disks import fill, small_disk
from validation.certify import command

GUIDE = (Path(__file__).parents[3] / "docs" / "certify.md").read_text(encoding="utf-8")
ST = """
import numpy as np
def estimate(p, x, u, loss):
    pi = 1 / (1 + np.exp(-(p["w0"] @ x + p["b0"])))
    z = (u[0] < pi) * 1.0
    g = loss.gradient(p["w1"] @ z + p["b1"])
    da = p["w1"].T @ g * pi * (1 - pi)
    return {"w0": np.outer(da, x), "b0": da, "w1": np.outer(g, z), "b1": g}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "mine.py").write_text(ST)
    (tmp_path / "certify_me.py").write_text(ST)
    (tmp_path / "broken.py").write_text("1 / 0")
    return tmp_path


def example(name: str) -> str:
    return re.search(rf"<!-- {name} -->\n```python\n(.*?)```", GUIDE, flags=re.DOTALL)[1]


@pytest.mark.parametrize(("up_to", "code"), [("affine", 0), ("quadratic", 1)])
def test_a_claim_that_fails_is_code_1(here: Path, capsys: pytest.CaptureFixture, up_to: str, code: int) -> None:
    words = ["mine.py:estimate", "--network", "one-unit", "--json", "out.json", "--unbiased", up_to]
    assert command.main(words) == code
    printed = capsys.readouterr().out
    assert "member    this is st\n" in printed
    found = json.loads((here / "out.json").read_text())
    assert found["member"] == "this is st"
    assert [(case["loss"], case["verdict"]) for case in found["cases"]][:2] == [
        ("affine", "unbiased"),
        ("quadratic", "biased"),
    ]
    assert set(found["cases"][0]["parameters"]["w0"]) == {"exact", "mean", "bias", "variance", "mse"}


def test_a_full_disk(here: Path, capsys: pytest.CaptureFixture) -> None:
    with small_disk(here / "disk", 100) as disk:
        fill(disk, 0)
        assert refsbnn(["certify", "mine.py:estimate", "--network", "one-unit", "--json", f"{disk}/out.json"]) == 2
        assert f"refsbnn: error: cannot write {disk}/out.json: No space left on device" in capsys.readouterr().err
        assert refsbnn(["certify", "--export", f"{disk}/draws.json"]) == 2
        assert f"refsbnn: error: cannot write {disk}/draws.json" in capsys.readouterr().err
        assert [path.name for path in disk.iterdir()] == ["filling"]


def test_a_module_is_found_where_one_is(here: Path) -> None:
    assert command.main(["certify_me:estimate", "--network", "one-unit"]) == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("mine.py", "names no function"),
        ("mine.py:nothing", "has no 'nothing'"),
        ("gone.py:estimate", "cannot be imported"),
        ("no_such_module:estimate", "cannot be imported"),
        ("broken.py:estimate", "ZeroDivisionError"),
        ("mine.py:np", "is no function"),
        ("mine.py:estimate", "raised KeyError"),  # it has one layer; the deeper network has three pairs
    ],
)
def test_bad_input_is_one_line_and_code_2(
    here: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    if words == "raised KeyError":
        (here / "mine.py").write_text(ST.replace('p["w1"] @ z', 'p["w3"] @ z'))
    monkeypatch.setattr("refsbnn.cli.commands", lambda: {"certify": Entry()})
    assert refsbnn(["certify", code]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


class Entry:
    """The entry point, also where the package is not installed anew."""

    value = "validation.certify.command:main"

    def load(self):
        return command.main


@pytest.mark.parametrize(
    ("name", "framework", "member"),
    [
        ("mine.py", "torch", "this is st, times 2"),
        ("relaxed.py", "torch", "this is gs(tau=0.5)"),
        ("mine_jax.py", "jax", "this is trapezoid"),
    ],
)
def test_the_guides_examples(here: Path, capsys: pytest.CaptureFixture, name: str, framework: str, member: str) -> None:
    pytest.importorskip(framework)
    (here / name).write_text(example(name))
    assert command.main([f"{name}:estimate", "--network", "one-unit"]) == 0
    printed = capsys.readouterr().out
    assert f"member    {member}\n" in printed
    if name != "relaxed.py":
        told = GUIDE.split(f"certify {name}:estimate --network one-unit\n")[1].split("\n\n")[0]
        assert "\n".join(line.strip() for line in told.splitlines()) in printed
