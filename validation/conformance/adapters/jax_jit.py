"""The JAX layers behind the adapter's interface: each operation with its backward pass is one `jax.jit`."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from refsbnn.adapter import Arrays, Capabilities, Op, Unsupported
from validation.conformance.adapters import jax_deterministic as plain
from validation.conformance.adapters import jax_layers as layers
from validation.conformance.adapters import jax_networks as networks
from validation.conformance.adapters import jax_sensitivity as moved

Named = dict[str, Any]
Forward = Callable[[Named, Named], Named]  # (what is differentiated, the rest) -> outputs

# For each differentiable operation: the arrays with a gradient, and its outputs with their cotangents.
LINEAR = (("x", "mu", "sigma2", "bias_mu", "bias_sigma2"), {"m": "dm", "v": "dv"})
PULLS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "dense": LINEAR,
    "conv2d": LINEAR,
    "average_pool": (("x",), {"y": "dy"}),
    "max_pool": (("x",), {"y": "dy"}),
    "flatten": (("x",), {"y": "dy"}),
    "unit": (("m", "v"), {"h": "g"}),
    "lif": (("m", "v", "recurrent_mu", "recurrent_sigma2"), {"spikes": "g"}),
    "lif_each": (("m", "v", "recurrent_mu", "recurrent_sigma2", "beta", "theta"), {"spikes": "g"}),
    "lif_slow": (("m", "v", "recurrent_mu", "recurrent_sigma2", "beta", "theta"), {"spikes": "g"}),
    "leaky_readout": (("m", "v"), {"m_out": "dm_out", "v_out": "dv_out"}),
    "sampled_readout": (("m", "v"), {"logits": "g"}),
    "categorical": (("logits",), {"loglik": "1"}),
    "bernoulli": (("logits",), {"loglik": "1"}),
    "gaussian": (("m", "v"), {"loglik": "1"}),
    "kl": (("mu", "rho"), {"kl": "1"}),
    "bias_penalty": (("norm2", "v"), {"B": "1"}),
    "sensitivity": (("mu", "sigma2", "m", "v"), {"S": "1"}),
    "sensitivity_lif": (("mu", "sigma2", "recurrent_mu", "recurrent_sigma2", "M", "V"), {"S": "1"}),
    "curvature": (("logits", "mu"), {"R": "1"}),
    "point_dense": (("x", "w", "b"), {"y": "dy"}),
    "point_conv2d": (("x", "w", "b"), {"y": "dy"}),
    "surrogate": (("x",), {"spikes": "g"}),
    "lif_deterministic": (("x",), {"spikes": "g", "V": "gV"}),
    "loss": (("x",), {"loss": "1"}),
}


class Jax:
    """The layers of `jax_layers` on JAX's default device, or on the first one of a platform ("cpu", "cuda")."""

    def __init__(self, device: str | None = None) -> None:
        self.device = jax.devices(device)[0]
        self.compiled: dict[Any, Any] = {}

    def capabilities(self) -> Capabilities:
        """Every operation that it has a function for; compiled code cannot refuse an input for its values."""
        return Capabilities(("float32", "float64", "bfloat16"), checks=False)

    def run(self, op: Op, arrays: Arrays, noise: Arrays | None, dtype: str, seed: int) -> Arrays:
        """Compile the operation for its options, run it, and hand back NumPy arrays."""
        with jax.enable_x64(dtype == "float64"), jax.default_device(self.device):
            self.dtype = jnp.dtype(dtype)
            a = {name: self.array(array, self.dtype) for name, array in arrays.items()}
            a |= {name: self.array(array, jnp.promote_types(dtype, "float32")) for name, array in (noise or {}).items()}
            if op.name not in PULLS and op.name not in networks.NETWORKS and not hasattr(self, op.name):
                raise Unsupported(op.name)
            drawn = noise is None and op.name in ("unit", "lif")
            if drawn:
                wide = jnp.promote_types(dtype, "float32")
                a["u"] = jax.random.uniform(jax.random.key(seed), a["m"].shape, wide)
            if op.name in networks.NETWORKS:
                key = jax.random.key(seed) if noise is None else None
                out = self.network(op, a, key)
            elif op.name in PULLS:
                out = self.pull(op, a, drawn)
            else:
                out = jax.jit(lambda a: getattr(self, op.name)(op.options, a))(a)
            return {name: self.back(value) for name, value in out.items()}

    def array(self, array: np.ndarray, dtype: Any) -> Any:
        # Counters and samples go up to 2^32 - 1; labels, spikes and steps are small.
        large = array.dtype.kind in "iu" and array.size and array.max() >= 2**31
        return jnp.asarray(array, dtype if array.dtype.kind == "f" else "uint32" if large else "int32")

    def back(self, value: Any) -> np.ndarray:
        return np.asarray(value.astype("float32") if value.dtype == jnp.bfloat16 else value)

    def pull(self, op: Op, a: Named, drawn: bool) -> Named:
        """Forward and backward of one operation in one compiled function; `drawn` uniforms want the spikes."""
        names, cotangents = PULLS[op.name]
        wrt = {k: a[k] for k in names if k in a}
        rest = {k: x for k, x in a.items() if k not in wrt}
        key = op.name, repr(sorted(op.options.items())), self.dtype.name
        if key not in self.compiled:  # a call of own noise repeats it with another seed
            self.compiled[key] = jax.jit(self.pulled(op, cotangents))
        main, others, gradients = self.compiled[key](wrt, rest)
        if op.name == "unit" and ("z" in a or drawn):
            others["z"] = self.states(main.pop("h"), op.options["domain"])
        if "spikes" in main:
            others["z"] = self.states(main.pop("spikes"))
        return {**main, **others, **{f"d{k}": g for k, g in gradients.items()}}

    def pulled(self, op: Op, cotangents: dict[str, str]) -> Any:
        """The function of `pull`: the cotangents' outputs, the others, and the gradients."""
        forward = getattr(self, op.name)

        def run(wrt: Named, rest: Named) -> tuple[Named, Named, Named]:
            def outputs(wrt: Named) -> tuple[Named, Named]:
                out = forward(op.options, {**wrt, **rest})
                return {k: out.pop(k) for k in cotangents if k in out}, out

            main, vjp, others = jax.vjp(outputs, wrt, has_aux=True)
            g = {
                k: jnp.ones_like(y) if cotangents[k] == "1" else rest[cotangents[k]].astype(y.dtype)
                for k, y in main.items()
            }
            return main, others, vjp(g)[0]

        return run

    def states(self, h: Any, domain: str = "binary") -> Any:
        return (h > (0.0 if domain == "bipolar" else 0.5)).astype("uint8")

    # Differentiable operations: forward only.

    def dense(self, o: Any, a: Named) -> Named:
        bias = (a["bias_mu"], a["bias_sigma2"]) if "bias_mu" in a else None
        m, v = layers.dense(a["x"], a["mu"], a["sigma2"], bias, o["domain"], o["variance"])
        return {"m": m, "v": v}

    def conv2d(self, o: Any, a: Named) -> Named:
        bias = (a["bias_mu"], a["bias_sigma2"]) if "bias_mu" in a else None
        m, v = layers.conv2d(a["x"], a["mu"], a["sigma2"], bias, o)
        return {"m": m, "v": v}

    def average_pool(self, o: Any, a: Named) -> Named:
        return {"y": layers.windows(a["x"], o["size"], o["stride"]).mean(3)}

    def max_pool(self, o: Any, a: Named) -> Named:
        return {"y": layers.max_pool(a["x"], o["size"], o["stride"])}

    def flatten(self, o: Any, a: Named) -> Named:
        return {"y": a["x"].reshape(len(a["x"]), -1)}

    def unit(self, o: Any, a: Named) -> Named:
        return {"h": layers.spike(a["m"], a["v"], a["u"], o, a.get("extra"), a.get("z"))}

    def lif(self, o: Any, a: Named) -> Named:
        own = (a["recurrent_mu"], a["recurrent_sigma2"]) if "recurrent_mu" in a else None
        M, V, z = layers.lif(a["m"], a["v"], a["u"], own, o, a.get("extra"))
        return {"M": M, "V": V, "spikes": z}

    def lif_each(self, o: Any, a: Named) -> Named:
        return self.lif({**o, "beta": a["beta"], "theta": a["theta"]}, a)

    def lif_slow(self, o: Any, a: Named) -> Named:
        own = (a["recurrent_mu"], a["recurrent_sigma2"]) if "recurrent_mu" in a else None
        M, V, z = layers.lif_slow(a["m"], a["v"], a["u"], own, {**o, "beta": a["beta"], "theta": a["theta"]})
        return {"M": M, "V": V, "spikes": z}

    def leaky_readout(self, o: Any, a: Named) -> Named:
        m, v = layers.leaky_readout(a["m"], a["v"], o["beta"], o["reduce"])
        return {"m_out": m, "v_out": v}

    def sampled_readout(self, o: Any, a: Named) -> Named:
        return {"logits": layers.sampled_logits(a["m"], a["v"], a["eps"].astype(self.dtype))}

    def categorical(self, o: Any, a: Named) -> Named:
        return {"loglik": layers.loglik(a["logits"], a["labels"])}

    def bernoulli(self, o: Any, a: Named) -> Named:
        y, x = a["targets"], a["logits"]
        return {"loglik": (y * jax.nn.log_sigmoid(x) + (1.0 - y) * jax.nn.log_sigmoid(-x)).sum(-1)}

    def gaussian(self, o: Any, a: Named) -> Named:
        n = o["noise_variance"]
        each = -0.5 * math.log(2.0 * math.pi * n) - ((a["targets"] - a["m"]) ** 2 + a["v"]) / (2.0 * n)
        return {"loglik": each.sum(-1)}

    def kl(self, o: Any, a: Named) -> Named:
        return {"kl": layers.kl(a["mu"], a["rho"], o["prior_sigma2"])}

    def bias_penalty(self, o: Any, a: Named) -> Named:
        return {"B": layers.bias_penalty(a["norm2"], a["v"])}

    def sensitivity(self, o: Any, a: Named) -> Named:
        return {"S": moved.sensitivity(a["mu"], a["sigma2"], a["m"], a["v"], o["domain"])}

    def sensitivity_lif(self, o: Any, a: Named) -> Named:
        return {"S": moved.sensitivity_lif(a, o)}

    def curvature(self, o: Any, a: Named) -> Named:
        return {"R": moved.curvature(a["logits"], a["mu"], o["likelihood"])}

    # What has no noise.

    def point_dense(self, o: Any, a: Named) -> Named:
        y = a["x"] @ a["w"].T
        return {"y": y + a["b"] if "b" in a else y}

    def point_conv2d(self, o: Any, a: Named) -> Named:
        y = layers.convolve(a["x"], a["w"], o)
        return {"y": y + a["b"] if "b" in a else y}

    def surrogate(self, o: Any, a: Named) -> Named:
        return {"spikes": plain.spike(a["x"], o)}

    def lif_deterministic(self, o: Any, a: Named) -> Named:
        spikes, membranes = plain.neurons(a["x"], o)
        return {"spikes": spikes, **({"V": membranes} if o["record"] == "membrane" else {})}

    def loss(self, o: Any, a: Named) -> Named:
        return {"loss": plain.loss(a["x"], a.get("labels"), a.get("targets"), o)}

    def clip(self, o: Any, a: Named) -> Named:
        return dict(zip(("g0_out", "g1_out"), plain.clip([a["g0"], a["g1"]], o), strict=True))

    def schedule(self, o: Any, a: Named) -> Named:
        return {"rate": plain.rates(a["steps"], o, self.dtype)}

    # Operations that are their own backward pass.

    def residual_add(self, o: Any, a: Named) -> Named:
        names = ("H", "U", "m", "v")
        (H, U), vjp = jax.vjp(lambda H, U, m, v: networks.join(H, U, m, v, o), *(a[k] for k in names))
        gradients = zip(("dH_in", "dU_in", "dm", "dv"), vjp((a["dH"], a["dU"])), strict=True)
        return {"H_out": H, "U_out": U, **dict(gradients)}

    def residual_block(self, o: Any, a: Named) -> Named:
        maps = [(f"mu{k}", f"sigma2{k}", f"bias_mu{k}", f"bias_sigma2{k}") for k in range(o["maps"])]

        def block(wrt: Named) -> tuple[Any, Named]:
            m, v, spikes = wrt["H_in"], wrt["U_in"], {}
            for k, names in enumerate(maps):
                h = layers.spike(m, v, a[f"u{k}"], o)
                spikes[f"z{k}"] = self.states(h, o["domain"])
                mu, sigma2, *bias = (wrt[name] for name in names)
                m, v = layers.dense(h, mu, sigma2, bias, o["domain"], o["variance"])
            return networks.join(wrt["H_in"], wrt["U_in"], m, v, o), spikes

        wrt = {"H_in": a["H"], "U_in": a["U"], **{name: a[name] for names in maps for name in names}}
        (H, U), vjp, spikes = jax.vjp(block, wrt, has_aux=True)
        gradients = vjp((a["dH"], a["dU"]))[0]
        return {"H_out": H, "U_out": U, **spikes, **{f"d{k}": g for k, g in gradients.items()}}

    def weight(self, o: Any, a: Named) -> Named:
        noise, (name, numbers) = layers.NOISES[o["noise"]], layers.parse(o["member"])
        r = a["r"].astype(jnp.promote_types(self.dtype, jnp.float32))
        k = layers.slope(a["z"], r, a.get("u"), a.get("extra"), noise, name, numbers)
        return {"w": (k / noise.pdf(r)).astype(self.dtype)}

    def reinforce(self, o: Any, a: Named) -> Named:
        noise, losses = layers.NOISES[o["noise"]], a["losses"]
        draws = len(losses)
        advantage = losses - (losses.sum(0) - losses) / (draws - 1)
        r = a["r"].astype(jnp.promote_types(self.dtype, jnp.float32))
        score = jnp.where(a["z"] > 0, noise.hazard(r), -noise.hazard(-r))
        return {"dr": (advantage[..., None] * score / draws).sum(0).astype(self.dtype)}

    def arm(self, o: Any, a: Named) -> Named:
        noise, r = layers.NOISES[o["noise"]], a["r"].astype(a["u"].dtype)
        change = (a["loss_antithetic"] - a["loss"])[:, None]
        return {"dr": (change * (a["u"] - 0.5) * (noise.hazard(r) + noise.hazard(-r))).astype(self.dtype)}

    def disarm(self, o: Any, a: Named) -> Named:
        noise, r = layers.NOISES[o["noise"]], a["r"].astype(jnp.promote_types(self.dtype, jnp.float32))
        change = (a["loss"] - a["loss_antithetic"])[:, None]
        pair = (a["z"] - a["z_antithetic"]) / 2
        return {"dr": (change * pair * jnp.maximum(noise.hazard(r), noise.hazard(-r))).astype(self.dtype)}

    def zero_mean(self, o: Any, a: Named) -> Named:
        def project(mu: Any) -> Any:
            return mu - mu.mean(tuple(range(1, mu.ndim)), keepdims=True)

        projected, vjp = jax.vjp(project, a["mu"])
        return {"mu_zero_mean": projected, "dmu_free": vjp(a["dmu_zero_mean"])[0]}

    def sampled(self, make: Any, a: Named) -> Named:
        bias = (a["bias_mu"], a["bias_sigma2"]) if "bias_mu" in a else None
        m, v = make(a["x"], a["mu"], a["sigma2"], bias)
        wide = a["eps"].dtype
        # Each example's deviation of its weights from their mean.
        drawn = jnp.sqrt(a["sigma2"].astype(wide)) * a["eps"]
        deviation = jax.vmap(lambda x, w: make(x[None], w, w, None)[0][0])(a["x"].astype(wide), drawn)
        if bias is not None:
            own = jnp.sqrt(a["bias_sigma2"].astype(wide)) * a["bias_eps"]
            deviation = deviation + own.reshape(len(own), *[1] * (deviation.ndim - 2), -1)
        u = layers.Gaussian.cdf(-deviation / jnp.sqrt(v.astype(wide)))
        return {"m": m, "v": v, "u": u.astype(self.dtype)}

    def sampled_dense(self, o: Any, a: Named) -> Named:
        return self.sampled(
            lambda x, mu, sigma2, bias: layers.dense(x, mu, sigma2, bias, o["domain"], o["variance"]), a
        )

    def sampled_conv2d(self, o: Any, a: Named) -> Named:
        return self.sampled(lambda x, mu, sigma2, bias: layers.conv2d(x, mu, sigma2, bias, o), a)

    def kl_weight(self, o: Any, a: Named) -> Named:
        steps = a["steps"].astype(jnp.promote_types(self.dtype, jnp.float32))
        rise = jnp.minimum(steps / o["warmup"], 1.0) if o["warmup"] else jnp.ones_like(steps)
        return {"weight": (o["temperature"] * rise / o["examples"]).astype(self.dtype)}

    def adam(self, o: Any, a: Named) -> Named:
        g = a["g"]
        if o.get("decay_in") == "gradient":
            g, o = g + o["weight_decay"] * a["parameter"], {**o, "weight_decay": 0.0}
        new = networks.adam(a["parameter"], g, a["mean"], a["square"], o["step"], o)
        return dict(zip(("parameter_out", "mean_out", "square_out"), new, strict=True))

    def sgd(self, o: Any, a: Named) -> Named:
        g = a["g"] + o["weight_decay"] * a["parameter"]
        inside = o.get("rate_in") == "velocity"  # the rate's place
        gain = o["rate"] if inside else 1.0 - o.get("dampening", 0.0)
        velocity = o["momentum"] * a["velocity"] + gain * g
        move = (gain if inside else 1.0) * g + o["momentum"] * velocity if o.get("nesterov") else velocity
        return {"parameter_out": a["parameter"] - (1.0 if inside else o["rate"]) * move, "velocity_out": velocity}

    def philox(self, o: Any, a: Named) -> Named:
        return {"words": networks.philox(a["counter"], a["key"])}

    def uniforms(self, o: Any, a: Named) -> Named:
        if self.dtype == jnp.bfloat16:
            raise Unsupported("uniforms of 24 bits in bfloat16")
        return {"u": networks.words(a["samples"], o).astype(self.dtype) * 2.0**-24}

    def normals(self, o: Any, a: Named) -> Named:
        wide = jnp.promote_types(self.dtype, jnp.float32)
        words = networks.words(a["samples"], o).astype(jnp.int32)
        # By symmetry from the lower half, where the half step has its bit in float32.
        upper = words >= 2**23
        low = layers.Gaussian.ppf((jnp.where(upper, 2**24 - 1 - words, words).astype(wide) + 0.5) * 2.0**-24)
        return {"normal": jnp.where(upper, -low, low).astype(self.dtype)}

    # Networks: a training step is one compiled function; the optimiser is outside of it.

    def objective(self, op: Op, names: tuple[str, ...], own: bool) -> Any:
        """The loss of a network with its gradient, compiled once for its options."""
        o, wide = op.options, jnp.promote_types(self.dtype, jnp.float32)

        def loss_of(p: Named, x: Any, labels: Any, noise: Any, eps: Any) -> tuple[Any, Named]:
            uniforms = networks.own_uniforms(noise, wide) if own else (lambda layer, shape: noise[layer])
            m, v, spikes, B = networks.NETWORKS[op.name](p, x, uniforms, o)
            logits = m if own else layers.sampled_logits(m, v, eps)
            loss = -layers.loglik(logits, labels).mean() + o["penalty"] * B
            for name in names:
                if "rho" in name:
                    loss = loss + o["kl_weight"] * layers.kl(p[name.replace("rho", "mu")], p[name], o["prior_sigma2"])
            return loss, spikes

        key = (op.name, repr(sorted(o.items())), names, self.dtype, own)
        if key not in self.compiled:
            self.compiled[key] = jax.jit(jax.value_and_grad(loss_of, has_aux=True))
        return self.compiled[key]

    def network(self, op: Op, a: Named, key: Any) -> Named:
        o, own = op.options, key is not None
        names = tuple(k for k in a if k.startswith(("mu", "rho", "bias", "recurrent")))
        run = self.objective(op, names, own)
        p, path = {k: a[k] for k in names}, []
        state = {k: (jnp.zeros_like(y), jnp.zeros_like(y)) for k, y in p.items()}
        for step in range(o["steps"]):
            given = {k: y[step] for k, y in a.items() if k.startswith("u")}
            eps = None if own else a["eps"][step].astype(self.dtype)
            (loss, spikes), gradients = run(p, a["x"], a["labels"], key if own else given, eps)
            path.append(spikes)
            for k, g in gradients.items():
                if o["optimiser"] == "adam":
                    p[k], *both = networks.adam(p[k], g, *state[k], step + 1, o)
                    state[k] = (both[0], both[1])
                elif o["optimiser"] == "sgd":
                    state[k] = (o["momentum"] * state[k][0] + (g + o["weight_decay"] * p[k]), state[k][1])
                    p[k] = p[k] - o["rate"] * state[k][0]
        out = {"loss": loss, **{f"d{k}": gradients[k] for k in names}}
        if own:
            return {**out, **{k: self.states(z, o["domain"]) for k, z in path[0].items()}}
        stacked = {k: self.states(jnp.stack([s[k] for s in path]), o["domain"]) for k in path[0]}
        return {**out, **stacked, **{f"new_{k}": p[k] for k in names}}
