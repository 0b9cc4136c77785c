"""Programs in any language, by files: the same findings as from Python, and what does not fit is one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from refsbnn.cli import main
from refsbnn.errors import InputError
from validation.certify.fixed import FixedReport
from validation.certify.program import certified, export

PROGRAM = Path(__file__).with_name("program.py")


@pytest.fixture(scope="module")
def draws(tmp_path_factory):
    """The draws of each network, made once."""
    folder, made = tmp_path_factory.mktemp("draws"), {}

    def of(network: str) -> Path:
        if network not in made:
            made[network] = folder / f"{network}.json"
            assert export(made[network], noise="logistic", domain="binary", below=True, network=network) > 100
        return made[network]

    return of


def run(draws: Path, kind: str) -> Path:
    out = draws.with_name(f"{draws.stem}.{kind}.json")
    subprocess.run([sys.executable, PROGRAM, draws, out, kind], check=True)
    return out


@pytest.mark.parametrize(
    ("network", "kind", "member"),
    [
        ("one-unit", "trapezoid", "this is trapezoid"),
        ("two-two", "st", "this is st"),
        ("one-unit", "varying", "this is st-gs(tau=0.5)"),
        ("one-unit", "relaxed", "this is gs(tau=0.5)"),
        ("one-unit", "silent", "this is fast-sigmoid(scale=1)"),
        ("over-time", "st", "this is st"),
    ],
)
def test_a_program_is_named(draws, network: str, kind: str, member: str) -> None:
    path = draws(network)
    found = certified(path, run(path, kind))
    assert (found.name, found.member, found.wrong) == ("program.py", member, [])
    if isinstance(found, FixedReport):
        return
    assert {each.network for each in found.tried} == {network}
    assert found.reset == (("by subtraction", "detached") if network == "over-time" else None)


def test_the_command_writes_draws_and_reads_estimates(draws, tmp_path: Path, capsys) -> None:
    path = tmp_path / "draws.json"
    assert main(["certify", "--export", str(path), "--network", "over-time"]) == 0
    assert path.read_bytes() == draws("over-time").read_bytes()
    answers = run(draws("one-unit"), "trapezoid")
    words = [str(draws("one-unit")), str(answers), "--unbiased"]
    assert main(["certify", *words, "quadratic"]) == 0
    assert main(["certify", *words, "softmax"]) == 1
    assert "this is trapezoid" in capsys.readouterr().out


def test_files_that_do_not_fit(draws, tmp_path: Path) -> None:
    path = draws("one-unit")
    right = json.loads(run(path, "trapezoid").read_text())
    wrong = tmp_path / "wrong.json"
    first, *rest = right["estimates"]
    for changed, words in (
        ({"draws_sha256": "0"}, "draws_sha256 is '0'; expected"),
        ({"estimates": rest}, "estimates is 2375; expected a list of 2376"),
        ({"estimates": [{"logits": [0.0, 0.0]}, *rest]}, "estimate 0 is logits; expected logits, w0, b0, w1, b1"),
        ({"estimates": [first | {"b0": ["x"]}, *rest]}, "estimate 0, b0 is no array of numbers"),
        ({"estimates": [first | {"b0": [float("nan")]}, *rest]}, "estimate 0, b0 holds NaN"),
        ({"estimates": [first | {"b0": [1.0, 2.0]}, *rest]}, r"gradient b0 has shape \(2,\); expected \(1,\)"),
    ):
        wrong.write_text(json.dumps(right | changed))
        with pytest.raises(InputError, match=words):
            certified(path, wrong)
    broken = tmp_path / "broken.json"
    broken.write_text(path.read_text().replace('"below":true', '"below":false'))
    with pytest.raises(InputError, match="is no file of draws of schema 1, or it was changed"):
        certified(broken, wrong)
    other = tmp_path / "above.json"
    export(other, noise="logistic", domain="binary", below=False, network="one-unit")
    with pytest.raises(InputError, match=r"spikes are not where the draws have them .*u > 1 - pi"):
        certified(other, run(other, "trapezoid"))
    assert main(["certify", "--export", str(other), "mine.py:estimate"]) == 2
    assert main(["certify", "a", "b", "c"]) == 2
