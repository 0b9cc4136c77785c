"""An adapter in a process of its own: whatever it does there, exit, crash, hang, it cannot take the report with it.

Cases go in as Python objects; outcomes come out as JSON, so that nothing of the adapter's runs in here.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import numpy as np

from refsbnn.errors import InputError
from validation.conformance.judge import Outcome
from validation.conformance.plain import array
from validation.conformance.schema import Case

if TYPE_CHECKING:
    from validation.conformance.own.cases import OwnCase  # brings the oracle, which given noise does without

TIMEOUT = 300.0  # seconds for one check; the slowest of the adapters that ship takes 30, on one core
LOOK = 1.0  # seconds between two looks at whether the process is there
LOST = 3  # checks lost one after the other, after which the rest are not tried
BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from validation.conformance.worker import main; main()"


class Gone(Exception):
    """The process ended or did not answer; the message says which."""


class Process:
    """A process that holds an adapter; a new one is started when it is gone.

    Parameters
    ----------
    adapter : str
        "module:Class".
    device : str or None
    timeout : float
        Seconds for one check, and for loading the adapter.
    record : bool
        Whether the results are kept, in `results`.
    """

    def __init__(self, adapter: str, device: str | None, timeout: float, record: bool = False) -> None:
        self.adapter, self.device, self.timeout, self.record = adapter, device, timeout, record
        self.results: dict[str, dict[str, np.ndarray]] = {}
        self.running: subprocess.Popen[bytes] | None = None
        self.channel: Connection | None = None
        self.lost = 0

    def launch(self) -> None:
        """Start the process, which loads the adapter; `start` waits for it."""
        self.channel, theirs = Pipe()
        words = [sys.executable, "-c", BOOT, json.dumps(sys.path), str(theirs.fileno())]
        # A session of its own: what the adapter starts ends with it, and Ctrl-C is this process's to handle.
        self.running = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True
        )
        theirs.close()
        with suppress(OSError):  # gone already: `start` says so
            self.channel.send({"adapter": self.adapter, "device": self.device})

    def start(self) -> tuple[str, ...]:
        """Load the adapter; returns the types it computes in.

        Raises
        ------
        InputError
            It cannot be loaded, or what it declares cannot be meant.
        """
        if self.running is None:
            self.launch()
        try:
            found = self.answer()
        except Gone as reason:
            raise InputError(f"adapter {self.adapter}: while it was loaded, {reason}") from None
        if "error" in found:
            self.stop()
            raise InputError(str(found["error"]))
        return tuple(found["dtypes"])

    def ask(self, request: Any) -> dict[str, Any]:
        """What the process answers.

        Raises
        ------
        Gone
            Nothing; the process is gone then.
        """
        assert self.channel is not None
        with suppress(OSError):  # what there is left to read says why
            self.channel.send(request)
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """What the process answers to what it was sent; raises as `ask`."""
        assert self.running is not None
        assert self.channel is not None
        end = time.monotonic() + self.timeout
        try:
            while not self.channel.poll(LOOK):
                if self.running.poll() is not None and not self.channel.poll():
                    raise EOFError  # and what it has started holds its end of the pipe
                if time.monotonic() > end:
                    self.stop()
                    raise Gone(f"there was no answer within {self.timeout:g} s")
            answer = json.loads(self.channel.recv_bytes())
        except (OSError, EOFError, ValueError):
            raise Gone(ending(self.stop(LOOK))) from None
        if not isinstance(answer, dict):
            self.stop()
            raise Gone("it answered what is no outcome")
        return answer

    def run(self, case: "Case | OwnCase", *options: Any) -> Outcome:
        """The outcome of a case; a failure where the process is gone."""
        if self.lost == LOST:
            message = f"not run: the {LOST} checks before it ended without an answer"
            return Outcome(case.id, "fail", message, bug_class=case.bug_class)
        try:
            if self.running is None:
                self.start()
            found = self.ask((self.record, case, *options))
            told = found.pop("arrays")
            outcome = Outcome(**found)
            if self.record and outcome.verdict != "unsupported":
                self.results[case.id] = {str(name): array(y, case.id) for name, y in told.items()}
        except (Gone, InputError, TypeError, KeyError) as reason:
            self.lost += 1
            return Outcome(case.id, "fail", str(reason), bug_class=case.bug_class)
        self.lost = 0
        outcome.bug_class = tuple(outcome.bug_class)
        return outcome

    def stop(self, patience: float = 0.0) -> int:
        """End the process, and what it has started; returns its exit code. One that is ending may do so by itself."""
        running, channel = self.running, self.channel
        self.running = self.channel = None
        if running is None or channel is None:
            return 0
        channel.close()
        with suppress(subprocess.TimeoutExpired):
            running.wait(patience)
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        return running.wait()


def ending(code: int) -> str:
    """How a process ended, in words.

    >>> ending(0), ending(-11)
    ('the process ended with exit code 0', 'the process was ended by SIGSEGV')
    """
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"the process {how}"


@contextmanager
def apart(adapter: str, device: str | None, timeout: float, record: bool = False) -> Iterator[Process]:
    """A process for an adapter, ended at the end."""
    process = Process(adapter, device, timeout, record)
    try:
        yield process
    finally:
        process.stop()
