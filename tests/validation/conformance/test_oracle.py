"""The expected values held to the oracle, which shares no line with the decimals, wherever it has an answer.

The tolerance is the judge's own: 8 roundings of the scale in float64. Both sides round; the oracle's sums are short.
"""

import numpy as np
import pytest

import oracle
from oracle import dynamics, lif, terms
from oracle.members import Discrete
from oracle.noise import NOISES, law
from validation.conformance.cases import all_cases
from validation.conformance.judge import judge
from validation.conformance.schema import Case

CASES = all_cases()


def of(op: str) -> list[Case]:
    return [case for case in CASES if case.op.name == op and "rejected" not in case.expected]


def held(case: Case, values: dict[str, np.ndarray]) -> None:
    """Judge some of the outputs."""
    assert values, case.id
    outcome = judge(case, {**case.expected, **{k: np.asarray(y) for k, y in values.items()}}, "float64")
    assert outcome.verdict == "pass", f"{case.id}: {outcome.message}"


def linear(case: Case, layer: oracle.Layer, x: np.ndarray, dm: np.ndarray, dv: np.ndarray) -> tuple:
    """Moments, gradients by name and the input's gradient of one dense layer."""
    o = case.op.options
    x2, dx2 = terms.square(x, o["domain"], o["variance"])
    m, v = terms.linear(layer, x, x2)
    found, dx = terms.pull_linear("layer", layer, x, x2, dx2, dm, dv)
    totals = {f"layer.{k}": np.zeros(y.shape) for k, y in layer._asdict().items() if y is not None}
    terms.add_totals(totals, found)
    return m, v, {f"d{k.removeprefix('layer.')}": y for k, y in totals.items()}, dx


@pytest.mark.parametrize("case", of("dense"), ids=lambda case: case.id)
def test_dense(case: Case) -> None:
    a = case.given()
    layer = oracle.Layer(*(a.get(k) for k in ("mu", "sigma2", "bias_mu", "bias_sigma2")))
    flat = {k: a[k].reshape(-1, a[k].shape[-1]) for k in ("x", "dm", "dv")}
    m, v, gradients, dx = linear(case, layer, flat["x"], flat["dm"], flat["dv"])
    shape = a["dm"].shape
    held(case, {"m": m.reshape(shape), "v": v.reshape(shape), "dx": dx.reshape(a["x"].shape), **gradients})


@pytest.mark.parametrize("case", of("conv2d"), ids=lambda case: case.id)
def test_convolution_is_an_unrolled_dense_layer(case: Case) -> None:
    a, o = case.given(), case.op.options
    batch, height, width, _ = a["x"].shape
    size, geometry = (height, width), {"stride": o["stride"], "padding": o["padding"]}
    shape = a["dm"].shape
    positions = shape[1] * shape[2]
    bias = [np.tile(a[k], positions) for k in ("bias_mu", "bias_sigma2") if k in a]
    layer = oracle.Layer(*(oracle.unroll(a[k], *size, **geometry) for k in ("mu", "sigma2")), *bias)
    m, v, gradients, dx = linear(case, layer, *(a[k].reshape(batch, -1) for k in ("x", "dm", "dv")))
    folded = {k: oracle.fold(gradients[k], a["mu"].shape, *size, **geometry) for k in ("dmu", "dsigma2")}
    out = {"m": m.reshape(shape), "v": v.reshape(shape), "dx": dx.reshape(a["x"].shape)}
    held(case, {**out, **folded})


def known(case: Case) -> Discrete | None:
    """The oracle's member, if its slope is a function of the spike."""
    name = case.op.options["member"]
    try:
        member = oracle.member(name)
    except oracle.InputError:
        return None
    return member if isinstance(member, Discrete) and not member.random else None


UNITS = [case for case in of("unit") if known(case) is not None]


@pytest.mark.parametrize("case", UNITS, ids=lambda case: case.id)
def test_units(case: Case) -> None:
    a, o = case.given(), case.op.options
    unit = law(NOISES[o["noise"]], a["m"], a["v"])
    states = known(case).states(unit)
    slope = np.take_along_axis(states.slopes, a["z"][..., None].astype(int), axis=-1)[..., 0]
    dr = a["g"] * slope * (2.0 if o["domain"] == "bipolar" else 1.0)
    z = (case.arrays["noise"]["u"] < unit.p1).astype(np.uint8)
    held(case, {"z": z, "dm": dr * unit.drdm, "dv": dr * unit.drdv})


def test_most_units_are_held_to_the_oracle() -> None:
    assert len(UNITS) >= 30


NEURONS = [case for case in of("lif") if known(case) is not None]


@pytest.mark.parametrize("case", NEURONS, ids=lambda case: case.id)
def test_neurons(case: Case) -> None:
    """Each example is a LIF network whose input says which step it is, so that its weights are the moments."""
    a, o = case.given(), case.op.options
    steps, batch, units = a["m"].shape
    out = {k: np.zeros(a["m"].shape) for k in ("M", "V", "dm", "dv")}
    own = {k: np.zeros((units, units)) for k in ("recurrent_mu", "recurrent_sigma2") if k in a}
    for b in range(batch):
        layer = oracle.Layer(a["m"][:, b].T, a["v"][:, b].T, None, None, *(a[k] for k in own))
        options = {k: o[k] for k in ("beta", "theta", "reset", "accumulate", "reset_gradient", "noise", "variance")}
        net = oracle.LIF([layer], (np.ones((2, units)), np.ones((2, units))), **options)
        x = np.eye(steps)
        history = [a["z"][t, b][None].astype(float) for t in range(steps)]
        cotangents = [a["g"][t, b][None] for t in range(steps)]
        totals = {f"layers.0.{k}": np.zeros(y.shape) for k, y in layer._asdict().items() if y is not None}
        for t in reversed(range(steps)):
            r, spread = lif.membrane(net, x, t, history[:t])
            unit = law(NOISES[o["noise"]], r, spread)
            out["M"][t, b], out["V"][t, b] = r[0] + o["theta"], spread[0]
            states = known(case).states(unit)
            slope = np.take_along_axis(states.slopes, history[t][..., None].astype(int), axis=-1)[..., 0]
            dr = cotangents[t] * slope
            found, back = lif.pull_membrane(net, x, t, history[:t], dr * unit.drdm, dr * unit.drdv)
            terms.add_totals(totals, found)
            for s, value in back.items():
                cotangents[s] = cotangents[s] + value
        out["dm"][:, b], out["dv"][:, b] = totals["layers.0.mu"].T, totals["layers.0.sigma2"].T
        for k in own:
            own[k] += totals[f"layers.0.{k}"]
    held(case, {**out, **{f"d{k}": y for k, y in own.items()}})


BLOCKS = [case for case in of("residual_block") if known(case) is not None]


@pytest.mark.parametrize("case", BLOCKS, ids=lambda case: case.id)
def test_residual_blocks(case: Case) -> None:
    """Each example is a network whose stem gives its stream: an input of 1, weights H and U."""
    a, o = case.given(), case.op.options
    batch, width = a["H"].shape
    maps = [f"{k}{i}" for i in range(o["maps"]) for k in ("mu", "sigma2", "bias_mu", "bias_sigma2")]
    out = {k: np.zeros((batch, width)) for k in ("H_out", "U_out", "dH_in", "dU_in")}
    out |= {f"d{k}": np.zeros(a[k].shape) for k in maps}
    for b in range(batch):
        stem = (a["H"][b][:, None], a["U"][b][:, None])
        block = [tuple(a[name] for name in maps[4 * i : 4 * i + 4]) for i in range(o["maps"])]
        words = {k: o[k] for k in ("noise", "domain", "variance", "accumulate")}
        net = oracle.Residual(stem, [block], (np.ones((2, width)), np.ones((2, width))), scales=o["scale"], **words)
        x, last = np.ones(1), o["maps"]
        spikes = [a[f"z{i}"][b][None].astype(float) for i in range(last)]
        bipolar = o["domain"] == "bipolar"
        history = [2.0 * z - 1.0 if bipolar else z for z in spikes]
        stream = dynamics.preactivation(net, x, last, history)
        out["H_out"][b], out["U_out"][b] = stream[0][0], stream[1][0]
        totals = {key: np.zeros(value.shape) for key, value in oracle.parameters(net).items()}
        pulled = dynamics.pull_preactivation(net, x, last, history, a["dH"][b][None], a["dU"][b][None])
        terms.add_totals(totals, pulled.terms)
        cotangents = dict(pulled.history)
        for t in reversed(range(last)):
            unit = dynamics.unit_law(net, x, t, history[:t])
            slope = np.take_along_axis(known(case).states(unit).slopes, spikes[t][..., None].astype(int), axis=-1)[
                ..., 0
            ]
            dr = cotangents[t] * slope * (2.0 if bipolar else 1.0)
            pulled = dynamics.pull_preactivation(net, x, t, history[:t], dr * unit.drdm, dr * unit.drdv)
            terms.add_totals(totals, pulled.terms)
            for s, value in pulled.history.items():
                cotangents[s] = cotangents.get(s, 0.0) + value
        out["dH_in"][b], out["dU_in"][b] = totals["stem.mu"][:, 0], totals["stem.sigma2"][:, 0]
        for i in range(o["maps"]):
            for k in ("mu", "sigma2", "bias_mu", "bias_sigma2"):
                out[f"d{k}{i}"] += totals[f"blocks.0.{i}.{k}"]
    held(case, out)


@pytest.mark.parametrize("case", of("sampled_readout"), ids=lambda case: case.id)
def test_sampled_readouts(case: Case) -> None:
    a, eps = case.given(), case.arrays["noise"]["eps"]
    dm, dv = np.zeros(a["m"].shape), np.zeros(a["m"].shape)
    for b, g in enumerate(a["g"]):
        loss = oracle.Custom(lambda logits, g=g: (logits @ g, np.broadcast_to(g, logits.shape)), eps=eps[b])
        _, one, two = loss.evaluate(a["m"][b][None], a["v"][b][None])
        dm[b], dv[b] = one[0], two[0]
    held(case, {"dm": dm, "dv": dv})


@pytest.mark.parametrize("case", [*of("categorical"), *of("bernoulli"), *of("gaussian")], ids=lambda case: case.id)
def test_likelihoods(case: Case) -> None:
    a = case.given()
    logits = a.get("logits", a.get("m"))
    loglik, d = np.zeros(len(logits)), {k: np.zeros(logits.shape) for k in ("dm", "dv")}
    for b, row in enumerate(logits):
        if case.op.name == "categorical":
            loss = oracle.Categorical(int(a["labels"][b]))
        elif case.op.name == "bernoulli":
            loss = oracle.Bernoulli(a["targets"][b])
        else:
            loss = oracle.Gaussian(a["targets"][b], case.op.options["noise_variance"])
        value, dm, dv = loss.evaluate(row[None], a["v"][b][None] if "v" in a else np.zeros((1, len(row))))
        loglik[b], d["dm"][b], d["dv"][b] = -value[0], -dm[0], -dv[0]
    held(case, {"loglik": loglik, **(d if case.op.name == "gaussian" else {"dlogits": d["dm"]})})


@pytest.mark.parametrize("case", of("kl"), ids=lambda case: case.id)
def test_kl(case: Case) -> None:
    a = case.given()
    sigma2 = np.exp(a["rho"])
    net = oracle.Layered([(a["mu"], sigma2)], (np.zeros((2, 3)), np.full((2, 3), 0.375)))
    value, gradient = oracle.kl(net, case.op.options["prior_sigma2"])
    held(case, {"kl": value, "dmu": gradient["layers.0.mu"], "drho": gradient["layers.0.sigma2"] * sigma2})


@pytest.mark.parametrize("case", of("leaky_readout"), ids=lambda case: case.id)
def test_leaky_readouts(case: Case) -> None:
    """An oracle network whose one unit layer always spikes where the step is: its readings are the moments."""
    a, o = case.given(), case.op.options
    steps, batch, classes = a["m"].shape
    m, v = np.zeros((batch, classes)), np.zeros((batch, classes))
    for b in range(batch):
        readout = (a["m"][:, b].T, a["v"][:, b].T)
        net = oracle.LIF([(np.eye(steps), np.eye(steps))], readout, readout_beta=o["beta"], reduce=o["reduce"])
        history = [np.eye(steps)[t][None] for t in range(steps)]
        m_out, v_out = lif.output(net, np.eye(steps), history)
        m[b], v[b] = m_out[0], v_out[0]
    held(case, {"m_out": m, "v_out": v})
