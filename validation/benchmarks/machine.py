"""The machine that a measurement ran on: processor, clock, BLAS, versions, and whether other work ran beside."""

import os
import platform
import time
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LIBRARIES = (
    *("refsbnn", "numpy", "scipy", "numba", "llvmlite", "torch", "jax", "jaxlib"),
    *("snntorch", "spikingjelly", "norse", "spyx"),
)
QUIET = 0.15  # processors that a desktop's or a virtual machine's own housekeeping may keep busy


def processor() -> str:
    """The processor's name, where the system tells it."""
    return next(iter(_cpuinfo("model name")), platform.processor())


def clock() -> float | None:
    """The mean clock of all processors now, in MHz, where the system tells it (a virtual machine's may be constant)."""
    values = [float(text) for text in _cpuinfo("cpu MHz")]
    return round(sum(values) / len(values), 1) if values else None


def _cpuinfo(key: str) -> list[str]:
    """The values of one key of /proc/cpuinfo, one for each processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    return [line.partition(":")[2].strip() for line in lines if line.startswith(key)]


def _ticks(stat: str) -> tuple[int, int]:
    """Busy and all ticks of all processors since the start, from the text of /proc/stat.

    Examples
    --------
    >>> _ticks("cpu  10 0 5 80 5 0 0 2 0 0")  # user, nice, system, idle, iowait, irq, softirq, steal
    (17, 102)
    """
    numbers = [int(word) for word in stat.splitlines()[0].split()[1:9]]
    return sum(numbers) - numbers[3] - numbers[4], sum(numbers)


def busy(seconds: float = 0.5) -> float | None:
    """How many processors were busy on average while this process slept; None where there is no /proc/stat."""
    try:
        before = _ticks(Path("/proc/stat").read_text())
        time.sleep(seconds)
        after = _ticks(Path("/proc/stat").read_text())
    except (OSError, ValueError, IndexError):
        return None
    share = (after[0] - before[0]) / max(after[1] - before[1], 1)
    return round(share * (os.cpu_count() or 1), 2)


def state() -> dict[str, Any]:
    """What changes from minute to minute: processors busy with other work, load averages, clock."""
    load = list(os.getloadavg()) if hasattr(os, "getloadavg") else None
    return {"busy_processors": busy(), "load": load, "clock_MHz": clock()}


def warning(now: dict[str, Any]) -> str | None:
    """One line where other work disturbs times, from a `state`; None on a quiet machine.

    Examples
    --------
    >>> warning({"busy_processors": 0.02, "load": [1.5, 0.9, 0.4]})
    >>> warning({"busy_processors": 1.9, "load": [2.25, 1.0, 0.4]})
    'warning: other work keeps 1.9 processors busy (load average 2.2): times are too long, and not to be quoted'
    """
    used = now["busy_processors"]
    if used is None or used <= QUIET:
        return None
    load = f" (load average {now['load'][0]:.1f})" if now["load"] else ""
    return f"warning: other work keeps {used:.1f} processors busy{load}: times are too long, and not to be quoted"


def blas() -> str:
    """The library behind NumPy's matrix products, with its kernel where threadpoolctl tells it."""
    import numpy as np

    if find_spec("threadpoolctl") is not None:
        from threadpoolctl import threadpool_info

        np.ones((2, 2)) @ np.ones((2, 2))
        found = [
            f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', 'unknown kernel')})"
            for pool in threadpool_info()
            if pool["user_api"] == "blas"
        ]
        if found:
            return ", ".join(dict.fromkeys(found))
    config: Any = np.show_config(mode="dicts")
    entry = config.get("Build Dependencies", {}).get("blas", {})
    return f"{entry.get('name', 'unknown')} {entry.get('version', '')}".strip()


def versions() -> dict[str, str]:
    """The interpreter and the libraries that are installed."""
    out = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return out


def described() -> dict[str, Any]:
    """What does not change while a measurement runs."""
    from refsbnn.kernels.lookup import tables_at_a_time  # not at the top: --help need not wait for the kernels

    return {
        "processor": processor(),
        "machine": platform.machine(),
        "tables_at_a_time": tables_at_a_time(),  # of a convolution, by the processor's family
        "processors": os.cpu_count(),
        "allowed": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "blas": blas(),
        "NUMBA_CPU_NAME": os.environ.get("NUMBA_CPU_NAME", ""),
        "versions": versions(),
    }


def lines(facts: dict[str, Any], before: dict[str, Any]) -> str:
    """The machine in two lines, before anything is timed."""
    shown = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    load = ", ".join(f"{value:.2f}" for value in before["load"] or ())
    now = f"load {load or 'unknown'}, busy {before['busy_processors']}, {before['clock_MHz']} MHz, BLAS {facts['blas']}"
    return f"{facts['processor']}, {facts['processors']} processors; {now}\n{shown}"
