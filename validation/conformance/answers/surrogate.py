"""Spikes of deterministic neurons and the slopes that are put in the place of their derivative.

Equations and sources are in docs/conformance.md ("Deterministic neurons"). x = V - theta; k, a, s are the numbers of
the shape's spelling, "arctan(scale=2)".
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from validation.conformance.answers.linear import Answers, Arrays, Options
from validation.conformance.answers.unit import Member, read, states
from validation.conformance.number import Array, Real, array, each, exp, lift
from validation.conformance.special import PI

Numbers = dict[str, Any]
HEIGHTS = ("published", "peak", "area")
AT_THRESHOLD = ("silent", "spike")
ROOT_PI = PI.sqrt()


class Shape(NamedTuple):
    """A slope as published, its value at 0, its integral (None: infinite), and where it is not smooth beside 0."""

    slope: Callable[[Numbers, Real], Real]
    peak: Callable[[Numbers], Decimal]
    area: Callable[[Numbers], Decimal | None]
    edges: Callable[[Numbers], tuple[Decimal, ...]] = lambda n: ()


def size(x: Real) -> Real:
    """|x|."""
    return Real(abs(x.value), x.scale)


def constant(value: Decimal) -> Real:
    """A number that is rounded once."""
    return Real(value, abs(float(value)))


def boxcar(n: Numbers, x: Real) -> Real:
    """1/a within a/2 of the threshold."""
    return constant(1 / n["width"]) if abs(x.value) < n["width"] / 2 else lift(0)


def leaky_boxcar(n: Numbers, x: Real) -> Real:
    """1/a within a/2 of the threshold, a small number outside."""
    return constant(1 / n["width"] if abs(x.value) < n["width"] / 2 else n["leak"])


def triangular(n: Numbers, x: Real) -> Real:
    """gamma max(0, 1 - k |x|)."""
    inside = 1 - n["scale"] * size(x)
    return n["gamma"] * inside if inside.value > 0 else lift(0)


def fast_sigmoid(n: Numbers, x: Real) -> Real:
    """1 / (1 + k |x|)^2."""
    base = 1 + n["scale"] * size(x)
    return 1 / (base * base)


def logistic(k: Any, x: Real) -> Real:
    """sigma'(k x)."""
    t = size(k * x)
    e = exp(-t)
    down = 1 + e
    return e / (down * down)


def arctan(n: Numbers, x: Real) -> Real:
    """(k/2) / (1 + (pi k x / 2)^2)."""
    a = Real(PI, float(PI)) * n["scale"] * size(x) / 2
    return n["scale"] / 2 / (1 + a * a)


def bell(x: Real, s: Any) -> Real:
    """Density of N(0, s^2)."""
    t = x / s
    return exp(-(t * t) / 2) / (constant((2 * PI).sqrt()) * s)


def multi_gaussian(n: Numbers, x: Real) -> Real:
    """(1 + h) N(x; 0, s^2) - h N(x; s, (c s)^2) - h N(x; -s, (c s)^2)."""
    s, h, wide = n["sigma"], n["h"], n["spread"] * n["sigma"]
    return (1 + h) * bell(x, s) - h * bell(x - s, wide) - h * bell(x + s, wide)


def multi_peak(n: Numbers) -> Decimal:
    """Its value at 0."""
    return multi_gaussian(n, lift(0)).value


ONE = Decimal(1)
SHAPES: dict[str, Shape] = {
    "straight-through": Shape(lambda n, x: lift(1), lambda n: ONE, lambda n: None),
    "boxcar": Shape(boxcar, lambda n: 1 / n["width"], lambda n: ONE, lambda n: (n["width"] / 2,)),
    "leaky-boxcar": Shape(leaky_boxcar, lambda n: 1 / n["width"], lambda n: None, lambda n: (n["width"] / 2,)),
    "triangular": Shape(
        triangular, lambda n: n["gamma"], lambda n: n["gamma"] / n["scale"], lambda n: (1 / n["scale"],)
    ),
    "fast-sigmoid": Shape(fast_sigmoid, lambda n: ONE, lambda n: 2 / n["scale"]),
    "sigmoid": Shape(lambda n, x: n["scale"] * logistic(n["scale"], x), lambda n: n["scale"] / 4, lambda n: ONE),
    "tanh": Shape(lambda n, x: 4 * logistic(2 * n["scale"], x), lambda n: ONE, lambda n: 2 / n["scale"]),
    "arctan": Shape(arctan, lambda n: n["scale"] / 2, lambda n: ONE),
    "gaussian": Shape(lambda n, x: bell(x, n["sigma"]), lambda n: 1 / (n["sigma"] * (2 * PI).sqrt()), lambda n: ONE),
    "erf": Shape(
        lambda n, x: n["scale"] * (exp(-(n["scale"] * x) * (n["scale"] * x)) / constant(ROOT_PI)),
        lambda n: n["scale"] / ROOT_PI,
        lambda n: ONE,
    ),
    "exponential": Shape(
        lambda n, x: n["scale"] / 2 * exp(-(n["scale"] * size(x))), lambda n: n["scale"] / 2, lambda n: ONE
    ),
    "multi-gaussian": Shape(multi_gaussian, multi_peak, lambda n: 1 - n["h"]),
}


def slope(chosen: Member, height: str, x: Real) -> Real:
    """The slope at x; "peak" makes it 1 at 0, "area" makes its integral 1."""
    shape = SHAPES[chosen.name]
    out = shape.slope(chosen.numbers, x)
    if height == "published":
        return out
    whole = shape.peak(chosen.numbers) if height == "peak" else shape.area(chosen.numbers)
    if whole is None:
        raise ValueError(f"the area of {chosen.name} is infinite")
    return out if whole == 1 else out / constant(whole)


def fires(x: Decimal, at_threshold: str) -> int:
    """1[x > 0], or 1[x >= 0]."""
    return int(x > 0 or (x == 0 and at_threshold == "spike"))


def edges(chosen: Member) -> tuple[Decimal, ...]:
    """Distances from the threshold at which the slope jumps or bends."""
    return SHAPES[chosen.name].edges(chosen.numbers)


def slopes(o: Options, x: Array) -> Array:
    """`slope` of every neuron."""
    chosen = read(o["shape"])
    return each(lambda one: slope(chosen, o["height"], one), x)


def surrogate(a: Arrays, o: Options) -> Answers:
    """Spikes, and the cotangent times the slope."""
    x = array(a["x"])
    z = each(lambda one: Real(Decimal(fires(one.value, o["at_threshold"]))), x)
    return {"z": states(z), "dx": array(a["g"]) * slopes(o, x)}


OPS = {"surrogate": surrogate}
