"""One command for a job that a cluster may start again: it begins or goes on, as the folder has it."""

import json
import signal
from pathlib import Path
from typing import Any

from refsbnn.cli import main
from refsbnn.training import checkpoint
from refsbnn.training.progress import Progress
from refsbnn.training.state import State
from tests.refsbnn.training.test_resume import KINDS, same_results


def test_continue_begins_or_resumes_as_the_folder_has_it(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """One command for a job that a cluster starts again, whether or not it had saved anything."""
    out = tmp_path / "again"
    command = ["train", *KINDS["numpy"], "--out", str(out), "--continue"]

    def stopped(self: Progress, state: State) -> None:
        if state.step == 6:
            signal.raise_signal(signal.SIGTERM)

    out.mkdir()
    (out / "metrics.csv").write_text("epoch,log")  # of a session that ended before its first checkpoint
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "step", stopped)
        assert main(command) == 143
    assert capsys.readouterr().err.endswith(f"saved in {out}; the same command continues it\n")
    before = checkpoint.saved(out)[0].read_bytes()
    assert main([*command, "training.batch=128"]) == 2  # another run is not continued, and not replaced either
    assert "of another run: training.batch is 256 there, 128 here" in capsys.readouterr().err
    assert checkpoint.saved(out)[0].read_bytes() == before
    for _ in range(2):  # continued, and once more when nothing is left to do
        assert main(command) == 0
        assert json.loads((out / "result.json").read_text())["steps"] == 12
    assert main(["train", *KINDS["numpy"], "--out", str(tmp_path / "whole")]) == 0
    same_results(out, tmp_path / "whole")
