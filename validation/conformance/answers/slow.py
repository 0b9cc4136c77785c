"""Neurons with a synaptic current and an adaptive threshold: theory 3.30 to 3.34."""

from typing import NamedTuple

import numpy as np

from validation.conformance.answers import linear, unit
from validation.conformance.answers.dynamics import number
from validation.conformance.answers.linear import Answers, Arrays, Options
from validation.conformance.number import Array, array, total, zeros


class Path(NamedTuple):
    """Membrane mean and variance, its covariance with the current, and the threshold of each step."""

    M: Array
    V: Array
    C: Array
    theta: Array


Own = tuple[Array, Array] | None


def path(m: Array, v: Array, z: np.ndarray, own: Own, beta: Array, theta: Array, o: Options) -> Path:
    """Given all spikes, by the sums over drives that define them (theory 3.32, 3.33)."""
    alpha, decay = number(o["alpha"]), number(o["adapt_decay"])
    drives, noises = m + zeros(m.shape), v + zeros(v.shape)
    M, V, C, threshold = zeros(m.shape), zeros(m.shape), zeros(m.shape), zeros(m.shape)
    taken, up = zeros(m[0].shape), zeros(m[0].shape)
    held: list[Array] = []  # w_ts of each earlier step s
    for t in range(len(m)):
        if t and own is not None:
            m_own, v_own = linear.dense_forward(array(z[t - 1]), *own, None, {"domain": "binary", **o})
            drives[t], noises[t] = drives[t] + m_own, noises[t] + v_own
        if t:
            last = array(z[t - 1])
            keep = 1 - last if o["reset"] == "hard" else 1
            up = decay * up + (1 - decay) * last
            taken = beta * taken + theta * last if o["reset"] == "soft" else taken
            held = [beta * keep * w for w in held]
        current = [array(np.ones(m[0].shape))]  # alpha^(t-s), the latest first
        for _ in range(t):
            current.append(alpha * current[-1])
        held = [w + c for w, c in zip([*held, zeros(m[0].shape)], reversed(current), strict=True)]
        terms = list(zip(held, reversed(current), drives, noises, strict=False))
        M[t] = total(np.stack([w * drive for w, _, drive, _ in terms]), 0) - taken
        V[t] = total(np.stack([w * w * noise for w, _, _, noise in terms]), 0) if o["accumulate"] else noises[t]
        C[t] = total(np.stack([w * c * noise for w, c, _, noise in terms]), 0)
        threshold[t] = theta + number(o["adapt"]) * up
    return Path(M, V, C, threshold)


def backward(
    g: Array, z: np.ndarray, run: Path, u: np.ndarray, own: Own, beta: Array, theta: Array, o: Options
) -> Answers:
    """Backward through time (theory 3.34)."""
    alpha, gain, decay, acc = number(o["alpha"]), number(o["adapt"]), number(o["adapt_decay"]), o["accumulate"]
    M, V, C, threshold = run
    steps, shape = len(M), M[0].shape
    dJ, dU = zeros(M.shape), zeros(M.shape)
    dM, dV, dC, da = (zeros(shape) for _ in range(4))  # of the step after
    dbeta, dtheta = zeros(M.shape), zeros(M.shape)
    d_own = None if own is None else [zeros(own[0].shape), zeros(own[0].shape)]
    for t in reversed(range(steps)):
        dz, fired = g[t] + (1 - decay) * da, array(z[t])
        kept = 1 - fired if o["reset"] == "hard" else array(np.ones(shape))
        shared = 2 * dV + dC
        if t + 1 < steps:
            through = M[t] * dM + (alpha * C[t] * shared if acc else 0)
            if o["reset_gradient"] and o["reset"] == "hard":
                dz = dz - beta * through
                dz = dz - beta * beta * V[t] * dV if acc else dz
            elif o["reset_gradient"]:
                dz = dz - theta * dM
            dbeta[t] = kept * (through + 2 * beta * V[t] * dV) if acc else kept * through
            dtheta[t] = -fired * dM if o["reset"] == "soft" else dtheta[t]
            if own is not None and d_own is not None:
                back = linear.dense_backward(dJ[t + 1], dU[t + 1], fired, *own, {"domain": "binary", **o})
                dz, d_own = dz + back["dx"], [d_own[0] + back["dmu"], d_own[1] + back["dsigma2"]]
        alone, dV_unit = unit.backward_all(o, dz, z[t], M[t] - threshold[t], V[t], u[t], None)
        dtheta[t] = dtheta[t] - alone
        da = decay * da - gain * alone
        dC = alpha * beta * kept * shared if acc else dC
        dM, dV = alone + beta * kept * dM, dV_unit + beta * beta * kept * dV if acc else dV_unit
        later_J, later_U = (dJ[t + 1], dU[t + 1]) if t + 1 < steps else (zeros(shape), zeros(shape))
        dJ[t] = dM + alpha * later_J
        dU[t] = dV + dC + alpha * alpha * later_U if acc else dV
    out = {"dm": dJ, "dv": dU, "dbeta": total(dbeta, (0, 1)), "dtheta": total(dtheta, (0, 1))}
    return out if d_own is None else {**out, "drecurrent_mu": d_own[0], "drecurrent_sigma2": d_own[1]}


def lif_slow(a: Arrays, o: Options) -> Answers:
    """Neurons over time with slow states, at the spikes that are given for the steps before."""
    own = (array(a["recurrent_mu"]), array(a["recurrent_sigma2"])) if "recurrent_mu" in a else None
    beta, theta = array(a["beta"]), array(a["theta"])
    run = path(array(a["m"]), array(a["v"]), a["z"], own, beta, theta, o)
    fired = unit.states(unit.fire_all(o, run.M - run.theta, run.V, a["u"]))
    back = backward(array(a["g"]), a["z"], run, a["u"], own, beta, theta, o)
    return {"M": run.M, "V": run.V, "z": fired, **back}


OPS = {"lif_slow": lif_slow}
