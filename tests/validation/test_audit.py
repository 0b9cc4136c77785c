"""The audit's command: exit codes, what is written, and that a user's mistake is one line."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from validation import audit, claims
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


def install(monkeypatch: pytest.MonkeyPatch, rows: list[Row]) -> None:
    """Make one claim with these rows the only one."""
    module = ModuleType("validation.claims.planted")
    module.__doc__ = "A statement.\n\nIts <source>."
    module.TITLE = "planted"  # type: ignore[attr-defined]
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


@pytest.mark.parametrize(("rows", "code"), [([GOOD], 0), ([refutes(GOOD, "no")], 0), ([GOOD, BAD], 1)])
def test_exit_code_and_files(
    rows: list[Row], code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, rows)
    page, numbers = tmp_path / "deep" / "report.html", tmp_path / "report.json"
    assert audit.main(["--quick", "--html", str(page), "--json", str(numbers)]) == code
    record = json.loads(numbers.read_text())
    assert [row["verdict"] for row in record["rows"]] == [row.verdict for row in rows]
    assert record["figures"][0]["panels"][1]["series"][0]["y"] == [0.0, 3.0]
    text = page.read_text()
    assert "Its &lt;source&gt;." in text
    assert "<td>a &lt; b</td>" in text
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org/", "")  # self-contained: namespaces are the only addresses
    assert {entry.name for entry in tmp_path.rglob("*")} == {"deep", "report.html", "report.json"}
    assert capsys.readouterr().out.splitlines()[0].split() == [
        "claim",
        "setting",
        "exact",
        "value",
        "expected",
        "verdict",
    ]


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
        (["--sed", "1"], "unrecognized arguments"),
        (["--html", "."], "is a directory"),
        (["--json", "setup.cfg/report.json"], "cannot write"),
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
