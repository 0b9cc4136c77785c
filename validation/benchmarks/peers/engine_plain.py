"""refsbnn, case a, less mathematics: plain weights and surrogate gradients (fast sigmoid), no variance, no KL."""

from collections.abc import Callable

from validation.benchmarks.peers import engine
from validation.benchmarks.peers.cases import Shd

PLAIN = {"posterior": "point", "member": "fast-sigmoid(scale=10)"}


def build(case: Shd, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    return engine.made(case, threads, **PLAIN).step


def predictor(case: Shd, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass."""
    return engine.made(case, threads, **PLAIN).predict
