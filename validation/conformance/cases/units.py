"""Cases of the noisy binary unit: every member with every noise."""

import decimal
from collections.abc import Iterator

from validation.conformance.answers.unit import MEMBERS, SURROGATES, fire_all, read, states
from validation.conformance.cases.draw import Draw, case
from validation.conformance.number import CONTEXT, array
from validation.conformance.schema import Case

NOISES = ("gaussian", "logistic")
# Members with masses of their own, which a bug may leave without their probability.
TARGETS = ("iwst", "trapezoid", "reinmax", "mix", "two-point", "quadrature")
DIMS = {**dict.fromkeys(("m", "v", "u", "z", "g", "h", "dm", "dv"), "batch,unit"), "extra": "draw,batch,unit"}
SHAPE = (4, 3)


def plain(spec: str) -> str:
    """A member's spelling inside an id; without its numbers where they are many."""
    spec = spec.partition("(")[0] if "=(" in spec else spec
    return spec.replace("(", "_").replace(")", "").replace(",", "_").replace("=", "").replace("-", "_")


def unit(noise: str, member: str, domain: str, name: str = "") -> Case:
    """Twelve units with |r| < 2; the name is made of the options if none is given."""
    id = f"unit.{name or noise + '_' + plain(member) + ('_bipolar' if domain == 'bipolar' else '')}"
    d, chosen = Draw(id), read(member)
    m, v = d.signed("m", SHAPE, 1.25), d.variances("v", SHAPE, 16, 48)
    if chosen.name in SURROGATES:
        m = 4.0 * d.signed("m", SHAPE, 0.3125)  # the spike is 1[m > 0]: keep away from 0
    options = {"noise": noise, "member": member, "domain": domain}
    with decimal.localcontext(CONTEXT):
        u = d.uniforms("u", member, noise, array(m), array(v))
        z = None if chosen.relaxed else states(fire_all(options, array(m), array(v), u))
    noises = {"u": u}
    if chosen.draws:
        noises["extra"] = d.extra("extra", chosen.draws, SHAPE)
    arrays = {
        "inputs": {"m": m, "v": v} | ({} if z is None else {"z": z}),
        "noise": noises,
        "cotangents": {"g": d.signed("g", SHAPE)},
    }
    bugs = "swapped-inequality missing-half global-scale zero-gradient"
    bugs += " fresh-noise" if chosen.name in ("gs", "st-gs", "gr") else ""
    bugs += " unnormalised-weight" if chosen.name in TARGETS else ""
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
    if chosen.draws:
        noises["extra"] = d.extra("extra", chosen.draws, r.shape)
    dims = {**dict.fromkeys(("r", "z", "w", "u"), "unit"), "extra": "draw,unit"}
    options = {"noise": noise, "member": member}
    return case(id, options, {"inputs": {"r": r, "z": z}, "noise": noises}, dims, "forward", "unnormalised-weight", d)


def make() -> Iterator[Case]:
    """All of them."""
    for noise in NOISES:
        for declared in MEMBERS.values():
            for member in declared.specs:
                yield unit(noise, member, "binary")
        for member in ("trapezoid", "agr(tau=0.5)", "gs(tau=0.5)", "simpson"):
            yield unit(noise, member, "bipolar")
        for declared in MEMBERS.values():
            if declared.weighted:
                yield weight(noise, declared.specs[-1])
