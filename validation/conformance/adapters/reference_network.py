"""Training steps of `refsbnn.network.Network` on the suite's three networks, with given or own draws."""

from typing import Any

import numpy as np

import oracle
from oracle.network import named_layers
from refsbnn import baselines, estimators, objective, optim, posterior
from refsbnn.adapter import Arrays
from refsbnn.draws import CounterDraws, Draws, GivenDraws
from refsbnn.evaluation.operations import fired
from refsbnn.layers import Dense, Layer, Moments, Residual, Signal, Spike
from refsbnn.network import Network, Tape
from refsbnn.reference import dense
from refsbnn.streams import Purpose, Streams
from validation import twin

Keys = dict[str, str]  # the suite's name of each parameter: the network's


def build(kind: str, o: Any, a: Arrays, sampled: bool, backend: str, dtype: str) -> tuple[Network, Keys, list[int]]:
    """The network, the names of its parameters, and the streams' layer numbers of its unit layers."""
    net, names = oracle_network(kind, o, a)
    steps = len(a["x"]) if kind == "lif" else None
    made = twin.make(net, o["member"], steps=steps, sampled=sampled, backend=backend, dtype=dtype, penalty="norm")
    keys = {}
    for key, own in made.keys.items():
        layer, _, field = key.rpartition(".")
        number = "" if field.startswith("recurrent") else names[layer]
        keys[f"{field.replace('sigma2', 'rho')}{number}"] = own
    return made.network, keys, [unit.number for unit in made.units]


def oracle_network(kind: str, o: Any, a: Arrays) -> tuple[oracle.Network, dict[str, int]]:
    """The oracle's network of the suite's arrays, and the number of the map that each of its layers is."""
    maps = [
        oracle.Layer(a[f"mu{i}"], np.exp(a[f"rho{i}"]), a[f"bias_mu{i}"], np.exp(a[f"bias_rho{i}"]))
        for i in range(o["maps"])
    ]
    words = {k: o[k] for k in ("noise", "variance")}
    *inner, readout = maps
    if kind == "layered":
        net: oracle.Network = oracle.Layered(inner, readout, domain=o["domain"], **words)
    elif kind == "residual":
        stem, *blocks = inner
        stream = {"scales": o["scale"], "accumulate": o["accumulate"], "domain": o["domain"]}
        net = oracle.Residual(stem, [[block] for block in blocks], readout, **stream, **words)
    else:
        if "recurrent_mu" in a:
            own = {"recurrent_mu": a["recurrent_mu"], "recurrent_sigma2": np.exp(a["recurrent_rho"])}
            inner = [inner[0]._replace(**own)]
        neuron = ("beta", "theta", "reset", "accumulate", "reset_gradient", "readout_beta", "reduce")
        net = oracle.LIF(inner, readout, **{k: o[k] for k in neuron}, **words)
    return net, {name: i for i, name in enumerate(named_layers(net))}


def block(o: Any, a: Arrays, backend: str, dtype: str) -> Arrays:
    """One residual block: a network whose first map gives each example its stream, and whose output is the stream."""
    batch, width = a["H"].shape
    branch: list[Layer] = []
    for i in range(o["maps"]):
        branch += [Spike(o["member"], o["noise"], o["domain"]), Dense(len(a[f"mu{i}"]), variance=o["variance"])]
    layers: list[Layer] = [Dense(width), Residual(tuple(branch), scale=o["scale"], accumulate=o["accumulate"])]
    network = Network(layers, Signal("values", (batch,)), backend=backend, dtype=dtype)
    none = np.zeros(width)
    parameters = {"0.dense.mu": a["H"].T, "0.dense.rho": np.log(a["U"].T)}
    parameters |= {"0.dense.bias_mu": none, "0.dense.bias_rho": none + twin.NO_VARIANCE}
    keys = {}  # the suite's name of each of the branch's gradients, and the variance behind each rho
    for i in range(o["maps"]):
        prefix = f"1.residual.{2 * i + 1}.dense"
        for field, own in twin.FIELDS.items():
            value = a[f"{field}{i}"]
            parameters[f"{prefix}.{own}"] = np.log(value) if "sigma2" in field else value
            keys[f"d{field}{i}"] = f"{prefix}.{own}", value if "sigma2" in field else 1.0
    parameters = {key: np.ascontiguousarray(value, dtype) for key, value in parameters.items()}
    draws = GivenDraws(batch, {1 + 2 * i: a[f"u{i}"] for i in range(o["maps"])})
    out, tape = network.forward(parameters, np.eye(batch), draws)
    gradients, _ = network.backward(parameters, tape, Moments(a["dH"], a["dU"]))
    found = {"H_out": out.m, "U_out": out.v, "dH_in": gradients["0.dense.mu"].T}
    found["dU_in"] = gradients["0.dense.rho"].T / a["U"]  # theory 3.5
    found |= {key: gradients[own] / scale for key, (own, scale) in keys.items()}
    return {**found, **{f"z{i}": z for i, z in enumerate(states(network, tape))}}


def states(network: Network, tape: Tape) -> list[np.ndarray]:
    """The spikes of each unit layer, from the tapes."""
    return [(share > 0.5).astype(np.uint8) for _, share in fired(network, tape)]


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
            g = Moments(g, np.zeros_like(g))
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
