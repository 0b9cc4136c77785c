"""Point weights (theory 3.18): without variances the functions give what they give with v = 1 and sigma2 = 0."""

import numpy as np
import pytest

from refsbnn.errors import InputError
from refsbnn.reference import conv2d, dense, lif, readout, unit

RNG = np.random.default_rng(5)
WORDS = {"noise": "gaussian", "member": "agr(tau=0.5)"}


@pytest.mark.parametrize(
    ("module", "x", "shape"), [(dense, (3, 4), (5, 4)), (conv2d, (2, 5, 4, 3), (6, 3, 2, 3))], ids=["dense", "conv2d"]
)
def test_linear(module, x, shape):
    x, mu, bias = RNG.normal(size=x), RNG.normal(size=shape), RNG.normal(size=shape[0])
    m, v = module.forward(x, mu, np.zeros(shape), bias)
    assert not v.any()
    alone, none = module.forward(x, mu, None, bias)
    assert none is None
    np.testing.assert_array_equal(alone, m)
    dm = RNG.normal(size=m.shape)
    want = module.backward(dm, np.zeros_like(dm), x, mu, np.zeros(shape))
    got = module.backward(dm, None, x, mu, None)
    assert got.sigma2 is got.bias_sigma2 is None
    for name in ("x", "mu", "bias_mu"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))
    with pytest.raises(InputError, match="point weights have neither"):
        module.forward(x, mu, None, bias, np.ones(shape[0]))


def test_unit():
    m, u, g = RNG.normal(size=7), RNG.random(7), RNG.normal(size=7)
    h = unit.forward(m, None, u, **WORDS)
    np.testing.assert_array_equal(h, unit.forward(m, np.ones(7), u, **WORDS))
    dm, dv = unit.backward(g, h, m, None, u, **WORDS)
    assert dv is None
    np.testing.assert_array_equal(dm, unit.backward(g, h, m, np.ones(7), u, **WORDS)[0])


@pytest.mark.parametrize("reset", lif.RESETS)
def test_neurons(reset):
    shape, options = (6, 2, 4), {"beta": 0.8, "theta": 0.4, "reset": reset, **WORDS}
    m, u, g, mu = RNG.normal(size=shape), RNG.random(shape), RNG.normal(size=shape), RNG.normal(size=(4, 4))
    known = {"accumulate": False, **options}
    z, tape = lif.forward(m, np.ones(shape), u, (mu, np.zeros((4, 4))), **known)
    own, own_tape = lif.forward(m, None, u, (mu, None), **options)
    assert own_tape.V is None
    np.testing.assert_array_equal(own, z)
    assert 0 < z.mean() < 1
    want = lif.backward(g, tape, u, (mu, np.zeros((4, 4))), **known)
    got = lif.backward(g, own_tape, u, (mu, None), **options)
    assert got.v is got.recurrent_sigma2 is None
    np.testing.assert_array_equal(got.m, want.m)
    np.testing.assert_array_equal(got.recurrent_mu, want.recurrent_mu)
    with pytest.raises(InputError, match="point weights have neither"):
        lif.forward(m, None, u, (mu, np.zeros((4, 4))), **options)


def test_readout():
    m, dm = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    out, none, c = readout.integrate_forward(m, None, beta=0.7)
    assert none is None
    np.testing.assert_array_equal(out, readout.integrate_forward(m, np.ones_like(m), beta=0.7)[0])
    got, none = readout.integrate_backward(dm, None, c)
    assert none is None
    np.testing.assert_array_equal(got, c * dm)
