"""`refsbnn bench`: what it prints and writes on tiny networks; no number of it is judged."""

import json
from pathlib import Path

import numpy as np
import pytest

from refsbnn import cli
from validation.benchmarks import bench
from validation.benchmarks.peers.cases import CASES, case_of
from validation.benchmarks.tape import size_of


def test_times_the_engine_and_counts_its_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bench.json"
    assert cli.main(["bench", "--small", "--rounds", "2", "--threads", "1", "--epoch", "--json", str(path)]) == 0
    out = json.loads(path.read_text())
    for case in CASES:
        assert set(out[case]["contestants"]) == set(bench.PEERS[case])
        for name, row in out[case]["contestants"].items():
            assert row["engine"] == name
            assert row["times_engine"] == 1.0
            assert row["least_s"] <= row["quartiles_s"][0] <= row["median_s"] <= row["quartiles_s"][1]
            assert row["epoch_s"] > 0.0
        parts = out[case]["analytic"]
        assert parts["sum"] == pytest.approx(sum(value for key, value in parts.items() if key != "sum"))
        assert 0.0 < parts["tape"] < row["peak_MiB"]
    assert capsys.readouterr().out.count("engine") >= 2


@pytest.mark.parametrize("case", CASES)
def test_peers_learn_the_same_case(case: str) -> None:
    """Each contestant's loss is finite and falls on its one batch; those of the same mathematics start alike."""
    pytest.importorskip("torch", reason="needs the extra peers")
    for name in [name for peers in bench.PEERS[case].values() for name in peers]:
        if "compile" in name or name in bench.NEEDS:
            continue  # minutes of compiling, or other extras: `refsbnn bench --peers --small` runs them
        worker = bench.Worker(name, case, 1, True)
        worker.step(20)
        worker.end()
        assert np.isfinite(worker.last["loss"])
        assert worker.last["loss"] < worker.start["loss"]


def test_a_contestant_that_stops_is_one_line() -> None:
    with pytest.raises(bench.InputError, match="no_such_peer stopped: ModuleNotFoundError"):
        bench.Worker("no_such_peer", "a", 1, True)


def test_bad_input_is_one_line_and_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["bench", "--threads", "0"])
    assert stop.value.code == 2
    assert "'0' is not a whole number above 0" in capsys.readouterr().err
    monkeypatch.setattr(bench, "find_spec", lambda name: None)
    assert cli.main(["bench", "--peers"]) == 2
    assert "pip install 'refsbnn[peers]'" in capsys.readouterr().err


def test_batches_are_what_they_say() -> None:
    x, labels = case_of("a").batch_of()
    assert x.shape == (100, 128, 700)
    assert abs(x.mean() - 0.06) < 0.001
    assert labels.shape == (128,)
    assert size_of({"x": x, "view": x[:3]}) == x.nbytes
