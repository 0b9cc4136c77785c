"""Running sums over the steps of an epoch: what its row of the record is made of."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from refsbnn.optim import Parameters, squares


def recorded(key: str) -> bool:
    """Whether a parameter's gradient has its signal-to-noise ratio recorded: the means of weights, not of biases."""
    return key.endswith((".mu", ".recurrent_mu"))


class Tally:
    """Sums over the steps of an epoch so far; small, but for one array per matrix of weights, so that a run can stop.

    Examples
    --------
    >>> tally = Tally()
    >>> tally.add({"loglik": -2.0}, {"0.dense.mu": np.array([1.0, 0.0])})
    >>> tally.add({"loglik": -1.0}, {"0.dense.mu": np.array([3.0, 0.0])})
    >>> tally.means(), tally.ratios()
    ({'loglik': -1.5}, {'0.dense.mu': 4.0})
    """

    def __init__(self) -> None:
        self.count = 0
        self.counts: dict[str, int] = {}
        self.sums: dict[str, float] = {}
        self.gradients: Parameters = {}
        self.squares: dict[str, float] = {}

    def add(self, numbers: dict[str, float], gradients: Parameters, sums: dict[str, float] | None = None) -> None:
        """Count one step in: its numbers, and the gradients of weight means with their `sums` of squares, if known."""
        self.count += 1
        for name, value in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        for key in filter(recorded, gradients):
            g = gradients[key]
            if key in self.gradients:
                self.gradients[key] += g
            else:
                self.gradients[key] = g.copy()
            self.squares[key] = self.squares.get(key, 0.0) + (squares(g) if sums is None else sums[key])

    def means(self) -> dict[str, float]:
        """The mean of each number over the steps that gave it."""
        return {name: total / self.counts[name] for name, total in self.sums.items()}

    def ratios(self) -> dict[str, float]:
        """Signal-to-noise of the gradient of each matrix of weights, estimated over the steps.

        ||mean gradient||^2 over the trace of the covariance, which is mean ||g||^2 - ||mean gradient||^2: of the
        squares only their sum is needed.
        """
        out = {}
        for key, total in self.gradients.items():
            signal = squares(total) / self.count**2
            variance = self.squares[key] / self.count - signal
            out[key] = signal / variance if variance > 0.0 else 0.0
        return out

    def facts(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the arrays of `gradients`."""
        return {"count": self.count, "counts": self.counts, "sums": self.sums, "squares": self.squares}

    @classmethod
    def restored(cls, facts: dict[str, Any], gradients: Iterable[tuple[str, np.ndarray]]) -> "Tally":
        """The tally whose `facts` and gradients a checkpoint kept."""
        out = cls()
        out.count, out.counts = facts["count"], dict(facts["counts"])
        out.sums, out.squares = dict(facts["sums"]), dict(facts["squares"])
        out.gradients = dict(gradients)
        return out
