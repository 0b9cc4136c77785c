"""Dense layer with mean-field Gaussian weights (theory 3.1 to 3.4); the functions of `refsbnn.reference.dense`, fast.

Spikes come as `Events` or bytes and are summed event by event, mean and variance in one pass; a float array goes
through a matrix product. The weights' type, float32 or float64, is that of everything.
"""

from typing import Any

import numpy as np

from refsbnn.errors import InputError
from refsbnn.events import Events
from refsbnn.kernels import matrix, sparse
from refsbnn.kernels.check import are_spikes, check_float, check_values, check_weights
from refsbnn.reference.moments import LinearGradients, square


def forward(
    x: Events | np.ndarray,
    mu: np.ndarray,
    sigma2: Any,
    bias_mu: np.ndarray | None = None,
    bias_sigma2: np.ndarray | None = None,
    *,
    domain: str = "real",
    variance: str = "linear",
) -> tuple[np.ndarray, Any]:
    """Mean and variance of the pre-activations (theory 3.1).

    Arguments, results and errors as in `refsbnn.reference.dense.forward`. Spikes may be events or bytes; the byte 1
    is the upper state of the domain.

    Examples
    --------
    >>> import numpy as np
    >>> mu, sigma2 = np.array([[0.5, 2.0]], np.float32), np.array([[0.25, 0.5]], np.float32)
    >>> m, v = forward(np.array([[1, 0]], np.uint8), mu, sigma2, domain="binary")
    >>> m.tolist(), v.tolist()
    ([[0.5]], [[0.25]])
    """
    mu, sigma2, bias_mu, bias_sigma2 = check_weights(mu, sigma2, bias_mu, bias_sigma2, 2)
    x = check_values(x, mu.shape[1], mu.dtype, domain, variance)
    leading = x.shape[:-1]
    if not are_spikes(x):
        flat = np.asarray(x).reshape(-1, mu.shape[1])
        x2, _ = square(flat, domain, variance)
        m = matrix.product(flat, np.ascontiguousarray(mu.T)) + bias_mu  # theory 3.1
        m = m.reshape(*leading, -1)
        if sigma2 is None:
            return m, None
        v = matrix.product(x2, np.ascontiguousarray(sigma2.T)) + bias_sigma2  # theory 3.1
        return m, v.reshape(*leading, -1)
    if domain == "bipolar":  # sum of w (2 z - 1) = sum of 2 w z - sum of w; the squares are all 1
        mu, bias_mu = mu + mu, bias_mu - mu.sum(axis=1)
        if sigma2 is not None:
            sigma2, bias_sigma2 = np.zeros_like(sigma2), bias_sigma2 + sigma2.sum(axis=1)
    events = sparse.events_of(x)
    half = matrix.padded(len(mu))
    weights, biases = present(mu, sigma2), present(bias_mu, bias_sigma2)
    start = np.zeros((len(biases), half), mu.dtype)
    start[:, : len(mu)] = biases
    sums = np.empty((len(weights), len(events.offsets) - 1, len(mu)), mu.dtype)
    sparse.sums(events.offsets, events.columns, sparse.Table(rows_of(weights, half), half), start.ravel(), sums)
    sums = sums.reshape(-1, *leading, len(mu))
    return sums[0], None if sigma2 is None else sums[1]


def backward(
    dm: np.ndarray,
    dv: Any,
    x: Events | np.ndarray,
    mu: np.ndarray,
    sigma2: Any,
    *,
    domain: str = "real",
    variance: str = "linear",
    input_gradient: bool = True,
) -> LinearGradients:
    """Gradients of x, the weights and the bias (theory 3.3).

    Arguments, results and errors as in `refsbnn.reference.dense.backward`.
    """
    mu, sigma2, _, _ = check_weights(mu, sigma2, None, None, 2)
    x = check_values(x, mu.shape[1], mu.dtype, domain, variance)
    leading = x.shape[:-1]
    dm = check_float("dm", dm, (*leading, len(mu)), mu.dtype).reshape(-1, len(mu))
    bias_mu: np.ndarray = matrix.column_sums(dm)
    bias_sigma2: Any = None
    if sigma2 is not None:
        dv = check_float("dv", dv, (*leading, len(mu)), mu.dtype).reshape(-1, len(mu))
        bias_sigma2 = matrix.column_sums(dv)
    if are_spikes(x):
        dmu, *rest = spike_weight_gradients(sparse.events_of(x), present(dm, dv))
        dsigma2 = rest[0] if rest else None
        if domain == "bipolar":
            dmu = dmu + dmu - bias_mu[:, None]
            dsigma2 = np.broadcast_to(bias_sigma2[:, None], mu.shape).copy() if rest else None
    else:
        flat = np.asarray(x).reshape(-1, mu.shape[1])
        x2, _ = square(flat, domain, variance)
        dmu = matrix.transposed_product(dm, flat)  # theory 3.3
        dsigma2 = None if sigma2 is None else matrix.transposed_product(dv, x2)  # theory 3.3
    dx = input_gradients(dm, dv, x, mu, sigma2, domain, variance) if input_gradient else None
    return LinearGradients(dx, dmu, dsigma2, bias_mu, bias_sigma2)


def present(mean: np.ndarray, variance: np.ndarray | None) -> list[np.ndarray]:
    """Both parts, or the mean's alone beside point weights."""
    return [mean] if variance is None else [mean, variance]


def rows_of(weights: list[np.ndarray], half: int) -> np.ndarray:
    """The weights (out, in) by input: a row has the means, padded to `half`, then the variances if any. Flat."""
    out, inputs = weights[0].shape
    rows = matrix.aligned_zeros(inputs * len(weights) * half, weights[0].dtype)
    table = rows.reshape(inputs, len(weights), half)
    for part, weight in enumerate(weights):
        table[:, part, :out] = weight.T
    return rows


def spike_weight_gradients(events: Events, given: list[np.ndarray]) -> list[np.ndarray]:
    """dm^T z, and dv^T z if given (theory 3.3), each (out, in), for dm and dv (rows, out)."""
    out = given[0].shape[1]
    sums = sparse.gradients(events, *(matrix.widened(part) for part in given))
    return [np.ascontiguousarray(part[:, :out].T) for part in sums]


def input_gradients(
    dm: np.ndarray,
    dv: Any,
    x: Events | np.ndarray,
    mu: np.ndarray,
    sigma2: Any,
    domain: str,
    variance: str,
) -> np.ndarray:
    """dm mu + (dv sigma2) dx2 (theory 3.3), of x's shape."""
    if isinstance(x, Events):
        raise InputError("the gradient of events was asked for; use input_gradient=False")
    if sigma2 is None:
        return matrix.product(dm, mu).reshape(x.shape)  # theory 3.18
    if (domain, variance) == ("binary", "linear"):  # dx2 = 1: one product of the two side by side
        return matrix.product(np.hstack([dm, dv]), np.vstack([mu, sigma2])).reshape(x.shape)
    dx = matrix.product(dm, mu)
    if (domain, variance) != ("bipolar", "linear"):
        values = x.reshape(dx.shape).astype(mu.dtype)
        values = values + values - 1 if are_spikes(x) and domain == "bipolar" else values
        dx += matrix.product(dv, sigma2) * square(values, domain, variance)[1]
    return dx.reshape(x.shape)
