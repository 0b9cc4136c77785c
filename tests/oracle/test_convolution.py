"""Convolutions as dense layers: against SciPy's correlation, and the adjoint against the map."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

import oracle
from tests.oracle.networks import EPS, SEEDS, SETTINGS


@SETTINGS
@given(SEEDS, st.integers(1, 3), st.integers(0, 2), st.booleans())
def test_unrolled_weights_correlate_and_fold_is_the_adjoint(seed: int, stride: int, padding: int, tall: bool) -> None:
    rng = np.random.default_rng(seed)
    height, width = (5, 4) if tall else (4, 6)
    weights = rng.normal(size=(2, 3, 2, 3))
    x = rng.normal(size=(height, width, 3))
    geometry = {"stride": stride, "padding": padding}
    matrix = oracle.unroll(weights, height, width, **geometry)
    padded = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
    expected = np.stack(
        [sum(signal.correlate2d(padded[..., c], w[..., c], "valid") for c in range(3)) for w in weights], axis=-1
    )[::stride, ::stride]
    found = (matrix @ x.ravel()).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=64 * EPS * np.abs(weights).sum())
    cotangents = rng.normal(size=(2, *matrix.shape))
    for one in cotangents:
        folded = oracle.fold(one, weights.shape, height, width, **geometry)
        assert (folded * weights).sum() == pytest.approx((one * matrix).sum(), abs=1e3 * EPS)
    stack = oracle.fold(cotangents, weights.shape, height, width, **geometry)
    np.testing.assert_array_equal(stack[1], oracle.fold(cotangents[1], weights.shape, height, width, **geometry))


def test_what_has_no_output_or_the_wrong_shape_is_refused() -> None:
    weights = np.ones((1, 3, 3, 1))
    with pytest.raises(oracle.InputError, match="a kernel of 3 x 3 with stride 1 and padding 0 has no output on"):
        oracle.unroll(weights, 2, 4)
    with pytest.raises(oracle.InputError, match="stride 0 and padding 0 were given; expected"):
        oracle.unroll(weights, 4, 4, stride=0)
    with pytest.raises(oracle.InputError, match=r"weights has shape \(3, 3\); expected \(any, any, any, any\)"):
        oracle.unroll(np.ones((3, 3)), 4, 4)
    with pytest.raises(oracle.InputError, match=r"gradient has shape \(2, 2\); expected \(\.\.\., 4, 16\)"):
        oracle.fold(np.ones((2, 2)), weights.shape, 4, 4)
