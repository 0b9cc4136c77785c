"""A run that stops anywhere and goes on ends in the same bits; another run's checkpoint is refused."""

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refsbnn import sealed
from refsbnn.cli import main
from refsbnn.errors import InputError
from refsbnn.training import checkpoint, loop
from refsbnn.training.config import load
from refsbnn.training.loop import Interrupted, initial, train
from refsbnn.training.progress import Progress
from refsbnn.training.resume import begin, check_same
from refsbnn.training.state import State, packed, unpacked
from refsbnn.training.task import Task, prepare

# Three epochs of 4 steps, so that a few numbers name steps inside epochs and at their ends.
RUN = ["training.epochs=3", "training.batch=256", "model.hidden=[9]", "evaluation.samples=2", "training.checkpoint=0"]
KINDS = {
    "numpy": ["digits_binary", *RUN],
    "numba": ["digits_binary", *RUN, "training.backend=numba", "training.optimiser=adamw", "training.weight_decay=0.1"],
    "spiking": [
        "digits_spiking",
        *RUN,
        "data.steps=3",
        "training.optimiser=sgd",
        "training.monitor=3",
        "model.units.member='gr(tau=1,K=2)'",
    ],
    "patience": ["digits_binary", *RUN, "training.patience=1", "training.rate=1.0", "training.clip=0.1"],
}


def same(a: State, b: State) -> None:
    """Every array of two states to the bit, and every number but the time."""
    config = load("digits_binary")
    one, two = packed(a, config), packed(b, config)
    assert one.arrays.keys() == two.arrays.keys()
    for key, value in one.arrays.items():
        assert value.dtype == two.arrays[key].dtype
        np.testing.assert_array_equal(value, two.arrays[key], err_msg=key)
    facts = []
    for content in (one, two):
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in content.facts["history"]]
        facts.append(content.facts | {"history": rows, "seconds": 0})
    assert facts[0] == facts[1]


def whole(task: Task) -> State:
    state = initial(task)
    train(task, state=state)
    return state


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_stops_anywhere_goes_on_to_the_same_bits(kind: str, tmp_path: Path) -> None:
    name, *overrides = KINDS[kind]
    task = prepare(load(name, overrides))
    expected = whole(task)
    assert expected.step >= 8
    for stop_at in (1, 3, 4, 5, 8):
        state = initial(task)
        path = tmp_path / f"{stop_at}.h5"

        def save(state: State, path: Path = path) -> None:
            sealed.write(path, packed(state, task.config))

        with pytest.raises(Interrupted):
            train(task, state=state, save=save, stop=lambda state=state, stop_at=stop_at: state.step == stop_at)
        again = prepare(load(name, overrides))
        state = unpacked(sealed.read(path), initial(again))
        assert state.step == stop_at
        train(again, state=state)
        same(state, expected)


def results(out: Path) -> tuple[dict[str, np.ndarray], list[dict[str, str]], dict[str, Any]]:
    """What a run's folder holds, without times."""
    with np.load(out / "parameters.npz") as arrays:
        parameters = dict(arrays)
    with (out / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["seconds"]
    return parameters, rows, json.loads((out / "result.json").read_text()) | {"seconds": 0}


def same_results(a: Path, b: Path) -> None:
    (p, rows, result), (q, others, other) = results(a), results(b)
    assert rows == others
    assert result == other
    assert p.keys() == q.keys()
    for key, value in p.items():
        np.testing.assert_array_equal(value, q[key], err_msg=key)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_killed_without_warning(backend: str, tmp_path: Path) -> None:
    """SIGKILL as soon as there is a checkpoint, in the midst of an epoch; then the same command with --resume."""
    command = ["train", "digits_binary", *RUN, "training.epochs=10", f"training.backend={backend}", "--out"]
    call = f"import sys; from refsbnn.cli import main; sys.exit(main({[*command, str(tmp_path / 'killed')]}))"
    process = subprocess.Popen([sys.executable, "-c", call], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not checkpoint.saved(tmp_path / "killed") and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "result.json").exists()
    assert main([*command, str(tmp_path / "killed"), "--resume"]) == 0
    assert main([*command, str(tmp_path / "whole")]) == 0
    same_results(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop(number: signal.Signals, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """The step under way is finished and saved, the exit code is the signal's, and one line says how to go on."""
    command = [*KINDS["numpy"], "training.checkpoint=10", "--out"]
    step: Callable[[Any, State], None] = Progress.step

    def and_then(self: Progress, state: State) -> None:
        step(self, state)
        if state.step == 6:
            signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "step", and_then)
        assert main(["train", *command, str(tmp_path / "stopped")]) == 128 + number
    assert "--resume" in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in checkpoint.saved(tmp_path / "stopped")] == ["0000000006.h5", "0000000004.h5"]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert main(["train", *command, str(tmp_path / "stopped"), "--resume"]) == 0
    assert main(["train", *command, str(tmp_path / "whole")]) == 0
    same_results(tmp_path / "stopped", tmp_path / "whole")


def test_asked_to_stop_in_the_midst_of_the_last_validation(tmp_path: Path) -> None:
    """The epoch is saved; what is left, the scoring, is done when the run is resumed."""
    task = prepare(load("digits_binary", RUN))
    state, saved = initial(task), []
    with pytest.raises(Interrupted):
        train(task, state=state, save=lambda s: saved.append(s.step), stop=lambda: len(state.history) == 3)
    assert saved[-1] == state.step == 12
    assert train(task, state=state).steps == 12


@pytest.mark.parametrize("moment", ["train", "evaluate"])
def test_stopped_at_once(moment: str, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """A second Ctrl-C, or one while the test split is scored, leaves the checkpoints and says how to go on."""
    command = ["train", *KINDS["numpy"], "--out", str(tmp_path / "stopped")]
    again = ["--resume"] if moment == "evaluate" else []  # before the first step nothing is saved

    def stopped(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"refsbnn.commands.train.{'loop.train' if moment == 'train' else 'evaluate'}", stopped)
        assert main(command) == 130
    told = capsys.readouterr().err.splitlines()[-1]
    assert ("--resume" in told and str(tmp_path / "stopped") in told) if again else "begins anew" in told
    assert main([*command, *again]) == 0
    assert main([*command[:-1], str(tmp_path / "whole")]) == 0
    same_results(tmp_path / "stopped", tmp_path / "whole")


def test_a_finished_run_without_checkpoints_is_not_trained_again(tmp_path: Path, capsys: Any) -> None:
    command = ["train", *KINDS["numpy"], "--out", str(tmp_path)]
    assert main(command) == 0
    for path in checkpoint.saved(tmp_path):
        path.unlink()
    before = (tmp_path / "result.json").read_bytes()
    assert main([*command, "--resume"]) == 2
    assert "a finished run without checkpoints" in capsys.readouterr().err
    assert (tmp_path / "result.json").read_bytes() == before


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "run"
    command = ["train", *KINDS["numpy"], "--out", str(out)]
    assert main(command) == 0
    (tmp_path / "before").mkdir()
    for name in ("parameters.npz", "metrics.csv", "result.json"):
        (out / name).rename(tmp_path / "before" / name)
    newest, older = checkpoint.saved(out)
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(bytes(content))
    capsys.readouterr()
    assert main([*command, "--resume"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert len([line for line in told if "is damaged" in line and str(newest) in line]) == 1
    same_results(tmp_path / "before", out)
    for path in (newest, older):
        path.write_bytes(b"nothing")
    assert main([*command, "--resume"]) == 2


def test_the_record_is_cut_to_the_checkpoint(tmp_path: Path, monkeypatch: Any) -> None:
    """A row that was written after the last checkpoint is not there twice."""
    out = tmp_path / "run"
    command = ["train", *KINDS["numpy"], "--out", str(out)]
    with monkeypatch.context() as patch:
        patch.setattr(
            Progress, "step", lambda self, state: signal.raise_signal(signal.SIGINT) if state.step == 9 else None
        )
        assert main(command) == 130
    with (out / "metrics.csv").open("a") as file:
        file.write("3,0,0\n")
    assert main([*command, "--resume"]) == 0
    assert [row["epoch"] for row in results(out)[1]] == ["1", "2", "3"]
    assert main(["train", *KINDS["numpy"], "--out", str(tmp_path / "whole")]) == 0
    same_results(out, tmp_path / "whole")


def test_a_run_is_not_destroyed_by_mistake(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "run"
    command = ["train", *KINDS["numpy"], "--out", str(out)]
    assert main(command) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert main(command) == 2
    assert "--resume continues it, --overwrite replaces it" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    (out / "notes.txt").write_text("mine")
    (out / "raster.png").write_text("of an earlier run over time")
    (out / "tensorboard").mkdir()
    (out / "tensorboard" / "events.out.tfevents.1.here").write_text("of an earlier run")
    assert main([*command, "seed=1", "--overwrite"]) == 0
    assert (out / "notes.txt").read_text() == "mine"
    assert not (out / "raster.png").exists()
    assert not list((out / "tensorboard").iterdir())
    assert (out / "parameters.npz").read_bytes() != before["parameters.npz"]
    with pytest.raises(SystemExit):
        main([*command, "--overwrite", "--resume"])


def test_resuming_where_nothing_is_is_refused(tmp_path: Path, capsys: Any) -> None:
    for out in (tmp_path / "new", tmp_path):
        assert main(["train", *KINDS["numpy"], "--out", str(out), "--resume"]) == 2
        assert "holds no checkpoint to continue from; without --resume the run begins" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.hidden=[10]", r"model.hidden is \[9\] there, \[10\] here"),
        ("training.rate=0.5", "training.rate is 0.01 there, 0.5 here"),
        ("seed=1", "seed is 0 there, 1 here"),
        ("model.units.member=st", r"model.units.member is 'agr\(tau=0.5\)' there, 'st' here"),
        ("training.epochs=4", "training.epochs is 3 there, 4 here"),  # which the cosine schedule would notice
        ("training.backend=numba", "training.backend is 'numpy' there, 'numba' here"),
    ],
)
def test_another_run_is_refused(override: str, said: str) -> None:
    name, *overrides = KINDS["numpy"]
    before, now = load(name, overrides), load(name, [*overrides, override])
    with pytest.raises(InputError, match=said):
        check_same(Path("a.h5"), before.as_dict(), now, 3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_while_the_result_is_scored(number: int, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """The last validation is left at its next batch, and not forgotten: the exit code is the signal's."""
    command = ["train", *KINDS["numpy"], "--out", str(tmp_path / "stopped")]
    score: Callable[..., Any] = loop.evaluate
    batches: list[int] = []

    def asked(*arguments: Any) -> Any:
        signal.raise_signal(number)
        *given, report = arguments
        return score(*given, lambda examples: (batches.append(examples), report(examples)))

    with monkeypatch.context() as patch:
        patch.setattr(loop, "evaluate", asked)
        assert main(command) == 128 + number
    assert len(batches) == 1
    assert not (tmp_path / "stopped" / "result.json").exists()
    assert main([*command, "--resume"]) == 0
    assert main([*command[:-1], str(tmp_path / "whole")]) == 0
    same_results(tmp_path / "stopped", tmp_path / "whole")


def test_what_may_change(tmp_path: Path) -> None:
    """More epochs where the rate does not depend on their number, and what changes no step."""
    name, *overrides = KINDS["numpy"]
    free = ["training.keep=5", "training.checkpoint=1", "evaluation.samples=7", "training.epochs=5"]
    before, now = (load(name, [*overrides, "training.schedule=constant", *more]) for more in ([], free))
    check_same(Path("a.h5"), before.as_dict(), now, 3)
    with pytest.raises(InputError, match=r"training\.epochs"):
        check_same(Path("a.h5"), now.as_dict(), before, 4)
    task = prepare(before)
    checkpoint.save(tmp_path, 12, packed(whole(task), before), keep=1)
    longer = prepare(now)
    state = begin(tmp_path, longer, resume=True, overwrite=False, warn=lambda line: None)
    train(longer, state=state)
    same(state, whole(prepare(now)))


def test_arrays_of_another_network_are_refused() -> None:
    tasks = [prepare(load("digits_binary", [*RUN, f"model.hidden={hidden}"])) for hidden in ("[9]", "[8]")]
    content = packed(initial(tasks[0]), tasks[0].config)
    with pytest.raises(InputError, match=r"parameters/1.dense.mu is float64 of shape \(9, 64\); this network's is"):
        unpacked(content, initial(tasks[1]))
    del content.arrays["parameters/1.dense.mu"]
    with pytest.raises(InputError, match=r"another network: its parameters differ in '1\.dense\.mu'"):
        unpacked(content, initial(tasks[0]))
