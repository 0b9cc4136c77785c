"""Dense layer with mean-field Gaussian weights (theory 3.1 to 3.4); the functions of `refsbnn.reference.dense`, fast.

Spikes come as `Events` or bytes and are summed event by event, mean and variance in one pass; a float array goes
through a matrix product. The weights' type, float32 or float64, is that of everything.
"""

import numpy as np

from refsbnn.errors import InputError
from refsbnn.events import Events
from refsbnn.kernels import matrix, sparse
from refsbnn.kernels.check import are_spikes, check_float, check_values, check_weights
from refsbnn.reference.moments import LinearGradients, square


def forward(
    x: Events | np.ndarray,
    mu: np.ndarray,
    sigma2: np.ndarray,
    bias_mu: np.ndarray | None = None,
    bias_sigma2: np.ndarray | None = None,
    *,
    domain: str = "real",
    variance: str = "linear",
) -> tuple[np.ndarray, np.ndarray]:
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
        v = matrix.product(x2, np.ascontiguousarray(sigma2.T)) + bias_sigma2  # theory 3.1
        return m.reshape(*leading, -1), v.reshape(*leading, -1)
    if domain == "bipolar":  # sum of w (2 z - 1) = sum of 2 w z - sum of w; the squares are all 1
        bias_mu, bias_sigma2 = bias_mu - mu.sum(axis=1), bias_sigma2 + sigma2.sum(axis=1)
        mu, sigma2 = mu + mu, np.zeros_like(sigma2)
    events = sparse.events_of(x)
    half = matrix.padded(len(mu))
    start = np.zeros(2 * half, mu.dtype)
    start[: len(mu)], start[half : half + len(mu)] = bias_mu, bias_sigma2
    m, v = np.empty((2, len(events.offsets) - 1, len(mu)), mu.dtype)
    sparse.sums(events.offsets, events.columns, rows_of(mu, sigma2, half), start, half, m, v)
    return m.reshape(*leading, -1), v.reshape(*leading, -1)


def backward(
    dm: np.ndarray,
    dv: np.ndarray,
    x: Events | np.ndarray,
    mu: np.ndarray,
    sigma2: np.ndarray,
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
    dv = check_float("dv", dv, (*leading, len(mu)), mu.dtype).reshape(-1, len(mu))
    bias_mu, bias_sigma2 = matrix.column_sums(dm), matrix.column_sums(dv)
    if are_spikes(x):
        dmu, dsigma2 = spike_weight_gradients(sparse.events_of(x), dm, dv)
        if domain == "bipolar":
            dmu = dmu + dmu - bias_mu[:, None]
            dsigma2 = np.broadcast_to(bias_sigma2[:, None], mu.shape).copy()
    else:
        flat = np.asarray(x).reshape(-1, mu.shape[1])
        x2, _ = square(flat, domain, variance)
        dmu, dsigma2 = matrix.transposed_product(dm, flat), matrix.transposed_product(dv, x2)  # theory 3.3
    dx = input_gradients(dm, dv, x, mu, sigma2, domain, variance) if input_gradient else None
    return LinearGradients(dx, dmu, dsigma2, bias_mu, bias_sigma2)


def rows_of(mu: np.ndarray, sigma2: np.ndarray, half: int) -> np.ndarray:
    """The weights by input: a row has the means, padded to `half`, then the variances. Flat."""
    rows = matrix.aligned_zeros(mu.shape[1] * 2 * half, mu.dtype)
    table = rows.reshape(mu.shape[1], 2, half)
    table[:, 0, : len(mu)], table[:, 1, : len(mu)] = mu.T, sigma2.T
    return rows


def spike_weight_gradients(events: Events, dm: np.ndarray, dv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dm^T z and dv^T z (theory 3.3), each (out, in), for dm and dv (rows, out)."""
    out = dm.shape[1]
    sums = sparse.gradients(events, matrix.widened(dm), matrix.widened(dv))
    dmu, dsigma2 = (np.ascontiguousarray(part[:, :out].T) for part in sums)
    return dmu, dsigma2


def input_gradients(
    dm: np.ndarray,
    dv: np.ndarray,
    x: Events | np.ndarray,
    mu: np.ndarray,
    sigma2: np.ndarray,
    domain: str,
    variance: str,
) -> np.ndarray:
    """dm mu + (dv sigma2) dx2 (theory 3.3), of x's shape."""
    if isinstance(x, Events):
        raise InputError("the gradient of events was asked for; use input_gradient=False")
    if (domain, variance) == ("binary", "linear"):  # dx2 = 1: one product of the two side by side
        return matrix.product(np.hstack([dm, dv]), np.vstack([mu, sigma2])).reshape(x.shape)
    dx = matrix.product(dm, mu)
    if (domain, variance) != ("bipolar", "linear"):
        values = x.reshape(dx.shape).astype(mu.dtype)
        values = values + values - 1 if are_spikes(x) and domain == "bipolar" else values
        dx += matrix.product(dv, sigma2) * square(values, domain, variance)[1]
    return dx.reshape(x.shape)
