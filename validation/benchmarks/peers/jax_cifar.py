"""JAX, case b, the mathematics of `torch_cifar`: channels last, one convolution for mean and variance, in jit.

A convolution is nine products with the shifted images: on two threads XLA's own convolution took more
processor time than that, and one product with all patches as much as the nine, with nine times the memory.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from validation.benchmarks.peers.cases import Cifar
from validation.benchmarks.peers.jax_common import Tree, cross_entropy, forward_only, kl, limit, stepper

TINY = 1e-9  # as in `torch_cifar`


@jax.custom_vjp
def fire(m: jax.Array, v: jax.Array, u: jax.Array) -> jax.Array:
    """A noisy binary unit with the straight-through weight 1 (theory 1.1, 3.2)."""
    return (u < jax.scipy.stats.norm.cdf(m * jax.lax.rsqrt(v))).astype(m.dtype)


def _backward(kept: tuple[jax.Array, jax.Array], g: jax.Array) -> tuple[jax.Array, jax.Array, None]:
    m, v = kept
    inverse = jax.lax.rsqrt(v)
    r = m * inverse
    dm = g * jnp.exp(-0.5 * r * r) * inverse / np.sqrt(2.0 * np.pi).astype(np.float32)
    return dm, -0.5 * dm * r * inverse, None


fire.defvjp(lambda m, v, u: (fire(m, v, u), (m, v)), _backward)


def convolved(x: jax.Array, weight: jax.Array) -> jax.Array:
    """3x3, padded, on images (batch, height, width, channels)."""
    batch, height, width, channels = x.shape
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [(padded[:, i : i + height, j : j + width], weight[i, j]) for i in range(3) for j in range(3)]
    return sum(x.reshape(-1, channels) @ w for x, w in shifted).reshape(batch, height, width, -1)


def moments(case: Cifar, p: Tree, x: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and variance of the logits, given uniforms (layers, batch, height, width, channels)."""
    H, U = convolved(x, p["0_mu"]), convolved(x * x, jnp.exp(p["0_rho"]))
    for i in range(1, case.layers):
        weight = jnp.concatenate([case.scale * p[f"{i}_mu"], case.scale**2 * jnp.exp(p[f"{i}_rho"])], 3)
        m, v = jnp.split(convolved(fire(H, U, u[i - 1]), weight), 2, 3)
        H, U = H + m, U + v
    pooled = fire(H, U, u[-1]).mean((1, 2))
    return pooled @ p["out_mu"].T, (pooled * pooled) @ jnp.exp(p["out_rho"]).T


def logits(case: Cifar, parameters: Tree, x: jax.Array, key: Any) -> jax.Array:
    """One sample of them."""
    of_spikes, of_logits = jax.random.split(key)
    u = jax.random.uniform(of_spikes, (case.layers, case.batch, case.size, case.size, case.width))
    m, v = moments(case, parameters, x, u)
    return m + jnp.sqrt(v + TINY) * jax.random.normal(of_logits, m.shape)


def loss(case: Cifar, parameters: Tree, x: jax.Array, labels: jax.Array, key: Any) -> jax.Array:
    """Cross-entropy of sampled logits and the KL of the weights."""
    return cross_entropy(logits(case, parameters, x, key), labels) + kl(parameters) / case.examples


def initial(case: Cifar) -> Tree:
    """Means from a normal of variance 1/inputs, variances of half that; filters are (kh, kw, in, out)."""
    block: tuple[int, ...] = (3, 3, case.width, case.width)
    shapes: dict[str, tuple[int, ...]] = {"0": (3, 3, 3, case.width), **{str(i): block for i in range(1, case.layers)}}
    shapes |= {"out": (case.classes, case.width)}
    keys, out = jax.random.split(jax.random.key(0), len(shapes)), {}
    for key, (name, shape) in zip(keys, shapes.items(), strict=True):
        inputs = shape[1] if len(shape) == 2 else int(np.prod(shape[:3]))
        out[f"{name}_mu"] = jax.random.normal(key, shape) / inputs**0.5
        out[f"{name}_rho"] = jnp.full(shape, np.log(0.5 / inputs), jnp.float32)
    return out


def build(case: Cifar, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    limit(threads)
    x, labels = case.batch_of()
    return stepper(case, partial(loss, case), initial(case), jnp.asarray(x), labels)


def predictor(case: Cifar, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass."""
    limit(threads)
    return forward_only(partial(logits, case), initial(case), jnp.asarray(case.batch_of()[0]))
