"""What a run shows: on a terminal a bar that moves with the steps; in a file a line an epoch."""

import io
import sys

import pytest

from refsbnn.training.config import load
from refsbnn.training.loop import Plan, train
from refsbnn.training.progress import Progress
from refsbnn.training.task import prepare


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO) -> str:
    task = prepare(load("digits_binary", ["training.epochs=2", "model.hidden=[4]", "training.batch=256"]))
    plan = Plan.of(task)
    progress = Progress(plan.steps, plan.examples, stream=stream)
    progress.bar.mininterval = 0.0
    train(task, progress.epoch, each_step=progress.step)
    progress.close()
    return stream.getvalue()


def test_a_bar_moves_with_the_steps() -> None:
    text = shown(Terminal())
    for part in ("3/8", "8/8", "loglik -", "KL/N", "P ", "accuracy", "rate 0.", "validation"):
        assert part in text


def test_the_numbers_fit_80_columns() -> None:
    """A terminal cuts what does not fit; these are as long as numbers of three digits get."""
    progress = Progress(1, 1, stream=Terminal())
    progress.validation = ", validation 100.0%"
    means = {"loglik": -2.345, "kl": 12.34, "penalty": 56.78, "correct": 1.0, "rate.0": 0.5}
    assert len(progress.numbers(means)) <= 80
    progress.close()


@pytest.mark.parametrize(("kind", "letter"), [("sensitivity", "P"), ("norm", "B")])
def test_the_penalty_has_its_letter(kind: str, letter: str) -> None:
    progress = Progress(1, 1, kind=kind, stream=io.StringIO())
    assert f", {letter} 0.5," in progress.numbers({"loglik": -1.0, "kl": 1.0, "penalty": 0.5, "correct": 1.0})


def test_a_file_gets_a_line_an_epoch() -> None:
    lines = shown(io.StringIO()).splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert all(part in lines[1] for part in ("loglik -", "KL/N", "accuracy", "validation", "rate 0."))


def test_standard_error_is_that_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one of the import, which may be closed."""
    now = io.StringIO()
    monkeypatch.setattr(sys, "stderr", now)
    assert Progress(1, 1).stream is now
