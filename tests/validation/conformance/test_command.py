"""`refsbnn conformance`: exit codes, what is written, and that a user's mistake is one line."""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from refsbnn import cli
from refsbnn.adapter import Capabilities
from validation.conformance import vectors
from validation.conformance.adapters.reference import Reference
from validation.conformance.cases import all_cases

HERE = "tests.validation.conformance.test_command"


class Halved(Reference):
    """The reference with a planted bug: the factor 1/2 of dv is missing."""

    def unit(self, o, a):
        out = super().unit(o, a)
        return {**out, "dv": 2.0 * out["dv"]}


def test_the_reference_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["conformance", "run"]) == 0
    assert f"{len(all_cases())} pass, 0 fail, 0 unsupported, 0 waived" in capsys.readouterr().out


def test_a_bug_fails_with_a_command_that_shows_it_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = {kind: tmp_path / f"out.{kind}" for kind in ("json", "junit", "html")}
    files = [word for kind, path in paths.items() for word in (f"--{kind}", str(path))]
    assert cli.main(["conformance", "run", "--adapter", f"{HERE}:Halved", "--case", "unit.gaussian_*", *files]) == 1
    out = capsys.readouterr().out
    assert "missing-half" in out
    alone = next(line.split("alone: refsbnn ")[1] for line in out.splitlines() if "alone: " in line)
    assert cli.main(alone.split()) == 1
    assert "1 checks: 0 pass, 1 fail" in capsys.readouterr().out
    record = json.loads(paths["json"].read_text())
    assert record["count"]["fail"] == sum(check["verdict"] == "fail" for check in record["checks"]) > 10
    suite = ElementTree.parse(paths["junit"]).getroot()
    assert int(suite.attrib["failures"]) == record["count"]["fail"] == len(suite.findall(".//failure"))
    assert "<script" not in paths["html"].read_text()


class Mute(Reference):
    """Has nothing of what is asked for."""

    def capabilities(self):
        return Capabilities(("float64",), frozenset({"conv2d"}), own_noise=False)


class Declares(Reference):
    """Declares what does not exist."""

    def __init__(self, dtypes=("float64",), ops=frozenset()) -> None:
        self.declared = Capabilities(dtypes, ops)

    def capabilities(self):
        return self.declared


def misspelt():
    return Declares(ops=frozenset({"dense", "untis"}))


def typeless():
    return Declares(())


def narrow():
    return Declares(("float8",))


def exits():
    raise SystemExit(0)


class Mistaken(Reference):
    """Has a bug outside of what is tested."""

    def capabilities(self):
        return 1 / 0


def test_nothing_passed_is_not_a_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["conformance", "run", "--adapter", f"{HERE}:Mute", "--case", "dense.*"]) == 1
    assert "no check passed" in capsys.readouterr().out


def test_own_noise(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["conformance", "run", "--mode", "own", "--case", "own.residual"]) == 0
    out = capsys.readouterr().out
    assert "false alarms: at most 1e-06 a run" in out
    assert "1 checks: 1 pass" in out


def test_file_mode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exported, results = str(tmp_path / "v.h5"), tmp_path / "r.h5"
    assert cli.main(["conformance", "export", exported]) == 0
    sha = capsys.readouterr().out.split()[-1]
    arrays = {case.id: dict(case.expected) for case in all_cases() if case.id.startswith("dense.")}
    vectors.write_results(results, vectors.Results("mine", "float64", sha, ("dense.*",), arrays))
    assert cli.main(["conformance", "judge", exported, str(results)]) == 0
    assert "10 pass, 0 fail" in capsys.readouterr().out
    arrays["dense.real_linear"].pop("dx")
    vectors.write_results(results, vectors.Results("mine", "float64", sha, ("dense.*",), arrays))
    assert cli.main(["conformance", "judge", exported, str(results)]) == 1
    assert "output dx is missing" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--adapter", "nowhere:Class"],
        ["run", "--adapter", "nowhere"],
        ["run", "--adapter", f"{HERE}:Absent"],
        ["run", "--dtype", "float32"],
        *(["run", "--adapter", f"{HERE}:{name}"] for name in ("Mistaken", "misspelt", "typeless", "narrow", "exits")),
        ["run", "--mode", "both", "--case", "nothing.*"],
        ["run", "--case", "nothing.*"],
        ["run", "--mode", "own", "--case", "dense.*"],
        ["run", "--device", "cuda"],
        ["run", "--waivers", "absent.toml"],
        ["judge", "absent.h5", "absent.h5"],
        ["export", "/proc/nowhere/v.h5"],
    ],
)
def test_a_mistake_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["conformance", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_adapter_is_found_where_the_command_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "found_here.py").write_text(f"from {Reference.__module__} import Reference as Mine\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [path for path in sys.path if path])
    assert cli.main(["conformance", "run", "--adapter", "found_here:Mine", "--case", "dense.*"]) == 0


def test_a_module_that_does_not_load_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in (("unfinished", "def ("), ("divides", "1 / 0"), ("leaves", "raise SystemExit(0)")):
        (tmp_path / f"{name}.py").write_text(text)
        assert cli.main(["conformance", "run", "--adapter", f"{name}:Class"]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [[], ["run", "--mode", "both-ways"], ["run", "--seed", "-1"], ["run", "--seed", str(2**43)]]
)
def test_a_wrong_option_exits_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["conformance", *words])
    assert stop.value.code == 2
