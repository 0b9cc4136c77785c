"""An estimator's exact mean and mean square: by hand, by a relaxed forward pass differentiated, and by certificates."""

from functools import partial
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import oracle
from oracle import dynamics
from oracle.noise import NOISES, law
from tests.oracle import networks
from tests.oracle.networks import EPS, SETTINGS, layer, layered, lif
from tests.oracle.test_dynamics import raw_replace

FIXED = [oracle.st(), oracle.iwst(0.3), oracle.mix(0.4), oracle.trapezoid(), oracle.agr(0.6), oracle.identity_st()]
RANDOM = [oracle.st_gs(0.6), oracle.gr(0.6, 2)]
MEMBERS = st.sampled_from(FIXED + RANDOM)
KEYS = ("mean", "square")


def scale(of: oracle.Estimate) -> dict[str, np.ndarray]:
    """The size of the terms behind each number: E|estimate| <= sqrt(square), and square has positive terms only."""
    return {"mean": np.sqrt(of.square), "square": of.square}


def check_same(one: dict[str, oracle.Estimate], other: dict[str, oracle.Estimate], tolerance: float = 1e-12) -> None:
    for key, value in one.items():
        for name in KEYS:
            error = np.abs(getattr(value, name) - getattr(other[key], name))
            assert (error <= tolerance * scale(value)[name]).all(), (key, name, error.max())


@pytest.mark.parametrize("member", FIXED, ids=lambda member: member.name)
@pytest.mark.parametrize("noise", list(NOISES))
@pytest.mark.parametrize("domain", ["binary", "bipolar"])
def test_one_unit_by_hand(member: oracle.Discrete, noise: str, domain: str) -> None:
    """Mean (dpi/dtheta) (p1 L'(1) + p0 L'(0)), mean square (dpi/dtheta)^2 (p1^2/pi L'(1)^2 + ...): theory 2.1, 2.4."""
    mu, sigma2, x = 0.8, 0.7, 1.3
    low, gain = (0.0, 1.0) if domain == "binary" else (-1.0, 2.0)

    def function(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (logits**4).sum(axis=1) - logits.sum(axis=1), 4.0 * logits**3 - 1.0

    net = oracle.Layered([([[mu]], [[sigma2]])], ([[1.0]], [[0.0]], [0.4]), noise, domain)
    m, v = mu * x, sigma2 * x**2
    here = law(NOISES[noise], np.array([m]), np.array([v]))
    mean = member.slopes(here).mean[0]
    p0, p1 = here.p0[0] * mean[0] / here.f[0], here.p1[0] * mean[1] / here.f[0]
    slope0, slope1 = (gain * (4.0 * (y + 0.4) ** 3 - 1.0) for y in (low, 1.0))  # dL/dz at both states
    found = oracle.moments(net, [x], oracle.Custom(function), member)
    for key, dr in {"layers.0.mu": x / np.sqrt(v), "layers.0.sigma2": -0.5 * m / v**1.5 * x**2}.items():
        dpi = here.f[0] * dr
        change = (1.4**4 - 1.4) - ((low + 0.4) ** 4 - (low + 0.4))
        square = dpi**2 * (p1**2 / here.p1[0] * slope1**2 + p0**2 / here.p0[0] * slope0**2)
        assert found[key].gradient.item() == pytest.approx(dpi * change, rel=64 * EPS)
        assert found[key].mean.item() == pytest.approx(dpi * (p1 * slope1 + p0 * slope0), rel=64 * EPS)
        assert found[key].square.item() == pytest.approx(square, rel=64 * EPS)
        bias = dpi * (p1 * slope1 + p0 * slope0 - change)
        assert found[key].bias.item() == pytest.approx(bias, abs=64 * EPS * np.sqrt(square))
        variance = square - (dpi * (p1 * slope1 + p0 * slope0)) ** 2
        assert found[key].variance.item() == pytest.approx(variance, abs=64 * EPS * square)
        assert found[key].mse.item() == pytest.approx(variance + bias**2, abs=64 * EPS * square)


def by_relaxation(net: oracle.Network, x: np.ndarray, loss: oracle.Loss, member: oracle.Discrete) -> dict:
    """The same moments with no backward pass: at each joint state, y = z + k (r - r0), differentiated by complex step.

    That is what "replace the derivative of the spike by k" means, with the variance extended as the network says. It
    differentiates the readout's moments; the loss enters by its derivatives there.
    """
    units = dynamics.stages(net, x)
    low, gain = (0.0, 1.0) if net.domain == "binary" else (-1.0, 2.0)
    parameters = oracle.parameters(net)
    found = {key: [np.zeros(value.shape), np.zeros(value.shape)] for key, value in parameters.items()}
    step = 1e-30
    for z in product((0, 1), repeat=sum(units)):
        rest, p, spikes, slopes, base = list(z), 1.0, [], [], []
        for t, n in enumerate(units):
            bits, rest = np.array(rest[:n]), rest[n:]
            m, v = dynamics.preactivation(net, x, t, spikes)
            here = law(NOISES[net.noise], m, v)
            p *= np.prod(np.where(bits, here.p1[0], here.p0[0]))
            slopes.append(gain * member.slopes(here).mean[0, np.arange(n), bits][None])
            spikes.append(np.where(bits, 1.0, low)[None])
            base.append(here.r)
        _, dm, dv = loss.evaluate(*dynamics.output(net, x, spikes))
        for key, value in parameters.items():
            for index in np.ndindex(value.shape):
                moved = value.astype(np.complex128)
                moved[index] += 1j * step
                other = raw_replace(net, key, moved)
                y: list[np.ndarray] = []
                for t in range(len(units)):
                    m, v = dynamics.preactivation(other, x, t, y)
                    y.append(spikes[t] + slopes[t] * (m / np.sqrt(v) - base[t]))
                m, v = dynamics.output(other, x, y)
                estimate = ((dm * m + dv * v).sum() / step).imag
                found[key][0][index] += p * estimate
                found[key][1][index] += p * estimate**2
    return found


@settings(SETTINGS, max_examples=6)
@given(st.one_of(layered(depth=3, widest=2), lif(reduce="mean"), lif(reduce="max")), st.sampled_from(FIXED))
def test_moments_are_those_of_the_relaxed_forward_pass(case: tuple, member: oracle.Discrete) -> None:
    net, x, rng = case
    if sum(dynamics.stages(net, x)) > 4 and isinstance(net, oracle.LIF):
        x = x[:2]  # keeps the loop short
    loss = networks.loss(rng)
    found = oracle.moments(net, x, loss, member)
    for key, (mean, square) in by_relaxation(net, x, loss, member).items():
        assert (np.abs(found[key].mean - mean) <= 1e-11 * np.sqrt(found[key].square)).all(), key
        assert (np.abs(found[key].square - square) <= 1e-11 * found[key].square).all(), key


@pytest.mark.parametrize("accumulate", [True, False])
@pytest.mark.parametrize("variance", ["linear", "quadratic"])
@pytest.mark.parametrize("domain", ["binary", "bipolar"])
def test_residual_moments_are_those_of_the_relaxed_forward_pass(accumulate: bool, variance: str, domain: str) -> None:
    rng = np.random.default_rng(6)
    blocks = [[layer(rng, 1, 1)], [layer(rng, 2, 1), layer(rng, 1, 2)]]
    net = oracle.Residual(
        layer(rng, 1, 2), blocks, layer(rng, 2, 1), (0.7, 0.9), accumulate, "logistic", domain, variance
    )
    x, loss = rng.normal(size=2), networks.loss(rng)
    found = oracle.moments(net, x, loss, oracle.mix(0.6))
    for key, (mean, square) in by_relaxation(net, x, loss, oracle.mix(0.6)).items():
        assert (np.abs(found[key].mean - mean) <= 1e-12 * np.sqrt(found[key].square)).all(), key
        assert (np.abs(found[key].square - square) <= 1e-12 * found[key].square).all(), key


@SETTINGS
@given(layered(depth=3, widest=2), MEMBERS)
def test_transfer_is_brute_force(case: tuple, member: oracle.Discrete) -> None:
    """For random slopes too, where brute force replaces them by two points and the recursions do not."""
    net, x, rng = case
    loss = networks.loss(rng)
    found = [oracle.moments(net, x, loss, member, method=method) for method in ("transfer", "tree")]
    check_same(*found)


def test_transfer_is_brute_force_on_wider_layers() -> None:
    rng = np.random.default_rng(7)
    net = oracle.Layered([layer(rng, 4, 3), layer(rng, 5, 4), layer(rng, 3, 5)], layer(rng, 2, 3), domain="bipolar")
    x, loss = rng.normal(size=3), networks.loss(rng)
    check_same(*(oracle.moments(net, x, loss, oracle.agr(0.5), method=method) for method in ("transfer", "tree")))


def test_random_slopes_in_two_layers_by_integrating_the_noise() -> None:
    """st-gs on a chain of two units: both noises on Gauss-Legendre panels instead of two-point slopes."""
    rng = np.random.default_rng(9)
    one, two, out = layer(rng, 1, 1), layer(rng, 1, 1), layer(rng, 2, 1)
    net, x, loss, tau = oracle.Layered([one, two], out, variance="quadratic"), np.array([0.7]), networks.loss(rng), 0.5
    nodes, weights = np.polynomial.legendre.leggauss(60)

    def split(m: float, v: float) -> tuple[np.ndarray, np.ndarray]:
        """Draws of a = r + noise and their weights, below and above 0, out to 8.5 deviations."""
        r = m / np.sqrt(v)
        halves = ((min(r - 8.5, 0.0), 0.0), (0.0, max(r + 8.5, 0.0)))
        a = np.concatenate([low + 0.5 * (high - low) * (nodes + 1.0) for low, high in halves])
        w = np.concatenate([0.5 * (high - low) * weights for low, high in halves])
        return a, w * stats.norm.pdf(a - r)

    m1, v1 = (one.mu * x + one.bias_mu).item(), (one.sigma2 * x**2 + one.bias_sigma2).item()
    mean, square = 0.0, 0.0
    for a1, w1 in zip(*split(m1, v1), strict=True):
        z1, k1 = float(a1 > 0.0), stats.norm.pdf(a1 / tau) / tau
        m2, v2 = (two.mu * z1 + two.bias_mu).item(), (two.sigma2 * z1**2 + two.bias_sigma2).item()
        a2, w2 = split(m2, v2)
        z2, k2 = (a2 > 0.0).astype(float)[:, None], stats.norm.pdf(a2 / tau) / tau
        m, v = z2 @ out.mu.T + out.bias_mu, z2**2 @ out.sigma2.T + out.bias_sigma2
        _, dm, dv = loss.evaluate(m, v)
        g2 = (dm * out.mu[:, 0] + dv * 2.0 * z2 * out.sigma2[:, 0]).sum(axis=1)
        dr2 = two.mu.item() / np.sqrt(v2) - 0.5 * m2 / v2**1.5 * two.sigma2.item() * 2.0 * z1
        estimate = g2 * k2 * dr2 * k1 / np.sqrt(v1)  # for bias_mu of the first layer
        mean += w1 * (w2 @ estimate)
        square += w1 * (w2 @ estimate**2)
    for method in ("transfer", "tree"):
        found = oracle.moments(net, x, loss, oracle.st_gs(tau), method=method)["layers.0.bias_mu"]
        # The integral is cut at 8.5 deviations, 2e-17 of the mass; the rule itself is good to about 1e-13.
        assert found.mean.item() == pytest.approx(mean, rel=1e-11)
        assert found.square.item() == pytest.approx(square, rel=1e-11)


@settings(SETTINGS, max_examples=12)
@given(networks.EVERY)
def test_agr_gr_and_st_gs_share_the_mean_and_lose_variance_in_order(case: tuple) -> None:
    net, x, rng = case
    if sum(dynamics.stages(net, x)) > 6:
        return
    loss = networks.loss(rng)
    members = (oracle.agr(0.5), oracle.gr(0.5, 4), oracle.gr(0.5, 1), oracle.st_gs(0.5))
    found = [oracle.moments(net, x, loss, member) for member in members]
    for key, agr in found[0].items():
        for lower, upper in pairwise(found):
            assert (np.abs(upper[key].mean - agr.mean) <= 1e-12 * np.sqrt(agr.square)).all()
            assert (lower[key].square <= upper[key].square * (1.0 + 1e-12)).all()
    for value in found[0].values():
        assert (value.square - value.mean**2 >= -1e-12 * value.square).all()  # the clipped part is rounding


@SETTINGS
@given(networks.SEEDS, networks.NOISES, st.sampled_from(["binary", "bipolar"]))
def test_mass_one_makes_affine_losses_unbiased_and_mean_one_half_quadratic_ones(
    seed: int, noise: str, domain: str
) -> None:
    rng = np.random.default_rng(seed)
    net = oracle.Layered([layer(rng, 3, 2)], layer(rng, 2, 3), noise, domain)
    x, (a, b) = rng.normal(size=2), rng.normal(size=(2, 2))
    affine = oracle.Custom(lambda logits: (logits @ a + 1.0, np.broadcast_to(a, logits.shape)))
    quadratic = oracle.Custom(lambda logits: ((logits @ b) ** 2, 2.0 * (logits @ b)[:, None] * b))

    def bias(loss: oracle.Loss, member: oracle.Discrete) -> float:
        found = oracle.moments(net, x, loss, member)["layers.0.mu"]
        return float((np.abs(found.bias) / np.sqrt(found.square)).max())

    assert bias(affine, oracle.iwst(0.3)) < 1e-12
    assert bias(affine, oracle.two_point(lambda pi: (0.5 + 0.0 * pi, 0.6 + 0.0 * pi))) > 1e-3  # mass 1.1
    assert bias(quadratic, oracle.trapezoid()) < 1e-12
    assert bias(quadratic, oracle.iwst(0.3)) > 1e-6


@SETTINGS
@given(networks.EVERY, st.sampled_from(FIXED))
def test_no_draw_exceeds_the_largest_and_one_reaches_it(case: tuple, member: oracle.Discrete) -> None:
    net, x, rng = case
    loss = networks.loss(rng)
    found, top = oracle.moments(net, x, loss, member), oracle.largest(net, x, loss, member)
    for key, value in found.items():
        # E[g^2] lies below max^2, and above max^2 times the smallest probability, which is positive.
        assert (value.square <= top[key] ** 2 * (1.0 + 1e-12)).all()
        assert ((top[key] > 0.0) == (value.square > 0.0)).all()


def test_largest_is_the_maximum_over_the_states_of_one_unit_and_the_steepest_slope() -> None:
    net = oracle.Layered([([[0.8]], [[0.5]])], ([[1.0], [-0.5]], [[0.0], [0.0]]))
    loss = oracle.Categorical(0)
    fixed = oracle.largest(net, [1.0], loss, oracle.trapezoid())["layers.0.mu"].item()
    r = 0.8 / np.sqrt(0.5)
    slopes = 0.5 * stats.norm.pdf(r) / np.array([stats.norm.cdf(-r), stats.norm.cdf(r)])
    steepness = [
        abs(loss.evaluate(np.array([[z, -0.5 * z]]), np.zeros((1, 2)))[1] @ [1.0, -0.5]).item() for z in (0, 1)
    ]
    assert fixed == pytest.approx((slopes * steepness).max() / np.sqrt(0.5), rel=1e-14)
    random = oracle.largest(net, [1.0], loss, oracle.st_gs(0.3))["layers.0.mu"].item()
    assert random == pytest.approx(stats.norm.pdf(0.0) / 0.3 * max(steepness) / np.sqrt(0.5), rel=1e-14)


def test_shared_weights_fold_before_they_are_squared() -> None:
    """A convolution of kernel 2 over 3 positions: its two weights' gradients add up over positions."""
    rng = np.random.default_rng(10)
    shape = (1, 1, 2, 1)
    mu, sigma2 = rng.normal(size=shape), rng.uniform(0.2, 1.0, shape)
    net = oracle.Layered([tuple(oracle.unroll(some, 1, 3) for some in (mu, sigma2))], layer(rng, 2, 2))
    x, loss, key = rng.normal(size=3), networks.loss(rng), "layers.0.mu"
    fold = partial(oracle.fold, shape=shape, height=1, width=3)
    folded = oracle.moments(net, x, loss, oracle.st(), fold={key: fold})
    plain = oracle.moments(net, x, loss, oracle.st())
    for name in ("gradient", "mean"):
        np.testing.assert_allclose(getattr(folded[key], name), fold(getattr(plain[key], name)), rtol=1e-13)
    h = 1e-4
    for index in np.ndindex(shape):
        step = np.zeros(shape)
        step[index] = h

        def at(change: np.ndarray) -> float:
            return oracle.exact(oracle.replace(net, {key: oracle.unroll(mu + change, 1, 3)}), x, loss).loss

        # h^2/6 of a third derivative below 10, and eps/h.
        assert folded[key].gradient[index] == pytest.approx((at(step) - at(-step)) / (2 * h), abs=1e-7)
    by_state = by_relaxation_of_sum(net, x, loss)
    np.testing.assert_allclose(folded[key].square.ravel(), by_state, rtol=1e-12)


def by_relaxation_of_sum(net: oracle.Layered, x: np.ndarray, loss: oracle.Loss) -> np.ndarray:
    """Mean square of st's two summed gradients, by hand: position i reads x[i] and x[i + 1]."""
    here = law(NOISES[net.noise], *dynamics.preactivation(net, x, 0, []))
    total = np.zeros(2)
    for z in product((0.0, 1.0), repeat=2):
        y = np.array([z])
        _, dm, dv = loss.evaluate(*dynamics.output(net, x, [y]))
        g = (dm @ net.readout.mu + dv @ net.readout.sigma2 * (1.0 if net.variance == "linear" else 2.0 * y))[0]
        dr = g * here.f[0] * here.drdm[0]
        weights = np.array([dr[0] * x[0] + dr[1] * x[1], dr[0] * x[1] + dr[1] * x[2]])
        total += np.prod(np.where(z, here.p1[0], here.p0[0])) * weights**2
    return total


def test_detached_resets_change_the_estimate() -> None:
    rng = np.random.default_rng(11)
    layers, out, x = [layer(rng, 2, 3)], layer(rng, 2, 2), rng.normal(size=(3, 3))
    for reset in ("hard", "soft"):
        one, two = (
            oracle.moments(
                oracle.LIF(layers, out, reset=reset, reset_gradient=kept), x, networks.loss(rng), oracle.st()
            )["layers.0.mu"].mean
            for kept in (True, False)
        )
        assert np.abs(one - two).max() > 1e-3
