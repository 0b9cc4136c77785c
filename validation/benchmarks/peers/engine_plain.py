"""refsbnn, case a, less mathematics: plain weights and surrogate gradients (fast sigmoid), no variance, no KL."""

from collections.abc import Callable

from validation.benchmarks.peers import engine
from validation.benchmarks.peers.cases import Shd


def build(case: Shd, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    engine.ready(threads)
    network = engine.network_of(case, posterior="point", member="fast-sigmoid(scale=10)")
    return engine.Training(case, network).step
