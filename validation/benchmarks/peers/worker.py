"""One contestant in a process of its own: reads commands from standard input, answers in JSON lines.

python -m validation.benchmarks.peers.worker MODULE CASE THREADS [small]; commands: "step N", "end".
"""

import importlib
import json
import resource
import sys
import time
import warnings


def peak() -> float:
    """Largest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Serve until told to end."""
    warnings.simplefilter("ignore")
    module, name, threads, *small = sys.argv[1:]
    from validation.benchmarks.peers.cases import case_of

    contestant = importlib.import_module(f"validation.benchmarks.peers.{module}")
    imported = peak()
    start = time.perf_counter()
    step = contestant.build(case_of(name, bool(small)), int(threads))
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
