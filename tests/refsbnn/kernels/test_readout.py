"""kernels.readout against reference.readout on the same inputs."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from refsbnn.errors import InputError
from refsbnn.kernels import readout
from refsbnn.reference import readout as reference
from tests.refsbnn.kernels.common import DTYPES, SEEDS, SETTINGS, around, close, size


@SETTINGS
@given(
    seed=SEEDS,
    shape=st.sampled_from([(1, 1, 1), (7, 3, 5), (100, 2, 20), *((5, 1, n) for n in around(readout.COLUMNS))]),
    beta=st.sampled_from([0.0, 0.7, 1.0]),
    reduce=st.sampled_from(["mean", "max", "last"]),
    dtype=DTYPES,
)
def test_integrator_agrees_with_the_reference(seed, shape, beta, reduce, dtype):
    rng = np.random.default_rng(seed)
    m, v = rng.normal(size=shape).astype(dtype), rng.exponential(size=shape).astype(dtype)
    if reduce == "max":  # two steps may tie to rounding; the step that is read must be the same in both
        membrane = [m[0].astype(float)]
        for row in m[1:]:
            membrane.append(beta * membrane[-1] + row)
        ordered = np.sort(np.stack(membrane), axis=0)
        assume(len(m) == 1 or (ordered[-1] - ordered[-2] > 1e-4).all())
    *got, c = readout.integrate_forward(m, v, beta=beta, reduce=reduce)
    *want, exact = reference.integrate_forward(m.astype(float), v.astype(float), beta=beta, reduce=reduce)
    terms = 3 * len(m)
    close(c, exact, np.abs(exact).max(), terms)
    for part, truth, values in zip(got, want, (m, v), strict=True):
        close(part, truth, len(m) * size(values), terms)
    alone, none, same = readout.integrate_forward(m, None, beta=beta, reduce=reduce)
    assert none is None
    np.testing.assert_array_equal(alone, got[0])
    np.testing.assert_array_equal(same, c)
    dm, dv = rng.normal(size=(2, *shape[1:])).astype(dtype)
    for part, truth in zip(
        readout.integrate_backward(dm, dv, c), reference.integrate_backward(dm, dv, exact), strict=True
    ):
        close(part, truth, size(dm, dv), 3 * terms)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_of_tied_steps_is_read(dtype):
    """Membranes 1 1 3/4, 0 1 1 and -1 -1/2 -1/2, exact in any type: all of them reach their largest value twice."""
    m = np.array([[1.0, 0.0, -1.0], [0.5, 1.0, 0.0], [0.25, 0.5, -0.25]], dtype)
    v = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 7.0], [6.0, 8.0, 9.0]], dtype)
    m_out, v_out, c = readout.integrate_forward(m, v, beta=0.5, reduce="max")
    assert c.T.tolist() == [[1.0, 0.0, 0.0], [0.5, 1.0, 0.0], [0.5, 1.0, 0.0]]
    assert m_out.tolist() == [1.0, 1.0, -0.5]
    assert v_out.tolist() == [1.0, 5.5, 8.0]


@SETTINGS
@given(seed=SEEDS, dtype=DTYPES)
def test_sampled_logits_agree_with_the_reference(seed, dtype):
    rng = np.random.default_rng(seed)
    m, eps, g = rng.normal(size=(3, 4, 7)).astype(dtype)
    v = (rng.exponential(size=m.shape) * (rng.random(m.shape) > 0.2)).astype(dtype)
    exact = [a.astype(float) for a in (m, v, eps, g)]
    close(readout.sample_forward(m, v, eps), reference.sample_forward(*exact[:3]), size(m, v, eps) ** 2 + 1.0, 4)
    dm, dv = readout.sample_backward(g, v, eps)
    want_m, want_v = reference.sample_backward(exact[3], exact[1], exact[2])
    close(dm, want_m, 1.0, 1)
    close(dv, want_v, np.abs(want_v), 6)


def test_bad_input_is_refused_in_one_line():
    m = np.ones((2, 3), np.float32)
    with pytest.raises(InputError, match="reduce is 'sum'; accepted"):
        readout.integrate_forward(m, m, beta=0.5, reduce="sum")
    with pytest.raises(InputError, match="beta is 2"):
        readout.integrate_forward(m, m, beta=2.0)
    with pytest.raises(InputError, match="eps has shape"):
        readout.sample_forward(m, m, np.ones((3, 2), np.float32))
