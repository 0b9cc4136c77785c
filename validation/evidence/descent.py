"""Training of many small networks on exact gradients, stopped where each meets a mark: equal loss or equal accuracy."""

from typing import NamedTuple

import numpy as np

from validation.evidence.batch import estimate, exact
from validation.evidence.batch_shape import Batch, Charges, Parameters

RATE = 0.03
DECAY1, DECAY2, EPSILON = 0.9, 0.999, 1e-8
MEMBERS = ("st", "trapezoid", "agr(tau=0.5)")


class Mark(NamedTuple):
    """Where to stop: at the first step with a loss of at most `loss`, or an accuracy of at least `accuracy`."""

    name: str
    loss: float = -np.inf
    accuracy: float = np.inf

    def met(self, loss: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
        """Which networks have met it."""
        return (loss <= self.loss) | (accuracy >= self.accuracy)


class Reached(NamedTuple):
    """The networks as they met a mark.

    Attributes
    ----------
    met : (networks,) bool
    batch : Batch
        Of all networks; those that have not met it have their first parameters.
    """

    met: np.ndarray
    batch: Batch


def train(batch: Batch, charges: Charges, marks: tuple[Mark, ...], steps: int) -> list[Reached]:
    """Adam on the exact gradient, until every network has met every mark or `steps` are done."""
    found = [
        Reached(np.zeros(len(batch.labels), bool), batch._replace(parameters=_copied(batch.parameters))) for _ in marks
    ]
    left = np.arange(len(batch.labels))
    first, second = ({key: np.zeros(value.shape) for key, value in batch.parameters.items()} for _ in range(2))
    now = batch._replace(parameters=_copied(batch.parameters))
    for step in range(1, steps + 1):
        answer = exact(now, charges)
        for mark, one in zip(marks, found, strict=True):
            new = mark.met(answer.loss, answer.accuracy) & ~one.met[left]
            one.met[left[new]] = True
            for key, value in now.parameters.items():
                one.batch.parameters[key][left[new]] = value[new]
        open_ = ~np.all([one.met[left] for one in found], axis=0)
        if not open_.all():
            left, now, charges = left[open_], now.take(open_), Charges(*(each[open_] for each in charges))
            first, second = ({key: value[open_] for key, value in each.items()} for each in (first, second))
        if not len(left):
            break
        for key, value in now.parameters.items():
            g = answer.gradient[key][open_]
            first[key] = DECAY1 * first[key] + (1.0 - DECAY1) * g
            second[key] = DECAY2 * second[key] + (1.0 - DECAY2) * g * g
            root = np.sqrt(second[key] / (1.0 - DECAY2**step)) + EPSILON
            value -= RATE * first[key] / (1.0 - DECAY1**step) / root
    return found


class Bias(NamedTuple):
    """Of the hidden parameters: relative bias by member, norm of the gradient, the first layer's share of that."""

    relative: dict[str, np.ndarray]
    norm: np.ndarray
    share: np.ndarray


def biases(batch: Batch) -> Bias:
    """Exact relative bias: norm of the bias over norm of the gradient, of all hidden parameters together."""
    gradient = exact(batch).gradient
    hidden = [key for key in gradient if not key.startswith("readout")]
    norm2 = sum(_squares(gradient[key]) for key in hidden)
    first = sum(_squares(gradient[key]) for key in hidden if key.startswith("0."))
    relative = {}
    for member in MEMBERS:
        mean = estimate(batch, member)
        relative[member] = np.sqrt(sum(_squares(mean[key] - gradient[key]) for key in hidden) / norm2)
    return Bias(relative, np.sqrt(norm2), np.sqrt(first / norm2))


def _squares(values: np.ndarray) -> np.ndarray:
    return (values.reshape(len(values), -1) ** 2).sum(axis=1)


def _copied(parameters: Parameters) -> Parameters:
    return {key: value.copy() for key, value in parameters.items()}
