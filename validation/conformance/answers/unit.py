"""The noisy binary unit and the members of the family: theory 1.1 to 1.4, 2.1 to 2.18, 3.2, 3.17."""

import ast
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from validation.conformance.answers.linear import Answers, Arrays, Options
from validation.conformance.number import Array, Real, array, each, lift, sqrt, zeros
from validation.conformance.special import NOISES, PI, relaxed_mean

RULES = ("simpson", "gauss2", "quadrature")
RELAXED = ("gs", "uniform", *RULES)
SURROGATES = ("fast-sigmoid", "arctan", "triangular")


class Member(NamedTuple):
    """A member's name and numbers, as "agr(tau=0.5)" spells them."""

    name: str
    numbers: dict[str, Any]  # decimals, and tuples of them

    @property
    def relaxed(self) -> bool:
        """Whether its forward value lies between the states."""
        return self.name in RELAXED


def read(spec: str) -> Member:
    """The member a string stands for."""
    name, _, rest = spec.partition("(")
    call = ast.parse(f"f({rest}" if rest else "f()", mode="eval").body
    assert isinstance(call, ast.Call)
    found = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    return Member(name, {k: tuple(map(exact, x)) if isinstance(x, tuple) else exact(x) for k, x in found.items()})


def exact(x: float) -> Decimal:
    """A number as it is spelt."""
    return Decimal(str(x))


def standardise(m: Real, v: Real) -> tuple[Real, Real]:
    """r = m/s and s (theory 1.1), for v > 0."""
    s = sqrt(v)
    return m / s, s


def rule(member: Member) -> tuple[list[Decimal], list[Decimal], list[Decimal]]:
    """Nodes, weights and probabilities of a rule (theory 2.12); the known ones' weights are their probabilities."""
    if member.name == "quadrature":
        nodes, weights, probabilities = (list(member.numbers[k]) for k in ("nodes", "weights", "probabilities"))
        return nodes, weights, probabilities
    if member.name == "simpson":
        weights = [Decimal(1) / 6, Decimal(4) / 6, Decimal(1) / 6]
        return [Decimal(0), Decimal("0.5"), Decimal(1)], weights, weights
    offset = 1 / (2 * Decimal(3).sqrt())
    weights = [Decimal("0.5")] * 2
    return [Decimal("0.5") - offset, Decimal("0.5") + offset], weights, weights


def node_of(probabilities: list[Decimal], u: Decimal) -> int:
    """Which node a uniform draws: the first whose cumulated probability is above it."""
    return next(k for k in range(len(probabilities)) if u < sum(probabilities[: k + 1]))


def fire(member: Member, noise: str, m: Real, v: Real, u: Real) -> Real:
    """The forward value in [0, 1] (theory 1.1, 2.11, 2.12, 2.17, 3.17)."""
    if v.value == 0:
        return Real(Decimal(int(m.value > 0)))
    r, _ = standardise(m, v)
    if member.name == "uniform":
        return Real(u.value, abs(float(u.value)))  # a narrow type rounds it
    if member.name in RULES:
        nodes, _, probabilities = rule(member)
        node = nodes[node_of(probabilities, u.value)]
        return Real(node, abs(float(node)))
    if member.name == "gs":
        return NOISES[noise].cdf((r - NOISES[noise].ppf(u)) / member.numbers["tau"])
    if member.name in SURROGATES:
        return Real(Decimal(int(r.value > 0)))
    return Real(Decimal(int(u.value < NOISES[noise].cdf(r).value)))


def slope(member: Member, noise: str, r: Real, z: int, u: Real | None, extra: list[Real]) -> Real:
    """k = w f(r) given the spike z, or the uniform u (theory 2.1 to 2.17)."""
    n, F = member.numbers, NOISES[noise]
    name = member.name
    if name in ("st", "uniform", "simpson", "gauss2"):
        return F.pdf(r)
    if name == "quadrature":
        assert u is not None
        _, weights, probabilities = rule(member)
        node = node_of(probabilities, u.value)
        return weights[node] / probabilities[node] * F.pdf(r)
    if name == "two-point":  # theory 2.3
        return n["target"][1] * F.pdf(r) / F.cdf(r) if z else n["target"][0] * F.pdf(r) / F.sf(r)
    if name in ("iwst", "mix", "trapezoid"):
        hazard = F.pdf(r) / (F.cdf(r) if z else F.sf(r))
        if name == "mix":  # theory 2.6: the st part of the mass gives f itself
            return (1 - n["lam"]) * F.pdf(r) + n["lam"] / 2 * hazard
        p = n.get("p", Decimal("0.5"))
        return (p if z else 1 - p) * hazard
    if name == "agr":
        return relaxed_mean(noise, n["tau"], r if z else -r)
    if name in ("st-gs", "gs"):
        assert u is not None
        return F.pdf((r - F.ppf(u)) / n["tau"]) / n["tau"]
    if name == "gr":
        pi = F.cdf(r)
        each_one = []
        for e in extra:  # theory 2.10
            drawn = e * pi if z else pi + e * (1 - pi)
            each_one.append(F.pdf((r - F.ppf(drawn)) / n["tau"]) / n["tau"])
        return sum(each_one, lift(0)) / len(each_one)
    if name == "identity-st":
        return lift(1)
    size, k0 = Real(abs(r.value), r.scale), n["scale"]
    if name == "fast-sigmoid":
        return 1 / ((1 + k0 * size) * (1 + k0 * size))
    if name == "arctan":
        a = Real(PI, float(PI)) * k0 * size / 2
        return k0 / 2 / (1 + a * a)
    inside = 1 - k0 * size
    return inside if inside.value > 0 else lift(0)


def backward(
    member: Member, noise: str, g: Real, z: int, m: Real, v: Real, u: Real | None, extra: list[Real]
) -> tuple[Real, Real]:
    """dm and dv of one unit (theory 3.2, 3.17)."""
    if v.value == 0:
        return lift(0), lift(0)
    r, s = standardise(m, v)
    c = g * slope(member, noise, r, z, u, extra)
    return c / s, -(c * m) / (2 * s * s * s)


def backward_all(o: Options, g: Array, z: np.ndarray, m: Array, v: Array, u: Any, extra: Any) -> tuple[Array, Array]:
    """`backward` of every unit; z are the states, u and extra float64 arrays or None."""
    member = read(o["member"])
    dm, dv = zeros(m.shape), zeros(m.shape)
    gain = 2 if o.get("domain") == "bipolar" else 1  # theory 1.4
    for i in np.ndindex(m.shape):
        own = [] if extra is None else [lift(e) for e in extra[(slice(None), *i)].tolist()]
        uniform = None if u is None else lift(float(u[i]))
        dm[i], dv[i] = backward(member, o["noise"], g[i] * gain, int(z[i]), m[i], v[i], uniform, own)
    return dm, dv


def fire_all(o: Options, m: Array, v: Array, u: np.ndarray) -> Array:
    """`fire` of every unit."""
    member = read(o["member"])
    return each(lambda a, b, c: fire(member, o["noise"], a, b, c), m, v, array(u))


def states(h: Array) -> np.ndarray:
    """Spikes as uint8."""
    return np.array([int(x.value) for x in h.ravel()], dtype=np.uint8).reshape(h.shape)


def unit(a: Arrays, o: Options) -> Answers:
    """Forward, and backward at the spikes that are given (theory 1.1, 3.2)."""
    m, v, g = (array(a[name]) for name in ("m", "v", "g"))
    h = fire_all(o, m, v, a["u"])
    relaxed = read(o["member"]).relaxed
    z = np.zeros(m.shape, np.uint8) if relaxed else a["z"]
    dm, dv = backward_all(o, g, z, m, v, a["u"], a.get("extra"))
    value = 2 * h - 1 if o["domain"] == "bipolar" else h
    return {**({"h": value} if relaxed else {"z": states(h)}), "dm": dm, "dv": dv}


def weight(a: Arrays, o: Options) -> Answers:
    """Importance weights w = dp/dq at the spikes that are given (theory 2.3)."""
    member, F = read(o["member"]), NOISES[o["noise"]]
    out = zeros(a["r"].shape)
    for i in np.ndindex(out.shape):
        r, z = lift(float(a["r"][i])), int(a["z"][i])
        if member.name in ("iwst", "mix", "trapezoid", "st"):
            pi = F.cdf(r) if z else F.sf(r)
            p = member.numbers.get("p", Decimal("0.5"))
            if member.name == "st":
                out[i] = lift(1)
            elif member.name == "mix":
                lam = member.numbers["lam"]
                out[i] = ((1 - lam) * pi + lam / 2) / pi
            else:
                out[i] = (p if z else 1 - p) / pi
        else:
            u = None if "u" not in a else lift(float(a["u"][i]))
            own = [] if "extra" not in a else [lift(e) for e in a["extra"][(slice(None), *i)].tolist()]
            out[i] = slope(member, o["noise"], r, z, u, own) / F.pdf(r)
    return {"w": out}
