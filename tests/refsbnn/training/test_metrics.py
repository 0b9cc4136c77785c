"""The record on disk: rows as they come, rows that a session left behind cut off; TensorBoard's files if asked."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from refsbnn.cli import main
from refsbnn.errors import InputError
from refsbnn.training.folder import read_metrics
from refsbnn.training.metrics import Board, Metrics, metrics
from refsbnn.training.state import ROW
from tests.refsbnn.disks import fill, small_disk

ROWS = [{**dict.fromkeys(sorted(ROW), 0.5), "epoch": i, "loglik": -1 / i, "rate.0": 0.1} for i in (1, 2, 3)]


def test_rows_are_there_as_soon_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    record = Metrics(path, [])
    for i, row in enumerate(ROWS):
        record.add(row)
        assert read_metrics(path) == ROWS[: i + 1]
    assert path.read_text() == metrics(ROWS)


def test_a_resumed_record_begins_with_the_rows_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(metrics(ROWS) + "4,half a ro")
    Metrics(path, ROWS[:1]).add(ROWS[1])
    assert path.read_text() == metrics(ROWS[:2])


@pytest.mark.filterwarnings("ignore")  # of the writer's own libraries
def test_tensorboard_gets_the_numbers(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("torch.utils.tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = Board(tmp_path, 0)
    for row in ROWS:
        board.add(row)
    board.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == ["loglik", "rate/0"]
    assert [event.step for event in events.Scalars("loglik")] == [1, 2, 3]
    assert [event.value for event in events.Scalars("loglik")] == pytest.approx([-1, -1 / 2, -1 / 3])


@pytest.mark.filterwarnings("ignore")  # of the writer's own libraries
@pytest.mark.parametrize("epochs", [0, 3])
def test_a_full_disk_is_one_line(epochs: int, tmp_path: Path, capfd: Any) -> None:
    """At the start, or later: never by the writers' own threads."""
    if not find_spec("tensorboardX"):
        pytest.importorskip("torch.utils.tensorboard")
    with small_disk(tmp_path / "disk", 400) as disk:
        if not epochs:
            fill(disk, 0)
        with pytest.raises(InputError, match=rf"cannot write {disk}/board/\.room: No space left on device"):  # noqa: PT012
            board = Board(disk / "board", 0)
            for row in ROWS[:epochs]:
                board.add(row)
            fill(disk, 0)
            board.add(ROWS[0])
        if epochs:
            board.close()
        assert not list((disk / "board").glob(".*"))
    assert not capfd.readouterr().err


def test_a_missing_writer_is_one_line(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    for name in ("tensorboardX", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["train", "digits_binary", "training.tensorboard=true", "--out", str(tmp_path / "run")]) == 2
    assert "pip install 'refsbnn[tensorboard]'" in capsys.readouterr().err
