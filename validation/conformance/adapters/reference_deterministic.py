"""Neurons without noise, point weights, losses, clipping and schedules in NumPy: forward, and backward by hand.

The package trains noisy units; these are here because libraries of spiking networks are held to the suite as well. What
the package has (Adam, SGD, its clipping and schedules) the reference adapter takes from there.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from refsbnn.adapter import Arrays

Options = Mapping[str, Any]
Array = np.ndarray


def spelling(spec: str) -> tuple[str, dict[str, float]]:
    """A shape's name and numbers: "arctan(scale=2)"."""
    name, _, rest = spec.partition("(")
    call: Any = ast.parse(f"f({rest}" if rest else "f()", mode="eval").body
    return name, {k.arg: float(ast.literal_eval(k.value)) for k in call.keywords}


def bell(x: Array, s: float) -> Array:
    """Density of N(0, s^2)."""
    return np.exp(-((x / s) ** 2) / 2.0) / (np.sqrt(2.0 * np.pi) * s)


def logistic(x: Array) -> Array:
    """sigma'(x)."""
    e = np.exp(-np.abs(x))
    return e / (1.0 + e) ** 2


def multi(x: Array, sigma: float, h: float, spread: float) -> Array:
    """The multi-Gaussian slope."""
    wide = spread * sigma
    return (1.0 + h) * bell(x, sigma) - h * bell(x - sigma, wide) - h * bell(x + sigma, wide)


# The published slope of each shape, and its integral.
SLOPES: dict[str, tuple[Callable[..., Array], Callable[..., float]]] = {
    "straight-through": (np.ones_like, lambda: np.inf),
    "boxcar": (lambda x, width: (np.abs(x) < width / 2) / width, lambda width: 1.0),
    "leaky-boxcar": (
        lambda x, width, leak: np.where(np.abs(x) < width / 2, 1.0 / width, leak),
        lambda width, leak: np.inf,
    ),
    "triangular": (
        lambda x, scale, gamma: gamma * np.maximum(1.0 - scale * np.abs(x), 0.0),
        lambda scale, gamma: gamma / scale,
    ),
    "fast-sigmoid": (lambda x, scale: 1.0 / (1.0 + scale * np.abs(x)) ** 2, lambda scale: 2.0 / scale),
    "sigmoid": (lambda x, scale: scale * logistic(scale * x), lambda scale: 1.0),
    "tanh": (lambda x, scale: 4.0 * logistic(2.0 * scale * x), lambda scale: 2.0 / scale),
    "arctan": (lambda x, scale: scale / 2 / (1.0 + (np.pi * scale * x / 2) ** 2), lambda scale: 1.0),
    "gaussian": (lambda x, sigma: bell(x, sigma), lambda sigma: 1.0),
    "erf": (lambda x, scale: scale / np.sqrt(np.pi) * np.exp(-((scale * x) ** 2)), lambda scale: 1.0),
    "exponential": (lambda x, scale: scale / 2 * np.exp(-scale * np.abs(x)), lambda scale: 1.0),
    "multi-gaussian": (multi, lambda sigma, h, spread: 1.0 - h),
}


def slope(x: Array, o: Options) -> Array:
    """The slope at x = V - theta."""
    name, numbers = spelling(o["shape"])
    rule, area = SLOPES[name]
    out = rule(x, **numbers)
    if o["height"] == "peak":
        return out / rule(np.zeros(()), **numbers)
    return out / area(**numbers) if o["height"] == "area" else out


def fires(x: Array, o: Options) -> Array:
    """Spikes, uint8."""
    return ((x >= 0) if o["at_threshold"] == "spike" else (x > 0)).astype(np.uint8)


def surrogate(o: Options, a: Arrays) -> Arrays:
    """Spikes, and the cotangent times the slope."""
    return {"z": fires(a["x"], o), "dx": a["g"] * slope(a["x"], o)}


def currents(x: Array, o: Options) -> Array:
    """What enters the membrane."""
    if o["alpha"] is None:
        return o["input_gain"] * x
    flow = x.copy()
    for t in range(1, len(x)):
        flow[t] += o["alpha"] * flow[t - 1]
    if o["current_order"] == "membrane-first":
        flow = np.concatenate([np.zeros_like(flow[:1]), flow[:-1]])
    return o["input_gain"] * flow


def carried(V: Array, z: Array, o: Options) -> tuple[Array, Array]:
    """What a membrane hands to the next one, without the input, and its derivatives in V and in z."""
    beta, theta = o["beta"], o["theta"]
    if o["reset"] == "zero":
        return beta * V * (1.0 - z), np.stack([beta * (1.0 - z), -beta * V])
    drop = {"none": 0.0, "subtract": theta}[o["reset"]] * (beta if o["reset_order"] == "before-decay" else 1.0)
    return beta * V - drop * z, np.stack([np.full(V.shape, beta), np.full(V.shape, -drop)])


def lif_deterministic(o: Options, a: Arrays) -> Arrays:
    """Neurons over time and the gradient of their inputs."""
    c, late = currents(a["x"], o), o["output_delay"]
    wipes = o["reset"] == "zero" and o["reset_order"] == "after-input"
    V, z, rests = np.zeros(c.shape), np.zeros(c.shape, np.uint8), np.zeros(c.shape, bool)
    left = np.zeros(c.shape[1:], np.int64)
    for t in range(len(c)):
        past = carried(V[t - 1], z[t - 1].astype(float), o)[0] if t else 0.0
        V[t] = past + c[t] * (1.0 - z[t - 1] if wipes and t else 1.0)
        rests[t] = left > 0
        if o["refractory_kind"] == "hold":
            V[t][rests[t]] = 0.0
        z[t] = fires(V[t] - o["theta"], o) * ~rests[t]
        left = np.where(z[t] == 1, o["refractory"], np.maximum(left - 1, 0))
    g = np.concatenate([a["g"][late:], np.zeros_like(a["g"][:late])])
    dV = np.zeros((len(c) + 1, *c.shape[1:]))
    for t in reversed(range(len(c))):
        by_V, by_z = carried(V[t], z[t].astype(float), o)[1]
        if wipes and t + 1 < len(c):
            by_z = by_z - c[t + 1]
        dz = g[t] + (by_z * dV[t + 1] if o["reset_gradient"] else 0.0)
        dV[t] = by_V * dV[t + 1] + (a["gV"][t] if "gV" in a else 0.0) + dz * slope(V[t] - o["theta"], o) * ~rests[t]
        if o["refractory_kind"] == "hold":
            dV[t][rests[t]] = 0.0
    d = dV[:-1].copy()
    if wipes:
        d[1:] *= 1.0 - z[:-1]
    seen = np.concatenate([np.zeros_like(z[:late]), z[: len(z) - late]])
    out = {"z": seen, "dx": o["input_gain"] * through_synapse(d, o)}
    return {**out, "V": V} if "gV" in a else out


def through_synapse(d: Array, o: Options) -> Array:
    """The adjoint of `currents`, its gain aside."""
    if o["alpha"] is None:
        return d
    out = np.concatenate([d[1:], np.zeros_like(d[:1])]) if o["current_order"] == "membrane-first" else d.copy()
    for t in reversed(range(len(d) - 1)):
        out[t] += o["alpha"] * out[t + 1]
    return out


def cross_entropy(x: Array, labels: Array, reduce: str) -> tuple[float, Array]:
    """-ln p_y and its gradient."""
    shifted = x - x.max(axis=-1, keepdims=True)
    e = np.exp(shifted)
    p, rows = e / e.sum(axis=-1, keepdims=True), np.arange(len(labels))
    share = len(labels) if reduce == "mean" else 1
    value = (np.log(e.sum(axis=-1)) - shifted[rows, labels]).sum() / share
    p[rows, labels] -= 1.0
    return value, p / share


def loss(o: Options, a: Arrays) -> Arrays:
    """A loss and its gradient."""
    x, kind, steps = a["x"], o["kind"], len(a["x"])
    if kind == "cross_entropy":
        value, dx = cross_entropy(x, a["labels"], o["reduce"])
    elif kind == "mse":
        error, share = x - a["targets"], x.size if o["reduce"] == "mean" else 1
        value, dx = (error**2).sum() / share, 2.0 * error / share
    elif kind == "rate_cross_entropy":
        each = [cross_entropy(step, a["labels"], o["reduce"]) for step in x]
        value, dx = sum(one[0] for one in each) / steps, np.stack([one[1] for one in each]) / steps
    elif kind == "max_cross_entropy":
        where = x.argmax(axis=0)[None]
        value, d = cross_entropy(np.take_along_axis(x, where, 0)[0], a["labels"], o["reduce"])
        dx = np.zeros_like(x)
        np.put_along_axis(dx, where, d[None], 0)
    elif kind == "count_cross_entropy":
        value, d = cross_entropy(x.sum(axis=0), a["labels"], o["reduce"])
        dx = np.broadcast_to(d, x.shape).copy()
    else:
        wanted = np.full(x.shape[1:], o["wrong"] * steps)
        wanted[np.arange(len(a["labels"])), a["labels"]] = o["right"] * steps
        error = x.sum(axis=0) - wanted
        share = (error.size if o["reduce"] == "mean" else 1) * (steps if o["per_step"] else 1)
        value, dx = (error**2).sum() / share, np.broadcast_to(2.0 * error / share, x.shape).copy()
    return {"loss": np.array(value), "dx": dx}


def clip(o: Options, a: Arrays) -> Arrays:
    """Clipping beyond the joint norm of the package."""
    parts, c = {k: a[k] for k in ("g0", "g1")}, o["largest"]
    if o["kind"] == "value":
        return {f"{k}_out": np.clip(g, -c, c) for k, g in parts.items()}
    norms = {k: np.sqrt((g**2).sum()) for k, g in parts.items()}
    if o["kind"] == "norm":
        norms = dict.fromkeys(parts, np.sqrt(sum(norm**2 for norm in norms.values())))
    return {f"{k}_out": g * min(1.0, c / (norms[k] + o["epsilon"])) for k, g in parts.items()}


def rate(step: int, o: Options) -> float:
    """A learning rate."""
    if step < o["warmup"]:
        return o["peak"] * (step + o["first"]) / o["warmup"]
    gone, length = step - o["warmup"], max(o["steps"] - o["warmup"], 1)
    if o["kind"] == "cosine":
        return o["peak"] * (o["floor"] + (1.0 - o["floor"]) * 0.5 * (1.0 + np.cos(np.pi * gone / length)))
    if o["kind"] == "linear":
        return o["peak"] * (1.0 - gone / length)
    power = {"step": sum(step >= drop for drop in o["drops"]), "exponential": gone, "constant": 0}[o["kind"]]
    return o["peak"] * o["factor"] ** power


def sgd(o: Options, a: Arrays) -> Arrays:
    """Momentum with Nesterov's look-ahead, dampening, or the rate inside the velocity."""
    p, rho = a["parameter"], o["momentum"]
    g = a["g"] + o["weight_decay"] * p
    inside = o.get("rate_in") == "velocity"
    step = o["rate"] * g if inside else (1.0 - o.get("dampening", 0.0)) * g
    velocity = rho * a["velocity"] + step
    move = (step if inside else g) + rho * velocity if o.get("nesterov") else velocity
    return {"parameter_out": p - (move if inside else o["rate"] * move), "velocity_out": velocity}
