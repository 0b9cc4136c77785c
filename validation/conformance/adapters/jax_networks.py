"""The suite's three networks in JAX, and what a training step needs beside: optimisers, and draws by counter."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from validation.conformance.adapters import jax_layers as layers

Named = dict[str, Any]
Uniforms = Callable[[str, Any], Any]
Result = tuple[Any, Any, Named, Any]


def linear(p: Named, i: int, x: Any, o: Any) -> tuple[Any, Any]:
    """Moments of map i; the first reads real numbers. sigma2 = exp(rho) (theory 3.5)."""
    domain = "real" if i == 0 else o["domain"]
    bias = (p[f"bias_mu{i}"], jnp.exp(p[f"bias_rho{i}"]))
    return layers.dense(x, p[f"mu{i}"], jnp.exp(p[f"rho{i}"]), bias, domain, o["variance"])


def layered(p: Named, x: Any, uniforms: Uniforms, o: Any) -> Result:
    """Dense layers of binary units: logits' moments, values of the units, bias penalty."""
    spikes: Named = {}
    penalties = []
    for i in range(o["maps"] - 1):
        m, v = linear(p, i, x, o)
        penalties.append(layers.bias_penalty(jnp.square(p[f"mu{i}"]).sum(1), v))
        x = spikes[f"z{i}"] = layers.spike(m, v, uniforms(f"u{i}", m.shape), o)
    return *linear(p, o["maps"] - 1, x, o), spikes, jnp.stack(penalties).mean()


def join(H: Any, U: Any, m: Any, v: Any, o: Any) -> tuple[Any, Any]:
    """The stream after a branch (theory 3.8)."""
    added = o["scale"] ** 2 * v
    return H + o["scale"] * m, U + added if o["accumulate"] else added


def residual(p: Named, x: Any, uniforms: Uniforms, o: Any) -> Result:
    """A residual stream of mean and variance."""
    spikes: Named = {}
    H, U = linear(p, 0, x, o)
    last = o["maps"] - 2
    for i in range(last + 1):
        h = spikes[f"z{i}"] = layers.spike(H, U, uniforms(f"u{i}", H.shape), o)
        m, v = linear(p, i + 1, h, o)
        if i < last:
            H, U = join(H, U, m, v, o)
    return m, v, spikes, 0.0


def lif(p: Named, x: Any, uniforms: Uniforms, o: Any) -> Result:
    """LIF neurons over time and a leaky readout (theory 3.9 to 3.13)."""
    m, v = linear(p, 0, x, o)
    own = (p["recurrent_mu"], jnp.exp(p["recurrent_rho"])) if "recurrent_mu" in p else None
    _, _, z = layers.lif(m, v, uniforms("u0", m.shape), own, o)
    m, v = linear(p, 1, z, o)
    return *layers.leaky_readout(m, v, o["readout_beta"], o["reduce"]), {"z0": z}, 0.0


NETWORKS: dict[str, Callable[..., Result]] = {
    "network.layered": layered,
    "network.residual": residual,
    "network.lif": lif,
}


def adam(p: Any, g: Any, mean: Any, square: Any, step: int, o: Any) -> tuple[Any, Any, Any]:
    """One step with decoupled weight decay; `step` counts from 1."""
    mean = o["decay1"] * mean + (1.0 - o["decay1"]) * g
    square = o["decay2"] * square + (1.0 - o["decay2"]) * g * g
    change = mean / (1.0 - o["decay1"] ** step) / (jnp.sqrt(square / (1.0 - o["decay2"] ** step)) + o["epsilon"])
    return p - o["rate"] * (change + o["weight_decay"] * p), mean, square


def philox(counter: Any, key: Any) -> Any:
    """Philox 4x32-10 in uint32, which JAX has without 64-bit types (theory 6.1): (..., 4), (..., 2) -> (..., 4)."""

    def multiply(a: int, b: Any) -> tuple[Any, Any]:
        # High and low word of a product, by halves of both factors.
        low, high, half = jnp.uint32(a & 0xFFFF), jnp.uint32(a >> 16), jnp.uint32(0xFFFF)
        ll, lh, hl, hh = low * (b & half), low * (b >> 16), high * (b & half), high * (b >> 16)
        middle = (ll >> 16) + (lh & half) + (hl & half)
        return hh + (lh >> 16) + (hl >> 16) + (middle >> 16), (ll & half) | (middle << 16)

    c, k = [counter[..., j] for j in range(4)], [key[..., j] for j in range(2)]
    for _ in range(10):
        (h0, l0), (h1, l1) = multiply(0xD2511F53, c[0]), multiply(0xCD9E8D57, c[2])
        c = [h1 ^ c[1] ^ k[0], l1, h0 ^ c[3] ^ k[1], l0]
        k = [k[0] + jnp.uint32(0x9E3779B9), k[1] + jnp.uint32(0xBB67AE85)]
    return jnp.stack(c, -1)


def words(samples: Any, o: Any) -> Any:
    """The 24 upper bits of some samples' words, (samples, units)."""
    seed, blocks = int(o["seed"]), -(-o["units"] // 4)
    third = o["time"] + (o["layer"] << 16) + (o["purpose"] << 28)
    parts = [
        jnp.arange(blocks, dtype=jnp.uint32),
        samples[:, None].astype(jnp.uint32),
        jnp.uint32(third),
        jnp.uint32(o["step"]),
    ]
    counter = jnp.stack(jnp.broadcast_arrays(*parts), -1)
    key = jnp.array([seed & 0xFFFFFFFF, seed >> 32], jnp.uint32)
    return philox(counter, key).reshape(len(samples), -1)[:, : o["units"]] >> 8


def own_uniforms(key: Any, dtype: Any) -> Uniforms:
    """Uniforms of the implementation's own, a stream for each layer."""
    return lambda layer, shape: jax.random.uniform(jax.random.fold_in(key, int(layer[1:])), shape, dtype)
