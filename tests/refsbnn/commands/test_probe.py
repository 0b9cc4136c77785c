"""`refsbnn probe`: the same numbers as in Python, and one line with exit code 2 for what cannot be probed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from refsbnn import Run, fit
from refsbnn.cli import main
from refsbnn.layers import Dense, SampledReadout, Signal, Spike
from refsbnn.network import Network
from refsbnn.probe.pairs import choose
from refsbnn.streams import Streams

FEW = ["--units", "3", "--examples", "4", "--draws", "3"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    fit("digits_binary", "training.epochs=1", "model.hidden=[8, 2]", "evaluation.samples=1").save(out)
    return out


def test_table_json_and_figure(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    file = tmp_path / "bias.json"
    members = ["--members", "st, gr(tau=1,K=2)"]
    for figure in ("bias.png", "bias.svg"):
        words = ["--json", str(file), "--figure", str(tmp_path / figure)]
        assert main(["probe", str(folder), *FEW, *members, *words]) == 0
    report = Run.load(folder).probe(["st", "gr(tau=1,K=2)"], units=3, examples=4, draws=3)
    assert capsys.readouterr().out.startswith(report.table())
    told = json.loads(file.read_text())
    assert {key: told[key] for key in report.as_dict()} == report.as_dict()
    assert [(row["layer"], row["units"], row["total"]) for row in told["rows"]] == [
        ("2.spike", 3, 8),
        ("2.spike", 3, 8),
        ("4.spike", 2, 2),
        ("4.spike", 2, 2),
    ]
    assert (tmp_path / "bias.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "bias.svg").read_bytes()


def test_lines_fit_and_members_see_the_same_gradient(folder: Path) -> None:
    report = Run.load(folder).probe(["st", "trapezoid"], layers=["4.spike"], examples=200, draws=10)
    assert max(map(len, report.table().splitlines())) <= 100
    first, second = report.rows
    assert first.each.gradient == second.each.gradient
    assert np.isfinite(first.each.scale.value)
    assert first.each.scale != second.each.scale


def test_long_names_fit(folder: Path) -> None:
    names = ["mix(lam=0.123456789012)", "gr(tau=0.1234567890123,K=100)"]
    report = Run.load(folder).probe(names, layers=["4.spike"], examples=200, draws=10)
    lines = report.table().splitlines()
    assert max(map(len, lines)) <= 100
    assert len({line.rindex("]") for line in lines if line.endswith("]")}) == 1  # the columns stand below each other
    assert all(any(line.startswith(f"  {name}") for line in lines) for name in names)


def test_a_seed_is_another_choice_and_the_same_twice(folder: Path) -> None:
    run = Run.load(folder)
    once, again, other = (run.probe(units=3, examples=5, draws=4, seed=seed).as_dict() for seed in (1, 1, 2))
    assert once == again != other


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--members", "agr(tau=0.5),nonesuch"], "estimator is 'nonesuch'; accepted: st, "),
        (["--members", "gs(tau=1)"], "member 'gs(tau=1)' has a relaxed forward value"),
        (["--members", "arctan"], "member 'arctan(scale=1)' has a deterministic forward value"),
        (["--layers", "3.dense"], "layer is '3.dense'; accepted: '2.spike', '4.spike'"),
        (["--units", "0"], "units is 0; expected an integer >= 1"),
        (["--units", "1"], "units is 1; expected at least 2"),
        (["--examples", "2"], "examples is 2; expected at least 3"),
        (["--draws", "2"], "draws is 2; expected at least 3"),
        (["--seed", "-1"], "seed is -1; expected an integer from 0"),
        (["--figure", "bias.pdf"], "--figure is bias.pdf; expected a name that ends in .png or .svg"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    folder: Path, words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", str(folder), *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"refsbnn: error: {line}")
    assert said.count("\n") == 1


def test_the_split_is_the_one_that_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for part in ("train", "validation"):
        assert main(["probe", str(folder), *FEW, "--split", part]) == 0
        told.append(capsys.readouterr().out)
        assert told[-1].startswith(f"{part}, 4 examples")
    assert told[0].splitlines()[2:] != told[1].splitlines()[2:]


def test_no_such_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", str(tmp_path / "none")]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_networks_that_have_no_bias_to_find() -> None:
    with pytest.raises(ValueError, match="no layer of units"):
        choose(Network([Dense(2), SampledReadout()], Signal("values", (3,))), 5, Streams(0))
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    own = [Dense(3), Spike("uniform"), Dense(2), SampledReadout()]
    with pytest.raises(ValueError, match="'uniform' has a fixed forward value"):
        fit("digits_binary", "training.epochs=1", data=(x, y), layers=own).probe()


class Silent(Spike):
    """Units that do not say what they estimate."""

    def backward(self, run, *rest):
        return super().backward(replace(run, heard=None), *rest)


def test_units_that_do_not_say_what_they_estimate() -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    run = fit(
        "digits_binary", "training.epochs=1", data=(x, y), layers=[Dense(3), Silent(), Dense(2), SampledReadout()]
    )
    with pytest.raises(ValueError, match=r"layer 1\.spike does not fill `Pass\.heard`"):
        run.probe()
