"""The noisy binary unit and the members of the family: theory 1.1 to 1.4, 2.1 to 2.21, 3.2, 3.17."""

import ast
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from validation.conformance.answers.linear import Answers, Arrays, Options
from validation.conformance.number import HALF, Array, Real, array, each, exp, lift, log, sqrt, zeros
from validation.conformance.special import NOISES, PI, relaxed_mean

RULES = ("simpson", "gauss2", "quadrature")
RELAXED = ("gs", "uniform", *RULES)
SURROGATES = ("fast-sigmoid", "arctan", "triangular", "gaussian")


class Member(NamedTuple):
    """A member's name and numbers, as "agr(tau=0.5)" spells them."""

    name: str
    numbers: dict[str, Any]  # decimals, and tuples of them

    @property
    def relaxed(self) -> bool:
        """Whether its forward value lies between the states."""
        return self.name in RELAXED

    @property
    def draws(self) -> int:
        """How many uniforms of its own a unit draws."""
        return int(self.numbers["K"]) if self.name == "gr" else 0


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


class At(NamedTuple):
    """One unit: its r with the noise's numbers there, the spike, and its uniforms."""

    noise: str
    r: Real
    z: int
    u: Real | None
    extra: list[Real]

    @property
    def own(self) -> Real:
        """Probability of the spike's state."""
        return NOISES[self.noise].cdf(self.r) if self.z else NOISES[self.noise].sf(self.r)

    @property
    def other(self) -> Real:
        """Probability of the other state."""
        return NOISES[self.noise].sf(self.r) if self.z else NOISES[self.noise].cdf(self.r)

    @property
    def f(self) -> Real:
        """Density of the noise."""
        return NOISES[self.noise].pdf(self.r)


Numbers = dict[str, Any]


class Entry(NamedTuple):
    """A member's slope w f(r) and weight w at a unit, from its numbers (theory 2.1)."""

    slope: Callable[[Numbers, At], Real]
    weight: Callable[[Numbers, At], Real]


def affine(parts: Callable[[Numbers], tuple[Any, Any, Any]]) -> Entry:
    """Masses p_z = a P(z) + b_z (theory 2.19), from the numbers to a, b0, b1: the slope is a f + b_z f/P(z)."""

    def slope(n: Numbers, at: At) -> Real:
        a, *b = parts(n)
        terms = [] if a == 0 else [at.f if a == 1 else a * at.f]
        terms += [] if b == [0, 0] else [b[at.z] * (at.f / at.own)]
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]

    def weight(n: Numbers, at: At) -> Real:
        a, *b = parts(n)
        if b == [0, 0]:
            return lift(a)
        return (b[at.z] + (0 if a == 0 else a * at.own)) / at.own

    return Entry(slope, weight)


def over_density(slope: Callable[[Numbers, At], Real]) -> Entry:
    """A member by its slope alone: the weight is that over f."""
    return Entry(slope, lambda n, at: slope(n, at) / at.f)


def temp(n: Numbers, at: At) -> Real:
    """theory 2.20, the state's probability cancelled."""
    return at.f * (1 + n["c"] / 2 * at.other) / (1 + n["c"] * (at.own * at.other))


def gapped(n: Numbers, at: At) -> Real:
    """theory 2.21: sigma'(a/tau)/tau times dl/dr = f / (pi (1 - pi)), with e^(-a/tau) for the sigmoid."""
    l = log(at.own / at.other)
    y = exp(-(l if l.value > n["gap"] else lift(n["gap"])) / n["tau"])
    return y / ((1 + y) * (1 + y)) / n["tau"] * (at.f / (at.own * at.other))


def relaxed_slope(n: Numbers, at: At, u: Real) -> Real:
    """Slope of the relaxation at the pre-activation that u stands for (theory 2.9)."""
    F = NOISES[at.noise]
    return F.pdf((at.r - F.ppf(u)) / n["tau"]) / n["tau"]


def drawn(n: Numbers, at: At) -> Real:
    """theory 2.9, 2.11."""
    assert at.u is not None
    return relaxed_slope(n, at, at.u)


def gumbel_rao(n: Numbers, at: At) -> Real:
    """theory 2.10."""
    pi = NOISES[at.noise].cdf(at.r)
    each_one = [relaxed_slope(n, at, e * pi if at.z else pi + e * (1 - pi)) for e in at.extra]
    return sum(each_one, lift(0)) / len(each_one)


def own_rule(n: Numbers, at: At) -> Real:
    """theory 2.12."""
    assert at.u is not None
    node = node_of(list(n["probabilities"]), at.u.value)
    return n["weights"][node] / n["probabilities"][node] * at.f


def fast_sigmoid(n: Numbers, at: At) -> Real:
    """theory 2.17."""
    return 1 / ((1 + n["scale"] * size(at)) * (1 + n["scale"] * size(at)))


def arctan(n: Numbers, at: At) -> Real:
    """theory 2.17."""
    a = Real(PI, float(PI)) * n["scale"] * size(at) / 2
    return n["scale"] / 2 / (1 + a * a)


def triangular(n: Numbers, at: At) -> Real:
    """theory 2.17."""
    inside = 1 - n["scale"] * size(at)
    return inside if inside.value > 0 else lift(0)


def gaussian(n: Numbers, at: At) -> Real:
    """theory 2.17."""
    return n["scale"] * NOISES["gaussian"].pdf(n["scale"] * at.r)


def size(at: At) -> Real:
    """|r|."""
    return Real(abs(at.r.value), at.r.scale)


class Declared(NamedTuple):
    """What the suite knows of a member."""

    entry: Entry
    specs: tuple[str, ...]  # spellings that its cases are made of
    weighted: bool = False  # the last of them has a case of its weight
    limits: bool = False  # the first has a case at probabilities near 0 and 1


ZERO = Decimal(0)
HALVES = affine(lambda n: (ZERO, HALF, HALF))
DENSITY = affine(lambda n: (Decimal(1), ZERO, ZERO))
AGR = over_density(lambda n, at: relaxed_mean(at.noise, n["tau"], at.r if at.z else -at.r))
MEMBERS: dict[str, Declared] = {
    "st": Declared(DENSITY, ("st",), limits=True),
    "iwst": Declared(affine(lambda n: (ZERO, 1 - n["p"], n["p"])), ("iwst(p=0.25)",), True, True),
    "mix": Declared(affine(lambda n: (1 - n["lam"], n["lam"] / 2, n["lam"] / 2)), ("mix(lam=0.5)",), True),
    "trapezoid": Declared(HALVES, ("trapezoid",), True, True),
    "reinmax": Declared(HALVES, ("reinmax",)),
    "temp": Declared(over_density(temp), ("temp(c=2)",), True, True),
    "gapped-st": Declared(over_density(gapped), ("gapped-st(gap=1,tau=1)", "gapped-st(gap=0.5,tau=0.5)"), True, True),
    "agr": Declared(AGR, ("agr(tau=1)", "agr(tau=0.5)"), True, True),
    "gr": Declared(over_density(gumbel_rao), ("gr(tau=0.5,K=2)",), True),
    "st-gs": Declared(over_density(drawn), ("st-gs(tau=0.5)",), True),
    "gs": Declared(over_density(drawn), ("gs(tau=0.5)",)),
    "uniform": Declared(DENSITY, ("uniform",)),
    "simpson": Declared(DENSITY, ("simpson",)),
    "gauss2": Declared(DENSITY, ("gauss2",)),
    "two-point": Declared(affine(lambda n: (ZERO, *n["target"])), ("two-point(target=(0.25,0.5))",)),
    "quadrature": Declared(
        over_density(own_rule),
        ("quadrature(nodes=(0.125,0.75),weights=(0.375,0.5),probabilities=(0.25,0.75))",),
    ),
    "identity-st": Declared(over_density(lambda n, at: lift(1)), ("identity-st",), limits=True),
    "fast-sigmoid": Declared(over_density(fast_sigmoid), ("fast-sigmoid(scale=2)",)),
    "arctan": Declared(over_density(arctan), ("arctan(scale=2)",)),
    "triangular": Declared(over_density(triangular), ("triangular(scale=0.5)",)),
    "gaussian": Declared(over_density(gaussian), ("gaussian(scale=0.75)",)),
}


def backward(
    member: Member, noise: str, g: Real, z: int, m: Real, v: Real, u: Real | None, extra: list[Real]
) -> tuple[Real, Real]:
    """dm and dv of one unit (theory 3.2, 3.17)."""
    if v.value == 0:
        return lift(0), lift(0)
    r, s = standardise(m, v)
    c = g * MEMBERS[member.name].entry.slope(member.numbers, At(noise, r, z, u, extra))
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
    member = read(o["member"])
    out = zeros(a["r"].shape)
    for i in np.ndindex(out.shape):
        u = None if "u" not in a else lift(float(a["u"][i]))
        own = [] if "extra" not in a else [lift(e) for e in a["extra"][(slice(None), *i)].tolist()]
        at = At(o["noise"], lift(float(a["r"][i])), int(a["z"][i]), u, own)
        out[i] = MEMBERS[member.name].entry.weight(member.numbers, at)
    return {"w": out}


OPS = {
    "unit": unit,
    "weight": weight,
}
