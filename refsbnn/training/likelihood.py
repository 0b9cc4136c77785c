"""What a network's output says about an example: log-likelihood, its gradients, curvature (theory 4.3, 4.14, 4.20)."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from refsbnn import curvature, objective
from refsbnn.curvature import Curvature
from refsbnn.layers.signal import Moments


class Loss(NamedTuple):
    """Of a batch.

    Attributes
    ----------
    value : (rows,) array
        Log-likelihoods in nats.
    dm : (rows, outputs) array
        Gradient of the sampled outputs, or of their means.
    dv : (rows, outputs) array or None
        Gradient of their variances; None where the outputs are sampled.
    numbers : dict of str to float
        What the record averages besides.
    """

    value: np.ndarray
    dm: np.ndarray
    dv: np.ndarray | None
    numbers: dict[str, float]


class Likelihood(Protocol):
    """What a training step asks."""

    def loss(self, output: Any, labels: np.ndarray) -> Loss:
        """Log-likelihoods of labels, given what the network gives for them."""

    def curvature(self, output: Any, weight: np.ndarray) -> Curvature:
        """The readout's part of the bias penalty (theory 4.14)."""


@dataclass(frozen=True)
class Categorical:
    """Labels under the softmax of sampled outputs (theory 4.3); the record averages "correct"."""

    def loss(self, output: np.ndarray, labels: np.ndarray) -> Loss:
        """Of outputs (rows, classes) and labels (rows,)."""
        loglik, dlogits = objective.categorical(output, labels)
        return Loss(loglik, dlogits, None, {"correct": float((output.argmax(axis=1) == labels).mean())})

    def curvature(self, output: np.ndarray, weight: np.ndarray) -> Curvature:
        """As `refsbnn.curvature.categorical`."""
        return curvature.categorical(output, weight)


@dataclass(frozen=True)
class Gaussian:
    """Real targets with Gaussian noise, in closed form over the readout's own (theory 4.3).

    The record averages "square", the noise variance at which the expected log-likelihood is largest (theory 4.20).

    Parameters
    ----------
    noise_variance : float
        Of the targets, the same for every output.

    Examples
    --------
    >>> found = Gaussian(0.5).loss(Moments(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])), np.array([[2.0, 0.0]]))
    >>> found.dm, found.dv, found.numbers
    (array([[2., 0.]]), array([[-1., -1.]]), {'square': 1.0})
    """

    noise_variance: float

    def loss(self, output: Moments, labels: np.ndarray) -> Loss:
        """Of moments (rows, outputs) and targets of that shape."""
        loglik, dm, dv = objective.gaussian(output.m, output.v, labels, self.noise_variance)
        square = np.square(labels - output.m) + output.v  # theory 4.20
        return Loss(loglik, dm, dv, {"square": float(square.mean())})

    def curvature(self, output: Moments, weight: np.ndarray) -> Curvature:
        """As `refsbnn.curvature.gaussian`."""
        return curvature.gaussian(output.m, weight, self.noise_variance)
