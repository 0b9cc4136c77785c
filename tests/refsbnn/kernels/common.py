"""What the kernels' tests share: tolerances, sizes, uniforms, and the members and types they go through."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from refsbnn import estimators

# The same examples on every run: a failure is then the code's, not the draw's.
SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)
DTYPES = st.sampled_from([np.float32, np.float64])
SPIKES = ("bernoulli", "deterministic")
SPIKING = [spec for spec in estimators.EXAMPLES if estimators.get(spec).proposal in SPIKES]
RELAXED = [spec for spec in estimators.EXAMPLES if spec not in SPIKING]
# A comparison of u with pi is safe from rounding at this distance: pi is off by 2 eps from its own evaluation and by
# |r| f(r) < 1/4 times the relative error of r, some hundred eps where m and v are sums of a hundred terms.
SAFE = 2.0**-12


def around(block: int) -> tuple[int, ...]:
    """Sizes on both sides of what a kernel takes at a time: a part, all, one more, two and a part."""
    return block - 1, block, block + 1, 2 * block + 3


def rectangle(area: int) -> tuple[int, int]:
    """Height and width of the image of so many pixels that is nearest to a square."""
    height = max(n for n in range(1, area + 1) if area % n == 0 and n * n <= area)
    return height, area // height


def clear_of(u: np.ndarray, probability: Callable[[np.ndarray], np.ndarray], margin: float = SAFE) -> np.ndarray:
    """Uniforms of which none lies within `margin` of its unit's probability, which may follow from the others.

    A uniform too near is moved, where there is room to its own side, so that the spike stays: what a unit passes on
    changes only where its probability is at an end of [0, 1]. Those that depend on no other are right after one round,
    those that depend on these after two, so there are at most as many rounds as steps. All are multiples of 2^-24, as
    the streams' are: numbers of float32.
    """
    while True:
        p = probability(u)
        near = np.abs(u - p) <= margin
        if not near.any():
            return u
        side = np.where(p < 2.0 * margin, 1.0, np.where(p > 1.0 - 2.0 * margin, -1.0, np.where(u < p, -1.0, 1.0)))
        u = np.where(near, np.rint((p + 1.5 * side * margin) * 2.0**24) * 2.0**-24, u)


def close(given: np.ndarray, exact: np.ndarray, absolute: Any, terms: float) -> None:
    """Within (terms + 4) eps of the absolute size: a sum of n terms, in any order, is off by n eps of their sizes."""
    eps = np.finfo(given.dtype).eps
    bound = (terms + 4) * eps * np.asarray(absolute, np.float64) + np.finfo(given.dtype).tiny
    error = np.abs(given.astype(np.float64) - exact)
    assert given.shape == exact.shape
    assert (error <= bound).all(), f"{(error / bound).max():.3g} times the bound"


def size(*arrays: np.ndarray) -> float:
    """The largest absolute value."""
    return max((float(np.abs(a).max()) for a in arrays if a.size), default=0.0)
