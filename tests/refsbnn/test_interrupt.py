"""Signals end every command with 130 or 143 and a line, from its first moment on."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

from refsbnn import cli, interrupt

SIGNALS = pytest.mark.parametrize("number", interrupt.SIGNALS)


def stopped(command: str, number: int, after: float) -> tuple[int, str]:
    """Exit code and standard error of a command that gets a signal so many seconds after its first line ran.

    What comes before, the start of the interpreter, is not the program's, and how long it takes is the machine's.
    """
    code = (
        f"import sys; sys.argv = ['refsbnn', '{command}']; from refsbnn.__main__ import main; "
        "print('begun', flush=True); sys.exit(main())"
    )
    words, pipe = [sys.executable, "-c", code], subprocess.PIPE
    running = subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "begun\n"
    time.sleep(after)
    running.send_signal(number)
    return (running.communicate()[1], running.returncode)[::-1]


@SIGNALS
@pytest.mark.parametrize("after", [0.0, 0.1, 0.3, 1.0])
def test_the_first_moments_of_a_command(number: int, after: float) -> None:
    """While modules load, and after."""
    code, told = stopped("audit", number, after)
    assert code == 128 + number
    assert told.splitlines()[-1] == "refsbnn: interrupted"
    assert "Traceback" not in told


@SIGNALS
def test_a_command_is_left_in_order(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal is an exception that no handler of errors takes for one."""
    left = []

    def command(rest: Sequence[str]) -> int:
        try:
            signal.raise_signal(number)
        except Exception:
            raise AssertionError from None
        finally:
            left.append("in order")
        return 0

    monkeypatch.setattr("refsbnn.commands.train.main", command)
    before = [signal.getsignal(each) for each in interrupt.SIGNALS]
    try:
        assert cli.main(["train"], loaded=interrupt.raised) == 128 + number
    finally:
        for each, handler in zip(interrupt.SIGNALS, before, strict=True):
            signal.signal(each, handler)
    assert left == ["in order"]


@SIGNALS
def test_asked_once_and_twice(number: int) -> None:
    """By Ctrl-C, whatever came first."""
    with interrupt.asked_to_stop() as stop:
        assert not stop()
        signal.raise_signal(number)
        assert stop()
        assert stop.code == 128 + number
        with pytest.raises(KeyboardInterrupt) as caught:
            signal.raise_signal(signal.SIGINT)
        assert interrupt.code(caught.value) == 130


def test_a_cluster_may_ask_several_times() -> None:
    """Slurm sends SIGTERM to a step, to the job, and once more through srun: what is being saved is still saved."""
    with interrupt.asked_to_stop() as stop:
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)
        assert stop.code == 143


def test_a_command_that_ends_is_not_ended_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second SIGTERM does not reach those who leave in order because of the first."""
    left = []

    def command(rest: Sequence[str]) -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            left.append("in order")
        return 0

    monkeypatch.setattr("refsbnn.commands.train.main", command)
    before = [signal.getsignal(each) for each in interrupt.SIGNALS]
    try:
        assert cli.main(["train"], loaded=interrupt.raised) == 143
    finally:
        for each, handler in zip(interrupt.SIGNALS, before, strict=True):
            signal.signal(each, handler)
    assert left == ["in order"]
