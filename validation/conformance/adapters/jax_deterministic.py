"""Neurons without noise, point weights, losses, clipping and schedules in JAX: one `custom_vjp`, the slope.

Written from docs/conformance.md ("Deterministic neurons"): nothing of the backward pass is by hand but the slope.
"""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from validation.conformance.adapters.reference_deterministic import spelling

Array = Any  # a jax.Array, where JAX is installed
Options = Mapping[str, Any]


def bell(x: Array, s: float) -> Array:
    """Density of N(0, s^2)."""
    return jnp.exp(-((x / s) ** 2) / 2) / (math.sqrt(2 * math.pi) * s)


def logistic(x: Array) -> Array:
    """sigma'(x)."""
    return jax.nn.sigmoid(x) * jax.nn.sigmoid(-x)


def multi(x: Array, sigma: float, h: float, spread: float) -> Array:
    """The multi-Gaussian slope."""
    wide = spread * sigma
    return (1 + h) * bell(x, sigma) - h * bell(x - sigma, wide) - h * bell(x + sigma, wide)


SLOPES: dict[str, Callable[..., Array]] = {
    "straight-through": jnp.ones_like,
    "boxcar": lambda x, width: (jnp.abs(x) < width / 2) * (1 / width),
    "leaky-boxcar": lambda x, width, leak: jnp.where(jnp.abs(x) < width / 2, 1 / width, leak),
    "triangular": lambda x, scale, gamma: gamma * jnp.maximum(1 - scale * jnp.abs(x), 0),
    "fast-sigmoid": lambda x, scale: 1 / (1 + scale * jnp.abs(x)) ** 2,
    "sigmoid": lambda x, scale: scale * logistic(scale * x),
    "tanh": lambda x, scale: 4 * logistic(2 * scale * x),
    "arctan": lambda x, scale: scale / 2 / (1 + (math.pi * scale * x / 2) ** 2),
    "gaussian": lambda x, sigma: bell(x, sigma),
    "erf": lambda x, scale: scale / math.sqrt(math.pi) * jnp.exp(-((scale * x) ** 2)),
    "exponential": lambda x, scale: scale / 2 * jnp.exp(-scale * jnp.abs(x)),
    "multi-gaussian": multi,
}
AREAS: dict[str, Callable[..., float]] = {
    "boxcar": lambda width: 1.0,
    "triangular": lambda scale, gamma: gamma / scale,
    "fast-sigmoid": lambda scale: 2 / scale,
    "tanh": lambda scale: 2 / scale,
    "multi-gaussian": lambda sigma, h, spread: 1 - h,
}


@lru_cache
def spiking(shape: str, height: str, at_threshold: str) -> Any:
    """A step of x = V - theta forward, the slope backward, in float32 at least."""
    name, numbers = spelling(shape)

    def slope(x: Array) -> Array:
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        out = SLOPES[name](wide, **numbers)
        if height == "peak":
            out = out / SLOPES[name](jnp.zeros((), wide.dtype), **numbers)
        elif height == "area":
            out = out / AREAS.get(name, lambda **_: 1.0)(**numbers)
        return out.astype(x.dtype)

    @jax.custom_vjp
    def fire(x: Array) -> Array:
        return ((x >= 0) if at_threshold == "spike" else (x > 0)).astype(x.dtype)

    fire.defvjp(lambda x: (fire(x), x), lambda x, g: (g * slope(x),))
    return fire


def spike(x: Array, o: Options) -> Array:
    """Spikes of x = V - theta."""
    return spiking(o["shape"], o["height"], o["at_threshold"])(x)


def neurons(x: Array, o: Options) -> tuple[Array, Array]:
    """Spikes and membranes of neurons without noise."""
    beta, theta = o["beta"], o["theta"]
    V = z = flow = seen = jnp.zeros_like(x[0])
    left = jnp.zeros(x[0].shape, jnp.int32)
    spikes, membranes = [], []
    for t in range(len(x)):
        before = flow
        flow = x[t] if o["alpha"] is None else o["alpha"] * flow + x[t]
        late = o["current_order"] == "membrane-first" and o["alpha"] is not None
        c = o["input_gain"] * (before if late else flow)
        past = z if o["reset_gradient"] else jax.lax.stop_gradient(z)
        if o["reset"] == "none":
            V = beta * V + c
        elif o["reset"] == "subtract":
            V = beta * (V - theta * past) + c if o["reset_order"] == "before-decay" else beta * V + c - theta * past
        else:
            V = (beta * V + c) * (1 - past) if o["reset_order"] == "after-input" else beta * V * (1 - past) + c
        rests = left > 0
        if o["refractory_kind"] == "hold":
            V = jnp.where(rests, jnp.zeros_like(V), V)
        z = spike(V - theta, o) * (~rests).astype(x.dtype)
        left = jnp.where(z > 0, o["refractory"], jnp.maximum(left - 1, 0))
        spikes.append(seen if o["output_delay"] else z)
        membranes.append(V)
        seen = z
    return jnp.stack(spikes), jnp.stack(membranes)


def loss(x: Array, labels: Array, targets: Array, o: Options) -> Array:
    """A loss as a number."""
    kind = o["kind"]
    reduced = jnp.mean if o["reduce"] == "mean" else jnp.sum

    def cross_entropy(logits: Array) -> Array:
        return reduced(-jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1))

    if kind == "mse":
        return reduced((x - targets) ** 2)
    if kind == "cross_entropy":
        return cross_entropy(x)
    if kind == "rate_cross_entropy":
        return jnp.stack([cross_entropy(step) for step in x]).mean()
    if kind == "max_cross_entropy":
        # The first of equal maxima gets the gradient; jnp.max would share it out.
        first = jnp.argmax(jax.lax.stop_gradient(x), axis=0, keepdims=True)
        return cross_entropy(jnp.take_along_axis(x, first, axis=0)[0])
    if kind == "count_cross_entropy":
        return cross_entropy(x.sum(0))
    wanted = len(x) * (o["wrong"] + (o["right"] - o["wrong"]) * jax.nn.one_hot(labels, x.shape[-1], dtype=x.dtype))
    value = reduced((x.sum(0) - wanted) ** 2)
    return value / len(x) if o["per_step"] else value


def clip(parts: list[Array], o: Options) -> list[Array]:
    """Clipped gradients."""
    c = o["largest"]
    if o["kind"] == "value":
        return [jnp.clip(g, -c, c) for g in parts]
    norms = [jnp.sqrt((g * g).sum()) for g in parts]
    if o["kind"] == "norm":
        norms = [jnp.sqrt(sum(n * n for n in norms))] * len(parts)
    return [g * jnp.minimum(c / (n + o["epsilon"]), 1) for g, n in zip(parts, norms, strict=True)]


def rates(steps: Array, o: Options, dtype: Any) -> Array:
    """Learning rates; in float32 at least, as a schedule that is compiled has them."""
    wide = jnp.promote_types(dtype, jnp.float32)
    step = steps.astype(wide)
    gone, length = step - o["warmup"], max(o["steps"] - o["warmup"], 1)
    kind = o["kind"]
    if kind == "cosine":
        share = o["floor"] + (1 - o["floor"]) * jnp.cos(math.pi * gone / length / 2) ** 2
    elif kind == "linear":
        share = 1 - gone / length
    elif kind == "exponential":
        share = o["factor"] ** gone
    elif kind == "step":
        share = o["factor"] ** sum((step >= drop).astype(wide) for drop in o["drops"])
    else:
        share = jnp.ones_like(step)
    rise = (step + o["first"]) / max(o["warmup"], 1)
    return (o["peak"] * jnp.where(gone < 0, rise, share)).astype(dtype)
