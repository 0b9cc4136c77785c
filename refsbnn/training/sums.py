"""Sums of gradients over the shards of a batch that depend on no order: int64 fixed point (theory 6.2 to 6.4).

A gradient is rounded to a multiple of a power of two, its array's unit, and added as an integer. Integers add up to the
same sum in any order, so neither the number of ranks nor the MPI library's algorithm can change a bit of it.

The unit follows from what the array's gradients were in the steps before, with `HEADROOM` bits for growth; where one
grew by more, the sum says so and is made again, with the unit that it needs. So one message a step is enough.
"""

from collections.abc import Mapping
from math import frexp, inf, isfinite, ldexp
from typing import Any

import numpy as np

from refsbnn import fixed_point
from refsbnn.optim import Parameters

BITS = 62  # of a sum's magnitude: one less than int64 has
HEADROOM = 10  # an array's largest gradient may grow by 2^10 from one step to the next before a step is done again
ZERO = -1100  # the exponent of an array of zeros: below that of the smallest float64
NOT_FINITE = 2**20  # the exponent of an array with NaN or infinity: above all others


def exponent(largest: float) -> int:
    """The least e with a largest magnitude < 2^e; `ZERO` or `NOT_FINITE` where there is none.

    Examples
    --------
    >>> exponent(3.0), exponent(0.0) == ZERO, exponent(np.nan) == NOT_FINITE
    (2, True, True)
    """
    if not isfinite(largest):
        return NOT_FINITE
    return frexp(largest)[1] if largest else ZERO


def power(e: int) -> float:
    """2^e, or infinity."""
    return ldexp(1.0, e) if e < 1024 else inf


class Sum:
    """The sum of one batch's gradients, array by array, in one int64 array.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
    scale : mapping of str to int
        For each array the exponent e of which no summand's magnitude reaches 2^e.
    shards : int
        Summands of each array.
    buffer : (n,) int64 array
        Takes the sums, one array after the other; what it holds before does not matter.
    arithmetic : module, optional
        `refsbnn.fixed_point`, or `refsbnn.kernels.fixed_point`, which gives the same bits in fewer passes.

    Examples
    --------
    >>> total = Sum({"w": (2,)}, {"w": 3}, 2, np.empty(2, np.int64))
    >>> total.add({"w": np.array([1.5, -7.0], np.float32)})
    {'w': 3}
    >>> total.add({"w": np.array([0.1, 7.0], np.float32)})
    {'w': 3}
    >>> total.value({"w": np.dtype(np.float32)})
    {'w': array([1.6, 0. ], dtype=float32)}
    """

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        scale: Mapping[str, int],
        shards: int,
        buffer: np.ndarray,
        arithmetic: Any = fixed_point,
    ) -> None:
        self.shapes, self.scale, self.buffer, self.arithmetic = shapes, scale, buffer, arithmetic
        self.empty = True
        self.bits = BITS - (shards - 1).bit_length()  # theory 6.2: summands up to 2^bits sum up to 2^62 at most

    def add(self, gradients: Parameters) -> dict[str, int]:
        """Add one shard's gradients; returns each array's exponent. Above its scale, an array's sum is of no use."""
        found, begin = {}, 0
        for key, shape in self.shapes.items():
            assert gradients[key].shape == shape
            g, e = np.ravel(gradients[key]), self.scale[key]
            into = self.buffer[begin : begin + g.size]
            found[key] = exponent(self.arithmetic.add(into, g, self.bits - e, power(e), self.empty))
            begin += g.size
        self.empty = False
        return found

    def value(self, dtypes: Mapping[str, np.dtype]) -> Parameters:
        """The sums as floating-point numbers: rounded to float64, then to the array's type."""
        out, begin = {}, 0
        for key, shape in self.shapes.items():
            size = int(np.prod(shape))
            q = self.buffer[begin : begin + size]
            value, largest = self.arithmetic.read(q, self.scale[key] - self.bits, dtypes[key])
            assert largest <= 2**BITS, "theory 6.2: a sum cannot overflow"
            out[key] = value.reshape(shape)
            begin += size
        return out


def next_scale(before: Mapping[str, int], exponents: Mapping[str, int]) -> dict[str, int]:
    """The scale after a step with these exponents: with headroom, and falling by one bit a step at most (theory 6.3).

    Examples
    --------
    >>> next_scale({"w": 40, "b": 12}, {"w": 3, "b": 4})
    {'w': 39, 'b': 14}
    """
    return {key: max(found + HEADROOM, before[key] - 1) for key, found in exponents.items()}
