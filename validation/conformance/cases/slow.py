"""Cases of neurons with a synaptic current and an adaptive threshold (theory 3.30 to 3.34)."""

import decimal
from collections.abc import Iterator
from typing import Any

import numpy as np

from validation.conformance.answers import slow, unit
from validation.conformance.cases.draw import Draw, case
from validation.conformance.cases.dynamics import LIF_DIMS
from validation.conformance.number import CONTEXT, array
from validation.conformance.schema import Case

BOTH = {"alpha": 0.625, "adapt": 0.75, "adapt_decay": 0.5}
CURRENT = {"alpha": 0.625, "adapt": 0.0, "adapt_decay": 0.5}
THRESHOLD = {"alpha": 0.0, "adapt": 0.75, "adapt_decay": 0.75}


def lif(name: str, member: str, options: dict[str, float], recurrent: bool = False, **changes: Any) -> Case:
    """Four steps, two examples, three neurons."""
    id = f"lif_slow.{name}"
    d, shape = Draw(id), (4, 2, 3)
    o: dict[str, Any] = {"noise": "gaussian", "domain": "binary", "variance": "linear", "member": member}
    o |= {"reset": "hard", "accumulate": True, "reset_gradient": True, **options, **changes}
    m, v = d.signed("m", shape, 1.25), d.variances("v", shape, 16, 48)
    params = {"beta": d.grid("beta", (3,), 4, 15, 16), "theta": d.signed("theta", (3,), 0.75)}
    if recurrent:
        params |= {"recurrent_mu": d.signed("mu", (3, 3), 1.0), "recurrent_sigma2": d.variances("sigma2", (3, 3), 4)}
    z, u = np.zeros(shape, np.uint8), np.zeros(shape)
    with decimal.localcontext(CONTEXT):
        own = (array(params["recurrent_mu"]), array(params["recurrent_sigma2"])) if recurrent else None
        numbers = array(params["beta"]), array(params["theta"])
        for t in range(shape[0]):
            run = slow.path(array(m[: t + 1]), array(v[: t + 1]), z[: t + 1], own, *numbers, o)
            r = run.M[t] - run.theta[t]
            u[t] = d.uniforms(f"u{t}", member, o["noise"], r, run.V[t])
            z[t] = unit.states(unit.fire_all(o, r, run.V[t], u[t]))
    arrays = {
        "params": params,
        "inputs": {"m": m, "v": v, "z": z},
        "noise": {"u": u},
        "cotangents": {"g": d.signed("g", shape)},
    }
    dims = {**LIF_DIMS, "beta": "unit", "theta": "unit"}
    bugs = "reset-gradient numbers-of-each missing-half"
    if o["alpha"]:
        bugs += " current-gradient" + (" current-covariance" if o["accumulate"] else "")
        bugs += " current-reset" if o["reset"] == "hard" else ""
    bugs += " threshold-rise threshold-gradient" if o["adapt"] else ""
    return case(id, o, arrays, dims, "forward backward", bugs, d)


def make() -> Iterator[Case]:
    """All of them."""
    yield lif("current_hard", "trapezoid", CURRENT)
    yield lif("current_soft_detached", "st", CURRENT, reset="soft", reset_gradient=False)
    yield lif("current_instantaneous_recurrent", "agr(tau=0.5)", CURRENT, recurrent=True, accumulate=False)
    yield lif("threshold_hard", "st", THRESHOLD)
    yield lif("threshold_soft_logistic", "agr(tau=1)", THRESHOLD, reset="soft", noise="logistic")
    yield lif("threshold_hard_detached_recurrent", "trapezoid", THRESHOLD, recurrent=True, reset_gradient=False)
    yield lif("both_hard_recurrent", "agr(tau=0.5)", BOTH, recurrent=True)
    yield lif("both_soft_recurrent_quadratic", "trapezoid", BOTH, recurrent=True, reset="soft", variance="quadratic")
