"""What the kernels' tests share: tolerances, and the members and types they go through."""

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
