"""The auxiliary loss in JAX, forward only: every spike moved on its own (theory 4.11 to 4.14)."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def moved(mu: Array, sigma2: Array, m: Array, v: Array) -> Array:
    """dr_i/dz_j of spikes that move mean and variance by mu and sigma2 (theory 4.11): (..., out, in)."""
    return mu / jnp.sqrt(v)[..., None] - m[..., None] * sigma2 / (2.0 * v * jnp.sqrt(v))[..., None]


def sensitivity(mu: Array, sigma2: Array, m: Array, v: Array, domain: str) -> Array:
    """Mean over units and samples of sum_j (dr_i/dz_j)^2 (theory 4.11)."""
    if domain == "bipolar":
        mu, sigma2 = 2.0 * mu, 0.0 * sigma2
    return jnp.square(moved(mu, sigma2, m, v)).sum(-1).mean()


def sensitivity_lif(a: dict[str, Array], o: Any) -> Array:
    """The same of recurrent neurons, whose own last spike resets them besides (theory 4.13)."""
    M, V = a["M"], a["V"]
    m, units = M - o["theta"], jnp.eye(M.shape[-1], dtype=M.dtype)
    total = jnp.square(moved(a["mu"], a["sigma2"], m, V)).sum()
    hard = o["reset"] == "hard"
    mean = -o["beta"] * M[:-1] if hard else 0.0 * M[:-1] - o["theta"]
    spread = -(o["beta"] ** 2) * V[:-1] if hard and o["accumulate"] else 0.0 * V[:-1]
    own_mu = a["recurrent_mu"] + mean[..., None] * units
    own_sigma2 = a["recurrent_sigma2"] + spread[..., None] * units
    return (total + jnp.square(moved(own_mu, own_sigma2, m[1:], V[1:])).sum()) / M.size


def curvature(logits: Array, mu: Array, likelihood: str) -> Array:
    """Mean over samples of sum_j w_j^T H w_j (theory 4.14)."""
    if likelihood == "bernoulli":
        p = jax.nn.sigmoid(logits)
        return ((p * (1.0 - p)) @ jnp.square(mu).sum(1)).mean()
    p = jax.nn.softmax(logits, axis=1)
    return (p @ jnp.square(mu).sum(1) - jnp.square(p @ mu).sum(1)).mean()
