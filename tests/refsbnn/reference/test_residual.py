"""Residual stream: sums by hand, their gradients by finite differences; whole blocks are in the twin's tests."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsbnn.errors import InputError
from refsbnn.reference import residual
from tests.refsbnn.differences import check_gradient

seeds = st.integers(0, 2**32 - 1)
kinds_of_a_sum = st.fixed_dictionaries({"scale": st.sampled_from([1.0, 0.5, -0.7]), "accumulate": st.booleans()})


@given(seed=seeds, kinds=kinds_of_a_sum, shape=st.lists(st.integers(1, 3), max_size=3).map(tuple))
@settings(deadline=None)
def test_sum(seed: int, kinds: dict, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    H, m = rng.normal(size=(2, *shape))
    U, v = rng.uniform(0.3, 2.0, (2, *shape))
    dH, dU = rng.normal(size=(2, *shape))
    got = residual.add_forward(H, U, m, v, **kinds)
    a = kinds["scale"]
    np.testing.assert_allclose(got[0], H + a * m, rtol=0, atol=4 * np.finfo(float).eps * 10)  # |terms| < 10
    np.testing.assert_allclose(got[1], a * a * v + (U if kinds["accumulate"] else 0), rtol=8 * np.finfo(float).eps)
    gradients = residual.add_backward(dH, dU, **kinds)
    check_gradient(lambda *x: residual.add_forward(*x, **kinds), [H, U, m, v], [dH, dU], gradients, rng)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: residual.add_forward(x, x, x, -x), "v holds the negative value"),
        (lambda x: residual.add_forward(x, -x, x, x), "U holds the negative value"),
        (lambda x: residual.add_forward(x, x[0], x, x), r"U has shape \(3,\); expected \(2, 3\)"),
        (lambda x: residual.add_forward(x, x, x[:, :1], x), r"m has shape \(2, 1\); expected \(2, 3\)"),
        (lambda x: residual.add_backward(x, x[0]), r"dU has shape \(3,\); expected \(2, 3\)"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: Callable[..., object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call(np.ones((2, 3)))
    assert "\n" not in str(caught.value)
