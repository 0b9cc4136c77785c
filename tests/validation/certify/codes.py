"""Estimators to certify: this project's own implementations, and a plain one of any slope with places to plant bugs."""

from collections.abc import Callable
from typing import Any

import numpy as np

import oracle
from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.layers import Moments
from validation import driver, twin


def own(
    member: str, backend: str, noise: str = "logistic", domain: str = "binary", timed: Any = None
) -> Callable[..., Any]:
    """`Network.forward` and `backward` of the reference or of the engine, with point weights; `timed`: over time."""
    made: dict[Any, Any] = {}

    def estimate(parameters, x, uniforms, loss):
        count = len(uniforms)
        if x.ndim == 2 and "time" not in made:
            words = {"steps": len(x), "point": True, "backend": backend, "dtype": "float64"}
            made["time"] = twin.make(timed.net(noise, domain), member, **words)
        if x.ndim == 1 and count not in made:
            layers = []
            for i in range(count + 1):
                w, b = parameters[f"w{i}"], parameters[f"b{i}"]
                layers.append(oracle.Layer(w, 0.0 * w, b, np.full(len(b), float(i < count))))
            net = oracle.Layered(layers[:-1], layers[-1], noise=noise, domain=domain)
            made[count] = twin.make(net, member, point=True, backend=backend, dtype="float64")
        pair = made[count if x.ndim == 1 else "time"]
        names = {f"layers.{i}" if i < count else "readout": i for i in range(count + 1)}
        keys = {}
        for key, mine in pair.keys.items():
            layer, _, field = key.rpartition(".")
            letter = {"mu": "w", "bias_mu": "b", "recurrent_mu": "r"}[field]
            keys[mine] = f"{letter}{names[layer]}"
        given = {mine: parameters[key] for mine, key in keys.items()}
        stages = [[u[None] for u in uniforms]]
        if x.ndim == 2:  # every step is a stage
            stages = [[u[None] for u in uniforms[0]]]
        elif uniforms[0].ndim == 2:  # the spikes' uniforms, then every extra one
            stages = [[u[None]] for u in uniforms[0]]
        draws = driver.draws(pair, None, stages)
        out, tape = pair.network.forward(given, np.expand_dims(x, x.ndim - 1), draws)
        gradients, _ = pair.network.backward(given, tape, Moments(loss.gradient(out.m)[None], None))
        return {key: gradients[mine] for mine, key in keys.items()}

    return estimate


def plain(
    slope: Callable[..., np.ndarray], noise: str = "logistic", domain: str = "binary", sample: Any = None
) -> Callable[..., Any]:
    """A network in NumPy whose units have this slope(z, r, noise, u) in r."""
    law, bipolar = noises.get(noise), domain == "bipolar"

    def estimate(p, x, uniforms, loss):
        values, pre = [x], []
        for i, u in enumerate(uniforms):
            pre.append(p[f"w{i}"] @ values[-1] + p[f"b{i}"])
            z = (u < law.cdf(pre[-1])) * 1.0 if sample is None else sample(pre[-1], u, law)
            values.append(2.0 * z - 1.0 if bipolar else z)
        last = len(uniforms)
        g = loss.gradient(p[f"w{last}"] @ values[-1] + p[f"b{last}"])
        out = {f"w{last}": np.outer(g, values[-1]), f"b{last}": g}
        for i in reversed(range(last)):
            dz = p[f"w{i + 1}"].T @ g * (2.0 if bipolar else 1.0)
            z = (values[i + 1] + 1.0) / 2.0 if bipolar else values[i + 1]
            g = dz * slope(z, pre[i], law, uniforms[i])
            out |= {f"w{i}": np.outer(g, values[i]), f"b{i}": g}
        return out

    return estimate


def member(name: str, noise: str = "logistic", domain: str = "binary") -> Callable[..., Any]:
    """`plain` with a member's slope and forward value."""
    one = estimators.get(name)
    return plain(one.slope, noise, domain, one.sample)


def reinforce(p, x, uniforms, loss):
    """The score function of one draw: unbiased, from the loss's value."""
    pi = 1.0 / (1.0 + np.exp(-(p["w0"] @ x + p["b0"])))
    z = (uniforms[0] < pi) * 1.0
    y = p["w1"] @ z + p["b1"]
    value, g = loss(y), loss.gradient(y)
    score = (z - pi) * value
    return {"w0": np.outer(score, x), "b0": score, "w1": np.outer(g, z), "b1": g}


def arm(p, x, uniforms, loss):
    """ARM (theory 2.14) on one unit, the readout's gradient by one state."""
    u = uniforms[0]
    pi = 1.0 / (1.0 + np.exp(-(p["w0"] @ x + p["b0"])))
    z, other = (u < pi) * 1.0, (u >= 1.0 - pi) * 1.0
    y = p["w1"] @ z + p["b1"]
    g = loss.gradient(y)
    change = loss(p["w1"] @ other + p["b1"]) - loss(y)
    dr = change * (u - 0.5)
    return {"w0": np.outer(dr, x), "b0": dr, "w1": np.outer(g, z), "b1": g}


def midpoint(p, x, uniforms, loss):
    """The mean of the loss's gradients at both states: the trapezoid's expectation, without its draw."""
    pi = 1.0 / (1.0 + np.exp(-(p["w0"] @ x + p["b0"])))
    z = (uniforms[0] < pi) * 1.0
    g = loss.gradient(p["w1"] @ z + p["b1"])
    both = 0.5 * (g + loss.gradient(p["w1"] @ (1.0 - z) + p["b1"]))
    dr = p["w1"].T @ both * pi * (1.0 - pi)
    return {"w0": np.outer(dr, x), "b0": dr, "w1": np.outer(g, z), "b1": g}


def pytorch(name: str, noise: str = "gaussian", domain: str = "binary") -> Callable[..., Any]:
    """The spike of conformance's PyTorch adapter in a network of its own."""
    import torch

    from validation.conformance.adapters.pytorch_layers import spike

    spec = {"noise": noise, "member": name, "domain": domain}

    def estimate(parameters, x, uniforms, loss):
        p = {key: torch.tensor(value, requires_grad=True) for key, value in parameters.items()}
        h = torch.tensor(x)
        for i, u in enumerate(uniforms):
            m = p[f"w{i}"] @ h + p[f"b{i}"]
            h = spike(m, torch.ones_like(m), torch.tensor(u), spec)
        y = p[f"w{len(uniforms)}"] @ h + p[f"b{len(uniforms)}"]
        y.backward(torch.tensor(loss.gradient(y)))
        return {key: value.grad for key, value in p.items()}

    return estimate


def jax(name: str, noise: str = "gaussian", domain: str = "binary") -> Callable[..., Any]:
    """The spike of conformance's JAX adapter, compiled, in float64 while it runs."""
    import jax
    import jax.numpy as jnp

    from validation.conformance.adapters.jax_layers import spike

    spec = {"noise": noise, "member": name, "domain": domain}

    def forward(p, x, uniforms):
        h = x
        for i, u in enumerate(uniforms):
            m = p[f"w{i}"] @ h + p[f"b{i}"]
            h = spike(m, jnp.ones_like(m), u, spec)
        return p[f"w{len(uniforms)}"] @ h + p[f"b{len(uniforms)}"]

    logits, back = jax.jit(forward), jax.jit(lambda p, x, u, g: jax.vjp(lambda q: forward(q, x, u), p)[1](g)[0])

    def estimate(parameters, x, uniforms, loss):
        with jax.enable_x64(True):
            return back(parameters, x, uniforms, jnp.asarray(loss.gradient(logits(parameters, x, uniforms))))

    return estimate


def surrogate(slope: Callable[[np.ndarray], np.ndarray], domain: str = "binary", threshold: float = 0.0) -> Any:
    """Units that spike where r > threshold, with this slope in r."""
    return plain(lambda z, r, n, u: slope(r), "logistic", domain, lambda r, u, n: (r > threshold) * 1.0)


def drawing(fn: Callable[..., Any], seed: int = 0) -> Callable[..., Any]:
    """The same code with uniforms of its own in the place of those it gets."""
    rng = np.random.default_rng(seed)
    return lambda p, x, uniforms, loss: fn(p, x, [rng.random(u.shape) for u in uniforms], loss)


def extra(name: str, noise: str = "logistic", count: int = 1) -> Callable[..., Any]:
    """`plain` of a member with uniforms of its own: (1 + count, units)."""
    one = estimators.get(name)

    def slope(z: Any, r: Any, law: Any, u: Any) -> Any:
        return one.slope(z, r, law, u[0], u[1:])

    fn = plain(slope, noise, "binary", lambda r, u, law: (u[0] < law.cdf(r)) * 1.0)
    fn.extra = count
    return fn
