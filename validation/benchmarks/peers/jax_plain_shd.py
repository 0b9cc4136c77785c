"""JAX, case a, the mathematics of `torch_plain_shd`: a scan in jit, plain weights, surrogate gradients.

The input currents of all steps are one product. The scan has its own backward, as a hand would write it: slopes of all
steps at once, and the gradient of the recurrent weights as one product after the scan; XLA's own derivative of the scan
adds a product a step, and took longer.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from validation.benchmarks.peers.cases import Shd
from validation.benchmarks.peers.jax_common import Tree, ages, cross_entropy, forward_only, limit, stepper


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def neurons(current: jax.Array, own: jax.Array, beta: float, theta: float) -> jax.Array:
    """Spikes (steps, batch, hidden) of the recurrent layer."""
    return forward(current, own, beta, theta)[0]


def forward(current: jax.Array, own: jax.Array, beta: float, theta: float) -> Any:
    """Spikes, and what backward needs."""

    def advance(state: Any, a: jax.Array) -> Any:
        z, M = state
        M = beta * M * (1.0 - z) + a + z @ own.T
        state = jnp.heaviside(M - theta, 0.0), M
        return state, state

    nothing = jnp.zeros_like(current[0])
    Z, M = jax.lax.scan(advance, (nothing, nothing), current)[1]
    return Z, (Z, M, own)


def backward(beta: float, theta: float, kept: Any, g: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Gradients of the currents and of the recurrent weights."""
    Z, M, own = kept
    slope = 1.0 / jnp.square(1.0 + 10.0 * jnp.abs(M - theta))

    def retreat(later: jax.Array, now: Any) -> Any:
        g, slope, stays = now
        later = (g + later @ own) * slope + later * stays
        return later, later

    stays = beta * (1.0 - Z - M * slope)
    of_current = jax.lax.scan(retreat, jnp.zeros_like(M[0]), (g, slope, stays), reverse=True)[1]
    return of_current, jnp.einsum("tbi,tbj->ij", of_current[1:], Z[:-1])


neurons.defvjp(forward, backward)


def logits(case: Shd, parameters: Tree, x: jax.Array, key: Any = None) -> jax.Array:
    """Of spikes (steps, batch, inputs); nothing is drawn."""
    p, weights = parameters, ages(case)
    current = x.reshape(-1, case.inputs) @ p["in"].T + p["in_bias"]
    Z = neurons(current.reshape(case.steps, case.batch, case.hidden), p["own"], case.beta, case.theta)
    return jnp.tensordot(weights, Z, 1) @ p["out"].T + weights.sum() * p["out_bias"]


def loss(case: Shd, parameters: Tree, x: jax.Array, labels: jax.Array, key: Any = None) -> jax.Array:
    """Cross-entropy."""
    return cross_entropy(logits(case, parameters, x), labels)


def initial(case: Shd) -> Tree:
    """Weights from a normal of variance 1/inputs, no bias."""
    shapes = {"in": (case.hidden, case.inputs), "own": (case.hidden, case.hidden), "out": (case.classes, case.hidden)}
    keys = jax.random.split(jax.random.key(0), len(shapes))
    parameters = {
        name: jax.random.normal(key, shape) / shape[1] ** 0.5
        for key, (name, shape) in zip(keys, shapes.items(), strict=True)
    }
    return parameters | {"in_bias": jnp.zeros(case.hidden), "out_bias": jnp.zeros(case.classes)}


def build(case: Shd, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    limit(threads)
    x, labels = case.batch_of()
    return stepper(case, partial(loss, case), initial(case), jnp.asarray(x, jnp.float32), labels)


def predictor(case: Shd, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass."""
    limit(threads)
    return forward_only(partial(logits, case), initial(case), jnp.asarray(case.batch_of()[0], jnp.float32))
