"""The auxiliary loss: what a spike moves, and the readout's curvature (theory 4.11 to 4.14)."""

from decimal import Decimal

import numpy as np

from validation.conformance.answers.linear import Answers, Arrays, Options
from validation.conformance.answers.objective import softmax_loglik
from validation.conformance.number import HALF, ONE, Array, array, contract, each, exp, total, zeros

QUARTER = HALF * HALF


def sums(mu: Array, sigma2: Array) -> list[Array]:
    """A, C and Q of {0,1} spikes (theory 4.11)."""
    return [total(mu * mu), total(mu * sigma2), total(sigma2 * sigma2)]


def squares(a: Array, c: Array, q: Array, m: Array, v: Array) -> tuple[Array, list[Array]]:
    """The mean of S, and its gradients of A, C, Q at each sample, of m and of v (theory 4.11, 4.12)."""
    inverse, size = each(lambda x: ONE / x, v), Decimal(v.size)
    slope = m * inverse
    mean = total(inverse * (a - slope * c + QUARTER * slope * slope * q), tuple(range(v.ndim))) / size
    scale = inverse / size
    dm = scale * inverse * (HALF * slope * q - c)
    dv = -(scale * inverse * (a - 2 * slope * c + 3 * QUARTER * slope * slope * q))
    return mean, [scale, -(scale * slope), QUARTER * scale * slope * slope, dm, dv]


def weights(mu: Array, sigma2: Array, da: Array, dc: Array, dq: Array) -> tuple[Array, Array]:
    """Gradients of mu and sigma2, given those of the sums (theory 4.12)."""
    dmu = 2 * mu * da[:, None] + sigma2 * dc[:, None]
    return dmu, mu * dc[:, None] + 2 * sigma2 * dq[:, None]


def sensitivity(a: Arrays, o: Options) -> Answers:
    """S of one layer of units that read {0,1} or {-1,+1} spikes (theory 4.11, 4.12)."""
    mu, sigma2, m, v = (array(a[k]) for k in ("mu", "sigma2", "m", "v"))
    binary = o["domain"] == "binary"
    moved, spread = (mu, sigma2) if binary else (2 * mu, zeros(sigma2.shape))
    A, C, Q = sums(moved, spread)
    mean, (da, dc, dq, dm, dv) = squares(A, C, Q, m, v)
    dmu, dsigma2 = weights(moved, spread, total(da, 0), total(dc, 0), total(dq, 0))
    if not binary:
        dmu, dsigma2 = 2 * dmu, zeros(sigma2.shape)
    return {"S": mean, "dmu": dmu, "dsigma2": dsigma2, "dm": dm, "dv": dv}


def neurons(a: Arrays, o: Options) -> Answers:
    """S of recurrent neurons: what enters at the same step, and the last spike with its reset (theory 4.13)."""
    names = ("mu", "sigma2", "recurrent_mu", "recurrent_sigma2", "M", "V")
    mu, sigma2, own_mu, own_sigma2, M, V = (array(a[k]) for k in names)
    beta, theta = Decimal(str(o["beta"])), Decimal(str(o["theta"]))
    hard, carried = o["reset"] == "hard", o["reset"] == "hard" and o["accumulate"]
    mean, spread = np.diagonal(own_mu), np.diagonal(own_sigma2)
    d = -(beta * M[:-1]) if hard else zeros(M[:-1].shape) - theta
    e = -(beta * beta * V[:-1]) if carried else zeros(V[:-1].shape)
    below, own = sums(mu, sigma2), sums(own_mu, own_sigma2)
    later = [
        below[0] + own[0] + d * (d + 2 * mean),
        below[1] + own[1] + d * (e + spread) + mean * e,
        below[2] + own[2] + e * (e + 2 * spread),
    ]
    first = [np.broadcast_to(one, M[:1].shape) for one in below]
    A, C, Q = (np.concatenate(pair) for pair in zip(first, later, strict=True))
    value, (da, dc, dq, dM, dV) = squares(A, C, Q, M - theta, V)
    dmu, dsigma2 = weights(mu, sigma2, *(total(one, (0, 1)) for one in (da, dc, dq)))
    da, dc, dq = da[1:], dc[1:], dq[1:]
    down_mu, down_sigma2 = weights(own_mu, own_sigma2, *(total(one, (0, 1)) for one in (da, dc, dq)))
    index = np.arange(len(own_mu))
    down_mu[index, index] = down_mu[index, index] + total(2 * d * da + e * dc, (0, 1))
    down_sigma2[index, index] = down_sigma2[index, index] + total(d * dc + 2 * e * dq, (0, 1))
    if hard:
        dM[:-1] = dM[:-1] - beta * (2 * (mean + d) * da + (spread + e) * dc)
    if carried:
        dV[:-1] = dV[:-1] - beta * beta * ((mean + d) * dc + 2 * (spread + e) * dq)
    return {
        "S": value,
        "dmu": dmu,
        "dsigma2": dsigma2,
        "drecurrent_mu": down_mu,
        "drecurrent_sigma2": down_sigma2,
        "dM": dM,
        "dV": dV,
    }


def curvature(a: Arrays, o: Options) -> Answers:
    """R of the readout's rows under a softmax, or under independent outputs (theory 4.14)."""
    logits, w = array(a["logits"]), array(a["mu"])
    batch = Decimal(len(logits))
    norm2 = total(w * w)
    if o["likelihood"] == "bernoulli":
        p = each(lambda x: ONE / (exp(-x) + ONE), logits)
        rest = each(lambda x: ONE / (exp(x) + ONE), logits)
        dmu = 2 * w * (total(p * rest, 0) / batch)[:, None]
        return {
            "R": total(p * rest * norm2, (0, 1)) / batch,
            "dlogits": p * rest * (rest - p) * norm2 / batch,
            "dmu": dmu,
        }
    p = -softmax_loglik(logits, np.zeros(len(logits), dtype=np.int64))[1]
    p[:, 0] = ONE + p[:, 0]  # the derivative is onehot - p
    mean = contract(p, w.T)
    slope = norm2 - 2 * contract(mean, w)
    dmu = 2 * (w * total(p, 0)[:, None] - contract(p.T, mean.T)) / batch
    shift = total(p * slope)[:, None]
    return {
        "R": total(total(p * norm2) - total(mean * mean), 0) / batch,
        "dlogits": p * (slope - shift) / batch,
        "dmu": dmu,
    }


OPS = {"sensitivity": sensitivity, "sensitivity_lif": neurons, "curvature": curvature}
