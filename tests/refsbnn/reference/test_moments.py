"""The square that enters the variance: the states, both extensions, the domains' limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsbnn.errors import InputError
from refsbnn.reference.moments import DOMAINS, VARIANCES, square
from tests.refsbnn.differences import check_gradient

STATES = {"binary": [0.0, 1.0], "bipolar": [-1.0, 1.0]}


@pytest.mark.parametrize("variance", VARIANCES)
@pytest.mark.parametrize("domain", ["binary", "bipolar"])
def test_both_extensions_are_the_square_on_the_states(domain: str, variance: str) -> None:
    x = np.array(STATES[domain])
    np.testing.assert_array_equal(square(x, domain, variance)[0], x**2)


@pytest.mark.parametrize(
    ("domain", "variance", "expected"),
    [
        ("binary", "linear", (0.25, 1.0)),
        ("binary", "quadratic", (0.0625, 0.5)),
        ("bipolar", "linear", (1.0, 0.0)),
        ("bipolar", "quadratic", (0.0625, 0.5)),
        ("real", "linear", (0.0625, 0.5)),
        ("real", "quadratic", (0.0625, 0.5)),
    ],
)
def test_between_the_states(domain: str, variance: str, expected: tuple[float, float]) -> None:
    x2, dx2 = square(np.array([0.25]), domain, variance)
    assert (x2[0], dx2[0]) == expected


@given(seed=st.integers(0, 2**32 - 1), domain=st.sampled_from(DOMAINS), variance=st.sampled_from(VARIANCES))
def test_the_derivative_is_that_of_the_extension(seed: int, domain: str, variance: str) -> None:
    rng = np.random.default_rng(seed)
    x, g = rng.uniform(0.1, 0.9, (3, 2)), rng.normal(size=(3, 2))
    check_gradient(lambda a: (square(a, domain, variance)[0],), [x], [g], [g * square(x, domain, variance)[1]], rng)


@pytest.mark.parametrize(
    ("x", "domain", "variance", "message"),
    [
        (1.5, "binary", "linear", r"x holds values from 1.5 to 1.5; binary ones lie in \[0, 1\]"),
        (-1.0, "binary", "linear", "x holds values from -1 to -1"),
        (-1.5, "bipolar", "quadratic", r"bipolar ones lie in \[-1, 1\]"),
        (0.0, "ternary", "linear", "domain is 'ternary'; accepted: 'binary', 'bipolar', 'real'"),
        (0.0, "real", "cubic", "variance is 'cubic'; accepted: 'linear', 'quadratic'"),
    ],
)
def test_bad_input_is_refused(x: float, domain: str, variance: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        square(np.array([x]), domain, variance)
