"""Optimisers against their recursions written out, schedules at their ends, clipping."""

import numpy as np
import pytest

from refsbnn import optim
from refsbnn.errors import InputError


def test_adam_is_its_recursion():
    rng = np.random.default_rng(0)
    adam, w = optim.Adam(weight_decay=0.1), {"w": rng.standard_normal(4)}
    expected, m, v = w["w"].copy(), np.zeros(4), np.zeros(4)
    for step in range(1, 6):
        g = rng.standard_normal(4)
        w = adam.step(w, {"w": g}, 0.01)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        expected -= 0.01 * (m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8) + 0.1 * expected)
        np.testing.assert_allclose(w["w"], expected, rtol=1e-13)


def test_sgd_with_momentum_is_its_recursion():
    sgd, w = optim.SGD(momentum=0.5), {"w": np.array([1.0])}
    for g in (1.0, 2.0):
        w = sgd.step(w, {"w": np.array([g])}, 0.1)
    np.testing.assert_allclose(w["w"], 1.0 - 0.1 * 1.0 - 0.1 * (0.5 * 1.0 + 2.0))


def test_steps_leave_their_arguments_alone():
    w, g = {"w": np.ones(3)}, {"w": np.ones(3)}
    optim.Adam().step(w, g, 0.1)
    optim.SGD().step(w, g, 0.1)
    np.testing.assert_array_equal(w["w"], np.ones(3))


def test_clipping_keeps_the_direction():
    gradients = {"a": np.array([3.0]), "b": np.array([4.0])}
    clipped, norm = optim.clip(gradients, 1.0)
    assert norm == 5.0
    np.testing.assert_allclose([clipped["a"][0], clipped["b"][0]], [0.6, 0.8])
    assert optim.clip(gradients, 10.0)[0]["a"][0] == 3.0


def test_a_gradient_that_is_not_finite_is_named():
    with pytest.raises(InputError, match=r"'2\.dense\.mu' is not finite"):
        optim.clip({"2.dense.mu": np.array([np.nan])}, 1.0)


def test_schedules():
    assert optim.rate("constant", 0.5, 7, 10) == 0.5
    assert optim.rate("cosine", 1.0, 5, 10) == pytest.approx(0.5)
    assert optim.rate("cosine", 1.0, 0, 10, warmup=4) == 0.25
    with pytest.raises(InputError, match="accepted: 'constant', 'cosine'"):
        optim.rate("linear", 1.0, 0, 10)
