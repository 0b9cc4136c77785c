"""The edge group, and the questions that implementers ask, each a case by its name.

Here there is no margin: uniforms that equal their probability, probabilities that are 0 or 1, variances that are 0.
"""

import decimal
from collections.abc import Iterator
from typing import Any

import numpy as np

from validation.conformance.answers import dynamics
from validation.conformance.answers.unit import MEMBERS, fire_all, read, states
from validation.conformance.cases.draw import Draw, case
from validation.conformance.cases.dynamics import LIF_DIMS, lif
from validation.conformance.cases.linear import CONV, weights
from validation.conformance.cases.units import DIMS, plain
from validation.conformance.number import CONTEXT, array
from validation.conformance.schema import Case

GRID = 2.0**-24
# Saturated but within float32's normal numbers: Phi(-12) = 2e-33, sigma(-40) = 4e-18.
SATURATED = {"gaussian": 12.0, "logistic": 40.0}


def units(
    id: str, noise: str, member: str, m: list, v: list, u: list, z: list | None, question: str, bugs: str
) -> Case:
    """A row of units; z None takes the spikes that come out."""
    d = Draw(id)
    rows = {"m": np.array([m]), "v": np.array([v])}
    shape, uniform = rows["m"].shape, np.array([u])
    options = {"noise": noise, "member": member, "domain": "binary"}
    if read(member).relaxed:
        given = {}
    elif z is None:
        with decimal.localcontext(CONTEXT):
            given = {"z": states(fire_all(options, array(rows["m"]), array(rows["v"]), uniform))}
    else:
        given = {"z": np.array([z], dtype=np.uint8)}
    noises = {"u": uniform}
    if read(member).draws:
        noises["extra"] = d.extra("extra", read(member).draws, shape)
    arrays = {"inputs": rows | given, "noise": noises, "cotangents": {"g": d.signed("g", shape)}}
    return case(id, options, arrays, DIMS, "forward backward edge", bugs, None, question)


def ties() -> Iterator[Case]:
    """u = pi, and its neighbours on the grid."""
    question = "Does a unit spike at u = pi?  No: z = 1[u < pi], so P(z = 1) = pi with u in [0, 1)."
    for noise in ("gaussian", "logistic"):
        u = [0.5, 0.5 - GRID, 0.5 + GRID, 0.0, 1.0 - GRID]
        yield units(
            f"unit.edge_tie_{noise}", noise, "st", [0.0] * 5, [1.0] * 5, u, None, question, "swapped-inequality tie"
        )


def saturated() -> Iterator[Case]:
    """Probabilities near 0 and 1, at the common state and at the rare one."""
    question = "What happens at pi = 0 and 1?  The slope has a limit for each state, the rare one too; never NaN."
    for noise, r in SATURATED.items():
        for member in (declared.specs[0] for declared in MEMBERS.values() if declared.limits):
            if member == "agr(tau=1)" and noise == "gaussian":
                member = "agr(tau=0.5)"
            m, u, z = [-r, -r, r, r], [0.5, 0.5, 0.5, 0.5], [0, 1, 1, 0]
            id = f"unit.edge_saturated_{noise}_{plain(member)}"
            yield units(id, noise, member, m, [1.0] * 4, u, z, question, "saturation unnormalised-weight")


def silent() -> Case:
    """Neurons of which one never has noise: its membrane is exact, and meets its threshold at the first step."""
    id, shape = "lif.edge_zero_variance", (4, 2, 3)
    d = Draw(id)
    o: dict[str, Any] = {"beta": 0.5, "theta": 0.75, "reset": "hard", "accumulate": True, "reset_gradient": True}
    o |= {"variance": "linear", "noise": "gaussian", "domain": "binary", "member": "trapezoid"}
    m, v = d.grid("m", shape, -4, 8, 8), d.variances("v", shape, 16, 48)
    m[0, :, 0], v[:, :, 0] = 0.75, 0.0
    z, u = np.zeros(shape, np.uint8), np.zeros(shape)
    with decimal.localcontext(CONTEXT):
        for t in range(shape[0]):
            M, V = dynamics.lif_path(array(m[: t + 1]), array(v[: t + 1]), z[: t + 1], None, o)
            r = M[t] - dynamics.number(o["theta"])
            u[t] = d.uniforms(f"u{t}", "trapezoid", "gaussian", r, V[t])
            z[t] = states(fire_all(o, r, V[t], u[t]))
    arrays = {"inputs": {"m": m, "v": v, "z": z}, "noise": {"u": u}, "cotangents": {"g": d.signed("g", shape)}}
    question = "Is a neuron without variance an error?  No: it spikes where its membrane is above the threshold."
    return case(id, o, arrays, LIF_DIMS, "forward backward edge", "zero-variance tie", None, question)


def small_variance() -> Case:
    """Units whose variance is 2^-13, with probabilities as of any other unit."""
    id, shape = "unit.edge_small_variance", (2, 5)
    d = Draw(id)
    m, v = d.signed("m", shape, 1.25) * 2.0**-6, d.variances("v", shape, 16, 48) * 2.0**-13
    options = {"noise": "gaussian", "member": "trapezoid", "domain": "binary"}
    with decimal.localcontext(CONTEXT):
        u = d.uniforms("u", "trapezoid", "gaussian", array(m), array(v))
        z = states(fire_all(options, array(m), array(v), u))
    arrays = {"inputs": {"m": m, "v": v, "z": z}, "noise": {"u": u}, "cotangents": {"g": d.signed("g", shape)}}
    question = "May a small number be added to the variance?  No: v = 0 has its own answer, and v > 0 needs no help."
    return case(id, options, arrays, DIMS, "forward backward edge", "global-scale epsilon", None, question)


def zero_variance() -> Iterator[Case]:
    """Units without noise."""
    question = "Is a unit without variance an error?  No: z = 1[m > 0], and no gradient flows (theory 3.17)."
    m, v, u = [1.0, -1.0, 0.0, 0.5], [0.0, 0.0, 0.0, 1.0], [0.75, 0.25, 0.0, 0.25]
    for declared in MEMBERS.values():
        for noise, member in zip(("gaussian", "logistic"), (declared.specs[-1], declared.specs[0]), strict=True):
            name = plain(member) if noise == "gaussian" else f"logistic_{plain(member)}"
            id = f"unit.edge_zero_variance_{name}"
            yield units(id, noise, member, m, v, u, None, question, "zero-variance")
    yield silent()
    id = "bias_penalty.edge_zero_variance"
    d = Draw(id)
    inputs = {"norm2": d.variances("norm2", (3,)), "v": np.array([[0.5, 0.0, 1.0], [0.0, 0.25, 0.0]])}
    question = "Does a unit without variance enter the bias penalty?  It counts 0."
    dims = {"norm2": "unit", "v": "batch,unit"}
    yield case(id, {}, {"inputs": inputs}, dims, "forward backward edge", "zero-variance", None, question)
    id = "sampled_readout.edge_zero_variance"
    d = Draw(id)
    inputs = {"m": d.signed("m", (2, 3)), "v": np.array([[0.5, 0.0, 1.0], [0.0, 0.25, 0.0]])}
    question = "What is the gradient of a logit's variance at 0?  0, not infinity."
    arrays = {"inputs": inputs, "noise": {"eps": d.signed("eps", (2, 3))}, "cotangents": {"g": d.signed("g", (2, 3))}}
    dims = dict.fromkeys(("m", "v", "eps", "g", "logits"), "batch,class")
    yield case(id, {}, arrays, dims, "forward backward edge", "zero-variance", None, question)


def questions() -> Iterator[Case]:
    """What implementers of this field ask, beside the above."""
    flowing = "Does the gradient flow through the reset?  With reset_gradient it does, in the mean and the variance."
    detached = "Does the gradient flow through the reset?  Without reset_gradient the spike is a constant there."
    base = {"accumulate": True, "member": "trapezoid"}
    for reset in ("hard", "soft"):
        for flows, question in ((True, flowing), (False, detached)):
            name = f"question_{reset}_reset_{'flowing' if flows else 'detached'}"
            yield lif(name, {**base, "reset": reset, "reset_gradient": flows}, False, question)
    question = "Is the relaxation's noise differentiated?  No: u is held; dm = g k / s, dv = -g k m / (2 s^3)."
    for member in ("gs(tau=0.5)", "st-gs(tau=0.5)"):
        id = f"unit.question_relaxed_noise_{plain(member)}"
        u = [0.25, 0.75, 0.125, 0.875]
        yield units(
            id, "gaussian", member, [0.75, -0.5, 1.0, 0.25], [0.5, 1.5, 0.75, 2.0], u, None, question, "fresh-noise"
        )
    id = "max_pool.question_equal_maxima"
    d = Draw(id)
    arrays = {"inputs": {"x": np.ones((1, 4, 6, 5))}, "cotangents": {"dy": d.signed("dy", (1, 2, 3, 5))}}
    dims = {"x": CONV["x"], "dy": "batch,row,column,channel", "y": "batch,row,column,channel"}
    question = "Which of equal maxima gets the gradient?  The first in row order, alone."
    yield case(id, {"size": 2, "stride": 2}, arrays, dims, "forward backward edge", "tie", None, question)
    id = "conv2d.question_padding_bipolar"
    d = Draw(id)
    arrays = {
        "params": weights(d, (5, 3, 4, 2), True),
        "inputs": {"x": d.inputs("x", (1, 4, 7, 2), "bipolar")},
        "cotangents": {k: d.signed(k, (1, 4, 6, 5)) for k in ("dm", "dv")},
    }
    question = "Does padding carry variance where spikes are -1 and +1?  No: neither mean nor variance."
    options = {"domain": "bipolar", "variance": "linear", "stride": 1, "padding": 1}
    yield case(id, options, arrays, CONV, "forward backward edge", "padding", None, question)
    id = "leaky_readout.question_equal_maxima"
    d = Draw(id)
    arrays = {
        "inputs": {
            "m": np.array([1.0, 0.5, 0.5])[:, None, None] * np.ones((3, 2, 4)),
            "v": d.variances("v", (3, 2, 4)),
        },
        "cotangents": {"dm_out": d.signed("dm", (2, 4)), "dv_out": d.signed("dv", (2, 4))},
    }
    dims = {**dict.fromkeys(("m", "v"), "time,batch,class"), **dict.fromkeys(("m_out", "v_out"), "batch,class")}
    dims |= dict.fromkeys(("dm_out", "dv_out"), "batch,class")
    question = "At which step is a maximum read that is reached twice?  At the first."
    yield case(id, {"beta": 0.5, "reduce": "max"}, arrays, dims, "forward backward edge", "tie", None, question)
    id = "categorical.edge_large_logits"
    d = Draw(id)
    inputs = {
        "logits": np.array([[768.0, -768.0, 0.0], [-64.0, 80.0, 72.0]]),
        "labels": np.array([1, 2], dtype=np.int64),
    }
    dims = {"logits": "batch,class", "labels": "batch", "loglik": "batch"}
    question = "May exp overflow in the softmax?  No: the logits are shifted by the largest one."
    yield case(id, {}, {"inputs": inputs}, dims, "forward backward edge", "saturation", None, question)
    id = "bernoulli.edge_large_logits"
    inputs = {
        "logits": np.array([[768.0, -768.0, 768.0, -768.0], [96.0, -96.0, 1.0, -2.0]]),
        "targets": np.array([[0.25, 0.75, 0.0, 1.0], [0.5, 0.5, 1.0, 0.0]]),
    }
    dims = {"logits": "batch,class", "targets": "batch,class", "loglik": "batch"}
    question = "May exp overflow in ln(1 + exp)?  No: it is max(x, 0) + ln(1 + exp(-|x|))."
    yield case(id, {}, {"inputs": inputs}, dims, "forward backward edge", "saturation", None, question)


def make() -> Iterator[Case]:
    """All of them."""
    yield from ties()
    yield from saturated()
    yield from zero_variance()
    yield small_variance()
    yield from questions()
