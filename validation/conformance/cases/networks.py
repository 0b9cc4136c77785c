"""Cases of whole training steps of three small networks, end to end, without teacher forcing."""

import decimal
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from validation.conformance.answers import network
from validation.conformance.cases.draw import Draw, case
from validation.conformance.number import CONTEXT, Array
from validation.conformance.schema import Case

ADAM = {"optimiser": "adam", "decay1": 0.9, "decay2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0, "rate": 0.125}
SGD = {"optimiser": "sgd", "momentum": 0.875, "weight_decay": 0.0, "rate": 0.125}
COMMON: dict[str, Any] = {
    "noise": "gaussian",
    "domain": "binary",
    "variance": "linear",
    "kl_weight": 0.0625,  # 1/N for N = 16 examples
    "prior_sigma2": 0.375,
    "penalty": 0.0,
}
BUGS = "stale-mean kl-scale transposed-weight missing-half zero-gradient reset-gradient decay-after-reset"


def parameters(d: Draw, widths: list[int], recurrent: bool) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Posterior of the maps between layers of these widths."""
    params: dict[str, np.ndarray] = {}
    for i, (inner, outer) in enumerate(pairwise(widths)):
        params |= {
            f"mu{i}": d.signed(f"mu{i}", (outer, inner)),
            f"rho{i}": d.grid(f"rho{i}", (outer, inner), -24, 0, 16),
        }
        params |= {
            f"bias_mu{i}": d.signed(f"b{i}", (outer,), 0.5),
            f"bias_rho{i}": d.grid(f"br{i}", (outer,), -16, 0, 16),
        }
    if recurrent:
        shape = (widths[1], widths[1])
        params |= {"recurrent_mu": d.signed("rm", shape, 1.0), "recurrent_rho": d.grid("rr", shape, -24, 0, 16)}
    return params, {k: "out" if k.startswith("bias") else "out,in" for k in params}


def step(name: str, widths: list[int], options: dict[str, Any], *, time: int = 0, recurrent: bool = False) -> Case:
    """One or two training steps of a network on a batch of seven."""
    id = f"network.{name}"
    op = ".".join(id.split(".")[:2])
    d, batch, steps = Draw(id), 7, options["steps"]
    o = {**COMMON, "maps": len(widths) - 1, **options}
    params, dims = parameters(d, widths, recurrent)
    x = d.signed("x", (time, batch, widths[0]) if time else (batch, widths[0]))
    inputs = {"x": x, "labels": np.arange(1, batch + 1, dtype=np.int64) % widths[-1]}
    noises = {"eps": d.signed("eps", (steps, batch, widths[-1]))}
    cells: dict[tuple[str, int], np.ndarray] = {}

    def draw(layer: str, m: Array, v: Array, at: int) -> np.ndarray:
        u = cells[(layer, at)] = d.uniforms(f"{layer}/{at}", o["member"], o["noise"], m, v)
        return u

    with decimal.localcontext(CONTEXT):
        answers = network.steps(op, {**params, **inputs, **noises}, o, draw)
    layers = sorted({layer.split(".")[0] for layer, _ in cells})
    for layer in layers:
        at_step = [[cells[key] for key in cells if key[0].split(".")[0] == layer and key[1] == s] for s in range(steps)]
        noises[layer] = np.stack([np.stack(each) if time else each[0] for each in at_step])
        dims[layer] = dims[layer.replace("u", "z")] = "step,time,batch,unit" if time else "step,batch,unit"
    dims |= {"x": "time,batch,in" if time else "batch,in", "labels": "batch", "eps": "step,batch,class", "loss": ""}
    arrays = {"params": params, "inputs": inputs, "noise": noises}
    return case(id, o, arrays, dims, "forward backward end-to-end", BUGS, d, answer=lambda: answers)


def make() -> Iterator[Case]:
    """All of them."""
    yield step("layered.trapezoid", [6, 5, 4, 3], {"member": "trapezoid", "steps": 1, "penalty": 0.125, **ADAM})
    yield step("layered.two_steps", [6, 5, 4, 3], {"member": "agr(tau=0.5)", "steps": 2, **SGD})
    yield step(
        "layered.bipolar", [6, 5, 4, 3], {"member": "st", "domain": "bipolar", "noise": "logistic", "steps": 1, **SGD}
    )
    stream = {"member": "trapezoid", "scale": 0.75, "accumulate": True, "steps": 1}
    yield step("residual.two_blocks", [5, 4, 4, 4, 3], {**stream, **SGD})
    time = {
        "beta": 0.875,
        "theta": 0.75,
        "readout_beta": 0.75,
        "reset": "hard",
        "accumulate": True,
        "reset_gradient": True,
    }
    time |= {"reduce": "mean", "member": "trapezoid", "steps": 1}
    yield step("lif.hard", [5, 4, 3], {**time, **ADAM}, time=6, recurrent=True)
    soft = {**time, "reset": "soft", "reset_gradient": False, "reduce": "max", "accumulate": False, "steps": 2, **SGD}
    yield step("lif.soft_detached", [5, 4, 3], soft, time=3)
