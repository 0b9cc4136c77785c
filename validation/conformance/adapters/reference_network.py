"""Training steps of `refsbnn.network.Network` on the suite's three networks, with given or own draws."""

from typing import Any

import numpy as np

from refsbnn import baselines, estimators, objective, optim, posterior
from refsbnn.adapter import Arrays
from refsbnn.draws import CounterDraws, Draws, GivenDraws
from refsbnn.layers import LIF, Dense, LeakyReadout, Moments, Residual, SampledReadout, Signal, Spike
from refsbnn.network import Network
from refsbnn.reference import dense
from refsbnn.streams import Purpose, Streams

Keys = dict[str, str]  # the suite's name of each parameter: the network's


def dense_keys(i: int, prefix: str) -> Keys:
    """Names of the parameters of map i."""
    return {f"{k}{i}": f"{prefix}.{k}" for k in ("mu", "rho", "bias_mu", "bias_rho")}


def build(kind: str, o: Any, a: Arrays, sampled: bool, backend: str, dtype: str) -> tuple[Network, Keys, list[int]]:
    """The network, the names of its parameters, and the streams' layer numbers of its unit layers."""
    outs = [a[f"mu{i}"].shape[0] for i in range(o["maps"])]
    units = {"member": o["member"], "noise": o["noise"]}
    weights = {"variance": o["variance"]}
    keys: Keys = {}
    numbers: list[int] = []
    layers: list[Any] = []
    if kind == "layered":
        for i, out in enumerate(outs):
            keys |= dense_keys(i, f"{len(layers)}.dense")
            layers.append(Dense(out, **weights))
            if i < len(outs) - 1:
                numbers.append(len(layers))
                layers.append(Spike(**units, domain=o["domain"]))
    elif kind == "residual":
        keys |= dense_keys(0, "0.dense")
        layers.append(Dense(outs[0], **weights))
        for i in range(1, len(outs) - 1):
            keys |= dense_keys(i, f"{i}.residual.1.dense")
            numbers.append(1 + 2 * (i - 1))
            branch = (Spike(**units, domain=o["domain"]), Dense(outs[i], **weights))
            layers.append(Residual(branch, scale=o["scale"], accumulate=o["accumulate"]))
        numbers.append(1 + 2 * (len(outs) - 2))
        keys |= dense_keys(len(outs) - 1, f"{len(layers) + 1}.dense")
        layers += [Spike(**units, domain=o["domain"]), Dense(outs[-1], **weights)]
    else:
        recurrent = "recurrent_mu" in a
        neuron = {k: o[k] for k in ("beta", "theta", "reset", "accumulate", "reset_gradient")}
        keys |= dense_keys(0, "0.dense") | dense_keys(1, "2.dense")
        keys |= {k: f"1.lif.{k}" for k in ("recurrent_mu", "recurrent_rho") if recurrent}
        numbers.append(1)
        layers += [Dense(outs[0], **weights), LIF(recurrent=recurrent, **neuron, **units, **weights)]
        layers += [Dense(outs[1], **weights), LeakyReadout(o["readout_beta"], o["reduce"])]
    if sampled:
        layers.append(SampledReadout())
    steps = len(a["x"]) if kind == "lif" else None
    return (
        Network(layers, Signal("values", a["x"].shape[-1:], "real", steps), backend=backend, dtype=dtype),
        keys,
        numbers,
    )


def states(network: Network, tape: Any) -> list[np.ndarray]:
    """The spikes of each unit layer, from the tapes."""
    found = []

    def walk(layer: Any, tape: Any) -> None:
        if isinstance(layer, Spike):
            found.append((np.asarray(tape[2]) > (0.0 if layer.domain == "bipolar" else 0.5)).astype(np.uint8))
        elif isinstance(layer, LIF):
            found.append(np.asarray(tape[2].z, np.uint8))
        elif isinstance(layer, Residual):
            for inner, own in zip(layer.branch, tape, strict=True):
                walk(inner, own)

    tapes = [own for segment in tape.segments for own in segment.stages]
    for stage, own in zip(network.stages, tapes, strict=True):
        walk(stage.layer, own)
    return found


def run(kind: str, o: Any, a: Arrays, noise: Arrays | None, seed: int, backend: str, dtype: str) -> Arrays:
    """One or more training steps; with own draws the loss takes the mean logits, and there is no optimiser."""
    assert noise is None or estimators.get(o["member"]).draws == 0
    network, keys, numbers = build(kind, o, a, noise is not None, backend, dtype)
    parameters = {inner: a[outer] for outer, inner in keys.items()}
    batch = len(a["labels"])
    adam = {k: o[k] for k in ("decay1", "decay2", "epsilon", "weight_decay") if k in o}
    optimiser = optim.Adam(**adam) if o["optimiser"] == "adam" else optim.SGD(o.get("momentum", 0.0))
    spikes: list[list[np.ndarray]] = []
    for step in range(o["steps"]):
        draws: Draws = CounterDraws(Streams(seed), Purpose.TRAIN, step, np.arange(batch))
        if noise is not None:
            uniforms = {number: noise[f"u{i}"][step] for i, number in enumerate(numbers)}
            draws = GivenDraws(batch, uniforms, {network.stages[-1].place.index: noise["eps"][step]})
        output, tape = network.forward(parameters, a["x"], draws)
        logits = output if noise is not None else output.m
        loglik, d = objective.categorical(logits, a["labels"])
        g: Any = -d / batch
        if noise is None:
            g = Moments(g, np.zeros_like(g), np.zeros_like(output.norm2))
        gradients, _ = network.backward(parameters, tape, g, penalty=o["penalty"])
        loss = -loglik.mean() + o["penalty"] * np.mean([record.penalty for record in network.monitors(tape)])
        for outer, rho_key in keys.items():
            if "rho" in outer:
                mu_key, sigma2 = keys[outer.replace("rho", "mu")], posterior.sigma2_of(parameters[rho_key])
                value, dmu, dsigma2 = posterior.kl(parameters[mu_key], sigma2, o["prior_sigma2"])
                loss += o["kl_weight"] * value
                gradients[mu_key] = gradients[mu_key] + o["kl_weight"] * dmu
                gradients[rho_key] = gradients[rho_key] + o["kl_weight"] * dsigma2 * sigma2
        spikes.append(states(network, tape))
        if o["optimiser"] != "none":
            new = optimiser.step(parameters, gradients, o["rate"])
            parameters = {k: y.astype(dtype) for k, y in new.items()}
    out = {f"d{outer}": gradients[inner].astype(dtype) for outer, inner in keys.items()}
    loss = np.asarray(loss, dtype)
    if noise is None:
        return {**out, "loss": loss, **{f"z{i}": z for i, z in enumerate(spikes[0])}}
    out |= {f"new_{outer}": parameters[inner] for outer, inner in keys.items()}
    return {**out, "loss": loss, **{f"z{i}": np.stack([s[i] for s in spikes]) for i in range(len(numbers))}}


def reinforce(o: Any, a: Arrays, seed: int) -> Arrays:
    """One step of a dense network by REINFORCE with leave-one-out (theory 2.13), with own draws."""
    batch, hidden = len(a["labels"]), o["maps"] - 1
    layers = []
    maps = [(a[f"mu{i}"], posterior.sigma2_of(a[f"rho{i}"])) for i in range(o["maps"])]
    biases = [(a[f"bias_mu{i}"], posterior.sigma2_of(a[f"bias_rho{i}"])) for i in range(o["maps"])]
    domains = ["real", *[o["domain"]] * hidden]
    options = [{"domain": domain, "variance": o["variance"]} for domain in domains]

    def moments(i: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return dense.forward(x, *maps[i], *biases[i], **options[i])

    def ratio(i: int) -> Any:
        def r(states: Any) -> np.ndarray:
            m, v = moments(i, states[-1])
            return m / np.sqrt(v)

        return r

    layers = [ratio(i) for i in range(hidden)]
    streams = Streams(seed)
    uniforms = []
    for i in range(hidden):
        draws = [
            CounterDraws(streams, Purpose.TRAIN, k, np.arange(batch)).uniforms(i, maps[i][0].shape[:1])
            for k in range(o["draws"])
        ]
        uniforms.append(np.stack(draws))

    def loss(states: Any) -> np.ndarray:
        return -objective.categorical(moments(hidden, states[-1])[0], a["labels"])[0]

    estimate = baselines.reinforce(layers, loss, a["x"], uniforms, o["noise"])
    out: dict[str, np.ndarray] = {}

    def add(i: int, dm: np.ndarray, dv: np.ndarray, x: np.ndarray) -> None:
        gradient = dense.backward(dm / batch, dv / batch, x, *maps[i], **options[i])
        for name in ("mu", "sigma2", "bias_mu", "bias_sigma2"):
            key = f"d{name.replace('sigma2', 'rho')}{i}"
            out[key] = out.get(key, 0.0) + getattr(gradient, name)

    for k in range(o["draws"]):
        states = [a["x"], *(z[k] for z in estimate.states)]
        for i in range(hidden):
            _, v = moments(i, states[i])
            dr, r = estimate.gradients[i][k], estimate.r[i][k]
            add(i, dr / np.sqrt(v), -dr * r / (2.0 * v), states[i])
        _, d = objective.categorical(moments(hidden, states[-1])[0], a["labels"])
        add(hidden, -d / o["draws"], np.zeros_like(d), states[-1])
    for i in range(o["maps"]):
        for (mu, sigma2), bias in ((maps[i], ""), (biases[i], "bias_")):
            kl = posterior.kl(mu, sigma2, o["prior_sigma2"])
            out[f"d{bias}mu{i}"] = out[f"d{bias}mu{i}"] + o["kl_weight"] * kl.mu
            out[f"d{bias}rho{i}"] = (out[f"d{bias}rho{i}"] + o["kl_weight"] * kl.sigma2) * sigma2
    return {**out, **{f"z{i}": z.astype(np.uint8) for i, z in enumerate(estimate.states)}}
