"""Cases of residual streams, LIF neurons and readouts."""

import decimal
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from validation.conformance.answers import dynamics, linear, unit
from validation.conformance.cases.draw import Draw, case
from validation.conformance.number import CONTEXT, array
from validation.conformance.schema import Case

UNITS = "time,batch,unit"
LIF_DIMS = {
    **dict.fromkeys(("m", "v", "u", "z", "g", "M", "V"), UNITS),
    "extra": "draw,time,batch,unit",
    "recurrent_mu": "out,in",
    "recurrent_sigma2": "out,in",
}


def add(name: str, scale: float, accumulate: bool) -> Case:
    """A branch joins the stream."""
    id = f"residual_add.{name}"
    d, shape = Draw(id), (2, 5)
    inputs = {k: d.signed(k, shape) for k in ("H", "m")} | {k: d.variances(k, shape) for k in ("U", "v")}
    arrays = {"inputs": inputs, "cotangents": {k: d.signed(k, shape) for k in ("dH", "dU")}}
    dims = dict.fromkeys(("H", "U", "m", "v", "dH", "dU"), "batch,unit")
    return case(
        id, {"scale": scale, "accumulate": accumulate}, arrays, dims, "forward backward", "accumulation zero-gradient"
    )


def block(name: str, options: dict[str, Any], maps: int) -> Case:
    """One block: a stream of 4 units, and 3 units inside where it has two maps."""
    id = f"residual_block.{name}"
    d, batch = Draw(id), 2
    o = {**options, "maps": maps}
    widths = [4, *[3] * (maps - 1), 4]
    params: dict[str, np.ndarray] = {}
    noises, inputs, dims = {}, {}, dict.fromkeys(("H", "U", "dH", "dU"), "batch,unit")
    for k in range(maps):
        shape = (widths[k + 1], widths[k])
        params |= {f"mu{k}": d.signed(f"mu{k}", shape, 1.0), f"sigma2{k}": d.variances(f"sigma2{k}", shape, 4)}
        params |= {
            f"bias_mu{k}": d.signed(f"bias{k}", shape[:1], 0.5),
            f"bias_sigma2{k}": d.variances(f"b2{k}", shape[:1], 8),
        }
        dims |= {f"mu{k}": "out,in", f"sigma2{k}": "out,in", f"bias_mu{k}": "out", f"bias_sigma2{k}": "out"}
        dims |= {f"u{k}": "batch,unit", f"z{k}": "batch,unit"}
    H, U = d.signed("H", (batch, 4), 1.25), d.variances("U", (batch, 4), 16, 48)
    with decimal.localcontext(CONTEXT):
        m, v = array(H), array(U)
        for k in range(maps):
            u = noises[f"u{k}"] = d.uniforms(f"u{k}", o["member"], o["noise"], m, v)
            z = inputs[f"z{k}"] = unit.states(unit.fire_all(o, m, v, u))
            h = array(z) * 2 - 1 if o["domain"] == "bipolar" else array(z)
            names = ("mu", "sigma2", "bias_mu", "bias_sigma2")
            mu, sigma2, *bias = (array(params[f"{name}{k}"]) for name in names)
            m, v = linear.dense_forward(h, mu, sigma2, tuple(bias), o)
    arrays = {
        "params": params,
        "inputs": {"H": H, "U": U, **inputs},
        "noise": noises,
        "cotangents": {k: d.signed(k, (batch, 4)) for k in ("dH", "dU")},
    }
    bugs = "accumulation transposed-weight variance-extension missing-half stale-mean"
    return case(id, o, arrays, dims, "forward backward", bugs, d)


def lif(name: str, options: dict[str, Any], recurrent: bool, question: str = "", bugs: str = "") -> Case:
    """Four steps, two examples, three neurons."""
    id = f"lif.{name}"
    d, shape = Draw(id), (4, 2, 3)
    o = {"beta": 0.875, "theta": 0.75, "variance": "linear", "noise": "gaussian", "domain": "binary", **options}
    m, v = d.signed("m", shape, 1.25), d.variances("v", shape, 16, 48)
    params = {}
    if recurrent:
        params = {"recurrent_mu": d.signed("mu", (3, 3), 1.0), "recurrent_sigma2": d.variances("sigma2", (3, 3), 4)}
    z, u = np.zeros(shape, np.uint8), np.zeros(shape)
    with decimal.localcontext(CONTEXT):
        own = (array(params["recurrent_mu"]), array(params["recurrent_sigma2"])) if recurrent else None
        for t in range(shape[0]):
            M, V = dynamics.lif_path(array(m[: t + 1]), array(v[: t + 1]), z[: t + 1], own, o)
            r = M[t] - dynamics.number(o["theta"])
            u[t] = d.uniforms(f"u{t}", o["member"], o["noise"], r, V[t])
            z[t] = unit.states(unit.fire_all(o, r, V[t], u[t]))
    noises = {"u": u} | ({"extra": d.extra("extra", 5, shape)} if o["member"].startswith("gr") else {})
    arrays = {
        "params": params,
        "inputs": {"m": m, "v": v, "z": z},
        "noise": noises,
        "cotangents": {"g": d.signed("g", shape)},
    }
    found = "reset-gradient decay-after-reset swapped-inequality missing-half accumulation " + bugs
    if recurrent:
        found += " transposed-weight variance-extension"
    return case(id, o, arrays, LIF_DIMS, "forward backward", found, d, question)


def leaky(reduce: str) -> Case:
    """A leaky readout over five steps."""
    id = f"leaky_readout.{reduce}"
    d = Draw(id)
    inputs = {"m": d.signed("m", (5, 2, 3)), "v": d.variances("v", (5, 2, 3))}
    cotangents = {"dm_out": d.signed("dm", (2, 3)), "dv_out": d.signed("dv", (2, 3))}
    dims = {"m": UNITS, "v": UNITS, **dict.fromkeys(("m_out", "v_out", "dm_out", "dv_out"), "batch,unit")}
    arrays = {"inputs": inputs, "cotangents": cotangents}
    return case(id, {"beta": 0.75, "reduce": reduce}, arrays, dims, "forward backward", "decay zero-gradient tie")


def sampled() -> Case:
    """Logits drawn from their moments."""
    id = "sampled_readout.drawn"
    d, shape = Draw(id), (2, 3)
    arrays = {
        "inputs": {"m": d.signed("m", shape), "v": d.variances("v", shape)},
        "noise": {"eps": d.signed("eps", shape)},
        "cotangents": {"g": d.signed("g", shape)},
    }
    dims = dict.fromkeys(("m", "v", "eps", "g", "logits"), "batch,class")
    return case(id, {}, arrays, dims, "forward backward", "missing-half global-scale zero-gradient")


def make() -> Iterator[Case]:
    """All of them."""
    yield add("accumulated", 0.75, True)
    yield add("instantaneous", 0.75, False)
    base = {"noise": "gaussian", "member": "trapezoid", "domain": "binary", "variance": "linear", "accumulate": True}
    base["scale"] = 0.75
    yield block("one_map", base, 1)
    yield block("two_maps", {**base, "member": "agr(tau=0.5)"}, 2)
    yield block("two_maps_instantaneous", {**base, "accumulate": False}, 2)
    yield block("two_maps_bipolar", {**base, "domain": "bipolar", "noise": "logistic"}, 2)
    yield block("two_maps_quadratic", {**base, "variance": "quadratic", "member": "st"}, 2)
    for reset, accumulate, flows in product(("hard", "soft"), (True, False), (True, False)):
        options = {"reset": reset, "accumulate": accumulate, "reset_gradient": flows, "member": "trapezoid"}
        name = f"{reset}_{'accumulated' if accumulate else 'instantaneous'}_{'flowing' if flows else 'detached'}"
        yield lif(name, options, False)
        yield lif(f"{name}_recurrent", {**options, "member": "st"}, True)
    full = {"reset": "hard", "accumulate": True, "reset_gradient": True}
    for reset in ("hard", "soft"):
        yield lif(f"{reset}_st", {**full, "reset": reset, "member": "st"}, False)
    yield lif("recurrent_quadratic", {**full, "variance": "quadratic", "member": "trapezoid"}, True)
    yield lif("logistic", {**full, "noise": "logistic", "member": "agr(tau=1)"}, False)
    yield lif("st_gs", {**full, "member": "st-gs(tau=0.5)"}, False, bugs="fresh-noise")
    yield lif("gr", {**full, "reset": "soft", "member": "gr(tau=0.5,K=5)"}, False, bugs="fresh-noise")
    for reduce in ("mean", "max", "last"):
        yield leaky(reduce)
    yield sampled()
