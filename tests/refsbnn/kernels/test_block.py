"""kernels.block against reference.block: narrow streams in one pass, and those that go through the three parts."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.kernels import block, conv2d, matrix, residual, unit
from refsbnn.kernels.keep import Bits
from refsbnn.reference import block as reference
from refsbnn.reference import conv2d as convolution
from refsbnn.reference import unit as units
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.kernels.common import SEEDS, SETTINGS, around, clear_of, close

NOISE = {"noise": "gaussian", "member": "agr(tau=2)"}
R2 = 64.0  # the largest r^2 below: an error of r counts r^2-fold in exp(-r^2 / 2)


class Case:
    """A block with its reference and the sizes of what is summed."""

    def __init__(self, seed, shape, domain="bipolar", scale=0.4, accumulate=True, member="agr(tau=2)"):
        rng, channels = np.random.default_rng(seed), shape[-1]
        self.options = {"domain": domain, "padding": 1, "scale": scale, "accumulate": accumulate}
        self.options |= {"noise": "gaussian", "member": member}
        self.H = rng.uniform(-4.0, 4.0, shape).astype(np.float32)
        self.U = (rng.uniform(0.5, 2.0, shape) * (rng.random(shape) < 0.95)).astype(np.float32)  # some without noise
        self.mu = rng.normal(size=(channels, 3, 3, channels)).astype(np.float32)
        self.sigma2 = rng.exponential(size=self.mu.shape).astype(np.float32)
        self.bias = rng.normal(size=channels).astype(np.float32), rng.exponential(size=channels).astype(np.float32)
        self.dH, self.dU = rng.normal(size=(2, *shape)).astype(np.float32)
        s = np.sqrt(np.where(self.U > 0.0, self.U, 1.0).astype(float))
        self.u = clear_of(rng.integers(0, 2**24, shape) * 2.0**-24, lambda u: ndtr(self.H / s))

    def forward(self, module, u=None):
        return module.forward(
            self.H, self.U, self.u if u is None else u, self.mu, self.sigma2, *self.bias, **self.options
        )

    def backward(self, module, h):
        return module.backward(self.dH, self.dU, h, self.H, self.U, self.u, self.mu, self.sigma2, **self.options)

    def check(self):
        """Forward and backward agree to the rounding of their sums."""
        domain, scale = self.options["domain"], self.options["scale"]
        got, want = self.forward(block), self.forward(reference)
        np.testing.assert_array_equal(np.asarray(got[2]), want[2] > 0.0)
        ones, terms = np.ones(self.H.shape), self.mu[0].size + 8
        through = {"padding": 1, "domain": domain}
        m, v = convolution.forward(ones, np.abs(self.mu), self.sigma2, np.abs(self.bias[0]), self.bias[1], **through)
        close(got[0], want[0], np.abs(self.H) + 3.0 * abs(scale) * m, terms)  # 2 sum w z - sum w
        close(got[1], want[1], self.U + scale**2 * v, terms)
        found, true = self.backward(block, got[2]), self.backward(reference, want[2])
        dm, dv = abs(scale) * np.abs(self.dH), scale**2 * np.abs(self.dU)
        sent = convolution.backward(dm, dv, ones, np.abs(self.mu), self.sigma2, **through)
        law = {"noise": "gaussian", "member": self.options["member"], "domain": domain}
        own = units.backward(sent.x, want[2], self.H, self.U, self.u, **law)
        close(found.H, true.H, np.abs(self.dH) + np.abs(own[0]), terms + 8.0 * R2)
        close(found.U, true.U, np.abs(self.dU) + np.abs(own[1]), terms + 8.0 * R2)
        count = self.H.size // self.H.shape[3] + 8
        for name in ("mu", "sigma2", "bias_mu", "bias_sigma2"):
            close(getattr(found, name), getattr(true, name), getattr(sent, name), count)
        return got


@SETTINGS
@given(
    seed=SEEDS,
    shape=st.sampled_from([(3, 4, 2, 8), (2, 3, 5, 16), (2, 4, 2, 24), (1, 2, 3, 32), (2, 1, 1, 16), (2, 3, 4, 5)]),
    domain=st.sampled_from(["binary", "bipolar"]),
    scale=st.sampled_from([1.0, 0.4, -0.7]),
    accumulate=st.booleans(),
)
def test_a_block_agrees_with_the_reference(seed, shape, domain, scale, accumulate):
    Case(seed, shape, domain, scale, accumulate).check()


@pytest.mark.parametrize("images", around(matrix.SHARDS))
def test_batches_around_the_parts_of_a_sum(images):
    assert isinstance(Case(1, (images, 2, 2, 8)).check()[2], Bits)


@pytest.mark.parametrize("size", around(unit.CHUNK // 32))
def test_images_around_the_uniforms_made_at_a_time(size):
    assert isinstance(Case(2, (2, size, 2, 16)).check()[2], Bits)


@pytest.mark.parametrize("channels", [*around(block.WIDEST), 8, 24])
def test_widths_around_the_widest_narrow_stream(channels):
    found = Case(3, (2, 2, 2, channels)).check()[2]
    assert isinstance(found, Bits) == (channels <= block.WIDEST and channels % 8 == 0)


@pytest.mark.parametrize("domain", ["bipolar", "binary"])
@pytest.mark.parametrize("shape", [(33, 16, 16, 16), (64, 8, 8, 8)])
def test_streams_as_they_are_trained(shape, domain):
    assert isinstance(Case(7, shape, domain).check()[2], Bits)


@pytest.mark.parametrize("member", ["st", "agr(tau=0.5)", "trapezoid", "temp(c=0.5)", "deterministic(slope=arctan)"])
def test_members_in_one_pass(member):
    if member.startswith("deterministic"):
        member = next(spec for spec in estimators.EXAMPLES if estimators.get(spec).proposal == "deterministic")
    Case(4, (2, 3, 2, 8), member=member).check()


def test_one_pass_gives_what_three_give():
    """The units' uniforms by address are those of the three parts, and so are the spikes."""
    case = Case(5, (9, 4, 4, 8))
    u = CounterDraws(Streams(3), Purpose.TRAIN, 7, np.arange(9) + 4).address(6, (4, 4, 8))
    H, U, h = case.forward(block, u)
    spikes = unit.forward(case.H, case.U, u, domain="bipolar", **NOISE)
    np.testing.assert_array_equal(np.asarray(h), spikes)
    again = case.forward(block, np.asarray(u))
    assert all((one == other).all() for one, other in zip((H, U), again, strict=False))
    m, v = conv2d.forward(spikes, case.mu, case.sigma2, *case.bias, padding=1, domain="bipolar")
    for one, other in zip((H, U), residual.add_forward(case.H, case.U, m, v, scale=0.4), strict=True):
        np.testing.assert_allclose(one, other, rtol=0.0, atol=100 * np.finfo(np.float32).eps * np.abs(other).max())


def test_threads_do_not_change_a_bit():
    case, results, threads = Case(6, (35, 4, 4, 8)), [], numba.get_num_threads()
    try:
        for count in (1, threads):
            numba.set_num_threads(count)
            H, U, h = case.forward(block)
            results.append([H, U, h.bits, *case.backward(block, h)])
    finally:
        numba.set_num_threads(threads)
    assert all((one == other).all() for one, other in zip(*results, strict=True))


def test_what_is_not_narrow():
    H, mu = np.ones((2, 4, 4, 8), np.float32), np.ones((8, 3, 3, 8), np.float32)
    law, member = noises.get("gaussian"), estimators.get("st")
    assert block.narrow(H, mu, law, member, "linear", 1, 1)
    assert not block.narrow(H.astype(float), mu.astype(float), law, member, "linear", 1, 1)
    assert not block.narrow(H, mu, noises.get("logistic"), member, "linear", 1, 1)
    assert not block.narrow(H, mu, law, estimators.get("gs(tau=0.5)"), "linear", 1, 1)
    assert not block.narrow(H, mu, law, member, "quadratic", 1, 1)
    assert not block.narrow(H, mu, law, member, "linear", 2, 1)
    assert not block.narrow(H, mu[:, :1, :1], law, member, "linear", 1, 0)
    assert not block.narrow(H[:, :, :1], mu, law, member, "linear", 1, 1)
    assert not block.narrow(H[:0], mu, law, member, "linear", 1, 1)


def test_bad_input_is_refused_in_one_line():
    case = Case(7, (2, 4, 4, 8))
    with pytest.raises(InputError, match=r"bias_mu has shape \(3,\); expected \(8\)"):
        block.forward(*(case.H, case.U, case.u, case.mu, case.sigma2, case.bias[0][:3], case.bias[1]), **case.options)
    with pytest.raises(InputError, match="U holds the negative value"):
        block.forward(case.H, -case.U - 1, case.u, case.mu, case.sigma2, *case.bias, **case.options)
    h = case.forward(block)[2]
    with pytest.raises(InputError, match=r"dU has shape \(1, 4, 4, 8\); expected \(2, 4, 4, 8\)"):
        block.backward(case.dH, case.dU[:1], h, case.H, case.U, case.u, case.mu, case.sigma2, **case.options)
