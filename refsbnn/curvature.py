"""The auxiliary loss at the readout: the loss's curvature along what each spike does to the logits (theory 4.14)."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, softmax

from refsbnn.errors import check_array, check_number


class Curvature(NamedTuple):
    """Mean over samples of sum_j w_j^T H w_j, and its gradients (theory 4.14).

    Attributes
    ----------
    value : float
    logits : (batch, classes) array
    weight : (classes, inputs) array

    Examples
    --------
    >>> import numpy as np
    >>> round(categorical(np.zeros((1, 2)), np.eye(2)).value, 4)
    0.5
    """

    value: float
    logits: np.ndarray
    weight: np.ndarray


def categorical(logits: np.ndarray, weight: np.ndarray) -> Curvature:
    """The readout's curvature under a softmax, H = diag(p) - p p^T (theory 4.14).

    Parameters
    ----------
    logits : (batch, classes) array
    weight : (classes, inputs) array
        How far each spike moves each logit.

    Raises
    ------
    InputError
        Shapes that do not fit, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> categorical(np.zeros((1, 2)), np.array([[2.0], [0.0]])).value
    1.0
    """
    logits, weight = _checked(logits, weight)
    p = softmax(logits, axis=1)
    norm2 = np.square(weight).sum(axis=1)
    mean = p @ weight  # sum_k p_k w_k
    value = p @ norm2 - np.square(mean).sum(axis=1)  # theory 4.14
    slope = norm2 - 2.0 * mean @ weight.T  # of the value, in each p_k as a free number
    dlogits = p * (slope - (p * slope).sum(axis=1, keepdims=True)) / len(p)
    dweight = 2.0 * (p.sum(axis=0)[:, None] * weight - p.T @ mean) / len(p)
    return Curvature(float(value.mean()), dlogits, dweight)


def bernoulli(logits: np.ndarray, weight: np.ndarray) -> Curvature:
    """As `categorical`, for independent outputs: H = diag(p (1 - p)) (theory 4.14).

    Examples
    --------
    >>> import numpy as np
    >>> bernoulli(np.zeros((1, 2)), np.array([[2.0], [0.0]])).value
    1.0
    """
    logits, weight = _checked(logits, weight)
    p, q = expit(logits), expit(-logits)
    norm2 = np.square(weight).sum(axis=1)
    dweight = 2.0 * (p * q).mean(axis=0)[:, None] * weight
    return Curvature(float((p * q @ norm2).mean()), p * q * (q - p) * norm2 / len(p), dweight)  # theory 4.14


def gaussian(logits: np.ndarray, weight: np.ndarray, noise_variance: float) -> Curvature:
    """As `categorical`, for a squared error: H = 1 / noise_variance, whatever the outputs (theory 4.14).

    Examples
    --------
    >>> import numpy as np
    >>> gaussian(np.zeros((1, 2)), np.array([[2.0], [0.0]]), 0.5).value
    8.0
    """
    logits, weight = _checked(logits, weight)
    noise = check_number("noise_variance", noise_variance, lambda noise: noise > 0.0, "a number > 0")
    return Curvature(float(np.square(weight).sum() / noise), np.zeros(logits.shape), 2.0 * weight / noise)


def _checked(logits: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    logits = check_array("logits", logits, (None, None))
    return logits, check_array("weight", weight, (logits.shape[1], None))
