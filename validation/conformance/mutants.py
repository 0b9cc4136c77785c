"""Adapters with one planted bug each, every one of which has to fail: the tests of the suite itself.

Here are the bugs of the specification; `subtle_mutants` has those that reviewers thought of, `slow_mutants` those of
synaptic currents and adaptive thresholds, `plain_mutants` those of what has no noise.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from refsbnn import baselines, estimators, optim, streams
from refsbnn.estimators.binary import Affine
from refsbnn.estimators.member import BinaryTarget, Member
from refsbnn.noise import Noise
from refsbnn.reference import conv2d, dense, lif, lif_slow, pool, unit
from validation.conformance.mutant import BOTH, GIVEN, OWN, Mutant, Patch, wrapped
from validation.conformance.plain_mutants import PLAIN
from validation.conformance.slow_mutants import SLOW
from validation.conformance.subtle_mutants import SUBTLE, uniforms


def fire_backward(change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> list[Patch]:
    """A change of the unit's (dm, dv), in units and neurons alike."""
    owners = (unit, lif, lif_slow)
    return [wrapped(owner, "fire_backward", lambda f, *a, **k: change(*f(*a, **k))) for owner in owners]


def linear_backward(change: Callable[[Any, np.ndarray, np.ndarray], Any]) -> list[Patch]:
    """A change of a dense layer's gradients, given those, dm and mu."""
    return [wrapped(dense, "backward", lambda f, dm, dv, x, mu, *a, **k: change(f(dm, dv, x, mu, *a, **k), dm, mu))]


def column_major(w: np.ndarray) -> np.ndarray:
    """What a reader with the other memory order sees."""
    return w.T.reshape(w.shape)


def unnormalised() -> list[Patch]:
    def slope(self: Any, h: Any, r: Any, noise: Noise, u: Any = None, extra: Any = None) -> np.ndarray:
        p0, p1 = self.masses(r, noise)
        return np.where(h > 0.5, p1, p0) * noise.pdf(r)

    def weight(self: Any, h: Any, r: Any, noise: Noise, u: Any = None, extra: Any = None) -> np.ndarray:
        p0, p1 = self.masses(r, noise)
        return np.where(h > 0.5, p1, p0)

    return [(cls, part.__name__, part) for cls in (BinaryTarget, Affine) for part in (slope, weight)]


def stale_mean() -> list[Patch]:
    first: dict[tuple[int, ...], np.ndarray] = {}

    def forward(f: Any, x: np.ndarray, mu: np.ndarray, *a: Any, **k: Any) -> Any:
        return f(x, first.setdefault(mu.shape, mu), *a, **k)

    return [wrapped(dense, "forward", forward)]


def fresh_noise() -> list[Patch]:
    rng = np.random.default_rng(0)

    def fresh(f: Any, self: Any, h: Any, r: Any, noise: Noise, u: Any = None, extra: Any = None) -> np.ndarray:
        extra = None if extra is None else rng.random(extra.shape)
        return f(self, h, r, noise, u=rng.random(np.shape(r)), extra=extra)

    patches = []
    for cls in (estimators.StGs, estimators.Gs, estimators.Gr):
        original = cls.slope
        patches.append((cls, "slope", lambda *a, f=original, **k: fresh(f, *a, **k)))
    return patches


def quadratic() -> list[Patch]:
    return [
        wrapped(owner, "square", lambda f, x, domain, variance: f(x, domain, "quadratic")) for owner in (dense, conv2d)
    ]


def reset_gradient(flows: bool) -> list[Patch]:
    change = {"reset_gradient": flows}
    return [wrapped(owner, "backward", lambda f, *a, **k: f(*a, **{**k, **change})) for owner in (lif, lif_slow)]


def membranes(step: Callable[..., tuple[np.ndarray, np.ndarray]]) -> list[Patch]:
    """Another forward pass of the neurons: step(M, V, z, m, v, keywords) -> M, V."""

    def forward(m: np.ndarray, v: np.ndarray, u: Any, recurrent: Any = None, **k: Any) -> Any:
        noise, member = unit.noises.get(k["noise"]), estimators.get(k["member"])
        u = np.asarray(u)
        M, V, z = (np.zeros(m.shape) for _ in range(3))
        for t in range(len(m)):
            m_t, v_t = m[t], v[t]
            if t and recurrent is not None:
                own = dense.forward(z[t - 1], *recurrent, domain="binary", variance=k["variance"])
                m_t, v_t = m_t + own[0], v_t + own[1]
            M[t], V[t] = step(M[t - 1], V[t - 1], z[t - 1], m_t, v_t, k) if t else (m_t, v_t)
            V[t] = V[t] if k["accumulate"] else v_t
            z[t] = unit.fire(M[t] - k["theta"], V[t], u[t], noise, member)
        return z, lif.LIFTape(M, V, z)

    return [(lif, "forward", forward)]


def decay_after_reset(M: Any, V: Any, z: Any, m: Any, v: Any, k: Any) -> tuple[Any, Any]:
    beta = k["beta"]
    if k["reset"] == "hard":
        return beta * (M * (1.0 - z) + m), beta**2 * V * (1.0 - z) + v
    return beta * (M - k["theta"] * z) + m, beta**2 * V + v


def decay_not_squared(M: Any, V: Any, z: Any, m: Any, v: Any, k: Any) -> tuple[Any, Any]:
    beta, kept = k["beta"], 1.0 - z if k["reset"] == "hard" else 1.0
    drop = k["theta"] * z if k["reset"] == "soft" else 0.0
    return beta * M * kept + m - drop, beta * V * kept + v


def global_scale() -> list[Patch]:
    change = wrapped(unit, "standardise", lambda f, m, v: f(m, np.full_like(v, v.mean())))
    return [change]


def last_maximum(f: Any, x: np.ndarray, size: int, stride: int | None = None) -> Any:
    y, _ = f(x, size, stride)
    patches = pool.windows(x, size, stride)
    return y, patches.shape[-1] - 1 - patches[..., ::-1].argmax(axis=-1)


def no_bias_correction(self: optim.Adam, p: Any, gradients: Any, rate: float) -> Any:
    out = {}
    for key, g in gradients.items():
        means, squares = self.buffers["mean"], self.buffers["square"]
        mean = means[key] = self.decay1 * means.get(key, 0.0) + (1 - self.decay1) * g
        square = squares[key] = self.decay2 * squares.get(key, 0.0) + (1 - self.decay2) * g * g
        out[key] = p[key] - rate * (mean / (np.sqrt(square) + self.epsilon) + self.weight_decay * p[key])
    return out


def without_variance(m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.sqrt(v)
        return m / s, s, np.ones(v.shape, bool)


def leave_one_out(f: Any, losses: np.ndarray, *a: Any) -> np.ndarray:
    return f(losses, *a) * (len(losses) - 1) / len(losses)


def hazard(self: Noise, r: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return self.pdf(r) / (1.0 - self.cdf(r))


def bipolar_factor(f: Any, g: np.ndarray, *a: Any, **k: Any) -> Any:
    return f(0.5 * g if k["domain"] == "bipolar" else g, *a, **k)


def shared_gradient(f: Any, *a: Any, **k: Any) -> Any:
    out = f(*a, **k)
    return out if out.beta is None else out._replace(beta=np.full_like(out.beta, out.beta.mean()))


def unreset_threshold(f: Any, g: Any, tape: Any, *a: Any, **k: Any) -> Any:
    out = f(g, tape, *a, **k)
    if out.theta is None or k["reset"] == "hard":
        return out
    return out._replace(theta=out.theta + (tape.z[:-1] * out.m[1:]).sum(axis=(0, 1)))


MUTANTS = (
    Mutant(
        "swapped inequality",
        "swapped-inequality",
        BOTH,
        lambda: [(Member, "sample", lambda self, r, u, noise: (u > noise.cdf(r)).astype(np.float64))],
    ),
    Mutant(
        "spike at u = pi",
        "tie",
        GIVEN,
        lambda: [(Member, "sample", lambda self, r, u, noise: (u <= noise.cdf(r)).astype(np.float64))],
    ),
    Mutant("unnormalised weight", "unnormalised-weight", BOTH, unnormalised),
    Mutant("stale posterior mean", "stale-mean", GIVEN, stale_mean),
    Mutant("detached reset", "reset-gradient", BOTH, lambda: reset_gradient(False)),
    Mutant("flowing reset", "reset-gradient", BOTH, lambda: reset_gradient(True)),
    Mutant("quadratic for linear variance extension", "variance-extension", BOTH, quadratic),
    Mutant("fresh backward noise", "fresh-noise", BOTH, fresh_noise),
    Mutant("missing factor 1/2", "missing-half", BOTH, lambda: fire_backward(lambda dm, dv: (dm, 2.0 * dv))),
    Mutant(
        "wrong leave-one-out factor",
        "leave-one-out",
        BOTH,
        lambda: [wrapped(baselines, "reinforce_gradient", leave_one_out)],
    ),
    Mutant(
        "transposed weight backward",
        "transposed-weight",
        BOTH,
        lambda: linear_backward(lambda out, dm, mu: out._replace(x=out.x + dm @ (column_major(mu) - mu))),
    ),
    Mutant(
        "transposed weight forward",
        "transposed-weight",
        BOTH,
        lambda: [wrapped(dense, "forward", lambda f, x, mu, *a, **k: f(x, column_major(mu), *a, **k))],
    ),
    Mutant("global for element-wise scale", "global-scale", BOTH, global_scale),
    Mutant(
        "zero gradient of sigma2",
        "zero-gradient",
        BOTH,
        lambda: linear_backward(lambda out, dm, mu: out._replace(sigma2=np.zeros_like(out.sigma2))),
    ),
    Mutant("zero gradient of v", "zero-gradient", BOTH, lambda: fire_backward(lambda dm, dv: (dm, np.zeros_like(dv)))),
    Mutant("decay applied after reset", "decay-after-reset", BOTH, lambda: membranes(decay_after_reset)),
    Mutant("decay of the variance not squared", "accumulation", BOTH, lambda: membranes(decay_not_squared)),
    Mutant(
        "one gradient for the decays of all neurons",
        "numbers-of-each",
        GIVEN,
        lambda: [wrapped(owner, "backward", shared_gradient) for owner in (lif, lif_slow)],
    ),
    Mutant(
        "threshold's gradient without what the soft reset subtracts",
        "threshold-of-each",
        GIVEN,
        lambda: [wrapped(lif, "backward", unreset_threshold)],
    ),
    Mutant("KL without 1/N", "kl-scale", BOTH, list, {"kl_weight": 16.0}),
    Mutant(
        "missing factor 2 of bipolar units",
        "bipolar-factor",
        BOTH,
        lambda: [wrapped(unit, "backward", bipolar_factor)],
    ),
    Mutant("last of equal maxima", "tie", GIVEN, lambda: [wrapped(pool, "max_forward", last_maximum)]),
    Mutant(
        "Adam without bias correction", "bias-correction", GIVEN, lambda: [(optim.Adam, "step", no_bias_correction)]
    ),
    Mutant("no case for v = 0", "zero-variance", GIVEN, lambda: [(unit, "standardise", without_variance)]),
    Mutant("hazard as f / (1 - F)", "saturation", GIVEN, lambda: [(Noise, "pdf_over_sf", hazard)]),
    Mutant("Philox of seven rounds", "stream", GIVEN, lambda: [(streams, "ROUNDS", 7)]),
    Mutant(
        "one uniform for all units",
        "swapped-inequality",
        OWN,
        lambda: uniforms(lambda u: np.broadcast_to(u[..., :1], u.shape)),
    ),
    Mutant(
        "one uniform for all steps",
        "decay-after-reset",
        OWN,
        lambda: uniforms(lambda u: np.broadcast_to(u[:1], u.shape) if u.ndim == 3 else u),
    ),
    *SUBTLE,
    *SLOW,
    *PLAIN,
)
