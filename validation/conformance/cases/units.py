"""Cases of the noisy binary unit: every member with every noise."""

import decimal
from collections.abc import Iterator

from validation.conformance.answers.unit import SURROGATES, fire_all, read, states
from validation.conformance.cases.draw import Draw, case
from validation.conformance.number import CONTEXT, array
from validation.conformance.schema import Case

NOISES = ("gaussian", "logistic")
MEMBERS = (
    "st",
    "iwst(p=0.25)",
    "mix(lam=0.5)",
    "trapezoid",
    "agr(tau=1)",
    "agr(tau=0.5)",
    "gr(tau=0.5,K=2)",
    "st-gs(tau=0.5)",
    "gs(tau=0.5)",
    "uniform",
    "simpson",
    "gauss2",
    "two-point(target=(0.25,0.5))",
    "quadrature(nodes=(0.125,0.75),weights=(0.375,0.5),probabilities=(0.25,0.75))",
    "identity-st",
    "fast-sigmoid(scale=2)",
    "arctan(scale=2)",
    "triangular(scale=0.5)",
)
WEIGHTED = ("iwst(p=0.25)", "mix(lam=0.5)", "trapezoid", "agr(tau=0.5)", "st-gs(tau=0.5)", "gr(tau=0.5,K=2)")
DIMS = {**dict.fromkeys(("m", "v", "u", "z", "g", "h", "dm", "dv"), "batch,unit"), "extra": "draw,batch,unit"}
SHAPE = (4, 3)


def plain(spec: str) -> str:
    """A member's spelling inside an id; without its numbers where they are many."""
    spec = spec.partition("(")[0] if "=(" in spec else spec
    return spec.replace("(", "_").replace(")", "").replace(",", "_").replace("=", "").replace("-", "_")


def unit(noise: str, member: str, domain: str) -> Case:
    """Twelve units with |r| < 2."""
    id = f"unit.{noise}_{plain(member)}" + ("_bipolar" if domain == "bipolar" else "")
    d, chosen = Draw(id), read(member)
    m, v = d.signed("m", SHAPE, 1.25), d.variances("v", SHAPE, 16, 48)
    if chosen.name in SURROGATES:
        m = 4.0 * d.signed("m", SHAPE, 0.3125)  # the spike is 1[m > 0]: keep away from 0
    options = {"noise": noise, "member": member, "domain": domain}
    with decimal.localcontext(CONTEXT):
        u = d.uniforms("u", member, noise, array(m), array(v))
        z = None if chosen.relaxed else states(fire_all(options, array(m), array(v), u))
    noises = {"u": u}
    if chosen.name == "gr":
        noises["extra"] = d.extra("extra", int(chosen.numbers["K"]), SHAPE)
    arrays = {
        "inputs": {"m": m, "v": v} | ({} if z is None else {"z": z}),
        "noise": noises,
        "cotangents": {"g": d.signed("g", SHAPE)},
    }
    bugs = "swapped-inequality missing-half global-scale zero-gradient"
    bugs += " fresh-noise" if chosen.name in ("gs", "st-gs", "gr") else ""
    bugs += " unnormalised-weight" if chosen.name in ("iwst", "trapezoid", "mix", "two-point", "quadrature") else ""
    bugs += " bipolar-factor" if domain == "bipolar" else ""
    return case(id, options, arrays, DIMS, "forward backward", bugs, d)


def weight(noise: str, member: str) -> Case:
    """The importance weights of ten units."""
    id = f"weight.{noise}_{plain(member)}"
    d, chosen = Draw(id), read(member)
    r = d.signed("r", (10,), 1.75)
    with decimal.localcontext(CONTEXT):
        u = d.uniforms("u", member, noise, array(r), array(r * 0 + 1))
        z = states(fire_all({"noise": noise, "member": member}, array(r), array(r * 0 + 1), u))
    noises = {"u": u} if chosen.name in ("st-gs", "gr") else {}
    if chosen.name == "gr":
        noises["extra"] = d.extra("extra", int(chosen.numbers["K"]), r.shape)
    dims = {**dict.fromkeys(("r", "z", "w", "u"), "unit"), "extra": "draw,unit"}
    options = {"noise": noise, "member": member}
    return case(id, options, {"inputs": {"r": r, "z": z}, "noise": noises}, dims, "forward", "unnormalised-weight", d)


def make() -> Iterator[Case]:
    """All of them."""
    for noise in NOISES:
        for member in MEMBERS:
            yield unit(noise, member, "binary")
        for member in ("trapezoid", "agr(tau=0.5)", "gs(tau=0.5)", "simpson"):
            yield unit(noise, member, "bipolar")
        for member in WEIGHTED:
            yield weight(noise, member)
