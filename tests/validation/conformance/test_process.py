"""Whatever an adapter does, every check has its verdict and the report is written."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from refsbnn import cli
from tests.validation.conformance.hostile import DEEDS
from validation.conformance.cases import all_cases
from validation.conformance.judge import Outcome
from validation.conformance.process import LOST, apart
from validation.conformance.report import to_html, to_junit

HERE = "tests.validation.conformance.hostile"
CASES = [case for case in all_cases() if case.op.name in ("dense", "kl")]
SAID = {
    "exits": "the process ended with exit code 0",
    "exits later": "SystemExit: 0",
    "exits with a child": "the process ended with exit code 0",
    "crashes": "the process was ended by SIGSEGV",
    "hangs": "there was no answer within 3 s",
    "hangs in a child": "there was no answer within 3 s",
    "interrupts": "KeyboardInterrupt: ",
    "is no Exception": "Stop: never mind",
    "has no text": "Mute: (its text cannot be had)",
    "late items": "RuntimeError: asked for an item",
    "late names": "RuntimeError: asked for the names",
    "closes its files": "the process ended with exit code 1",
    "reads": "EOFError: EOF when reading a line",
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_deed_is_a_failure_and_no_more(deed: str) -> None:
    """The case is named a failure with what happened, and the next ones are run and pass."""
    dense, other = (next(case for case in CASES if case.op.name == name) for name in ("dense", "kl"))
    with apart(f"{HERE}:Deed", deed, 3.0) as process:
        assert process.start() == ("float64",)
        outcomes = [process.run(case, "float64", 0) for case in (other, dense, other)]
    assert [outcome.verdict for outcome in outcomes] == ["pass", "fail", "pass"]
    assert outcomes[1].message == SAID[deed]
    assert outcomes[1].bug_class == dense.bug_class


def test_only_checks_in_a_row_count_as_lost() -> None:
    dense, other = (next(case for case in CASES if case.op.name == name) for name in ("dense", "kl"))
    with apart(f"{HERE}:Deed", "exits", 60.0) as process:
        outcomes = [process.run(case, "float64", 0) for case in [other, dense] * (LOST + 1)]
    assert [outcome.verdict for outcome in outcomes] == ["pass", "fail"] * (LOST + 1)
    assert not any("not run" in outcome.message for outcome in outcomes)


def test_the_outcome_is_that_of_this_process() -> None:
    """Nothing is lost on the way: verdict, errors, message."""
    from tests.validation.conformance.test_command import Halved
    from validation.conformance.run import run_case

    unit = next(case for case in all_cases() if case.op.name == "unit" and "missing-half" in case.bug_class)
    with apart("tests.validation.conformance.test_command:Halved", None, 60.0) as process:
        process.start()
        assert process.run(unit, "float64", 0) == run_case(Halved(), unit, "float64")


def test_the_report_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every case of an adapter that exits each time is in it, the last ones without having been run."""
    report = tmp_path / "report.json"
    words = ["conformance", "run", "--adapter", f"{HERE}:Deed", "--device", "exits", "--case", "dense.*"]
    assert cli.main([*words, "--json", str(report), "--timeout", "60"]) == 1
    checks = json.loads(report.read_text())["checks"]
    assert len(checks) == sum(case.id.startswith("dense.") for case in CASES) > LOST
    assert {check["verdict"] for check in checks} == {"fail"}
    assert [check["message"].startswith("not run: ") for check in checks] == [i >= LOST for i in range(len(checks))]


def test_a_reason_that_cannot_be_had(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["conformance", "run", "--adapter", f"{HERE}:Declines", "--case", "kl.*"]) == 1
    assert "unsupported: kl 1: (its text cannot be had)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("unhashable", "dtypes is [[]]; accepted"),
        ("text", "dtypes is ['f', 'l', 'o', 'a', 't', '6', '4']; accepted"),
        ("number", "capabilities() raised TypeError"),
        ("mute", "capabilities() raised SystemExit"),
        ("hangs", "while it was loaded, there was no answer within 3 s"),
        ("exits", "while it was loaded, the process ended with exit code 0"),
    ],
)
def test_declarations_that_cannot_be_meant(declared: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["conformance", "run", "--adapter", f"{HERE}:Odd", "--device", declared, "--timeout", "3"]
    assert cli.main(words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_out_that_is_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["conformance", "run", "--timeout", text])
    assert stop.value.code == 2


def test_control_characters_leave_the_reports_readable() -> None:
    outcomes = [Outcome("dense.\x1b[2J\x00a\udc80", "fail", "mess\x07age"), Outcome("\x01", "pass")]
    suite = ElementTree.fromstring(to_junit(outcomes, {"adap\x02ter": "a\x03"}).encode())
    assert suite.findall(".//testcase")[0].attrib == {"classname": "dense", "name": "?[2J?a?"}
    assert suite.findall(".//testcase")[1].attrib == {"classname": "?", "name": "?"}
    assert "\x1b" not in to_html(outcomes, {})
