"""The audit's command: exit codes, what is written, and that a user's mistake is one line."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from validation import audit, claims
from validation.evidence.claim import Claim, Formula, judge
from validation.evidence.curves import Figure, Panel, Series
from validation.evidence.record import Level, Row, at_least, at_most, equal, refutes

CURVES = [
    Figure(
        "A figure",
        "Of `nothing` & more.",
        [
            Panel(
                "left",
                "x",
                "y",
                [Series("a", [1.0, 2.0], [1.0, 0.0]), Series("b", [1.0, 2.0], [2.0, 3.0], dashed=True)],
            ),
            Panel("right", "x", "y", [Series("a", [1.0, 2.0], [0.0, 3.0])], log_x=True, log_y=True),
        ],
    )
]


CLAIM = Claim(
    title="planted",
    sentence="A sentence that is much too long for a line of a terminal, so of it the beginning alone is shown there.",
    owner="ours",
    source="theory 1.1",
    statement="It holds.",
    assumptions=("none",),
    finding="holds",
    reason="so it is",
    claimed="1",
    headline="a < b",
    equations=(Formula("1.1", r"\pi = F(r)"),),
    code=("oracle/noise.py",),
)


def install(monkeypatch: pytest.MonkeyPatch, rows: list[Row], finding: str = "holds") -> None:
    """Make one claim with these rows the only one."""
    module = ModuleType("validation.claims.planted")
    module.__doc__ = "A statement.\n\nIts <source>."
    module.CLAIM = replace(CLAIM, finding=finding)  # type: ignore[attr-defined]
    module.check = lambda level: rows  # type: ignore[attr-defined]
    module.figures = lambda level: CURVES  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(claims, "NAMES", ("planted",))


GOOD = equal("planted", "a < b", 1.0, 1.0, 0.0, "exact")
BAD = equal("planted", "b", 2.0, 1.0, 0.5, "exact")


def test_verdicts() -> None:
    assert equal("c", "s", float("nan"), 1.0, 1.0, "").verdict == "failed"
    assert at_most("c", "s", 1.0, 0.9, "").verdict == "failed"
    assert at_most("c", "s", 1.0, 0.9, "", tolerance=0.2).verdict == "confirmed"
    assert at_least("c", "s", 1.0, 1.1, "").verdict == "failed"
    assert refutes(GOOD, "it is two").verdict == "refuted"
    assert refutes(BAD, "it is two").verdict == "failed"


def test_the_verdict_is_the_finding_unless_a_row_failed_or_the_headline_is_missing() -> None:
    assert judge(CLAIM, [GOOD]) == ("holds", GOOD)
    assert judge(CLAIM, [GOOD, BAD]) == ("failed", GOOD)
    assert judge(CLAIM, [refutes(GOOD, "no")]).word == "holds"
    assert judge(CLAIM, [replace(GOOD, setting="another")]) == ("failed", None)
    assert judge(replace(CLAIM, finding="not decidable here"), [replace(GOOD, setting="another")]).word != "failed"


@pytest.mark.parametrize(
    ("rows", "finding", "code", "strict"),
    [
        ([GOOD], "holds", 0, 0),
        ([GOOD], "holds with conditions", 0, 0),
        ([refutes(GOOD, "no")], "holds with conditions", 0, 1),
        ([refutes(GOOD, "no")], "does not hold", 0, 1),
        ([GOOD], "not decidable here", 0, 1),
        ([GOOD, BAD], "holds", 1, 1),
        ([replace(GOOD, setting="another")], "holds", 1, 1),  # the headline's row is not there
    ],
)
def test_exit_code_and_files(
    rows: list[Row],
    finding: str,
    code: int,
    strict: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install(monkeypatch, rows, finding)
    page, numbers = tmp_path / "deep" / "report.html", tmp_path / "report.json"
    arguments = ["--quick", "--html", str(page), "--json", str(numbers)]
    assert audit.main(arguments) == code
    told = capsys.readouterr().out.splitlines()
    assert told[0].split() == ["claim", "verdict", "found", "predicted", "sentence"]
    assert max(map(len, told[:-2])) <= 100  # the last two lines name the files
    record = json.loads(numbers.read_text())
    assert [row["verdict"] for row in record["rows"]] == [row.verdict for row in rows]
    assert record["figures"][0]["panels"][1]["series"][0]["y"] == [0.0, 3.0]
    assert sum(record["verdicts"].values()) == 1
    assert {entry.name for entry in tmp_path.rglob("*")} == {"deep", "report.html", "report.json"}
    assert audit.main([*arguments, "--strict"]) == strict


def test_the_numbers_file_carries_the_ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, [GOOD])
    numbers = tmp_path / "report.json"
    audit.main(["--quick", "--seed", "3", "--html", str(tmp_path / "a.html"), "--json", str(numbers)])
    (line,) = json.loads(numbers.read_text())["ledger"]
    assert line == {
        "name": "planted",
        "verdict": "holds",
        **{key: getattr(CLAIM, key) for key in ("title", "sentence", "owner", "source", "statement", "finding")},
        **{key: getattr(CLAIM, key) for key in ("reason", "claimed", "headline")},
        "assumptions": ["none"],
        "equations": [{"number": "1.1", "tex": r"\pi = F(r)"}],
        "code": ["oracle/noise.py"],
        "found": 1.0,
        "predicted": {"relation": "=", "expected": 1.0, "tolerance": 0.0},
        "command": "refsbnn audit --claim planted --quick --seed 3",
    }


def test_the_list_runs_nothing_and_fits_100_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "run", None)
    assert audit.main(["--list"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert max(map(len, told)) <= 100
    assert told[0].split() == ["claim", "finding", "sentence"]
    assert [line.split()[0] for line in told if line.split()[:1] and line.split()[0] in claims.NAMES] == [*claims.NAMES]


def test_claims_that_are_asked_for_run_in_the_ledgers_order_on_all_cores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same rows, to the bit, from processes of their own and from this one."""
    wanted = ["relaxation", "unbiased"]
    numbers = tmp_path / "report.json"
    arguments = ["--quick", "--html", str(tmp_path / "a.html"), "--json", str(numbers)]
    assert audit.main([*arguments, *(f"--claim={name}" for name in wanted)]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines()[:-2])) <= 100
    record = json.loads(numbers.read_text())
    assert [line["name"] for line in record["ledger"]] == ["unbiased", "relaxation"]
    here = [row.to_json() for name in reversed(wanted) for row in audit.entry(name, Level(quick=True)).rows]
    assert record["rows"] == here


def test_the_quick_page_leaves_the_full_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, [GOOD])
    monkeypatch.chdir(tmp_path)
    assert audit.main([]) == audit.main(["--quick"]) == 0
    full, quick = (tmp_path / "audit" / f"{name}.html" for name in ("report", "quick"))
    assert "--quick" not in full.read_text()
    assert "--quick" in quick.read_text()


def test_nan_is_a_failure_that_still_writes_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, [equal("planted", "b", float("nan"), 1.0, 0.5, "exact")])
    numbers = tmp_path / "report.json"
    assert audit.main(["--html", str(tmp_path / "a.html"), "--json", str(numbers)]) == 1
    assert json.loads(numbers.read_text())["rows"][0]["exact"] is None


def test_page_without_matplotlib_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, [GOOD])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert audit.main(["--html", str(tmp_path / "a.html")]) == 0
    text = (tmp_path / "a.html").read_text()
    assert "<svg" not in text
    assert "refsbnn[plots]" in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seed", "-1"], "expected a whole number"),
        (["--seed", "\u00b2"], "expected a whole number"),
        (["--seed", "9" * 5000], "expected a whole number"),
        (["--json", "/dev/null"], "no regular file"),
        (["--sed", "1"], "unrecognized arguments"),
        (["--html", "."], "is a directory"),
        (["--json", "setup.cfg/report.json"], "cannot write"),
        (["--claim", "planed"], "--claim 'planed': no such claim; accepted: planted"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, [GOOD])
    monkeypatch.chdir(Path(__file__).parents[2])
    try:
        code = audit.main(arguments)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_each_claim_has_its_own_stream() -> None:
    first, second = Level(seed=3).rng("a"), Level(seed=3).rng("b")
    assert first.random() != second.random()
    assert Level(seed=3).rng("a").random() == Level(seed=3).rng("a").random()
