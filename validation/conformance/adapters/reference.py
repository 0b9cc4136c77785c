"""The NumPy reference behind the adapter's interface: layer functions here, whole networks in `reference_network`."""

from types import ModuleType
from typing import Any

import numpy as np

import refsbnn.reference
from refsbnn import baselines, curvature, estimators, objective, optim, posterior, sensitivity, streams
from refsbnn import noise as noises
from refsbnn.adapter import Arrays, Capabilities, Op, Unsupported
from refsbnn.errors import InputError
from refsbnn.sensitivity import Neurons, Reset, Weights
from validation.conformance.adapters import reference_deterministic as plain
from validation.conformance.adapters import reference_network


class Reference:
    """`refsbnn.reference` in float64, or another backend with the same functions."""

    backend: ModuleType = refsbnn.reference
    backend_name = "numpy"

    def __init__(self, device: str = "cpu") -> None:
        if device != "cpu":
            raise InputError(f"device is {device!r}; accepted: cpu")

    def capabilities(self) -> Capabilities:
        """float64 only."""
        return Capabilities(("float64",))

    def run(self, op: Op, arrays: Arrays, noise: Arrays | None, dtype: str, seed: int) -> Arrays:
        """Call the method of the operation's name."""
        self.dtype = dtype
        method = getattr(self, op.name.replace(".", "_"), None)
        if method is None:
            raise Unsupported(op.name)
        if op.name.startswith(("network.", "reinforce_network")):
            out = method(op.options, arrays, noise, seed)
        elif noise is None and op.name in ("unit", "lif"):
            rng, shape = np.random.default_rng(seed), arrays["m"].shape
            out = method(op.options, {**arrays, "u": rng.random(shape, np.float32).astype(self.dtype)})
            if "h" in out:
                out["z"] = state(out.pop("h"), op.options["domain"])
        else:
            out = method(op.options, {**arrays, **(noise or {})})
        return {k: np.asarray(v) for k, v in out.items()}

    # Linear maps. A bias that is absent has no gradient.

    def linear(self, module: ModuleType, o: Any, a: Arrays, keywords: dict[str, Any]) -> Arrays:
        keywords = {"domain": o["domain"], "variance": o["variance"], **keywords}
        bias = [a[k] for k in ("bias_mu", "bias_sigma2") if k in a]
        m, v = module.forward(a["x"], a["mu"], a["sigma2"], *bias, **keywords)
        gradient = module.backward(a["dm"], a["dv"], a["x"], a["mu"], a["sigma2"], **keywords)._asdict()
        return {"m": m, "v": v, **{f"d{k}": y for k, y in gradient.items() if bias or "bias" not in k}}

    def dense(self, o: Any, a: Arrays) -> Arrays:
        return self.linear(self.backend.dense, o, a, {})

    def conv2d(self, o: Any, a: Arrays) -> Arrays:
        return self.linear(self.backend.conv2d, o, a, {"stride": o["stride"], "padding": o["padding"]})

    def flatten(self, o: Any, a: Arrays) -> Arrays:
        return {"y": a["x"].reshape(len(a["x"]), -1), "dx": a["dy"].reshape(a["x"].shape)}

    def sampled(self, sample: Any, o: Any, a: Arrays) -> Arrays:
        options = {k: o[k] for k in ("domain", "stride", "padding") if k in o}
        options |= {k: a[k] for k in ("bias_mu", "bias_sigma2", "bias_eps") if k in a}
        return dict(zip(("m", "v", "u"), sample(a["x"], a["mu"], a["sigma2"], a["eps"], **options), strict=True))

    def sampled_dense(self, o: Any, a: Arrays) -> Arrays:
        return self.sampled(self.backend.weights.dense, o, a)

    def sampled_conv2d(self, o: Any, a: Arrays) -> Arrays:
        return self.sampled(self.backend.weights.conv2d, o, a)

    def zero_mean(self, o: Any, a: Arrays) -> Arrays:
        free = posterior.zero_mean_backward(a["dmu_zero_mean"])
        return {"mu_zero_mean": posterior.zero_mean(a["mu"]), "dmu_free": free}

    def average_pool(self, o: Any, a: Arrays) -> Arrays:
        pool, window = self.backend.pool, (o["size"], o["stride"])
        return {
            "y": pool.average_forward(a["x"], *window),
            "dx": pool.average_backward(a["dy"], a["x"].shape, *window),
        }

    def max_pool(self, o: Any, a: Arrays) -> Arrays:
        y, index = self.backend.pool.max_forward(a["x"], o["size"], o["stride"])
        return {"y": y, "dx": self.backend.pool.max_backward(a["dy"], index, a["x"].shape, o["size"], o["stride"])}

    # Units.

    def unit(self, o: Any, a: Arrays) -> Arrays:
        options = {k: o[k] for k in ("noise", "member", "domain")}
        h = self.backend.unit.forward(a["m"], a["v"], a["u"], **options)
        used = h if "z" not in a else values(a["z"], o["domain"]).astype(self.dtype)
        dm, dv = self.backend.unit.backward(a["g"], used, a["m"], a["v"], a["u"], extra=a.get("extra"), **options)
        return {**({"z": state(h, o["domain"])} if "z" in a else {"h": h}), "dm": dm, "dv": dv}

    def weight(self, o: Any, a: Arrays) -> Arrays:
        member, noise = estimators.get(o["member"]), noises.get(o["noise"])
        return {"w": member.weight(a["z"].astype(float), a["r"], noise, u=a.get("u"), extra=a.get("extra"))}

    # Streams of mean and variance.

    def residual_add(self, o: Any, a: Arrays) -> Arrays:
        H, U = self.backend.residual.add_forward(a["H"], a["U"], a["m"], a["v"], **o)
        names = ("dH_in", "dU_in", "dm", "dv")
        gradients = self.backend.residual.add_backward(a["dH"], a["dU"], **o)
        return {"H_out": H, "U_out": U, **dict(zip(names, gradients, strict=True))}

    def residual_block(self, o: Any, a: Arrays) -> Arrays:
        return reference_network.block(o, a, self.backend_name, self.dtype)

    def lif(self, o: Any, a: Arrays) -> Arrays:
        options = {k: o[k] for k in ("beta", "theta", "noise", "member", "reset", "accumulate", "variance")}
        return self.neurons(self.backend.lif, options, o, a)

    def lif_each(self, o: Any, a: Arrays) -> Arrays:
        options = {k: o[k] for k in ("noise", "member", "reset", "accumulate", "variance")}
        return self.neurons(self.backend.lif, {**options, "beta": a["beta"], "theta": a["theta"]}, o, a)

    def lif_slow(self, o: Any, a: Arrays) -> Arrays:
        names = ("noise", "member", "reset", "accumulate", "variance", "alpha", "adapt", "adapt_decay")
        options = {k: o[k] for k in names} | {"beta": a["beta"], "theta": a["theta"]}
        return self.neurons(self.backend.lif_slow, options, o, a)

    def neurons(self, kind: ModuleType, options: dict[str, Any], o: Any, a: Arrays) -> Arrays:
        recurrent = (a["recurrent_mu"], a["recurrent_sigma2"]) if "recurrent_mu" in a else None
        z, tape = kind.forward(a["m"], a["v"], a["u"], recurrent, **options)
        flows, extra = o["reset_gradient"], a.get("extra")
        back = kind.backward(a["g"], tape, a["u"], recurrent, reset_gradient=flows, extra=extra, **options)
        out = {"M": tape.M, "V": tape.V, "z": state(z, "binary"), "dm": back.m, "dv": back.v}
        if recurrent:
            out |= {"drecurrent_mu": back.recurrent_mu, "drecurrent_sigma2": back.recurrent_sigma2}
        return out if back.beta is None else {**out, "dbeta": back.beta, "dtheta": back.theta}

    def leaky_readout(self, o: Any, a: Arrays) -> Arrays:
        m, v, tape = self.backend.readout.integrate_forward(a["m"], a["v"], beta=o["beta"], reduce=o["reduce"])
        dm, dv = self.backend.readout.integrate_backward(a["dm_out"], a["dv_out"], tape)
        return {"m_out": m, "v_out": v, "dm": dm, "dv": dv}

    def sampled_readout(self, o: Any, a: Arrays) -> Arrays:
        dm, dv = self.backend.readout.sample_backward(a["g"], a["v"], a["eps"])
        return {"logits": self.backend.readout.sample_forward(a["m"], a["v"], a["eps"]), "dm": dm, "dv": dv}

    # Objective.

    def categorical(self, o: Any, a: Arrays) -> Arrays:
        return dict(zip(("loglik", "dlogits"), objective.categorical(a["logits"], a["labels"]), strict=True))

    def bernoulli(self, o: Any, a: Arrays) -> Arrays:
        return dict(zip(("loglik", "dlogits"), objective.bernoulli(a["logits"], a["targets"]), strict=True))

    def gaussian(self, o: Any, a: Arrays) -> Arrays:
        out = objective.gaussian(a["m"], a["v"], a["targets"], o["noise_variance"])
        return dict(zip(("loglik", "dm", "dv"), out, strict=True))

    def kl(self, o: Any, a: Arrays) -> Arrays:
        sigma2 = posterior.sigma2_of(a["rho"])
        value, dmu, dsigma2 = posterior.kl(a["mu"], sigma2, o["prior_sigma2"])
        return {"kl": value, "dmu": dmu, "drho": dsigma2 * sigma2}

    def kl_weight(self, o: Any, a: Arrays) -> Arrays:
        options = {"warmup": o["warmup"], "temperature": o["temperature"]}
        return {"weight": np.array([objective.kl_weight(int(s), o["examples"], **options).value for s in a["steps"]])}

    def bias_penalty(self, o: Any, a: Arrays) -> Arrays:
        B, dnorm2, dv = objective.bias_penalty(a["norm2"], a["v"])
        return {"B": np.array(B), "dnorm2": dnorm2, "dv": dv}

    def sensitivity(self, o: Any, a: Arrays) -> Arrays:
        weights = Weights(a["mu"], a["sigma2"], 2.0 if o["domain"] == "bipolar" else 1.0)
        one = sensitivity.units(weights.rows(), a["m"], a["v"])
        dmu, dsigma2 = weights.gradients(one.rows)
        return {"S": np.array(one.value), "dmu": dmu, "dsigma2": np.asarray(dsigma2), "dm": one.m, "dv": one.v}

    def sensitivity_lif(self, o: Any, a: Arrays) -> Arrays:
        mu, sigma2 = a["recurrent_mu"], a["recurrent_sigma2"]
        below, own = Weights(a["mu"], a["sigma2"], 1.0), Weights(mu, sigma2, 1.0)
        reset = Reset(o["beta"], o["theta"], o["reset"] == "hard", o["accumulate"])
        diagonal = np.diagonal(mu), np.diagonal(sigma2)
        one = sensitivity.neurons(Neurons(below.rows(), own.rows(), diagonal, reset, o["theta"], a["M"], a["V"]))
        dmu, dsigma2 = below.gradients(one.rows)
        back = zip(("drecurrent_mu", "drecurrent_sigma2"), own.gradients(one.recurrent), one.diagonal, strict=True)
        out = {name: part + np.diag(more) for name, part, more in back}
        out |= {"dmu": dmu, "dsigma2": np.asarray(dsigma2)}
        return {"S": np.array(one.value), **out, "dM": one.M, "dV": one.V}

    def curvature(self, o: Any, a: Arrays) -> Arrays:
        rule = curvature.categorical if o["likelihood"] == "categorical" else curvature.bernoulli
        value, dlogits, dmu = rule(a["logits"], a["mu"])
        return {"R": np.array(value), "dlogits": dlogits, "dmu": dmu}

    def adam(self, o: Any, a: Arrays) -> Arrays:
        if o.get("decay_in") == "gradient":
            o, a = {**o, "weight_decay": 0.0}, {**a, "g": a["g"] + o["weight_decay"] * a["parameter"]}
        fields = {k: o[k] for k in ("decay1", "decay2", "epsilon", "weight_decay")}
        buffers = {name: {"p": a[name].copy()} for name in ("mean", "square")}
        adam = optim.Adam(**fields, steps=o["step"] - 1, buffers=buffers)
        new = adam.step({"p": a["parameter"]}, {"p": a["g"]}, o["rate"])["p"]
        return {"parameter_out": new, **{f"{name}_out": buffers[name]["p"] for name in buffers}}

    def sgd(self, o: Any, a: Arrays) -> Arrays:
        if set(o) & {"nesterov", "dampening", "rate_in"}:
            return plain.sgd(o, a)
        sgd = optim.SGD(o["momentum"], o["weight_decay"], buffers={"velocity": {"p": a["velocity"].copy()}})
        new = sgd.step({"p": a["parameter"]}, {"p": a["g"]}, o["rate"])["p"]
        return {"parameter_out": new, "velocity_out": sgd.buffers["velocity"]["p"]}

    def clip(self, o: Any, a: Arrays) -> Arrays:
        if o["kind"] != "norm" or o["epsilon"]:
            return plain.clip(o, a)
        gradients = {k: a[k] for k in ("g0", "g1")}
        scale = optim.clip(gradients, o["largest"]).scale
        return {f"{k}_out": scale * g for k, g in gradients.items()}

    def schedule(self, o: Any, a: Arrays) -> Arrays:
        ours = o["kind"] in optim.SCHEDULES and o["first"] == 1 and not o["floor"]
        more = {"warmup": o["warmup"], "drops": o["drops"], "factor": o["factor"]}
        rates = [
            optim.rate(o["kind"], o["peak"], step, o["steps"], **more) if ours else plain.rate(step, o)
            for step in a["steps"].tolist()
        ]
        return {"rate": np.array(rates)}

    # Neurons without noise, point weights.

    def surrogate(self, o: Any, a: Arrays) -> Arrays:
        return plain.surrogate(o, a)

    def lif_deterministic(self, o: Any, a: Arrays) -> Arrays:
        return plain.lif_deterministic(o, a)

    def loss(self, o: Any, a: Arrays) -> Arrays:
        return plain.loss(o, a)

    def point(self, module: ModuleType, a: Arrays, **keywords: Any) -> Arrays:
        """A layer of theory 3.1 without variances (theory 3.18)."""
        keywords |= {"domain": "real", "variance": "linear"}
        bias = (a["b"], None) if "b" in a else ()
        y, _ = module.forward(a["x"], a["w"], None, *bias, **keywords)
        back = module.backward(a["dy"], None, a["x"], a["w"], None, **keywords)
        out = {"y": y, "dx": back.x, "dw": back.mu}
        return {**out, "db": back.bias_mu} if "b" in a else out

    def point_dense(self, o: Any, a: Arrays) -> Arrays:
        return self.point(self.backend.dense, a)

    def point_conv2d(self, o: Any, a: Arrays) -> Arrays:
        return self.point(self.backend.conv2d, a, stride=o["stride"], padding=o["padding"])

    # Baselines outside the family.

    def reinforce(self, o: Any, a: Arrays) -> Arrays:
        z = a["z"].astype(float)
        r = np.broadcast_to(a["r"], z.shape)
        return {"dr": baselines.reinforce_gradient(a["losses"], z, r, noises.get(o["noise"])).sum(axis=0)}

    def arm(self, o: Any, a: Arrays) -> Arrays:
        return {"dr": baselines.arm_gradient(a["loss"], a["loss_antithetic"], a["u"], a["r"], noises.get(o["noise"]))}

    def disarm(self, o: Any, a: Arrays) -> Arrays:
        z, other = a["z"].astype(float), a["z_antithetic"].astype(float)
        noise = noises.get(o["noise"])
        return {"dr": baselines.disarm_gradient(a["loss"], a["loss_antithetic"], z, other, a["r"], noise)}

    # Random stream.

    def philox(self, o: Any, a: Arrays) -> Arrays:
        pairs = zip(a["counter"], a["key"].tolist(), strict=True)
        return {"words": np.stack([streams.philox(counter, tuple(key)) for counter, key in pairs])}

    def _address(self, o: Any, a: Arrays) -> dict[str, Any]:
        return {k: o[k] for k in ("step", "layer", "time", "units")} | {"samples": a["samples"]}

    def uniforms(self, o: Any, a: Arrays) -> Arrays:
        stream = streams.Streams(int(o["seed"]))
        return {"u": stream.uniforms(streams.Purpose(o["purpose"]), **self._address(o, a))}

    def normals(self, o: Any, a: Arrays) -> Arrays:
        stream = streams.Streams(int(o["seed"]))
        return {"normal": stream.normals(streams.Purpose(o["purpose"]), **self._address(o, a))}

    # Networks.

    def network_layered(self, o: Any, a: Arrays, noise: Arrays | None, seed: int) -> Arrays:
        return reference_network.run("layered", o, a, noise, seed, self.backend_name, self.dtype)

    def network_residual(self, o: Any, a: Arrays, noise: Arrays | None, seed: int) -> Arrays:
        return reference_network.run("residual", o, a, noise, seed, self.backend_name, self.dtype)

    def network_lif(self, o: Any, a: Arrays, noise: Arrays | None, seed: int) -> Arrays:
        return reference_network.run("lif", o, a, noise, seed, self.backend_name, self.dtype)

    def reinforce_network(self, o: Any, a: Arrays, noise: Arrays | None, seed: int) -> Arrays:
        return reference_network.reinforce(o, a, seed)


def values(z: np.ndarray, domain: str) -> np.ndarray:
    """Spikes as values of their domain (theory 1.4)."""
    return z * 2.0 - 1.0 if domain == "bipolar" else z.astype(np.float64)


def state(h: np.ndarray, domain: str) -> np.ndarray:
    """Values of the domain as uint8 spikes."""
    return (h > (0.0 if domain == "bipolar" else 0.5)).astype(np.uint8)
