"""A member's error over all hidden mu of small networks together, by exact moments."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

import oracle

Case = tuple[oracle.Network, np.ndarray]  # a network and its input


class Sums(NamedTuple):
    """Sums over the hidden mu, an entry a network: squared bias, variance, squared gradient, squared mean, and mean
    times gradient."""

    bias: np.ndarray
    variance: np.ndarray
    gradient: np.ndarray
    mean: np.ndarray
    along: np.ndarray

    def error(self, batch: int, scale: float = 1.0) -> np.ndarray:
        """Mean squared error of `scale` times the mean over `batch` draws, over the squared gradient, (networks,)."""
        if scale == 1.0:
            return (self.bias + self.variance / batch) / self.gradient
        square = scale**2 * (self.mean + self.variance / batch) - 2.0 * scale * self.along + self.gradient
        return square / self.gradient


def sums(cases: Iterable[Case], member: oracle.Discrete | oracle.Relaxed) -> Sums:
    """Exact sums of a member for each network, with the cross-entropy of the first output as its loss."""
    found = []
    for net, x in cases:
        moments = oracle.moments(net, x, oracle.Categorical(0), member)
        parts = [one for key, one in moments.items() if not key.startswith("readout") and key.endswith(".mu")]
        terms = [(e.bias**2, e.variance, e.gradient**2, e.mean**2, e.mean * e.gradient) for e in parts]
        found.append([sum(float(part.sum()) for part in kind) for kind in zip(*terms, strict=True)])
    return Sums(*np.array(found).T)
