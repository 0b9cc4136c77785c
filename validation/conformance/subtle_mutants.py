"""Planted bugs that pass a quick look: a wrong axis, a shared draw, an epsilon out of place, one step too early."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refsbnn import curvature, draws, objective, optim, posterior, sensitivity, streams
from refsbnn.reference import conv2d, dense, lif, readout, unit, weights
from validation.conformance.mutant import BOTH, GIVEN, OWN, Mutant, Patch, wrapped


def uniforms(change: Callable[[np.ndarray], np.ndarray]) -> list[Patch]:
    """A change of the uniforms that the implementation draws for itself."""
    return [wrapped(draws.CounterDraws, "uniforms", lambda f, *a, **k: change(f(*a, **k)))]


def last_step_only(f: Any, dm: np.ndarray, *a: Any, **k: Any) -> Any:
    out = f(dm, *a, **k)
    return out if dm.ndim == 2 else out._replace(bias_mu=dm[-1].sum(axis=0))


def half_slope(f: Any, x: np.ndarray, domain: str, variance: str) -> tuple[np.ndarray, np.ndarray]:
    x2, dx2 = f(x, domain, variance)
    return x2, 0.5 * dx2 if (domain, variance) == ("bipolar", "quadratic") else dx2


def neurons_backward(late: int, decay: Callable[[float], float]) -> list[Patch]:
    """Backward through time by theory 3.12, with recurrent spikes `late` steps late and another decay of dV.

    Neurons with numbers of their own (theory 3.27) have bugs of their own.
    """
    right = lif.backward

    def backward(g: np.ndarray, tape: Any, u: Any, recurrent: Any = None, **k: Any) -> Any:
        if np.ndim(k["beta"]) or np.ndim(k["theta"]):
            return right(g, tape, u, recurrent, **k)
        flows, beta, hard, keep = k["reset_gradient"], k["beta"], k["reset"] == "hard", k["accumulate"]
        options = {name: k[name] for name in ("noise", "member")}
        M, V, z = tape.M, tape.V, np.asarray(tape.z, dtype=np.float64)
        dM, dV, dz = np.zeros((3, *M.shape))
        own: list[Any] = [0.0, 0.0]
        extra = k.get("extra")
        for t in reversed(range(len(M))):
            if t + 1 < len(M):
                kept = 1.0 - z[t] if hard else 1.0
                if flows:
                    dz[t] -= beta * M[t] * dM[t + 1] if hard else k["theta"] * dM[t + 1]
                    dz[t] -= beta**2 * V[t] * dV[t + 1] if hard and keep else 0.0
                if recurrent is not None:
                    seen = z[max(t - late, 0)]
                    back = dense.backward(
                        dM[t + 1], dV[t + 1], seen, *recurrent, domain="binary", variance=k["variance"]
                    )
                    dz[t] += back.x
                    own = [own[0] + back.mu, own[1] + back.sigma2]
            draws = None if extra is None else extra[:, t]
            dM[t], dV[t] = unit.backward(
                g[t] + dz[t], z[t], M[t] - k["theta"], V[t], np.asarray(u)[t], extra=draws, **options
            )
            if t + 1 < len(M):
                dM[t] += beta * kept * dM[t + 1]
                dV[t] += decay(beta) * kept * dV[t + 1] if keep else 0.0
        return lif.LIFGradients(dM, dV, *(own if recurrent is not None else (None, None)))

    return [(lif, "backward", backward)]


def softmax(logits: np.ndarray, labels: np.ndarray, axis: int, shifted: bool) -> tuple[np.ndarray, np.ndarray]:
    rest = logits - logits.max(axis=axis, keepdims=True) if shifted else logits
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        log_p = rest - np.log(np.exp(rest).sum(axis=axis, keepdims=True))
    one_hot = np.arange(logits.shape[-1]) == labels[..., None]
    return np.where(one_hot, log_p, 0.0).sum(axis=-1), one_hot - np.exp(log_p)


def log_of_exp(logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(logits)
        return (targets * logits - np.log(1.0 + e)).sum(axis=-1), targets - e / (1.0 + e)


def adam_step(inside: bool) -> Any:
    """Adam with its epsilon inside the root, or added before the bias is corrected."""

    def step(self: optim.Adam, p: Any, gradients: Any, rate: float) -> Any:
        self.steps += 1
        out, means, squares = {}, self.buffers["mean"], self.buffers["square"]
        c1, c2 = 1 - self.decay1**self.steps, 1 - self.decay2**self.steps
        for key, g in gradients.items():
            means[key] = self.decay1 * means.get(key, 0.0) + (1 - self.decay1) * g
            squares[key] = self.decay2 * squares.get(key, 0.0) + (1 - self.decay2) * g * g
            square, epsilon = squares[key], self.epsilon
            root = np.sqrt(square / c2 + epsilon**2) if inside else (np.sqrt(square) + epsilon) / np.sqrt(c2)
            out[key] = p[key] - rate * (means[key] / c1 / root + self.weight_decay * p[key])
        return out

    return step


def early(f: Any, step: int, examples: int, *, warmup: int = 0, temperature: float = 1.0) -> Any:
    return f(step + 1, examples, warmup=warmup, temperature=temperature)


def padded_variance(f: Any, x: np.ndarray, padding: int) -> np.ndarray:
    if not (x == 1.0).all():  # what stands for the square of bipolar spikes
        return f(x, padding)
    widths = [(0, 0)] * (x.ndim - 3) + [(padding, padding)] * 2 + [(0, 0)]
    return np.pad(x, widths, constant_values=1.0)


def first(eps: np.ndarray, axis: int) -> np.ndarray:
    """The first along an axis for all."""
    return np.broadcast_to(np.take(eps, [0], axis=axis), eps.shape)


SUBTLE = (
    Mutant(
        "bias gradient of the last step alone",
        "transposed-weight",
        BOTH,
        lambda: [wrapped(dense, "backward", last_step_only)],
    ),
    Mutant(
        "missing factor 2 of the bipolar quadratic extension",
        "variance-extension",
        GIVEN,
        lambda: [wrapped(owner, "square", half_slope) for owner in (dense, conv2d)],
    ),
    Mutant("recurrent gradient one step late", "decay-after-reset", BOTH, lambda: neurons_backward(1, np.square)),
    Mutant("variance decays by beta backward", "decay-after-reset", BOTH, lambda: neurons_backward(0, float)),
    Mutant(
        "KL gradient of rho without sigma2",
        "kl-scale",
        BOTH,
        lambda: [wrapped(posterior, "kl", lambda f, mu, s2, p: (kl := f(mu, s2, p))._replace(sigma2=kl.sigma2 / s2))],
    ),
    Mutant(
        "softmax over the batch",
        "wrong-axis",
        BOTH,
        lambda: [(objective, "categorical", lambda logits, labels: softmax(logits, labels, 0, True))],
    ),
    Mutant(
        "softmax without shift",
        "saturation",
        GIVEN,
        lambda: [(objective, "categorical", lambda logits, labels: softmax(logits, labels, -1, False))],
    ),
    Mutant("ln(1 + exp) as it is written", "saturation", GIVEN, lambda: [(objective, "bernoulli", log_of_exp)]),
    Mutant(
        "one normal for all classes",
        "global-scale",
        GIVEN,
        lambda: [
            wrapped(readout, name, lambda f, x, v, eps: f(x, v, first(eps, -1)))
            for name in ("sample_forward", "sample_backward")
        ],
    ),
    Mutant(
        "one draw of the weights for all examples",
        "shared-draw",
        GIVEN,
        lambda: [
            wrapped(weights, name, lambda f, x, mu, s2, eps, *a, **k: f(x, mu, s2, first(eps, 0), *a, **k))
            for name in ("dense", "conv2d")
        ],
    ),
    Mutant("variance in the padding", "padding", GIVEN, lambda: [wrapped(conv2d, "pad", padded_variance)]),
    Mutant("warm-up one step early", "kl-scale", GIVEN, lambda: [wrapped(objective, "kl_weight", early)]),
    Mutant(
        "Adam with its epsilon inside the root",
        "bias-correction",
        GIVEN,
        lambda: [(optim.Adam, "step", adam_step(True))],
    ),
    Mutant(
        "Adam with its epsilon before the correction",
        "bias-correction",
        GIVEN,
        lambda: [(optim.Adam, "step", adam_step(False))],
    ),
    Mutant(
        "epsilon added to the variance",
        "epsilon",
        GIVEN,
        lambda: [wrapped(unit, "standardise", lambda f, m, v: f(m, np.where(v > 0.0, v + 1e-6, 0.0)))],
    ),
    Mutant(
        "normal of a uniform that is 0",
        "stream",
        GIVEN,
        lambda: [(streams.Streams, "normals", lambda self, *a, **k: streams.special.ndtri(self.uniforms(*a, **k)))],
    ),
    Mutant(
        "squared variance path not quartered",
        "global-scale",
        GIVEN,
        lambda: [wrapped(sensitivity, "units", lambda f, rows, *k: f(rows._replace(square=4.0 * rows.square), *k))],
    ),
    Mutant(
        "sensitivity without the reset",
        "reset-gradient",
        GIVEN,
        lambda: [wrapped(sensitivity, "neurons", lambda f, given: f(given._replace(reset=None)))],
    ),
    Mutant(
        "curvature without what the classes share",
        "wrong-axis",
        GIVEN,
        lambda: [
            wrapped(curvature, "categorical", lambda f, x, w: f(x, w)._replace(value=(np.square(w).sum(1)).mean()))
        ],
    ),
    Mutant(
        "one uniform for all examples",
        "swapped-inequality",
        OWN,
        lambda: uniforms(lambda u: np.broadcast_to(u[..., :1, :], u.shape)),
    ),
    Mutant(
        "one stream for all layers",
        "swapped-inequality",
        OWN,
        lambda: [wrapped(draws.CounterDraws, "uniforms", lambda f, self, layer, *a, **k: f(self, 0, *a, **k))],
    ),
    Mutant(
        "a seed that changes nothing",
        "swapped-inequality",
        OWN,
        lambda: [wrapped(streams, "philox", lambda f, counter, key: f(counter, (1, 0)))],
    ),
)
