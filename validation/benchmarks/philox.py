"""What a uniform costs the engine: instructions of the compiled loop, and the least time of many short runs.

python -m validation.benchmarks.philox
"""

import re
import sys
import time
from collections import Counter
from typing import Any

import numpy as np
from numba import njit

from refsbnn.kernels import philox
from validation.benchmarks.machine import processor

WORDS = 2000  # that a run makes, few enough for the first-level cache
RUNS = 2000


def assembly() -> str:
    """The compiled `philox.uniforms`."""
    compiled: Any = njit(error_model="numpy")(philox.uniforms.py_func)
    compiled(np.uint64(1), 5, 7, 3, 0, np.empty(WORDS, np.float32))
    return str(next(iter(compiled.inspect_asm().values())))


def loops(text: str) -> list[list[str]]:
    """The instructions of each innermost loop: from a label to the jump back to it, without other labels between.

    Examples
    --------
    >>> loops("a:" + chr(10) + chr(9) + "incq %rax" + chr(10) + chr(9) + "jne a")
    [['incq %rax', 'jne a']]
    """
    out: list[list[str]] = []
    label, body = "", list[str]()
    for line in text.splitlines():
        if found := re.match(r"(\S+):", line):
            label, body = found[1], []
        elif line.startswith("\t") and not line.startswith("\t."):
            body.append(" ".join(line.split()))
            if re.fullmatch(rf"j\w+ {re.escape(label)}", body[-1]):
                out.append(body.copy())
    return out


def main() -> int:
    """Print both."""
    print(processor())
    body = max(loops(assembly()), key=len)
    names = Counter(line.split()[0] for line in body)
    conversions = [line for line in body if line.startswith("vcvtdq2ps")]
    draws = sum(16 if "zmm" in line else 8 if "ymm" in line else 4 for line in conversions)
    width = "512" if "zmm" in "".join(body) else "256"
    print(f"the loop: {len(body)} instructions for {draws} uniforms, registers of {width} bits")
    print(", ".join(f"{count} {name}" for name, count in names.most_common(9)))
    u, least = np.empty(WORDS, np.float32), np.inf
    for run in range(RUNS):
        begun = time.perf_counter()
        philox.uniforms(np.uint64(1), run, 7, 3, 0, u)
        least = min(least, time.perf_counter() - begun)
    print(f"{1e9 * least / WORDS:.2f} ns a uniform, the least of {RUNS} runs of {WORDS}, the call included")
    return 0


if __name__ == "__main__":
    sys.exit(main())
