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
from refsbnn.training.progress import Progress
from refsbnn.training.state import State

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
    path.write_text(json.dumps(lock.owner() | {"since": "2026-01-01 00:00:00"} | changes))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second without a sign of life is silence."""
    monkeypatch.setattr(lock, "SILENCE", 0.5)


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
        assert f"{out} is in use by process {first.pid} on {lock.owner()['host']} since " in told
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
        assert json.loads((tmp_path / lock.NAME).read_text())["pid"] == os.getpid()


@pytest.mark.parametrize(
    ("changes", "runs"),
    [
        ({}, True),
        ({"host": "renamed"}, True),  # the same machine, whatever it is called
        ({"host": "another", "pid": 2**22 - 1, "boot": "another"}, None),
        ({"boot": "another"}, None),  # started again, or a machine of the same name
        ({"started": "1"}, False),  # another process with the same number
        ({"namespace": "pid:[1]", "pid": 2**22 - 1}, None),  # a container on this machine
        ({"pid": 2**80}, False),
        ({"pid": 2**22 - 1}, False),
    ],
)
def test_what_this_machine_knows_of_a_process(changes: dict[str, Any], runs: bool | None) -> None:
    assert lock.running(lock.owner() | changes) is runs


def test_another_users_process_that_proc_hides_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = lock.owner()
    monkeypatch.setattr(lock, "status", lambda pid: ("", ""))
    assert lock.running(mine) is True


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "1"}', b"\xff", b'{"pid": 1, "host": "dead"}'])
def test_a_lock_of_nobody_known_is_taken_after_a_silence(content: bytes, tmp_path: Path) -> None:
    path, lines = tmp_path / lock.NAME, []
    path.write_bytes(content)
    os.utime(path, (time.time() + 1e6, time.time() + 1e6))  # of a file server whose clock is wrong
    before = time.monotonic()
    with lock.held(tmp_path, lines.append):
        assert time.monotonic() - before >= 0.5
    assert len(lines) == 1
    assert f"{tmp_path} is in use by " in lines[0]


# A holder that no machine but its own knows, as one in another container or on another node.
ELSEWHERE = """
import sys; from pathlib import Path; from refsbnn.training import lock
owner, lock.BEAT = lock.owner, 0.02
lock.owner = lambda: owner() | {"host": "elsewhere", "boot": "another"}
with lock.held(Path(sys.argv[1])) as hold:
    print("held", flush=True)
    sys.stdin.readline()
    hold.check()
"""


@pytest.mark.usefixtures("short")
def test_a_holder_elsewhere_is_heard(tmp_path: Path) -> None:
    """Alive it keeps its lock; cut off it loses it, and learns of it before it writes again."""
    other = subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"in use by process {other.pid} on elsewhere"), lock.held(tmp_path):
            raise AssertionError
        other.send_signal(signal.SIGSTOP)
        with lock.held(tmp_path) as hold:
            other.send_signal(signal.SIGCONT)
            _, told = other.communicate("\n")
            assert other.returncode == 1
            assert f"InputError: {tmp_path} is in use by process {os.getpid()} on " in told
            assert "taken for dead and writes no more" in told
            hold.check()
    finally:
        other.kill()
        other.communicate()
    assert not list(tmp_path.iterdir())


def test_a_run_that_lost_its_folder_ends_with_a_line(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """As after a node was cut off: whoever has the folder now finds it as it was when it was taken."""
    step = Progress.step

    def taken(self: Progress, state: State) -> None:
        step(self, state)
        if state.step == 30:
            record(tmp_path / lock.NAME, host="elsewhere")

    monkeypatch.setattr(Progress, "step", taken)
    assert main([*RUN, "training.checkpoint=0", "--out", str(tmp_path)]) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("refsbnn: error: ")]
    assert len(told) == 1
    assert "on elsewhere since 2026-01-01 00:00:00; this one was taken for dead" in told[0]
    assert [path.name for path in checkpoint.saved(tmp_path)] == ["0000000029.h5", "0000000028.h5"]
    assert "elsewhere" in (tmp_path / lock.NAME).read_text()


def test_a_lock_that_was_removed_by_hand_is_made_again(tmp_path: Path) -> None:
    with lock.held(tmp_path) as hold:
        (tmp_path / lock.NAME).unlink()
        hold.check()
        with pytest.raises(InputError, match="in use by"), lock.held(tmp_path):
            raise AssertionError
        record(tmp_path / lock.NAME)
        with pytest.raises(InputError, match="taken for dead"):
            hold.check()
    assert (tmp_path / lock.NAME).exists()  # it is another's


@pytest.mark.usefixtures("short")
def test_who_was_killed_while_removing_a_lock_blocks_nobody(tmp_path: Path) -> None:
    record(tmp_path / lock.NAME, started="1")
    (tmp_path / f"{lock.NAME}.removing").touch()
    with lock.held(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


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
