"""The PyTorch layers behind the adapter's interface: CPU or CUDA; float64, float32, bfloat16 or float16."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from refsbnn.adapter import Arrays, Capabilities, Op, Unsupported
from validation.conformance.adapters import pytorch_deterministic as plain
from validation.conformance.adapters import pytorch_layers as layers
from validation.conformance.adapters import pytorch_networks as networks
from validation.conformance.adapters import pytorch_sensitivity as moved

Tensors = dict[str, Tensor]


class PyTorch:
    """The layers of `pytorch_layers` on one device."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = torch.device(device)
        torch.zeros(1, device=self.device)  # a device that is not there is said at once

    def capabilities(self) -> Capabilities:
        """Every operation; inputs are taken as they are, since a look at them would wait for a GPU."""
        return Capabilities(("float32", "float64", "bfloat16", "float16"), checks=False)

    def run(self, op: Op, arrays: Arrays, noise: Arrays | None, dtype: str, seed: int) -> Arrays:
        """Make tensors, call the method of the operation's name, and hand back NumPy arrays."""
        method = getattr(self, op.name.replace(".", "_"), None)
        if method is None:
            raise Unsupported(op.name)
        self.dtype = getattr(torch, dtype)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        tensors = {name: self.tensor(array, self.dtype) for name, array in arrays.items()}
        # Uniforms are exact in float32 and not in bfloat16.
        wide = torch.float64 if dtype == "float64" else torch.float32
        uniforms = {name: self.tensor(array, wide) for name, array in (noise or {}).items()}
        drawn = noise is None and op.name in ("unit", "lif")
        if drawn:
            uniforms["u"] = torch.rand(tensors["m"].shape, dtype=wide, device=self.device, generator=self.generator)
        own = () if not op.name.startswith("network") else (noise is None,)
        out = method(op.options, {**tensors, **uniforms}, *own)
        if drawn and "h" in out:
            out["z"] = self.states(out.pop("h"), op.options["domain"])
        return {name: self.array(value) for name, value in out.items()}

    def tensor(self, array: np.ndarray, dtype: torch.dtype) -> Tensor:
        if array.dtype.kind == "f":
            return torch.tensor(array, dtype=dtype, device=self.device, requires_grad=True)
        return torch.tensor(array.astype(np.int64), device=self.device)

    def array(self, value: Tensor) -> np.ndarray:
        value = value.detach().cpu()
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy()

    def states(self, h: Tensor, domain: str = "binary") -> Tensor:
        return (h > (0.0 if domain == "bipolar" else 0.5)).to(torch.uint8)

    def pull(self, outputs: Tensors, cotangents: list[Tensor], wrt: Tensors) -> Tensors:
        """The outputs, and the gradients "d<name>" of `wrt`."""
        grads = torch.autograd.grad(list(outputs.values()), list(wrt.values()), cotangents, allow_unused=True)
        found = zip(wrt.items(), grads, strict=True)
        return {**outputs, **{f"d{k}": torch.zeros_like(x) if g is None else g for (k, x), g in found}}

    # Linear maps and pooling.

    def linear(self, make: Any, a: Tensors) -> Tensors:
        bias = (a["bias_mu"], a["bias_sigma2"]) if "bias_mu" in a else None
        m, v = make(a["x"], a["mu"], a["sigma2"], bias)
        names = [k for k in ("x", "mu", "sigma2", "bias_mu", "bias_sigma2") if k in a]
        return self.pull({"m": m, "v": v}, [a["dm"], a["dv"]], {k: a[k] for k in names})

    def dense(self, o: Any, a: Tensors) -> Tensors:
        return self.linear(lambda x, mu, sigma2, bias: layers.dense(x, mu, sigma2, bias, o["domain"], o["variance"]), a)

    def conv2d(self, o: Any, a: Tensors) -> Tensors:
        return self.linear(lambda x, mu, sigma2, bias: layers.conv2d(x, mu, sigma2, bias, o), a)

    def pool(self, make: Any, o: Any, a: Tensors) -> Tensors:
        y = make(a["x"].permute(0, 3, 1, 2), o["size"], o["stride"]).permute(0, 2, 3, 1)
        return self.pull({"y": y}, [a["dy"]], {"x": a["x"]})

    def average_pool(self, o: Any, a: Tensors) -> Tensors:
        return self.pool(functional.avg_pool2d, o, a)

    def max_pool(self, o: Any, a: Tensors) -> Tensors:
        return self.pool(functional.max_pool2d, o, a)

    def zero_mean(self, o: Any, a: Tensors) -> Tensors:
        mu = a["mu"]
        projected = mu - mu.mean(tuple(range(1, mu.ndim)), keepdim=True)
        out = self.pull({"mu_zero_mean": projected}, [a["dmu_zero_mean"]], {"mu": mu})
        return {"mu_zero_mean": out["mu_zero_mean"], "dmu_free": out["dmu"]}

    def flatten(self, o: Any, a: Tensors) -> Tensors:
        return self.pull({"y": a["x"].flatten(1)}, [a["dy"]], {"x": a["x"]})

    def sampled(self, make: Any, a: Tensors) -> Tensors:
        bias = (a["bias_mu"], a["bias_sigma2"]) if "bias_mu" in a else None
        m, v = make(a["x"], a["mu"], a["sigma2"], bias)
        x, sigma = a["x"].to(a["eps"]), a["sigma2"].to(a["eps"]).sqrt()
        drawn = sigma * a["eps"]  # each example's deviation of its weights from their mean
        each = [make(x[b : b + 1], drawn[b], drawn[b], None)[0] for b in range(len(x))]
        deviation = torch.cat(each)
        if bias is not None:
            own = a["bias_sigma2"].to(a["eps"]).sqrt() * a["bias_eps"]
            deviation = deviation + own.reshape(len(x), *[1] * (deviation.ndim - 2), -1)
        u = layers.Gaussian.cdf(-deviation / v.to(deviation).sqrt())
        return {"m": m, "v": v, "u": u.to(self.dtype)}

    def sampled_dense(self, o: Any, a: Tensors) -> Tensors:
        return self.sampled(
            lambda x, mu, sigma2, bias: layers.dense(x, mu, sigma2, bias, o["domain"], o["variance"]), a
        )

    def sampled_conv2d(self, o: Any, a: Tensors) -> Tensors:
        return self.sampled(lambda x, mu, sigma2, bias: layers.conv2d(x, mu, sigma2, bias, o), a)

    # Units and streams.

    def unit(self, o: Any, a: Tensors) -> Tensors:
        h = layers.spike(a["m"], a["v"], a["u"], o, a.get("extra"), a.get("z"))
        out = self.pull({"h": h}, [a["g"]], {"m": a["m"], "v": a["v"]})
        return out if "z" not in a else {"z": self.states(h, o["domain"]), "dm": out["dm"], "dv": out["dv"]}

    def weight(self, o: Any, a: Tensors) -> Tensors:
        work = torch.promote_types(self.dtype, torch.float32)
        noise, (name, numbers) = layers.NOISES[o["noise"]], layers.parse(o["member"])
        r = a["r"].to(work)
        k = layers.slope(a["z"].to(work), r, a.get("u"), a.get("extra"), noise, name, numbers)
        return {"w": (k / noise.pdf(r)).to(self.dtype)}

    def residual_add(self, o: Any, a: Tensors) -> Tensors:
        H, U = self.join(a["H"], a["U"], a["m"], a["v"], o)
        out = self.pull({"H_out": H, "U_out": U}, [a["dH"], a["dU"]], {k: a[k] for k in ("H", "U", "m", "v")})
        return {{"dH": "dH_in", "dU": "dU_in"}.get(k, k): value for k, value in out.items()}

    def join(self, H: Tensor, U: Tensor, m: Tensor, v: Tensor, o: Any) -> tuple[Tensor, Tensor]:
        added = o["scale"] ** 2 * v
        return H + o["scale"] * m, U + added if o["accumulate"] else added

    def residual_block(self, o: Any, a: Tensors) -> Tensors:
        m, v, out, wrt = a["H"], a["U"], {}, {"H_in": a["H"], "U_in": a["U"]}
        for k in range(o["maps"]):
            h = layers.spike(m, v, a[f"u{k}"], o)
            out[f"z{k}"] = self.states(h, o["domain"])
            names = [f"{name}{k}" for name in ("mu", "sigma2", "bias_mu", "bias_sigma2")]
            mu, sigma2, *bias = (a[name] for name in names)
            wrt |= {name: a[name] for name in names}
            m, v = layers.dense(h, mu, sigma2, bias, o["domain"], o["variance"])
        H, U = self.join(a["H"], a["U"], m, v, o)
        return out | self.pull({"H_out": H, "U_out": U}, [a["dH"], a["dU"]], wrt)

    def lif(self, o: Any, a: Tensors) -> Tensors:
        own = (a["recurrent_mu"], a["recurrent_sigma2"]) if "recurrent_mu" in a else None
        M, V, z = layers.lif(a["m"], a["v"], a["u"], own, o, a.get("extra"))
        names = [k for k in ("m", "v", "recurrent_mu", "recurrent_sigma2", "beta", "theta") if k in a]
        out = self.pull({"z": z}, [a["g"]], {k: a[k] for k in names})
        return {**out, "M": M, "V": V, "z": self.states(z)}

    def lif_each(self, o: Any, a: Tensors) -> Tensors:
        return self.lif({**o, "beta": a["beta"], "theta": a["theta"]}, a)

    def lif_slow(self, o: Any, a: Tensors) -> Tensors:
        own = (a["recurrent_mu"], a["recurrent_sigma2"]) if "recurrent_mu" in a else None
        M, V, z = layers.lif_slow(a["m"], a["v"], a["u"], own, {**o, "beta": a["beta"], "theta": a["theta"]})
        names = [k for k in ("m", "v", "recurrent_mu", "recurrent_sigma2", "beta", "theta") if k in a]
        out = self.pull({"z": z}, [a["g"]], {k: a[k] for k in names})
        return {**out, "M": M, "V": V, "z": self.states(z)}

    def leaky_readout(self, o: Any, a: Tensors) -> Tensors:
        m, v = layers.leaky_readout(a["m"], a["v"], o["beta"], o["reduce"])
        return self.pull({"m_out": m, "v_out": v}, [a["dm_out"], a["dv_out"]], {k: a[k] for k in ("m", "v")})

    def sampled_readout(self, o: Any, a: Tensors) -> Tensors:
        logits = layers.sampled_logits(a["m"], a["v"], a["eps"].to(self.dtype))
        return self.pull({"logits": logits}, [a["g"]], {k: a[k] for k in ("m", "v")})

    # Objective and optimisers.

    def likelihood(self, loglik: Tensor, wrt: Tensors) -> Tensors:
        return self.pull({"loglik": loglik}, [torch.ones_like(loglik)], wrt)

    def categorical(self, o: Any, a: Tensors) -> Tensors:
        loglik = -functional.cross_entropy(a["logits"], a["labels"], reduction="none")
        return self.likelihood(loglik, {"logits": a["logits"]})

    def bernoulli(self, o: Any, a: Tensors) -> Tensors:
        each = functional.binary_cross_entropy_with_logits(a["logits"], a["targets"], reduction="none")
        return self.likelihood(-each.sum(-1), {"logits": a["logits"]})

    def gaussian(self, o: Any, a: Tensors) -> Tensors:
        n = o["noise_variance"]
        each = -0.5 * np.log(2.0 * np.pi * n) - ((a["targets"] - a["m"]) ** 2 + a["v"]) / (2.0 * n)
        return self.likelihood(each.sum(-1), {k: a[k] for k in ("m", "v")})

    def kl(self, o: Any, a: Tensors) -> Tensors:
        value = layers.kl(a["mu"], a["rho"], o["prior_sigma2"])
        return self.pull({"kl": value}, [torch.ones_like(value)], {k: a[k] for k in ("mu", "rho")})

    def kl_weight(self, o: Any, a: Tensors) -> Tensors:
        steps = a["steps"].double()
        rise = (steps / o["warmup"]).clamp_max(1.0) if o["warmup"] else torch.ones_like(steps)
        return {"weight": (o["temperature"] * rise / o["examples"]).to(self.dtype)}

    def bias_penalty(self, o: Any, a: Tensors) -> Tensors:
        B = layers.bias_penalty(a["norm2"], a["v"])
        return self.pull({"B": B}, [torch.ones_like(B)], {k: a[k] for k in ("norm2", "v")})

    def sensitivity(self, o: Any, a: Tensors) -> Tensors:
        S = moved.sensitivity(a["mu"], a["sigma2"], a["m"], a["v"], o["domain"])
        return self.pull({"S": S}, [torch.ones_like(S)], {k: a[k] for k in ("mu", "sigma2", "m", "v")})

    def sensitivity_lif(self, o: Any, a: Tensors) -> Tensors:
        S = moved.sensitivity_lif(a, o)
        return self.pull({"S": S}, [torch.ones_like(S)], a)

    def curvature(self, o: Any, a: Tensors) -> Tensors:
        R = moved.curvature(a["logits"], a["mu"], o["likelihood"])
        return self.pull({"R": R}, [torch.ones_like(R)], {k: a[k] for k in ("logits", "mu")})

    def optimiser(self, parameters: list[Tensor], o: Any) -> torch.optim.Optimizer:
        if o.get("optimiser", "adam") == "sgd":
            if "rate_in" in o:
                raise Unsupported("SGD with the rate inside the velocity")
            more = {k: o[k] for k in ("momentum", "weight_decay", "dampening", "nesterov") if k in o}
            return torch.optim.SGD(parameters, o["rate"], **more)
        decays = (o["decay1"], o["decay2"])
        adam = torch.optim.Adam if o.get("decay_in") == "gradient" else torch.optim.AdamW
        return adam(parameters, o["rate"], decays, o["epsilon"], o["weight_decay"])

    def adam(self, o: Any, a: Tensors) -> Tensors:
        p = a["parameter"].detach().clone()
        p.grad, optimiser = a["g"].detach(), self.optimiser([p], o)
        moments = {"exp_avg": a["mean"].detach().clone(), "exp_avg_sq": a["square"].detach().clone()}
        optimiser.state[p] = {"step": torch.tensor(o["step"] - 1.0), **moments}
        optimiser.step()
        return {"parameter_out": p, "mean_out": moments["exp_avg"], "square_out": moments["exp_avg_sq"]}

    def sgd(self, o: Any, a: Tensors) -> Tensors:
        p = a["parameter"].detach().clone()
        p.grad, optimiser = a["g"].detach(), self.optimiser([p], {**o, "optimiser": "sgd"})
        optimiser.state[p]["momentum_buffer"] = a["velocity"].detach().clone()
        optimiser.step()
        return {"parameter_out": p, "velocity_out": optimiser.state[p]["momentum_buffer"]}

    def clip(self, o: Any, a: Tensors) -> Tensors:
        parts = plain.clip([a["g0"], a["g1"]], o)
        return dict(zip(("g0_out", "g1_out"), parts, strict=True))

    def schedule(self, o: Any, a: Tensors) -> Tensors:
        return {"rate": torch.tensor([plain.rate(step, o) for step in a["steps"].tolist()], dtype=self.dtype)}

    # Neurons without noise, point weights, their losses.

    def surrogate(self, o: Any, a: Tensors) -> Tensors:
        z = plain.Spike.apply(a["x"], o)
        out = self.pull({"z": z}, [a["g"]], {"x": a["x"]})
        return {**out, "z": z.to(torch.uint8)}

    def lif_deterministic(self, o: Any, a: Tensors) -> Tensors:
        z, V = plain.neurons(a["x"], o)
        recorded = {"V": V} if "gV" in a else {}
        out = self.pull({"z": z, **recorded}, [a["g"], a["gV"]] if recorded else [a["g"]], {"x": a["x"]})
        return {**out, "z": z.to(torch.uint8)}

    def loss(self, o: Any, a: Tensors) -> Tensors:
        value = plain.loss(a["x"], a.get("labels"), a.get("targets"), o)
        return self.pull({"loss": value}, [torch.ones_like(value)], {"x": a["x"]})

    def point(self, a: Tensors, y: Tensor) -> Tensors:
        return self.pull({"y": y}, [a["dy"]], {k: a[k] for k in ("x", "w", "b") if k in a})

    def point_dense(self, o: Any, a: Tensors) -> Tensors:
        return self.point(a, functional.linear(a["x"], a["w"], a.get("b")))

    def point_conv2d(self, o: Any, a: Tensors) -> Tensors:
        x, w = (a[k].movedim(-1, 1) for k in ("x", "w"))
        y = functional.conv2d(x, w, a.get("b"), stride=o["stride"], padding=o["padding"])
        return self.point(a, y.movedim(1, -1))

    # Baselines outside the family, and the random stream.

    def reinforce(self, o: Any, a: Tensors) -> Tensors:
        noise, losses = layers.NOISES[o["noise"]], a["losses"]
        draws = len(losses)
        advantage = losses - (losses.sum(0) - losses) / (draws - 1)
        r = a["r"].to(torch.promote_types(self.dtype, torch.float32))
        score = torch.where(a["z"] > 0, noise.hazard(r), -noise.hazard(-r))
        return {"dr": (advantage[..., None] * score / draws).sum(0).to(self.dtype)}

    def arm(self, o: Any, a: Tensors) -> Tensors:
        noise, r = layers.NOISES[o["noise"]], a["r"].to(a["u"].dtype)
        change = (a["loss_antithetic"] - a["loss"])[:, None]
        return {"dr": (change * (a["u"] - 0.5) * (noise.hazard(r) + noise.hazard(-r))).to(self.dtype)}

    def disarm(self, o: Any, a: Tensors) -> Tensors:
        noise, r = layers.NOISES[o["noise"]], a["r"].to(torch.promote_types(self.dtype, torch.float32))
        change = (a["loss"] - a["loss_antithetic"])[:, None]
        pair = (a["z"] - a["z_antithetic"]) / 2
        return {"dr": (change * pair * torch.maximum(noise.hazard(r), noise.hazard(-r))).to(self.dtype)}

    def philox(self, o: Any, a: Tensors) -> Tensors:
        words = layers.philox(a["counter"], a["key"])
        return {"words": torch.from_numpy(words.cpu().numpy().astype(np.uint32))}

    def words(self, o: Any, a: Tensors) -> Tensor:
        seed, blocks = int(o["seed"]), -(-o["units"] // 4)
        counter = torch.zeros(len(a["samples"]), blocks, 4, dtype=torch.int64, device=self.device)
        counter[..., 0] = torch.arange(blocks)
        counter[..., 1] = a["samples"][:, None]
        counter[..., 2] = o["time"] + (o["layer"] << 16) + (o["purpose"] << 28)
        counter[..., 3] = o["step"]
        key = torch.tensor([seed & 0xFFFFFFFF, seed >> 32], device=self.device).expand(*counter.shape[:-1], 2)
        return layers.philox(counter, key).flatten(1)[:, : o["units"]] >> 8

    def uniforms(self, o: Any, a: Tensors) -> Tensors:
        if self.dtype in (torch.bfloat16, torch.float16):
            raise Unsupported("uniforms of 24 bits in 16")
        return {"u": self.words(o, a).to(self.dtype) * 2.0**-24}

    def normals(self, o: Any, a: Tensors) -> Tensors:
        # In float64, as 25 bits do not fit into a float32.
        return {"normal": torch.special.ndtri((self.words(o, a).double() + 0.5) * 2.0**-24).to(self.dtype)}

    # Networks: `networks` runs a step forward, autograd backward, torch.optim the update.

    def network(self, forward: Any, o: Any, a: Tensors, own: bool) -> Tensors:
        names = [k for k in a if k.startswith(("mu", "rho", "bias", "recurrent"))]
        p = {k: a[k].detach().clone().requires_grad_() for k in names}
        if o["optimiser"] == "adam" and self.dtype == torch.float16:
            raise Unsupported("Adam in float16, where the square of a small gradient and epsilon are 0")
        optimiser = self.optimiser(list(p.values()), o) if o["optimiser"] != "none" else None
        work = torch.promote_types(self.dtype, torch.float32)
        path = []
        for step in range(o["steps"]):

            def uniforms(layer: str, shape: Any, step: int = step) -> Tensor:
                if own:
                    return torch.rand(shape, generator=self.generator, device=self.device, dtype=work)
                return a[layer][step]

            m, v, spikes, B = forward(p, a["x"], uniforms, o)
            logits = m if own else layers.sampled_logits(m, v, a["eps"][step].to(self.dtype))
            loss = functional.cross_entropy(logits, a["labels"]) + o["penalty"] * B
            for name in names:
                if "rho" in name:
                    kl = layers.kl(p[name.replace("rho", "mu")], p[name], o["prior_sigma2"])
                    loss = loss + o["kl_weight"] * kl
            gradients = torch.autograd.grad(loss, list(p.values()))
            path.append(spikes)
            if optimiser is not None:
                for parameter, gradient in zip(p.values(), gradients, strict=True):
                    parameter.grad = gradient
                optimiser.step()
        out = {"loss": loss.to(self.dtype), **{f"d{k}": g for k, g in zip(names, gradients, strict=True)}}
        if own:
            return {**out, **{k: self.states(z, o["domain"]) for k, z in path[0].items()}}
        out |= {f"new_{k}": p[k] for k in names}
        return {**out, **{k: torch.stack([self.states(s[k], o["domain"]) for s in path]) for k in path[0]}}

    def network_layered(self, o: Any, a: Tensors, own: bool) -> Tensors:
        return self.network(networks.layered, o, a, own)

    def network_residual(self, o: Any, a: Tensors, own: bool) -> Tensors:
        return self.network(networks.residual, o, a, own)

    def network_lif(self, o: Any, a: Tensors, own: bool) -> Tensors:
        return self.network(networks.lif, o, a, own)
