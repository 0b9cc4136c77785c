"""Cases of neurons with a decay and a threshold of each (theory 3.27, 3.28)."""

import decimal
from collections.abc import Iterator
from typing import Any

import numpy as np

from validation.conformance.answers import dynamics, unit
from validation.conformance.cases.draw import Draw, case
from validation.conformance.cases.dynamics import LIF_DIMS
from validation.conformance.number import CONTEXT, array
from validation.conformance.schema import Case


def lif(name: str, member: str, recurrent: bool = False, **changes: Any) -> Case:
    """Four steps, two examples, three neurons."""
    id = f"lif_each.{name}"
    d, shape = Draw(id), (4, 2, 3)
    o: dict[str, Any] = {"noise": "gaussian", "domain": "binary", "variance": "linear", "member": member}
    o |= {"reset": "hard", "accumulate": True, "reset_gradient": True, **changes}
    m, v = d.signed("m", shape, 1.25), d.variances("v", shape, 16, 48)
    params = {"beta": d.grid("beta", (3,), 4, 15, 16), "theta": d.signed("theta", (3,), 0.75)}
    if recurrent:
        params |= {"recurrent_mu": d.signed("mu", (3, 3), 1.0), "recurrent_sigma2": d.variances("sigma2", (3, 3), 4)}
    z, u = np.zeros(shape, np.uint8), np.zeros(shape)
    with decimal.localcontext(CONTEXT):
        own = (array(params["recurrent_mu"]), array(params["recurrent_sigma2"])) if recurrent else None
        numbers = {**o, "beta": array(params["beta"]), "theta": array(params["theta"])}
        for t in range(shape[0]):
            M, V = dynamics.lif_path(array(m[: t + 1]), array(v[: t + 1]), z[: t + 1], own, numbers)
            r = M[t] - numbers["theta"]
            u[t] = d.uniforms(f"u{t}", member, o["noise"], r, V[t])
            z[t] = unit.states(unit.fire_all(o, r, V[t], u[t]))
    arrays = {
        "params": params,
        "inputs": {"m": m, "v": v, "z": z},
        "noise": {"u": u},
        "cotangents": {"g": d.signed("g", shape)},
    }
    dims = {**LIF_DIMS, "beta": "unit", "theta": "unit"}
    bugs = "numbers-of-each reset-gradient decay-after-reset" + (" threshold-of-each" if o["reset"] == "soft" else "")
    return case(id, o, arrays, dims, "forward backward", bugs, d)


def make() -> Iterator[Case]:
    """All of them."""
    yield lif("hard", "trapezoid")
    yield lif("hard_instantaneous", "st", accumulate=False)
    yield lif("hard_detached_logistic", "agr(tau=1)", reset_gradient=False, noise="logistic")
    yield lif("soft", "agr(tau=0.5)", reset="soft")
    yield lif("soft_detached_instantaneous", "trapezoid", reset="soft", reset_gradient=False, accumulate=False)
    yield lif("hard_recurrent", "st", recurrent=True)
    yield lif("soft_recurrent_quadratic", "trapezoid", recurrent=True, reset="soft", variance="quadratic")
