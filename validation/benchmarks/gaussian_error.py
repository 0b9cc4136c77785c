"""How far the engine's float32 Gaussian is off, in units in the last place, beside what the rounding of r brings.

    python -m validation.benchmarks.gaussian_error

Every power of two that float32 has, with mantissas at both ends and drawn ones, and dense draws where probabilities are
decided; the exact values are mpmath's.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
from numba import njit

from refsbnn.kernels import gaussian
from refsbnn.kernels.simd import LANES, load, store
from validation.benchmarks.machine import processor

DIGITS = 30  # of mpmath
EDGES = (0.0, 1.0, 3.0, 5.0, 8.0, 12.9)  # of the rows, for |r|; beyond, Phi(-r) is held at Phi(-12.9)
NAMES = ("Phi(r)", "Phi(-r)", "exp(-r^2/2)", "R(r)", "f/F(r)", "f/F(-r)")


def points(count: int, seed: int = 0) -> np.ndarray:
    """Arguments r >= 0: `count` mantissas for each exponent, and 64 times as many draws on [0, 13).

    Examples
    --------
    >>> points(3).size % 16, float(points(3).min()), bool(np.isfinite(points(3)).all())
    (0, 0.0, True)
    """
    rng = np.random.default_rng(seed)
    mantissas = rng.integers(0, 2**23, (255, count))
    mantissas[:, 0], mantissas[:, 1] = 0, 2**23 - 1
    every = ((np.arange(255)[:, None] << 23) | mantissas).astype(np.uint32).view(np.float32).ravel()
    out = np.concatenate([every, rng.uniform(0.0, 13.0, 64 * count).astype(np.float32)])
    return np.concatenate([out, np.zeros(-len(out) % LANES, np.float32)])


def over(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """A function of sixteen lanes on a whole array."""

    @njit
    def run(x: np.ndarray, out: np.ndarray) -> None:
        for i in range(0, len(x), LANES):
            store(out, i, function(load(x, i)))

    out = np.empty_like(x)
    run(x, out)
    return out


def exact(r: Any) -> list[Any]:
    """The functions of `NAMES` at r >= 0; where Phi(-r) is below 1e-300, by the fraction's first terms.

    Examples
    --------
    >>> [float(value) for value in exact(0.0)[:3]]
    [0.5, 0.5, 1.0]
    """
    r = mpmath.mpf(r)
    bell, root = mpmath.exp(-r * r / 2), mpmath.sqrt(2 * mpmath.pi)
    if r < 37:
        low = mpmath.erfc(r / mpmath.sqrt(2)) / 2
        ratio = low / bell
    else:
        s = 1 / (r * r)
        low, ratio = mpmath.mpf(0), (1 - s + 3 * s**2 - 15 * s**3 + 105 * s**4 - 945 * s**5) / (r * root)
    return [1 - low, low, bell, ratio, bell / root / (1 - low), 1 / (root * ratio)]


def units(got: np.ndarray, want: Sequence[Any]) -> np.ndarray:
    """Errors in units in the last place of what is wanted, those of the smallest normal number below it.

    Examples
    --------
    >>> units(np.array([1.0], np.float32), [mpmath.mpf(1) + mpmath.mpf(2) ** -23]).tolist()
    [1.0]
    """
    tiny = float(np.finfo(np.float32).tiny)
    last = [mpmath.ldexp(1, mpmath.frexp(max(w, tiny))[1] - 24) for w in want]
    return np.array([float(abs(float(g) - w) / each) for g, w, each in zip(got, want, last, strict=True)])


def measured(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Arguments r >= 0, and the errors of the functions of `NAMES`, a row each."""
    r = points(count)
    got = [
        over(gaussian.probability, r), over(gaussian.probability, -r), over(gaussian.bell, r), over(gaussian.tail, r),
        over(gaussian.density_over_cdf, r), over(gaussian.density_over_cdf, -r),
    ]  # fmt: skip
    want = list(zip(*(exact(float(x)) for x in r), strict=True))
    return r, np.array([units(g, w) for g, w in zip(got, want, strict=True)])


def of_argument(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """As `measured`: the exact functions at r = m / sqrt(v) rounded twice, as a kernel has it, beside those at r."""
    rng = np.random.default_rng(seed)
    v = np.exp2(rng.uniform(-8.0, 8.0, 64 * count)).astype(np.float32)
    m = (rng.uniform(0.0, 12.9, v.size) * np.sqrt(v)).astype(np.float32)
    rounded = m / np.sqrt(v)
    pairs = zip(m.tolist(), v.tolist(), strict=True)
    want = zip(*(exact(mpmath.mpf(mean) / mpmath.sqrt(spread)) for mean, spread in pairs), strict=True)
    got = zip(*(exact(x) for x in rounded.tolist()), strict=True)
    off = [units([mpmath.mpf(x) for x in g], w) for g, w in zip(got, want, strict=True)]  # type: ignore[arg-type]
    return rounded, np.array(off)


def table(r: np.ndarray, errors: np.ndarray) -> str:
    """The largest errors by range of |r|."""
    lines = [f"{'r':<12}{'numbers':>8}" + "".join(f"{name:>13}" for name in NAMES)]
    for low, high in zip(EDGES, (*EDGES[1:], np.inf), strict=True):
        inside = (r >= low) & (r < high)
        if inside.any():
            worst = "".join(
                f"{'-' if high == np.inf and k in (1, 2, 4) else format(each[inside].max(), '.2f'):>13}"
                for k, each in enumerate(errors)
            )
            lines.append(f"{f'{low:g} to {high:g}':<12}{inside.sum():>8}{worst}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="gaussian_error", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=48, help="mantissas for each exponent, 2 at least")
    count = parser.parse_args(arguments).count
    if count < 2:
        parser.error(f"--count is {count}; expected 2 at least")
    print(processor())
    with mpmath.workdps(DIGITS):
        print("\nof the kernels, at a float32 r, largest error in units in the last place")
        print(table(*measured(count)))
        print("\nof the rounding of r = m / sqrt(v) alone")
        print(table(*of_argument(count)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
