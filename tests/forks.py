"""A process that runs tests in forks of itself: what every run imports from elsewhere is imported once.

`python forks.py` reads lines of three fields, separated by tabs: a folder, the tests to run there, a file for what they
print. It answers with pytest's exit code. A fork imports the project's packages of that folder, not the checkout's.
"""

import os
import sys
from importlib import import_module

# Imported by nearly every test, and none of it is the project's.
HEAVY = ("numpy", "scipy.special", "scipy.stats", "numba", "h5py", "hypothesis", "pytest", "hypothesis.extra.numpy")

# Hypothesis is imported before pytest could rewrite its assertions, which it has none of to rewrite.
OPTIONS = ("-x", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
CRASHED = 70


def run(folder: str, tests: str, output: str) -> int:
    """Run `tests` in a fork with the packages of `folder`, its output in the file `output`; pytest's exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(folder)
    sys.path[0] = os.environ["PYTHONPATH"] = folder
    code = CRASHED
    try:
        code = import_module("pytest").main([*OPTIONS, tests])
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    for name in HEAVY:
        import_module(name)
    for line in sys.stdin:
        folder, tests, output = line.rstrip("\n").split("\t")
        print(run(folder, tests, output), flush=True)
