"""Dense layer with mean-field Gaussian weights (theory 3.1 to 3.4); the functions of `refsbnn.reference.dense`, fast.

Spikes come as `Events` or bytes and are summed event by event, mean and variance in one pass; a float array goes
through a matrix product. The weights' type, float32 or float64, is that of everything.
"""

from typing import Any

import numpy as np

from refsbnn.errors import InputError
from refsbnn.events import Events
from refsbnn.kernels import matrix, occur, sparse
from refsbnn.kernels.check import are_spikes, check_float, check_values, like
from refsbnn.reference.moments import LinearGradients, check_weights, square


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
    mu, sigma2, bias_mu, bias_sigma2 = check_weights(mu, sigma2, bias_mu, bias_sigma2, 2, like("mu", mu))
    x = check_values(x, mu.shape[1], mu.dtype, domain, variance)
    if are_spikes(x) and domain == "bipolar":  # sum of w (2 z - 1) = sum of 2 w z - sum of w; the squares are all 1
        mu, bias_mu = mu + mu, bias_mu - mu.sum(axis=1)
        if sigma2 is not None:
            sigma2, bias_sigma2 = np.zeros_like(sigma2), bias_sigma2 + sigma2.sum(axis=1)
    weights, biases = present(mu, sigma2), present(bias_mu, bias_sigma2)
    if are_spikes(x):
        events, panels = occur.events_of(x), sparse.panels_of(weights)
        start = np.zeros((len(biases), panels.shape[1] * sparse.PANEL), mu.dtype)
        start[:, : len(mu)] = biases
        moments: Any = np.empty((len(weights), len(events.offsets) - 1, len(mu)), mu.dtype)
        sparse.sums(events.offsets, events.columns, panels, start, moments)
    else:
        flat = np.asarray(x).reshape(-1, mu.shape[1])
        terms = zip((flat, square(flat, domain, variance)[0]), weights, biases, strict=False)
        moments = [matrix.product(own, np.ascontiguousarray(w.T)) + bias for own, w, bias in terms]  # theory 3.1
    m, *rest = (part.reshape(*x.shape[:-1], len(mu)) for part in moments)
    return m, rest[0] if rest else None


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
    mu, sigma2, _, _ = check_weights(mu, sigma2, None, None, 2, like("mu", mu))
    x = check_values(x, mu.shape[1], mu.dtype, domain, variance)
    shape = (*x.shape[:-1], len(mu))
    given = [
        check_float(name, g, shape, mu.dtype).reshape(-1, len(mu))
        for name, g in zip(("dm", "dv"), (dm, dv)[: len(present(mu, sigma2))], strict=False)
    ]
    bias_mu, *bias_rest = map(matrix.column_sums, given)
    dmu, *rest = weight_gradients(x, given, domain, variance)
    if are_spikes(x) and domain == "bipolar":
        dmu = dmu + dmu - bias_mu[:, None]
        rest = [np.broadcast_to(total[:, None], mu.shape).copy() for total in bias_rest]
    dx = input_gradients(given, x, present(mu, sigma2), domain, variance) if input_gradient else None
    return LinearGradients(dx, dmu, rest[0] if rest else None, bias_mu, bias_rest[0] if rest else None)


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


def weight_gradients(x: Any, given: list[np.ndarray], domain: str, variance: str) -> list[np.ndarray]:
    """dm^T x, and dv^T x2 if given (theory 3.3), each (out, in), for dm and dv (rows, out); x = x2 = z of spikes."""
    if are_spikes(x):
        return list(sparse.gradients(occur.events_of(x), *given))
    flat = x.reshape(-1, x.shape[-1])
    values = flat, square(flat, domain, variance)[0]
    return [matrix.transposed_product(part, own) for part, own in zip(given, values, strict=False)]


def input_gradients(
    given: list[np.ndarray], x: Any, weights: list[np.ndarray], domain: str, variance: str
) -> np.ndarray:
    """dm mu + (dv sigma2) dx2 (theory 3.3), of x's shape."""
    if isinstance(x, Events):
        raise InputError("the gradient of events was asked for; use input_gradient=False")
    if (domain, variance) == ("binary", "linear"):  # dx2 = 1: one product of the two side by side
        return matrix.product(np.hstack(given), np.vstack(weights)).reshape(x.shape)
    dx = matrix.product(given[0], weights[0])
    if len(weights) > 1 and (domain, variance) != ("bipolar", "linear"):
        values = floats(x.reshape(dx.shape), domain, dx.dtype)
        dx += matrix.product(given[1], weights[1]) * square(values, domain, variance)[1]
    return dx.reshape(x.shape)


def floats(x: np.ndarray, domain: str, dtype: np.dtype) -> np.ndarray:
    """The values that x, floats or bytes, stands for."""
    values = x.astype(dtype)
    return values + values - 1 if are_spikes(x) and domain == "bipolar" else values
