"""JAX, case a, the mathematics of `torch_shd`: a scan in jit, local reparameterisation, hard reset, KL, Adam.

As `jax_plain_shd`: one product for all input currents, one for the gradient of the recurrent weights, own backward.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from validation.benchmarks.peers.cases import Shd
from validation.benchmarks.peers.jax_common import Tree, ages, cross_entropy, forward_only, kl, limit, stepper

TINY = 1e-9  # as in `torch_shd`: a current may be nothing at all


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def neurons(current: jax.Array, own: jax.Array, u: jax.Array, beta: float, theta: float) -> jax.Array:
    """Spikes (steps, batch, hidden), given uniforms of that shape; currents and weights are means, then variances."""
    return forward(current, own, u, beta, theta)[0]


def forward(current: jax.Array, own: jax.Array, u: jax.Array, beta: float, theta: float) -> Any:
    """Spikes, and what backward needs."""
    hidden = own.shape[1]

    def advance(state: Any, now: Any) -> Any:
        z, M, V = state
        a, u = now
        a = a + z @ own.T
        M = beta * M * (1.0 - z) + a[:, :hidden]
        V = beta**2 * V * (1.0 - z) + a[:, hidden:]
        z = (u < jax.scipy.stats.norm.cdf((M - theta) * jax.lax.rsqrt(V + TINY))).astype(M.dtype)
        return (z, M, V), (z, M, V)

    nothing = jnp.zeros_like(current[0, :, :hidden])
    Z, M, V = jax.lax.scan(advance, (nothing, nothing, nothing), (current, u))[1]
    return Z, (Z, M, V, own)


def backward(beta: float, theta: float, kept: Any, g: jax.Array) -> tuple[jax.Array, jax.Array, None]:
    """Gradients of the currents and of the recurrent weights."""
    Z, M, V, own = kept
    hidden = own.shape[1]

    def retreat(later: jax.Array, now: Any) -> Any:
        g, z, M, V = now
        of_M, of_V = later[:, :hidden], later[:, hidden:]
        inverse = jax.lax.rsqrt(V + TINY)
        r = (M - theta) * inverse
        g = g + later @ own - beta * M * of_M - beta**2 * V * of_V
        dm = g * jnp.exp(-0.5 * r * r) * inverse / np.sqrt(2.0 * np.pi).astype(np.float32)
        dv = -0.5 * dm * r * inverse
        later = jnp.concatenate([dm + beta * (1.0 - z) * of_M, dv + beta**2 * (1.0 - z) * of_V], 1)
        return later, later

    nothing = jnp.zeros((M.shape[1], 2 * hidden), M.dtype)
    of_current = jax.lax.scan(retreat, nothing, (g, Z, M, V), reverse=True)[1]
    return of_current, jnp.einsum("tbi,tbj->ij", of_current[1:], Z[:-1]), None


neurons.defvjp(forward, backward)


def moments(case: Shd, parameters: Tree, x: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and variance of the readout's logits, given a uniform for every step and unit."""
    both = {
        name: jnp.concatenate([parameters[f"{name}_mu"], jnp.exp(parameters[f"{name}_rho"])]) for name in ("in", "own")
    }
    current = (x.reshape(-1, case.inputs) @ both["in"].T).reshape(case.steps, case.batch, 2 * case.hidden)
    Z, weights = neurons(current, both["own"], u, case.beta, case.theta), ages(case)
    first, second = jnp.tensordot(jnp.stack([weights, weights**2]), Z, 1)
    return first @ parameters["out_mu"].T, second @ jnp.exp(parameters["out_rho"]).T


def logits(case: Shd, parameters: Tree, x: jax.Array, key: Any) -> jax.Array:
    """One sample of them."""
    of_spikes, of_logits = jax.random.split(key)
    m, v = moments(case, parameters, x, jax.random.uniform(of_spikes, (case.steps, case.batch, case.hidden)))
    return m + jnp.sqrt(v + TINY) * jax.random.normal(of_logits, m.shape)


def loss(case: Shd, parameters: Tree, x: jax.Array, labels: jax.Array, key: Any) -> jax.Array:
    """Cross-entropy of sampled logits and the KL of the weights."""
    return cross_entropy(logits(case, parameters, x, key), labels) + kl(parameters) / case.examples


def initial(case: Shd) -> Tree:
    """Means from a normal of variance 1/inputs, variances of half that."""
    shapes = {"in": (case.hidden, case.inputs), "own": (case.hidden, case.hidden), "out": (case.classes, case.hidden)}
    keys, out = jax.random.split(jax.random.key(0), len(shapes)), {}
    for key, (name, shape) in zip(keys, shapes.items(), strict=True):
        out[f"{name}_mu"] = jax.random.normal(key, shape) / shape[1] ** 0.5
        out[f"{name}_rho"] = jnp.full(shape, np.log(0.5 / shape[1]), jnp.float32)
    return out


def build(case: Shd, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    limit(threads)
    x, labels = case.batch_of()
    return stepper(case, partial(loss, case), initial(case), jnp.asarray(x, jnp.float32), labels)


def predictor(case: Shd, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass."""
    limit(threads)
    return forward_only(partial(logits, case), initial(case), jnp.asarray(case.batch_of()[0], jnp.float32))
