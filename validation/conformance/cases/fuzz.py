"""Fresh cases from a seed: other numbers, and options that no case in the file has together.

Nobody passes these by fitting the vectors. Answers have 40 digits as all others do; the same seed gives the same cases
everywhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from validation.conformance.answers.deterministic import ORDERS, REFRACTORY
from validation.conformance.answers.unit import MEMBERS
from validation.conformance.cases import deterministic, dynamics, linear, point, units
from validation.conformance.cases.draw import Draw
from validation.conformance.schema import Case


class Choice:
    """Decisions of one case, from its name."""

    def __init__(self, name: str) -> None:
        self.draw, self.count = Draw(name), 0

    def of(self, *values: Any) -> Any:
        """One of some values."""
        self.count += 1
        return values[self.draw.word("choice", self.count) % len(values)]

    def between(self, low: int, high: int, unit: int) -> float:
        """k / unit with k from low to high."""
        self.count += 1
        return (low + self.draw.word("choice", self.count) % (high - low + 1)) / unit


def member(c: Choice) -> str:
    """A member, with numbers of its own where it has some that may be any."""
    tau, share = c.of(0.25, 0.5, 0.75, 1), c.between(1, 15, 16)
    specs = [
        f"iwst(p={share})",
        f"mix(lam={share})",
        f"temp(c={c.between(1, 8, 2)})",
        f"st-gs(tau={tau})",
        f"gs(tau={tau})",
    ]
    return c.of(*specs, *(spec for declared in MEMBERS.values() for spec in declared.specs))


def dense(c: Choice, name: str) -> Case:
    """A dense layer."""
    domain, variance = c.of(*linear.DOMAINS)
    return linear.dense(name, domain, variance, bias=c.of(True, False), relaxed=domain != "real" and c.of(True, False))


def conv2d(c: Choice, name: str) -> Case:
    """A convolution."""
    domain, variance = c.of(*linear.DOMAINS)
    return linear.conv2d(name, domain, variance, c.of(1, 2, 3), c.of(0, 1, 2), bias=c.of(True, False))


def pool(c: Choice, name: str) -> Case:
    """A pooling layer."""
    return linear.pool(c.of("average", "max"), name, c.of(2, 3), c.of(1, 2, 3), "real")


def unit(c: Choice, name: str) -> Case:
    """Units."""
    return units.unit(c.of(*units.NOISES), member(c), c.of("binary", "bipolar"), name)


def block(c: Choice, name: str) -> Case:
    """A residual block."""
    options = {"noise": c.of(*units.NOISES), "member": c.of("st", "trapezoid", "iwst(p=0.25)")}
    options |= {"domain": c.of("binary", "bipolar"), "variance": c.of("linear", "quadratic")}
    return dynamics.block(name, {**options, "accumulate": c.of(True, False), "scale": c.between(4, 16, 16)}, c.of(1, 2))


def lif(c: Choice, name: str) -> Case:
    """Noisy neurons."""
    options = {"reset": c.of("hard", "soft"), "accumulate": c.of(True, False), "reset_gradient": c.of(True, False)}
    options |= {"beta": c.between(2, 15, 16), "theta": c.between(2, 12, 16), "noise": c.of(*units.NOISES)}
    options |= {"member": c.of("st", "trapezoid", "iwst(p=0.25)"), "variance": c.of("linear", "quadratic")}
    return dynamics.lif(name, options, c.of(True, False))


def surrogate(c: Choice, name: str) -> Case:
    """Spikes with a slope."""
    return deterministic.surrogate(name, shape(c), c.of("published", "published", "peak"))


def shape(c: Choice) -> str:
    """A slope with a scale of its own."""
    kind = c.of("fast-sigmoid", "sigmoid", "tanh", "arctan", "erf", "exponential")
    return c.of(f"{kind}(scale={c.between(4, 40, 8)})", *deterministic.SPECS)


def lif_deterministic(c: Choice, name: str) -> Case:
    """Neurons without noise."""
    beta = c.between(2, 15, 16)
    options = {"beta": beta, "theta": c.between(4, 16, 16), "reset": c.of("subtract", "zero", "none")}
    options |= {"reset_order": c.of(*ORDERS), "reset_gradient": c.of(True, False), "alpha": c.of(None, None, 0.5, 0.75)}
    options |= {"refractory": c.of(0, 0, 1, 2), "refractory_kind": c.of(*REFRACTORY), "output_delay": c.of(0, 0, 1)}
    return deterministic.lif(name, {**options, "record": c.of("spikes", "membrane")})


def point_dense(c: Choice, name: str) -> Case:
    """A dense layer with point weights."""
    return point.dense(name, c.of(True, False), c.of(0, 4))


def point_conv2d(c: Choice, name: str) -> Case:
    """A convolution with point weights."""
    return point.conv2d(name, c.of(1, 2), c.of(0, 1), c.of(True, False))


KINDS: tuple[Callable[[Choice, str], Case], ...] = (
    *(dense, conv2d, pool, unit, unit, unit, block, lif, lif),
    *(surrogate, lif_deterministic, lif_deterministic, point_dense, point_conv2d),
)


def make(count: int, seed: int) -> Iterator[Case]:
    """`count` cases, of every kind in turn.

    Examples
    --------
    >>> [case.id for case in make(2, seed=7)]
    ['dense.fuzz_7_0', 'conv2d.fuzz_7_1']
    """
    for i in range(count):
        name = f"fuzz_{seed}_{i}"
        case = KINDS[i % len(KINDS)](Choice(name), name)
        # An axis may be as long as another, and a pool may leave pixels out: these cases need not keep such promises.
        yield replace(case, flags=(*case.flags, "fuzz"))
