"""The process of one run: it ends with the process that started it, whatever became of that."""

import os
import runpy
import signal
import sys
import threading
from pathlib import Path

import refsbnn


def command(program: str, *arguments: str) -> list[str]:
    """How a module is run as such a process; a user's file `refsbnn.py` in the working folder hides no package."""
    root = str(Path(refsbnn.__file__).resolve().parents[1])
    code = f"import sys; sys.path.append({root!r}); from refsbnn.sweeps import child; child.main()"
    return [sys.executable, "-P", "-c", code, program, *arguments]


def main() -> None:
    """Run the module that the first argument names with the other ones, as `python -m` does."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # Slurm's warning goes to all processes; the parent acts on it
    threading.Thread(target=watch, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def watch() -> None:
    """Ask this process to stop, as SIGTERM does, when the other end of standard input is no more."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
