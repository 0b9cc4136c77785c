"""Numbers that carry their own rounding scale: 40-digit decimals, the same on every machine.

The expected values of the conformance cases are computed with Python's `decimal`, whose operations, `exp`, `ln` and
`sqrt` are specified to the last digit (General Decimal Arithmetic), so no library and no processor can change one. The
binary64 value that is stored is the decimal's nearest.

A `Real` also carries the first-order rounding error that a plain floating-point program may make on the way, in units
of the type's eps: each operation adds the absolute value of its result, and hands on what its operands bring, times
the derivative. A sum of many terms (`total`) adds the absolute values of the terms. That is the `scale` the tolerances
use. It is made of +, - and * of binary64, so it is the same on every machine too.
"""

import decimal
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

DIGITS = 40
HALF_ULP = 2.0**-53
CONTEXT = decimal.Context(prec=DIGITS, Emin=-99_999, Emax=99_999, traps=[decimal.InvalidOperation, decimal.Overflow])
ZERO, ONE, HALF = Decimal(0), Decimal(1), Decimal("0.5")


class Real:
    """A decimal and its rounding scale.

    Examples
    --------
    >>> with decimal.localcontext(CONTEXT):
    ...     y = Real(Decimal(3)) * Real(Decimal(-2))
    >>> y.value, y.scale
    (Decimal('-6'), 6.0)
    """

    __slots__ = ("scale", "value")

    def __init__(self, value: Decimal, scale: float = 0.0) -> None:
        self.value = value
        self.scale = scale

    def __add__(self, other: Any) -> "Real":
        other = lift(other)
        value = self.value + other.value
        return Real(value, self.scale + other.scale + abs(float(value)))

    __radd__ = __add__

    def __neg__(self) -> "Real":
        return Real(-self.value, self.scale)

    def __sub__(self, other: Any) -> "Real":
        return self + (-lift(other))

    def __rsub__(self, other: Any) -> "Real":
        return lift(other) + (-self)

    def __mul__(self, other: Any) -> "Real":
        other = lift(other)
        value = self.value * other.value
        carried = abs(float(self.value)) * other.scale + abs(float(other.value)) * self.scale
        return Real(value, carried + abs(float(value)))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Real":
        other = lift(other)
        value = self.value / other.value
        carried = (self.scale + abs(float(value)) * other.scale) / abs(float(other.value))
        return Real(value, carried + abs(float(value)))

    def __rtruediv__(self, other: Any) -> "Real":
        return lift(other) / self

    def __repr__(self) -> str:
        return f"Real({float(self.value):g}, scale {self.scale:.2g})"


def lift(value: Any) -> Real:
    """An exact number as a `Real`; a `Real` is passed through."""
    return value if isinstance(value, Real) else Real(Decimal(value))


def function(x: Real, value: Decimal, slope: Decimal, rounding: float = 1.0) -> Real:
    """The value of a function at x, given its derivative there; it rounds by `rounding` units of itself."""
    return Real(value, abs(float(slope)) * x.scale + rounding * abs(float(value)))


def exp(x: Real) -> Real:
    """e^x."""
    value = x.value.exp()
    return function(x, value, value)


def log(x: Real) -> Real:
    """Natural logarithm."""
    return function(x, x.value.ln(), 1 / x.value)


def sqrt(x: Real) -> Real:
    """Square root of a positive number."""
    value = x.value.sqrt()
    return function(x, value, HALF / value)


Array = Any  # an object array of Real: NumPy's types have no word for it


def array(values: Any) -> Array:
    """Exact float64 or integer values as an array of `Real`."""
    given = np.asarray(values)
    out = np.empty(given.shape, dtype=object)
    for index in np.ndindex(given.shape):
        out[index] = lift(given[index].item())
    return out


def each(rule: Callable[..., Real], *arrays: Any) -> Array:
    """A rule applied element by element, with broadcasting."""
    out = np.frompyfunc(rule, len(arrays), 1)(*arrays)
    return out if isinstance(out, np.ndarray) else scalar(out)


def scalar(x: Real) -> Array:
    """A `Real` as an array without axes."""
    out = np.empty((), dtype=object)
    out[()] = x
    return out


def total(terms: Array, axes: int | tuple[int, ...] = -1) -> Array:
    """Sum over axes; its scale is what the terms bring plus the sum of their absolute values."""
    axes = tuple(a % terms.ndim for a in ((axes,) if isinstance(axes, int) else axes))
    kept = [a for a in range(terms.ndim) if a not in axes]
    shape = tuple(terms.shape[a] for a in kept)
    rows = terms.transpose(*kept, *axes).reshape(*shape, -1)
    out = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        row = rows[index]
        value, scale = ZERO, 0.0
        for x in row:
            value = value + x.value
            scale = scale + x.scale + abs(float(x.value))
        out[index] = Real(value, scale)
    return out


def contract(a: Array, b: Array) -> Array:
    """Matrix product a @ b^T over the last axis of both: (..., k), (n, k) -> (..., n)."""
    return total(a[..., None, :] * b)


def zeros(shape: tuple[int, ...]) -> Array:
    """Exact zeros."""
    return array(np.zeros(shape))


def values(a: Array) -> np.ndarray:
    """The nearest float64 values."""
    return np.array([float(x.value) for x in a.ravel()], dtype=np.float64).reshape(a.shape)


def scales(a: Array) -> np.ndarray:
    """The rounding scales, in units of eps."""
    return np.array([x.scale for x in a.ravel()], dtype=np.float64).reshape(a.shape)


def frozen(array: np.ndarray) -> np.ndarray:
    """A read-only copy, C-contiguous, -0 as 0."""
    out = np.array(array, order="C")
    if out.dtype.kind == "f":
        out = out + 0.0
    out.setflags(write=False)
    return out


Stored = tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]


def stored(outputs: Mapping[str, Any]) -> Stored:
    """What a case keeps of its answers: nearest float64 values (integers as they are), scales and bounds."""
    found = {k: scalar(y) if isinstance(y, Real) else y for k, y in outputs.items()}
    real = {k: y for k, y in found.items() if y.dtype == object}
    expected = {k: frozen(values(y) if k in real else y) for k, y in found.items()}
    scale = {k: frozen(scales(y)) for k, y in real.items()}
    return expected, scale, {k: frozen(np.abs(expected[k]) * HALF_ULP) for k in real}
