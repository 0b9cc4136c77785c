"""Residual streams, LIF neurons and readouts: theory 3.8 to 3.14."""

from decimal import Decimal
from typing import Any

import numpy as np

from validation.conformance.answers import linear, unit
from validation.conformance.answers.linear import Answers, Arrays, Options
from validation.conformance.number import Array, Real, array, each, lift, sqrt, total, zeros


def number(value: Any) -> Any:
    """An option as an exact decimal; the numbers of each neuron as they are, decimals already."""
    return value if isinstance(value, np.ndarray) else Decimal(value)


def residual_add(a: Arrays, o: Options) -> Answers:
    """The stream after a branch, and the gradients (theory 3.8)."""
    H, U, m, v, dH, dU = (array(a[name]) for name in ("H", "U", "m", "v", "dH", "dU"))
    scale, keep = number(o["scale"]), o["accumulate"]
    return {
        "H_out": H + scale * m,
        "U_out": U + scale * scale * v if keep else scale * scale * v,
        "dH_in": dH,
        "dU_in": dU if keep else zeros(dU.shape),
        "dm": scale * dH,
        "dv": scale * scale * dU,
    }


def block(a: Arrays, o: Options) -> Answers:
    """One residual block with a branch of dense maps: units at the spikes that are given (theory 3.2, 3.3, 3.8)."""
    H, U, dH, dU = (array(a[name]) for name in ("H", "U", "dH", "dU"))
    maps = range(o["maps"])
    weights = [tuple(array(a[f"{name}{k}"]) for name in ("mu", "sigma2", "bias_mu", "bias_sigma2")) for k in maps]
    moments, out = [(H, U)], {}
    values = [array(a[f"z{k}"]) * 2 - 1 if o["domain"] == "bipolar" else array(a[f"z{k}"]) for k in maps]
    for k in maps:
        out[f"z{k}"] = unit.states(unit.fire_all(o, *moments[-1], a[f"u{k}"]))
        mu, sigma2, *bias = weights[k]
        moments.append(linear.dense_forward(values[k], mu, sigma2, tuple(bias), o))
    m, v = moments.pop()
    scale, keep = number(o["scale"]), o["accumulate"]
    out |= {"H_out": H + scale * m, "U_out": U + scale * scale * v if keep else scale * scale * v}
    dm, dv = scale * dH, scale * scale * dU
    for k in reversed(maps):
        back = linear.dense_backward(dm, dv, values[k], weights[k][0], weights[k][1], o)
        out |= {f"{name}{k}": back[name] for name in ("dmu", "dsigma2", "dbias_mu", "dbias_sigma2")}
        dm, dv = unit.backward_all(o, back["dx"], a[f"z{k}"], *moments[k], a[f"u{k}"], a.get(f"extra{k}"))
    return {**out, "dH_in": dH + dm, "dU_in": dU + dv if keep else dv}


def lif_path(m: Array, v: Array, z: np.ndarray, own: tuple[Array, Array] | None, o: Options) -> tuple[Array, Array]:
    """Membrane means and variances given all spikes (theory 3.9, 3.10)."""
    beta, theta = number(o["beta"]), number(o["theta"])
    M, V = zeros(m.shape), zeros(m.shape)
    for t in range(len(m)):
        m_t, v_t = m[t], v[t]
        if t and own is not None:
            before = array(z[t - 1])
            m_own, v_own = linear.dense_forward(before, *own, None, {"domain": "binary", **o})
            m_t, v_t = m_t + m_own, v_t + v_own
        if t == 0:
            M[t], V[t] = m_t, v_t
        elif o["reset"] == "hard":
            kept = 1 - array(z[t - 1])
            M[t], V[t] = beta * M[t - 1] * kept + m_t, beta * beta * V[t - 1] * kept + v_t
        else:
            M[t], V[t] = beta * M[t - 1] + m_t - theta * array(z[t - 1]), beta * beta * V[t - 1] + v_t
        if not o["accumulate"]:
            V[t] = v_t
    return M, V


def lif_backward(
    g: Array, z: np.ndarray, M: Array, V: Array, u: Any, extra: Any, own: tuple[Array, Array] | None, o: Options
) -> Answers:
    """Backward through time (theory 3.12)."""
    beta, theta, acc = number(o["beta"]), number(o["theta"]), o["accumulate"]
    steps = len(M)
    dM, dV = zeros(M.shape), zeros(M.shape)
    d_own = None if own is None else [zeros(own[0].shape), zeros(own[0].shape)]
    for t in reversed(range(steps)):
        dz = g[t]
        last = t == steps - 1
        kept = 1 - array(z[t]) if o["reset"] == "hard" else array(np.ones(M[t].shape))
        if not last:
            if o["reset_gradient"] and o["reset"] == "hard":
                dz = dz - beta * M[t] * dM[t + 1]
                dz = dz - beta * beta * V[t] * dV[t + 1] if acc else dz
            elif o["reset_gradient"]:
                dz = dz - theta * dM[t + 1]
            if own is not None and d_own is not None:
                back = linear.dense_backward(dM[t + 1], dV[t + 1], array(z[t]), *own, {"domain": "binary", **o})
                dz = dz + back["dx"]
                d_own = [d_own[0] + back["dmu"], d_own[1] + back["dsigma2"]]
        draws = None if extra is None else extra[:, t]
        dM[t], dV[t] = unit.backward_all(o, dz, z[t], M[t] - theta, V[t], u[t], draws)
        if not last:
            dM[t] = dM[t] + beta * kept * dM[t + 1]
            dV[t] = dV[t] + beta * beta * kept * dV[t + 1] if acc else dV[t]
    out = {"dm": dM, "dv": dV}
    return out if d_own is None else {**out, "drecurrent_mu": d_own[0], "drecurrent_sigma2": d_own[1]}


def lif(a: Arrays, o: Options) -> Answers:
    """LIF neurons over time, each step at the spikes that are given for the steps before."""
    own = (array(a["recurrent_mu"]), array(a["recurrent_sigma2"])) if "recurrent_mu" in a else None
    M, V = lif_path(array(a["m"]), array(a["v"]), a["z"], own, o)
    z = unit.states(unit.fire_all(o, M - number(o["theta"]), V, a["u"]))
    return {"M": M, "V": V, "z": z, **lif_backward(array(a["g"]), a["z"], M, V, a["u"], a.get("extra"), own, o)}


def leaky_weights(m: Array, o: Options) -> Array:
    """c_t of each step (theory 3.13), with the axes of m."""
    beta, steps = number(o["beta"]), len(m)

    def decayed(t: int) -> list[Real]:
        # A power of the decay rounds once for each multiplication.
        return [Real(beta ** (t - k), (t - k) * float(beta) ** (t - k)) if k <= t else lift(0) for k in range(steps)]

    if o["reduce"] == "mean":
        rows = [total(np.array([decayed(t)[k] for t in range(steps)], dtype=object)) / steps for k in range(steps)]
        weights: Any = [row[()] if isinstance(row, np.ndarray) else row for row in rows]
    elif o["reduce"] == "last":
        weights = decayed(steps - 1)
    out = zeros(m.shape)
    for i in np.ndindex(m.shape[1:]):
        if o["reduce"] == "max":
            path = [sum((beta ** (t - k) * m[(k, *i)].value for k in range(t + 1)), Decimal(0)) for t in range(steps)]
            weights = decayed(path.index(max(path)))
        for t in range(steps):
            out[(t, *i)] = weights[t]
    return out


def leaky_readout(a: Arrays, o: Options) -> Answers:
    """Leaky integrator without spikes (theory 3.13)."""
    m, v, dm, dv = (array(a[name]) for name in ("m", "v", "dm_out", "dv_out"))
    c = leaky_weights(m, o)
    return {"m_out": total(c * m, 0), "v_out": total(c * c * v, 0), "dm": c * dm, "dv": c * c * dv}


def sampled_readout(a: Arrays, o: Options) -> Answers:
    """Logits drawn from their moments; no gradient of v where v = 0 (theory 3.14)."""
    m, v, eps, g = (array(a[name]) for name in ("m", "v", "eps", "g"))
    logits, dv = sample(m, v, eps, g)
    return {"logits": logits, "dm": g, "dv": dv}


def sample(m: Array, v: Array, eps: Array, g: Array) -> tuple[Array, Array]:
    """Logits, and the gradient of v."""
    logits = each(lambda a, b, e: a + sqrt(b) * e if b.value else a, m, v, eps)
    return logits, each(lambda b, e, d: d * e / (2 * sqrt(b)) if b.value else lift(0), v, eps, g)


OPS = {
    "residual_add": residual_add,
    "residual_block": block,
    "lif": lif,
    "leaky_readout": leaky_readout,
    "sampled_readout": sampled_readout,
}
