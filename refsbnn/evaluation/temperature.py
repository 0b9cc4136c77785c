"""One temperature for predicted probabilities, fitted on examples that are not scored (theory 4.19)."""

import numpy as np
from scipy import optimize, special

from refsbnn.evaluation.scores import check

LARGEST = 100.0  # temperatures lie between its inverse and it; examples that are all right would want 0


def tempered(p: np.ndarray, temperature: float) -> np.ndarray:
    """p^(1/T) over its sum: sharper below T = 1, flatter above, with the same most probable class.

    Parameters
    ----------
    p : (n, classes) array
    temperature : float
        T > 0.

    Examples
    --------
    >>> tempered(np.array([[0.2, 0.8]]), 0.5).round(3)
    array([[0.059, 0.941]])
    """
    return special.softmax(logarithm(p) / temperature, axis=1)  # theory 4.19


def fitted(p: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of least NLL on some examples; the NLL is convex in 1/T.

    Parameters
    ----------
    p : (n, classes) array
        Each row sums to one.
    labels : (n,) array of int

    Raises
    ------
    InputError
        No probabilities, labels that do not fit.

    Examples
    --------
    Right nine times out of ten, with a confidence of 0.75:

    >>> p, labels = np.tile([0.75, 0.25], (10, 1)), np.array([0] * 9 + [1])
    >>> tempered(p, fitted(p, labels))[0].round(6)
    array([0.9, 0.1])
    """
    p, labels = check(p, labels)
    logs = logarithm(p)

    def nll(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        return float((special.logsumexp(scaled, axis=1) - scaled[np.arange(len(labels)), labels]).mean())

    ends = (-np.log(LARGEST), np.log(LARGEST))
    found = optimize.minimize_scalar(nll, bounds=ends, method="bounded", options={"xatol": 1e-9})
    return float(np.exp(found.x))


def logarithm(p: np.ndarray) -> np.ndarray:
    """ln p, with a probability below the smallest normal float as that float."""
    return np.log(np.maximum(p, np.finfo(np.float64).tiny))
