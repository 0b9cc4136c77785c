"""Signals end every command with 130 or 143 and a line, from its first moment on."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

from refsbnn import cli, interrupt

SIGNALS = pytest.mark.parametrize("number", interrupt.SIGNALS)


def stopped(words: Sequence[str], number: int, after: float) -> tuple[int, str]:
    """Exit code and standard error of a process that gets a signal so many seconds after its start."""
    running = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(after)
    running.send_signal(number)
    return (running.communicate()[1], running.returncode)[::-1]


@SIGNALS
@pytest.mark.parametrize("after", [0.15, 0.3, 0.6, 1.2])
def test_the_first_moments_of_a_command(number: int, after: float) -> None:
    """After the interpreter's own start (the time in which no program can do anything), and while modules load."""
    code, told = stopped(["-m", "refsbnn", "audit"], number, after)
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
    with interrupt.asked_to_stop() as stop:
        assert not stop()
        signal.raise_signal(number)
        assert stop()
        assert stop.code == 128 + number
        with pytest.raises(KeyboardInterrupt) as caught:
            signal.raise_signal(number)
        assert interrupt.code(caught.value) == 128 + number
