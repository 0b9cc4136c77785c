"""High-order central differences, to test hand-derived backward passes against their forward passes."""

from collections.abc import Callable, Sequence

import numpy as np

Arrays = Sequence[np.ndarray]

# Weights of f(x + k h) - f(x - k h), k = 1, 2, ..., of the sixth and eighth order central first difference.
SIXTH = np.array([3 / 4, -3 / 20, 1 / 60, 0.0])
EIGHTH = np.array([4 / 5, -1 / 5, 4 / 105, -1 / 280])
STEP = 2.0**-7  # exact, and small against the distance of the tests' points from 0 and 1 (0.05 at least)
# Roundings along the longest path of the forward passes tested here (tens of products, sums of under 100 terms, cdf to
# 1e-13 relative = 450 eps), as a multiple of eps on the sum of absolute terms.
ROUNDINGS = 1000
# A check whose own error bound is not below this part of the gradient's size would see nothing, and fails as such.
RESOLUTION = 1e-5


def derivative(function: Callable[[float], tuple[float, float]]) -> tuple[float, float]:
    """d/dt of a function at 0 and a bound on the error of that number.

    `function` returns a sum and the sum of its terms' absolute values. The bound is the truncation error of the sixth
    order formula, as seen in its distance from the eighth order one, plus the rounding of the eighth order one.
    """
    samples = [[function(sign * k * STEP) for sign in (1, -1)] for k in range(1, 5)]
    jumps = np.array([plus[0] - minus[0] for plus, minus in samples])
    size = max(abs(value[1]) for pair in samples for value in pair)
    sixth, eighth = SIXTH @ jumps / STEP, EIGHTH @ jumps / STEP
    rounding = 2 * np.abs(EIGHTH).sum() * ROUNDINGS * np.finfo(float).eps * size / STEP
    return float(eighth), float(abs(eighth - sixth) + rounding)


def check_gradient(
    function: Callable[..., Arrays],
    arguments: Arrays,
    cotangents: Arrays,
    gradients: Sequence[np.ndarray | None],
    rng: np.random.Generator,
) -> None:
    """Assert that `gradients` are those of sum(cotangent * output) in each argument (None: not tested).

    Along random directions, with entries up to 1: all the argument's entries at once, then one entry alone.
    """
    for place, gradient in enumerate(gradients):
        if gradient is None or gradient.size == 0:
            continue
        assert gradient.shape == np.shape(arguments[place]), f"gradient {place} has shape {gradient.shape}"
        everywhere = rng.uniform(-1.0, 1.0, gradient.shape)
        alone = np.zeros(gradient.size)
        alone[rng.integers(gradient.size)] = 1.0
        for direction in (everywhere, alone.reshape(gradient.shape)):

            def along(t: float, place: int = place, direction: np.ndarray = direction) -> tuple[float, float]:
                moved = list(arguments)
                moved[place] = moved[place] + t * direction
                outputs = function(*moved)
                terms = [c * y for c, y in zip(cotangents, outputs, strict=True)]
                return sum(float(x.sum()) for x in terms), sum(float(np.abs(x).sum()) for x in terms)

            expected, bound = derivative(along)
            size = float(np.abs(gradient * direction).sum())
            assert bound <= RESOLUTION * max(size, abs(along(0.0)[1])), f"argument {place}: nothing seen, bound {bound}"
            got = float((gradient * direction).sum())
            assert abs(got - expected) <= bound, f"argument {place}: {got} for {expected}, bound {bound:.1e}"
