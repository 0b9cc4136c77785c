"""The documents show the recorded results as they are."""

from pathlib import Path

import pytest

from refsbnn.sweeps.sweep import ABOUT
from refsbnn.training.folder import RESULT, config_of, read_json
from validation.benchmarks.table import SUMMARY, table

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "validation" / "benchmarks" / "results"
RECORDED = sorted(path.parent for name in (SUMMARY, ABOUT) for path in RESULTS.rglob(name))


@pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.relative_to(RESULTS).as_posix())
def test_the_table_of_a_comparison_or_a_sweep_is_that_of_its_runs(folder: Path) -> None:
    assert table(folder) in (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def test_no_log_names_a_place_on_somebodys_machine() -> None:
    for path in (ROOT / "validation" / "benchmarks" / "results").rglob("*"):
        if path.suffix in (".log", ".json"):
            assert "/root/" not in path.read_text(encoding="utf-8"), path


def test_every_recorded_run_holds_a_configuration_that_is_read() -> None:
    for path in sorted((ROOT / "validation" / "benchmarks" / "results").rglob(RESULT)):
        facts = read_json(path)
        config_of(path, facts["refsbnn"], facts["config"])
