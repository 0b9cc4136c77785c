"""Linear maps and pooling: theory 3.1 to 3.4, 3.6, 3.7, 3.15, 3.16."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from validation.conformance.number import Array, Real, array, contract, each, sqrt, total, zeros
from validation.conformance.special import NOISES

Arrays = Mapping[str, Any]
Options = Mapping[str, Any]
Answers = dict[str, Any]


def square(x: Array, domain: str, variance: str) -> tuple[Array, Array]:
    """x2 and dx2 (theory 3.4)."""
    one = array(np.ones(x.shape))
    if domain == "real" or variance == "quadratic":
        return x * x, 2 * x
    return (x, one) if domain == "binary" else (one, zeros(x.shape))


def leading(a: Array) -> tuple[int, ...]:
    """All axes but the last."""
    return tuple(range(a.ndim - 1))


def outer(dy: Array, x: Array) -> Array:
    """dy^T x summed over the leading axes: (..., out), (..., in) -> (out, in)."""
    return total(dy[..., :, None] * x[..., None, :], leading(dy))


def dense_forward(x: Array, mu: Array, sigma2: Array, bias: tuple[Array, Array] | None, o: Options) -> tuple:
    """m and v (theory 3.1)."""
    x2, _ = square(x, o["domain"], o["variance"])
    m, v = contract(x, mu), contract(x2, sigma2)
    return (m, v) if bias is None else (m + bias[0], v + bias[1])


def dense_backward(dm: Array, dv: Array, x: Array, mu: Array, sigma2: Array, o: Options) -> Answers:
    """Gradients of x, the weights and the bias (theory 3.3)."""
    x2, dx2 = square(x, o["domain"], o["variance"])
    return {
        "dx": contract(dm, mu.T) + contract(dv, sigma2.T) * dx2,
        "dmu": outer(dm, x),
        "dsigma2": outer(dv, x2),
        "dbias_mu": total(dm, leading(dm)),
        "dbias_sigma2": total(dv, leading(dv)),
    }


def dense(a: Arrays, o: Options) -> Answers:
    """Forward and backward of a dense layer."""
    x, mu, sigma2, dm, dv = (array(a[name]) for name in ("x", "mu", "sigma2", "dm", "dv"))
    bias = (array(a["bias_mu"]), array(a["bias_sigma2"])) if "bias_mu" in a else None
    m, v = dense_forward(x, mu, sigma2, bias, o)
    out = {"m": m, "v": v, **dense_backward(dm, dv, x, mu, sigma2, o)}
    return out if bias else {k: y for k, y in out.items() if not k.startswith("dbias")}


def patches(x: Array, kh: int, kw: int, stride: int, padding: int) -> Array:
    """What lies under the filter at each position: (..., rows, columns, kh * kw * in)."""
    *first, height, width, channels = x.shape
    padded = zeros((*first, height + 2 * padding, width + 2 * padding, channels))
    padded[..., padding : padding + height, padding : padding + width, :] = x
    rows, columns = (height + 2 * padding - kh) // stride + 1, (width + 2 * padding - kw) // stride + 1
    taps = [
        padded[..., k : k + stride * rows : stride, l : l + stride * columns : stride, :][..., :rows, :columns, :]
        for k in range(kh)
        for l in range(kw)
    ]
    return np.concatenate(taps, axis=-1)


def unpatch(dp: Array, x_shape: tuple[int, ...], kh: int, kw: int, stride: int, padding: int) -> Array:
    """The adjoint of `patches`."""
    *first, height, width, channels = x_shape
    dx = zeros((*first, height + 2 * padding, width + 2 * padding, channels))
    rows, columns = dp.shape[-3:-1]
    for tap in range(kh * kw):
        k, l = divmod(tap, kw)
        for p in range(rows):
            for q in range(columns):
                place = (..., stride * p + k, stride * q + l, slice(None))
                dx[place] = dx[place] + dp[..., p, q, tap * channels : (tap + 1) * channels]
    return dx[..., padding : padding + height, padding : padding + width, :]


def conv2d(a: Arrays, o: Options) -> Answers:
    """Forward and backward of a convolution (theory 3.6): a dense layer on patches."""
    x, mu, sigma2, dm, dv = (array(a[name]) for name in ("x", "mu", "sigma2", "dm", "dv"))
    m, v, back = conv2d_parts(x, mu, sigma2, o)
    out = {"m": m, "v": v, **back(dm, dv)}
    if "bias_mu" in a:
        return {**out, "m": m + array(a["bias_mu"]), "v": v + array(a["bias_sigma2"])}
    return {k: y for k, y in out.items() if not k.startswith("dbias")}


def conv2d_parts(x: Array, mu: Array, sigma2: Array, o: Options) -> tuple[Array, Array, Any]:
    """m and v without bias, and the function from (dm, dv) to the gradients."""
    out, kh, kw, _ = mu.shape
    window = (kh, kw, o["stride"], o["padding"])
    x2, dx2 = square(x, o["domain"], o["variance"])
    # A zero of the padding carries nothing, whatever the domain's square is.
    seen, seen2 = patches(x, *window), patches(x2, *window)
    flat_mu, flat_sigma2 = mu.reshape(out, -1), sigma2.reshape(out, -1)

    def back(dm: Array, dv: Array) -> Answers:
        through_mean = unpatch(contract(dm, flat_mu.T), x.shape, *window)
        through_variance = unpatch(contract(dv, flat_sigma2.T), x.shape, *window)
        return {
            "dx": through_mean + through_variance * dx2,
            "dmu": outer(dm, seen).reshape(mu.shape),
            "dsigma2": outer(dv, seen2).reshape(mu.shape),
            "dbias_mu": total(dm, leading(dm)),
            "dbias_sigma2": total(dv, leading(dv)),
        }

    return contract(seen, flat_mu), contract(seen2, flat_sigma2), back


def zero_mean(a: Arrays, o: Options) -> Answers:
    """Filters without their mean, and the adjoint (theory 3.7)."""

    def project(w: Array) -> Array:
        mean = total(w.reshape(w.shape[0], -1)) / w[0].size
        return w - mean.reshape(-1, *[1] * (w.ndim - 1))

    return {"mu_zero_mean": project(array(a["mu"])), "dmu_free": project(array(a["dmu_zero_mean"]))}


def average_pool(a: Arrays, o: Options) -> Answers:
    """Average pooling (theory 3.16)."""
    x, dy = array(a["x"]), array(a["dy"])
    size, channels = o["size"], x.shape[-1]
    seen = patches(x, size, size, o["stride"], 0)
    seen = seen.reshape(*seen.shape[:-1], size * size, channels)
    share = np.concatenate([dy / size**2] * size**2, axis=-1)
    return {"y": total(seen, -2) / size**2, "dx": unpatch(share, x.shape, size, size, o["stride"], 0)}


def max_pool(a: Arrays, o: Options) -> Answers:
    """Maximum pooling; of equal values the first in row order is chosen (theory 3.16)."""
    dy, size, channels = array(a["dy"]), o["size"], a["x"].shape[-1]
    seen = patches(array(a["x"]), size, size, o["stride"], 0)
    seen = seen.reshape(*seen.shape[:-1], size * size, channels)
    y, dp = zeros(dy.shape), zeros((*dy.shape[:-1], size * size, channels))
    for index in np.ndindex(dy.shape):
        *place, channel = index
        window = [x.value for x in seen[(*place, slice(None), channel)]]
        first = window.index(max(window))
        y[index] = Real(window[first])
        dp[(*place, first, channel)] = dy[index]
    dx = unpatch(dp.reshape(*dp.shape[:-2], -1), a["x"].shape, size, size, o["stride"], 0)
    return {"y": y, "dx": dx}


def flatten(a: Arrays, o: Options) -> Answers:
    """Images to rows, in the order of their memory."""
    x, dy = array(a["x"]), array(a["dy"])
    return {"y": x.reshape(len(x), -1), "dx": dy.reshape(x.shape)}


def sampled(a: Arrays, x: Array, x2: Array) -> Answers:
    """One draw of the weights for each example: moments, and the uniforms it stands for (theory 3.15).

    x and x2 are (batch, positions, inputs); the weights of an output are a row.
    """
    batch, out = len(x), len(a["mu"])
    mu, sigma2 = (array(a[name]).reshape(out, -1) for name in ("mu", "sigma2"))
    drawn = each(sqrt, sigma2) * array(a["eps"]).reshape(batch, out, -1)
    m, v, deviation = contract(x, mu), contract(x2, sigma2), total(x[:, :, None, :] * drawn[:, None])
    if "bias_mu" in a:
        m, v = m + array(a["bias_mu"]), v + array(a["bias_sigma2"])
        deviation = deviation + (each(sqrt, array(a["bias_sigma2"])) * array(a["bias_eps"]))[:, None]
    return {"m": m, "v": v, "u": each(NOISES["gaussian"].sf, deviation / each(sqrt, v))}


def sampled_dense(a: Arrays, o: Options) -> Answers:
    """Weight sampling in a dense layer."""
    x = array(a["x"])[:, None]
    return {k: y[:, 0] for k, y in sampled(a, x, square(x, o["domain"], o["variance"])[0]).items()}


def sampled_conv2d(a: Arrays, o: Options) -> Answers:
    """Weight sampling in a convolution: an example's filters are the same everywhere."""
    x, (_, kh, kw, _) = array(a["x"]), a["mu"].shape
    x2, _ = square(x, o["domain"], o["variance"])
    seen, seen2 = (patches(y, kh, kw, o["stride"], o["padding"]) for y in (x, x2))
    batch, rows, columns, inputs = seen.shape
    found = sampled(a, *(y.reshape(batch, rows * columns, inputs) for y in (seen, seen2)))
    return {k: y.reshape(batch, rows, columns, -1) for k, y in found.items()}


OPS = {
    "dense": dense,
    "conv2d": conv2d,
    "zero_mean": zero_mean,
    "average_pool": average_pool,
    "max_pool": max_pool,
    "flatten": flatten,
    "sampled_dense": sampled_dense,
    "sampled_conv2d": sampled_conv2d,
}
