"""Losses of the readout: the negative log-likelihoods of theory 4.3, or any function the user gives.

A loss turns the readout's mean and variance into a value and its derivatives, for many states at once. Losses of
sampled logits take the readout's noise `eps`, one number per output, m + sqrt(v) eps (theory 3.14); the default 0
uses the mean. The expectation over spikes is then exact given eps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import special

from oracle.errors import InputError, array, number

Evaluated = tuple[np.ndarray, np.ndarray, np.ndarray]


class Loss(Protocol):
    """Anything with these two methods is a loss.

    Examples
    --------
    >>> import oracle
    >>> loss: oracle.Loss = oracle.Gaussian(targets=[1.0])
    >>> loss.check(outputs=1)  # as many as there are targets
    >>> [part.shape for part in loss.evaluate(m=np.zeros((5, 1)), v=np.ones((5, 1)))]  # five states
    [(5,), (5, 1), (5, 1)]
    """

    def check(self, outputs: int) -> None:
        """Raise `InputError` unless the loss fits a readout with so many outputs."""

    def evaluate(self, m: np.ndarray, v: np.ndarray) -> Evaluated:
        """Value (states,) and its derivatives with respect to m and v, both (states, outputs)."""


def _sampled(
    m: np.ndarray, v: np.ndarray, eps: Any, function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
) -> Evaluated:
    """A function of the logits m + sqrt(v) eps; an output without variance has derivative 0 in v."""
    if eps is None:
        value, gradient = function(m)
        return value, gradient, np.zeros_like(m)
    root = np.sqrt(v)
    value, gradient = function(m + root * eps)
    return value, gradient, gradient * eps * np.where(root > 0.0, 0.5 / np.where(root > 0.0, root, 1.0), 0.0)


def _check_eps(eps: Any, outputs: int) -> None:
    if eps is not None:
        array("eps", eps, (outputs,))


@dataclass(frozen=True, eq=False)
class Categorical:
    """Cross-entropy of softmax logits.

    Parameters
    ----------
    label : int
    eps : (outputs,), optional
        Readout noise.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0], [0.0]], [[0.0], [0.0]]))
    >>> loss = oracle.Categorical(label=0)
    >>> round(oracle.exact(net, [1.0, 0.5], loss).loss, 6)
    0.378371
    >>> loss.check(outputs=2)
    >>> loss.evaluate(np.zeros((1, 2)), np.zeros((1, 2)))[1]
    array([[-0.5,  0.5]])
    """

    label: int
    eps: Any = None

    def check(self, outputs: int) -> None:
        """Raise `InputError` unless the label is one of the outputs."""
        _check_eps(self.eps, outputs)
        if not isinstance(self.label, int | np.integer) or not 0 <= self.label < outputs:
            raise InputError(f"label is {self.label!r}; expected an integer from 0 to {outputs - 1}")

    def evaluate(self, m: np.ndarray, v: np.ndarray) -> Evaluated:
        """Value and derivatives at each state."""

        def cross_entropy(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            shifted = logits - logits.max(axis=1, keepdims=True)
            weights = np.exp(shifted)
            total = weights.sum(axis=1, keepdims=True)
            gradient = weights / total
            gradient[:, self.label] -= 1.0
            return np.log(total[:, 0]) - shifted[:, self.label], gradient

        return _sampled(m, v, _as_array(self.eps), cross_entropy)


@dataclass(frozen=True, eq=False)
class Bernoulli:
    """Cross-entropy of independent logits.

    Parameters
    ----------
    targets : (outputs,)
        In [0, 1].
    eps : (outputs,), optional
        Readout noise.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Bernoulli(targets=[1.0])
    >>> round(oracle.exact(net, [1.0, 0.5], loss).loss, 6)
    0.378371
    >>> loss.check(outputs=1)
    >>> loss.evaluate(np.zeros((1, 1)), np.zeros((1, 1)))[1]
    array([[-0.5]])
    """

    targets: Any
    eps: Any = None

    def check(self, outputs: int) -> None:
        """Raise `InputError` unless there is one target in [0, 1] for each output."""
        _check_eps(self.eps, outputs)
        if array("targets", self.targets, (outputs,), lowest=0.0).max() > 1.0:
            raise InputError("targets holds a number above 1; expected numbers in [0, 1]")

    def evaluate(self, m: np.ndarray, v: np.ndarray) -> Evaluated:
        """Value and derivatives at each state."""
        targets = np.asarray(self.targets, dtype=np.float64)

        def cross_entropy(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            value = -targets * special.log_expit(logits) - (1.0 - targets) * special.log_expit(-logits)
            return value.sum(axis=1), special.expit(logits) - targets

        return _sampled(m, v, _as_array(self.eps), cross_entropy)


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Squared error with known noise; the readout's own variance is integrated in closed form.

    Parameters
    ----------
    targets : (outputs,)
    noise_variance : float

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> loss = oracle.Gaussian(targets=[1.0])
    >>> round(oracle.exact(net, [1.0, 0.5], loss).loss, 6)
    1.004634
    >>> loss.check(outputs=1)
    >>> loss.evaluate(np.zeros((1, 1)), np.zeros((1, 1)))[1]
    array([[-1.]])
    """

    targets: Any
    noise_variance: float = 1.0

    def check(self, outputs: int) -> None:
        """Raise `InputError` unless there is one target for each output and a positive noise variance."""
        array("targets", self.targets, (outputs,))
        number("noise_variance", self.noise_variance, above=0.0)

    def evaluate(self, m: np.ndarray, v: np.ndarray) -> Evaluated:
        """Value and derivatives at each state."""
        error = m - np.asarray(self.targets, dtype=np.float64)
        square = (error**2 + v) / self.noise_variance
        value = 0.5 * (square + np.log(2.0 * np.pi * self.noise_variance)).sum(axis=1)
        return value, error / self.noise_variance, np.full_like(m, 0.5 / self.noise_variance)


@dataclass(frozen=True, eq=False)
class Custom:
    """Any differentiable function of the logits.

    Parameters
    ----------
    function : callable
        logits (states, outputs) -> (value (states,), gradient (states, outputs)).
    eps : (outputs,), optional
        Readout noise.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> square = oracle.Custom(lambda y: (y[:, 0] ** 2, 2.0 * y))
    >>> round(oracle.exact(net, [1.0, 0.5], square).loss, 6)
    0.828609
    >>> square.check(outputs=1)
    >>> square.evaluate(np.ones((1, 1)), np.zeros((1, 1)))[:2]
    (array([1.]), array([[2.]]))
    """

    function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    eps: Any = None

    def check(self, outputs: int) -> None:
        """Raise `InputError` unless the function returns a value and a gradient of the right shapes."""
        _check_eps(self.eps, outputs)
        logits = np.zeros((2, outputs))
        try:
            value, gradient = self.function(logits)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"function does not map logits (states, {outputs}) to (value, gradient): {error}"
            ) from None
        if np.shape(value) != (2,) or np.shape(gradient) != logits.shape:
            raise InputError(
                f"function returned shapes {np.shape(value)} and {np.shape(gradient)} for logits {logits.shape}; "
                f"expected (2,) and {logits.shape}"
            )

    def evaluate(self, m: np.ndarray, v: np.ndarray) -> Evaluated:
        """Value and derivatives at each state."""
        return _sampled(m, v, _as_array(self.eps), self.function)


def _as_array(eps: Any) -> np.ndarray | None:
    return None if eps is None else np.asarray(eps, dtype=np.float64)
