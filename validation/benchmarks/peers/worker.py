"""One contestant in a process of its own: reads commands from standard input, answers in JSON lines.

python -m validation.benchmarks.peers.worker MODULE TASK, with a `turns.Task` as JSON; commands: "step N", "end".
"""

import importlib
import json
import resource
import sys
import time
import warnings
from pathlib import Path


def peak() -> float:
    """Largest resident memory of this process so far, MiB.

    Linux counts it for the program itself in /proc; what getrusage tells includes the parent's, from before the program
    began.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Serve until told to end."""
    warnings.simplefilter("ignore")
    module, text = sys.argv[1:]
    from validation.benchmarks.turns import Task

    task = Task(*json.loads(text))
    contestant = importlib.import_module(f"validation.benchmarks.peers.{module}")
    imported = peak()
    start = time.perf_counter()
    step = (contestant.build if task.batch is None else contestant.predictor)(task.of, task.threads)
    loss = step()
    first = time.perf_counter() - start
    out = {"first_s": first, "imported_MiB": imported, "loss": loss, "about": contestant.__doc__}
    print(json.dumps(out), flush=True)
    for line in sys.stdin:
        command, *count = line.split()
        if command == "end":
            break
        start = time.perf_counter()
        for _ in range(int(count[0])):
            loss = step()
        print(json.dumps({"seconds": time.perf_counter() - start, "loss": loss, "peak_MiB": peak()}), flush=True)


if __name__ == "__main__":
    main()
