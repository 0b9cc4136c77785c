"""Optimisers against their recursions written out, schedules at their ends, clipping."""

import numpy as np
import pytest

from refsbnn import optim
from refsbnn.errors import InputError
from tests.refsbnn.kernels.common import around


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


def test_weight_decay_spares_rho():
    """AdamW takes rate * decay * w off; SGD adds decay * w to the gradient; neither pulls a log-variance to 0."""
    means, logs = ("mu", "bias_mu", "recurrent_mu"), ("rho", "bias_rho", "recurrent_rho")
    w = {f"0.dense.{name}": np.array([2.0]) for name in means} | {f"0.dense.{name}": np.array([-3.0]) for name in logs}
    still = {key: np.zeros(1) for key in w}
    for optimiser in (optim.Adam(weight_decay=0.5), optim.SGD(weight_decay=0.5)):
        out = optimiser.step(w, still, 0.1)
        assert [out[f"0.dense.{name}"][0] for name in means] == pytest.approx([2.0 - 0.1 * 0.5 * 2.0] * 3)
        assert [out[f"0.dense.{name}"][0] for name in logs] == [-3.0] * 3


@pytest.mark.parametrize("make", [optim.Adam, optim.SGD])
@pytest.mark.parametrize("n", around(optim.BLOCK))
def test_blocks_are_the_whole_array_in_its_own_type(make, n):
    """On both sides of a block's border every entry gets the update it gets alone, and float32 stays float32."""
    rng = np.random.default_rng(1)
    w, g = (rng.standard_normal((n, 1)).astype(np.float32) for _ in range(2))
    whole, single = make(weight_decay=0.1), make(weight_decay=0.1)
    entries = [0, *(at for at in (optim.BLOCK - 1, optim.BLOCK, 2 * optim.BLOCK) if at < n), n - 1]
    a, b = {"w": w}, {"w": w[entries]}
    for _ in range(3):
        a, b = whole.step(a, {"w": g}, 0.1), single.step(b, {"w": g[entries]}, 0.1)
    assert a["w"].dtype == np.float32
    assert all(buffer["w"].dtype == np.float32 for buffer in whole.buffers.values())
    np.testing.assert_array_equal(a["w"][entries], b["w"])
    # Sums of rounded squares in blocks: the relative error of a sum of positive terms is below n eps.
    assert optim.squares(w) == pytest.approx(float((w.astype(float) ** 2).sum()), rel=n * np.finfo(float).eps)


def test_clipping_keeps_the_direction():
    gradients = {"a": np.array([3.0]), "b": np.array([4.0])}
    clip = optim.clip(gradients, 1.0)
    assert (clip.norm, clip.squares) == (5.0, {"a": 9.0, "b": 16.0})
    np.testing.assert_allclose(clip.scale, 0.2)
    assert optim.clip(gradients, 10.0).scale == 1.0


@pytest.mark.parametrize("make", [optim.Adam, optim.SGD])
def test_a_scale_is_that_of_the_gradients(make):
    rng, one, other = np.random.default_rng(2), make(weight_decay=0.1), make(weight_decay=0.1)
    a = b = {"w": rng.standard_normal(9).astype(np.float32)}
    for _ in range(3):
        g = rng.standard_normal(9).astype(np.float32)
        a, b = one.step(a, {"w": g}, 0.1, 0.3), other.step(b, {"w": 0.3 * g}, 0.1)
    np.testing.assert_array_equal(a["w"], b["w"])


def test_a_gradient_that_is_not_finite_is_named():
    with pytest.raises(InputError, match=r"'2\.dense\.mu' is not finite"):
        optim.clip({"2.dense.mu": np.array([np.nan])}, 1.0)


def test_schedules():
    assert optim.rate("constant", 0.5, 7, 10) == 0.5
    assert optim.rate("cosine", 1.0, 5, 10) == pytest.approx(0.5)
    assert optim.rate("cosine", 1.0, 0, 10, warmup=4) == 0.25
    assert optim.rate("cosine", 1.0, 7, 10, warmup=4) == pytest.approx(0.5)  # half of what is left after the warm-up
    assert [optim.rate("step", 8.0, s, 9, 2, drops=[3, 5], factor=0.25) for s in (0, 2, 3, 4, 5)] == [4, 8, 2, 2, 0.5]
    with pytest.raises(InputError, match="accepted: 'constant', 'cosine', 'step'"):
        optim.rate("linear", 1.0, 0, 10)
