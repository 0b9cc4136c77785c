"""Expected log-likelihoods, the bias penalty and the weight of the KL term, each with its gradients.

The objective of one example is E_q[log p(y | z)] - weight * KL - lambda * B, to be maximised (theory 4.1).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from refsbnn import sensitivity
from refsbnn.errors import InputError, check_array, check_integer, check_number


class KLWeight(NamedTuple):
    """The KL term's weight in the per-example objective, and whether it is anything but 1/N.

    Examples
    --------
    >>> kl_weight(step=100, examples=1000).value
    0.001
    """

    value: float
    tempered: bool


def categorical(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihood of class labels under softmax(logits) (theory 4.3).

    Parameters
    ----------
    logits : (..., classes) array
    labels : (...) array of int
        In 0 .. classes - 1.

    Returns
    -------
    loglik : (...) float64 array
        In nats.
    dlogits : (..., classes) float64 array
        Gradient of each example's log-likelihood.

    Raises
    ------
    InputError
        Labels that are not integers in range or do not fit the logits, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> loglik, dlogits = categorical(np.zeros((1, 4)), np.array([2]))
    >>> loglik.round(6), dlogits
    (array([-1.386294]), array([[-0.25, -0.25,  0.75, -0.25]]))
    """
    logits = check_array("logits", logits, (*np.shape(logits)[:-1], None))
    labels = np.asarray(labels)
    classes = logits.shape[-1]
    if labels.dtype.kind not in "iu" or labels.shape != logits.shape[:-1]:
        raise InputError(f"labels are {labels.dtype} of shape {labels.shape}; expected integers {logits.shape[:-1]}")
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise InputError(f"labels run from {labels.min()} to {labels.max()}; expected 0 to {classes - 1}")
    shifted = logits - logits.max(axis=-1, keepdims=True)  # softmax does not change; exp cannot overflow
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))  # theory 4.3
    one_hot = np.arange(classes) == labels[..., None]
    loglik = np.take_along_axis(log_p, labels[..., None].astype(np.intp), axis=-1)[..., 0]
    return loglik, one_hot - np.exp(log_p)  # theory 4.3


def bernoulli(logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihood of independent Bernoulli targets, summed over the last axis (theory 4.3).

    Parameters
    ----------
    logits : (..., outputs) array
    targets : (..., outputs) array
        In [0, 1]; 0 or 1 for data.

    Returns
    -------
    loglik : (...) float64 array
        In nats.
    dlogits : (..., outputs) float64 array

    Raises
    ------
    InputError
        Shapes that differ, targets outside [0, 1], NaN.

    Examples
    --------
    >>> import numpy as np
    >>> loglik, dlogits = bernoulli(np.array([[0.0, 800.0]]), np.array([[1.0, 1.0]]))
    >>> loglik.round(6), dlogits
    (array([-0.693147]), array([[0.5, 0. ]]))
    """
    logits = check_array("logits", logits, (*np.shape(logits)[:-1], None))
    targets = check_array("targets", targets, logits.shape)
    if ((targets < 0.0) | (targets > 1.0)).any():
        raise InputError(f"targets run from {targets.min():g} to {targets.max():g}; expected [0, 1]")
    # theory 4.3: t log p + (1 - t) log(1 - p), where log p = -log(1 + e^-l) and log(1 - p) = -log(1 + e^l)
    each = -targets * np.logaddexp(0.0, -logits) - (1.0 - targets) * np.logaddexp(0.0, logits)
    # theory 4.3: t - p, as t (1 - p) - (1 - t) p so that neither tail cancels
    return each.sum(axis=-1), targets * expit(-logits) - (1.0 - targets) * expit(logits)


def gaussian(
    m: np.ndarray, v: np.ndarray, targets: np.ndarray, noise_variance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expected Gaussian log-likelihood of targets when the output is N(m, v), in closed form (theory 4.3).

    Parameters
    ----------
    m, v : (..., outputs) arrays
        Moments of the readout under the posterior.
    targets : (..., outputs) array
    noise_variance : float
        Variance of the observation noise.

    Returns
    -------
    loglik : (...) float64 array
        In nats, summed over the last axis.
    dm, dv : (..., outputs) float64 arrays

    Raises
    ------
    InputError
        Shapes that differ, a negative variance, observation noise not positive, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian(np.array([[1.0]]), np.array([[3.0]]), np.array([[2.0]]), 1 / (2 * np.pi))[0].round(6)
    array([-12.566371])
    """
    m = check_array("m", m, (*np.shape(m)[:-1], None))
    v = check_array("v", v, m.shape, nonnegative=True)
    targets = check_array("targets", targets, m.shape)
    noise = check_array("noise_variance", noise_variance, (), positive=True)
    error = targets - m
    each = -0.5 * np.log(2.0 * np.pi * noise) - (error * error + v) / (2.0 * noise)  # theory 4.3
    return each.sum(axis=-1), error / noise, np.full(m.shape, -0.5 / noise)  # theory 4.3


def bias_penalty(norm2: np.ndarray, v: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """B of one layer: the mean over units and samples of ||mu_i||^2 / v_i (theory 4.5).

    A unit without variance has no slope (theory 3.17), so no estimator's bias to penalise: it counts 0.

    Parameters
    ----------
    norm2 : (units,) array
        Squared norm of each unit's (or filter's) weight means.
    v : (..., units) array
        Variances of the pre-activations.

    Returns
    -------
    B : float
    dnorm2 : (units,) float64 array
    dv : (..., units) float64 array

    Raises
    ------
    InputError
        Shapes that do not fit, negative values, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> bias_penalty(np.array([1.0, 2.0]), np.array([[1.0, 4.0]]))
    (0.75, array([0.5  , 0.125]), array([[-0.5   , -0.0625]]))
    """
    norm2 = check_array("norm2", norm2, (None,), nonnegative=True)
    v = check_array("v", v, (*np.shape(v)[:-1], len(norm2)), nonnegative=True)
    none = np.zeros(norm2.shape)
    one = sensitivity.units(sensitivity.Rows(norm2, none, none), np.zeros(v.shape), v)  # theory 4.5: 4.11 without C, Q
    return one.value, one.rows.norm2, one.v


def kl_weight(step: int, examples: int, *, warmup: int = 0, temperature: float = 1.0) -> KLWeight:
    """The KL term's weight at an optimisation step (theory 4.4).

    It rises linearly from 0 at step 0 to temperature / examples at step `warmup` and stays there.

    Parameters
    ----------
    step : int
        Optimisation steps done so far.
    examples : int
        N, the number of training examples.
    warmup : int
        Steps of the linear rise; 0 is none.
    temperature : float
        1 is the weight 1/N.

    Returns
    -------
    KLWeight
        value, and `tempered`: whether it differs from 1/N (see `name`).

    Raises
    ------
    InputError
        No examples, or a negative number.

    Examples
    --------
    >>> kl_weight(5, 100, warmup=10)
    KLWeight(value=0.005, tempered=True)
    >>> kl_weight(10, 100, warmup=10)
    KLWeight(value=0.01, tempered=False)
    """
    check_integer("examples", examples, 1)
    for name, value in (("step", step), ("warmup", warmup), ("temperature", temperature)):
        check_number(name, value, lambda number: number >= 0.0, "a finite number >= 0")
    rise = 1.0 if step >= warmup else step / warmup
    share = temperature * rise
    return KLWeight(share / examples, share != 1.0)  # theory 4.4


def name(tempered: bool, bound: bool) -> str:
    """What the objective may be called: the ELBO only where it is a lower bound on the log evidence (theory 4.4, 4.6).

    Parameters
    ----------
    tempered : bool
        Whether the KL term's weight is another than 1/N.
    bound : bool
        Whether each weight's KL is charged for every draw of its noise.

    Examples
    --------
    >>> name(False, True), name(False, False), name(True, False)
    ('ELBO', 'variational objective, no bound', 'tempered')
    """
    if tempered:
        return "tempered"
    return "ELBO" if bound else "variational objective, no bound"
