"""One run a folder: who comes second is refused, whoever died is not waited for, and no one's lock is taken away."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from refsbnn.cli import main
from refsbnn.errors import InputError
from refsbnn.training import checkpoint, lock

RUN = ["train", "digits_binary", "model.hidden=[4]", "evaluation.samples=1", "training.epochs=100000"]
HOLD = "import sys, time; from pathlib import Path; from refsbnn.training import lock\n"
HOLD += "with lock.held(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"


@contextmanager
def process(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process, killed at the end."""
    running = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def record(path: Path, **changes: Any) -> None:
    """A lock as this process would write it, with changes."""
    path.write_text(json.dumps(lock.owner(os.getpid()) | {"since": "2026-01-01 00:00:00"} | changes))


def test_the_lock_is_gone_afterwards(tmp_path: Path) -> None:
    with lock.held(tmp_path / "new"):
        assert (tmp_path / "new" / lock.NAME).exists()
        with pytest.raises(InputError, match="in use"), lock.held(tmp_path / "new"):
            raise AssertionError
        assert (tmp_path / "new" / lock.NAME).exists()
    with pytest.raises(ZeroDivisionError), lock.held(tmp_path / "new"):
        raise ZeroDivisionError
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize("more", [[], ["--overwrite"], ["--resume"]])
def test_a_second_run_is_refused_and_readers_are_not(more: list[str], tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "run"
    with process("-m", "refsbnn", *RUN, "--out", str(out)) as first:
        while len(checkpoint.saved(out)) < 2:
            assert first.poll() is None
            time.sleep(0.001)
        assert main([*RUN, "--out", str(out), *more]) == 2
        told = capsys.readouterr().err
        assert f"{out} is in use by process {first.pid} on {lock.owner(0)['host']} since " in told
        assert told.count("\n") == 1
        if not more:
            assert main(["evaluate", str(out), "--samples", "1"]) == 0
        assert first.poll() is None
        first.send_signal(signal.SIGTERM)
        assert first.wait() == 143
    assert not (out / lock.NAME).exists()
    assert checkpoint.saved(out)


def test_a_killed_process_is_not_waited_for(tmp_path: Path) -> None:
    with process("-c", HOLD, str(tmp_path)) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"process {first.pid} on"), lock.held(tmp_path):
            raise AssertionError
        first.kill()
        while Path(f"/proc/{first.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.001)
        with lock.held(tmp_path):  # a zombie, whose number is still taken
            pass
    record(tmp_path / lock.NAME, pid=first.pid)
    with lock.held(tmp_path):
        assert lock.content(tmp_path / lock.NAME)["pid"] == os.getpid()


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({}, False),
        ({"host": "another", "pid": 2**22 - 1, "boot": "another"}, False),  # nobody knows
        ({"boot": "another"}, True),  # this host was started again
        ({"started": "1"}, True),  # another process with the same number
        ({"namespace": "pid:[1]", "pid": 2**22 - 1}, False),  # a container on this host
        ({"pid": 2**80}, True),
    ],
)
def test_whose_lock_is_stale(changes: dict[str, Any], stale: bool, tmp_path: Path) -> None:
    record(tmp_path / lock.NAME, **changes)
    assert lock.stale(tmp_path / lock.NAME) is stale
    if stale:
        with lock.held(tmp_path):
            pass
    else:
        with pytest.raises(InputError, match=r"in use by process \d+ on .*remove .*\.lock"), lock.held(tmp_path):
            raise AssertionError
        assert (tmp_path / lock.NAME).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "1"}', b"\xff"])
def test_a_lock_that_is_not_whole_is_stale_after_a_moment(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / lock.NAME
    path.write_bytes(content)
    with pytest.raises(InputError, match="in use by another process"), lock.held(tmp_path):
        raise AssertionError
    long_ago = time.time() - 2.0 * lock.MOMENT
    os.utime(path, (long_ago, long_ago))
    with lock.held(tmp_path):
        pass


def test_a_lock_put_there_by_hand_is_left(tmp_path: Path) -> None:
    with lock.held(tmp_path):
        record(tmp_path / lock.NAME, pid=1)
    assert lock.content(tmp_path / lock.NAME)["pid"] == 1


def test_of_many_who_find_a_stale_lock_one_gets_it(tmp_path: Path) -> None:
    """A thread each; what the test could not see of a race it cannot see, but two holders at once it does."""
    holders, most = 0, 0
    guard = threading.Lock()

    def enter() -> None:
        nonlocal holders, most
        for _ in range(50):
            try:
                with lock.held(tmp_path):
                    with guard:
                        holders += 1
                        most = max(most, holders)
                    time.sleep(0.0005)
                    with guard:
                        holders -= 1
                        record(tmp_path / lock.NAME, started="1")  # as if it had been killed here
            except InputError:
                continue

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"), lock.held(tmp_path / "file" / "run"):
        raise AssertionError
