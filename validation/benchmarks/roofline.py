"""`refsbnn bench --roofline`: the time of each kernel beside the least that this machine's measured limits allow."""

from typing import Any

import numba

from refsbnn.kernels import checked_once
from validation.benchmarks.peers.cases import case_of
from validation.benchmarks.roofline_kernels import Count, kernels
from validation.benchmarks.roofline_limits import NEAR, UNITS, best, limits

HALF = 0.5  # below this part of its limit a kernel says why, or that nobody has


def bound(count: Count, rates: dict[str, float]) -> tuple[float, str]:
    """Least seconds of a count, and the limit that binds.

    What is computed waits for the same ports, so it adds up; what is moved to and from memory goes on beside it. What
    the last cache can hold is moved from there.

    Examples
    --------
    >>> rates = {"stream": 1e9, "near": 4e9, "fma": 100.0, "events": 50.0}
    >>> bound({"stream": 1e6, "fma": 100.0, "events": 100.0}, rates)
    (3.0, 'events')
    >>> bound({"stream": 5e9, "fma": 100.0}, rates), bound({"stream": 8e6}, rates)
    ((5.0, 'stream'), (0.002, 'near'))
    """
    moved = count.get("stream", 0.0)
    where = "near" if moved <= NEAR else "stream"
    moving = moved / rates[where]
    seconds = {name: amount / rates[name] for name, amount in count.items() if name != "stream"}
    computing = sum(seconds.values())
    if moving >= computing:
        return moving, where
    return computing, max(seconds, key=seconds.__getitem__)


def measured(cases: list[str], threads: int, *, small: bool, rounds: int) -> dict[str, Any]:
    """Limits and kernels, on one thread and on `threads`.

    Returns
    -------
    dict
        "limits" by threads, their "units", "kernels": a row for each kernel and number of threads, and "checked_once":
        entries are not looked through for NaN, as in training.
    """
    counts = sorted({1, min(threads, int(numba.config.NUMBA_NUM_THREADS))})
    rates = {count: limits(count, rounds, 1e-3 if small else 1.0) for count in counts}
    rows: list[dict[str, Any]] = []
    for kernel in kernels({name: case_of(name, small) for name in cases}):
        for count in counts:
            numba.set_num_threads(count)
            with checked_once():  # as a training step calls them
                seconds = best(kernel.call, rounds, count)
            least, limit = min(bound(each, rates[count]) for each in kernel.counts)
            rows.append(
                {
                    "case": kernel.case, "kernel": kernel.name, "threads": count, "seconds": seconds,
                    "least_s": least, "limit": limit, "attained": least / seconds, "counts": kernel.counts,
                    "why": kernel.why, "reason": kernel.reason if least < HALF * seconds else "",
                }
            )  # fmt: skip
    named = {str(count): each for count, each in rates.items()}
    return {"limits": named, "units": UNITS, "kernels": rows, "checked_once": True}


def table(out: dict[str, Any]) -> str:
    """Limits and kernels, aligned, in at most 120 columns."""
    counts = list(out["limits"])
    lines = [f"{'limit, a second':<18}" + "".join(f"{f'{count} thread(s)':>14}" for count in counts) + "  of"]
    for name, unit in out["units"].items():
        values = "".join(f"{out['limits'][count][name] / 1e9:>12.2f} G" for count in counts)
        lines.append(f"{name:<18}{values}  {unit}")
    head = f"{'case':<8}{'kernel':<26}{'threads':>7}{'ms':>10}{'least ms':>10}{'attained':>9}  {'limit':<8}reason"
    lines += ["", head]
    for row in out["kernels"]:
        reason = row["reason"] or ("none stated" if row["attained"] < HALF else "")
        lines.append(
            f"{row['case']:<8}{row['kernel']:<26}{row['threads']:>7}{1e3 * row['seconds']:>10.3f}"
            f"{1e3 * row['least_s']:>10.3f}{row['attained']:>9.0%}  {row['limit']:<8}{reason}"[:120]
        )
    return "\n".join(lines)
