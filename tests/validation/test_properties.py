"""Properties that hold refsbnn to the oracle: the same network in both, exact numbers on one side."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import Polynomial

import oracle
import oracle.names
from refsbnn import estimators, noise
from refsbnn.reference import dense
from tests.oracle.networks import EPS, EVERY, NOISES, SEEDS, cubic, layered, loss
from validation import twin
from validation.claims import monte_carlo
from validation.evidence import agreement, single

# The same examples on every run: a failure is then the code's, not the draw's.
SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)
FEW = settings(max_examples=10, deadline=None, derandomize=True)
TAU = st.floats(0.1, 3.0)


def spelt(draw: st.DrawFn) -> str:
    """A member with a target on {0, 1}, its parameter anywhere."""
    name = draw(st.sampled_from(sorted(oracle.names.NAMED)))
    if name in ("iwst", "mix"):
        parameter = draw(st.floats(0.0, 1.0))
        return f"iwst(p={parameter!r})" if name == "iwst" else f"mix(lam={parameter!r})"
    if name == "gapped-st":
        return f"gapped-st(gap={draw(st.floats(0.0, 3.0))!r},tau={draw(TAU)!r})"
    if name in ("agr", "st-gs"):
        return f"{name}(tau={draw(TAU)!r})"
    return f"gr(tau={draw(TAU)!r},K={draw(st.integers(1, 5))})" if name == "gr" else name


MEMBERS = st.composite(spelt)()


@SETTINGS
@given(spec=MEMBERS, law=NOISES, r=st.floats(-4.0, 4.0), seed=SEEDS)
def test_mean_of_a_member_is_its_masses_times_the_slopes_at_the_states(
    spec: str, law: str, r: float, seed: int
) -> None:
    """Theory 2.1 and 2.3: (dpi/dr) (p1 L'(1) + p0 L'(0)) with refsbnn's masses is the oracle's exact mean."""
    coefficients = np.random.default_rng(seed).normal(size=6)
    slope = Polynomial(coefficients).deriv()
    p0, p1 = estimators.get(spec).masses(np.array(r), noise.get(law))
    terms = noise.get(law).pdf(r) * p1 * slope(1.0), noise.get(law).pdf(r) * p0 * slope(0.0)
    mean = single.estimate(law, r, coefficients, oracle.member(spec)).mean
    # The oracle's quadrature is good to 1e-13; the closed forms to a few dozen roundings of the terms.
    assert abs(mean - sum(terms)) <= 1e-12 * sum(abs(term) for term in terms)


@SETTINGS
@given(spec=MEMBERS, law=NOISES, r=st.floats(-3.0, 3.0), a=st.floats(0.1, 3.0), b=st.floats(0.1, 3.0))
def test_bias_is_the_excess_of_the_mass_and_of_the_mean(spec: str, law: str, r: float, a: float, b: float) -> None:
    """Theory 2.2: for L = a z + b z^2 the bias is (dpi/dr) (a (mass - 1) + b (2 p1 - 1)).

    So it vanishes for every affine loss iff the mass is 1, and for every quadratic one iff p1 = 1/2 as well.
    """
    p0, p1 = estimators.get(spec).masses(np.array(r), noise.get(law))
    excess = a * (p0 + p1 - 1.0) + b * (2.0 * p1 - 1.0)
    bias = single.estimate(law, r, (0.0, a, b), oracle.member(spec)).bias
    assert abs(bias - noise.get(law).pdf(r) * excess) <= 1e-12 * (a + 2.0 * b) * float(p0 + p1 + 1.0)


@SETTINGS
@given(case=EVERY, spec=st.sampled_from(["st", "mix(lam=0.5)", "agr(tau=0.5)"]))
def test_a_network_over_all_states_has_the_exact_mean(case: tuple, spec: str) -> None:
    """Theory 5.1: led through every joint state, the network's estimates average to the oracle's exact mean."""
    net, x, rng = case
    the_loss = loss(rng)
    worst = agreement.deviation(twin.of(net, x, the_loss, spec), x, the_loss, squares=False)
    assert worst <= agreement.TOLERANCE["float64"]


@FEW
@given(case=EVERY, spec=st.sampled_from(sorted(monte_carlo.MEMBERS)), seed=SEEDS)
def test_a_network_sampled_lies_within_bernsteins_bound(case: tuple, spec: str, seed: int) -> None:
    """A correct implementation fails this test with probability 1e-9 a run at most: 10 examples, all entries."""
    net, x, _ = case
    one, rng = twin.of(net, x, monte_carlo.LOSS, spec), np.random.default_rng(seed)
    entries = sum(value.size for value in one.parameters.values())
    assert agreement.distance(one, x, monte_carlo.LOSS, 4_000, 1e-10 / entries, rng) <= 1.0


@SETTINGS
@given(case=layered(depth=2), tau=TAU, draws=st.integers(1, 6))
def test_agr_is_the_conditional_expectation_of_st_gs_and_gr_lies_between(case: tuple, tau: float, draws: int) -> None:
    """Theory 2.7 to 2.10: one mean; variances in order agr <= gr(K) <= st-gs, gr(1) = st-gs in one layer's units."""
    net, x, rng = case
    the_loss = cubic(rng)
    members = oracle.agr(tau), oracle.gr(tau, draws), oracle.st_gs(tau)
    agr, gr, st_gs = (oracle.moments(net, x, the_loss, member) for member in members)
    for key, least in agr.items():
        scale = np.sqrt(st_gs[key].square.max()) + np.abs(least.gradient).max()
        for other in (gr[key], st_gs[key]):
            np.testing.assert_allclose(other.mean, least.mean, rtol=0.0, atol=1e-11 * scale)
        slack = 1e-11 * scale**2  # the slopes' mean squares come from a quadrature good to 1e-13
        assert (least.variance <= gr[key].variance + slack).all()
        assert (gr[key].variance <= st_gs[key].variance + slack).all()


@SETTINGS
@given(case=EVERY, factor=st.floats(0.1, 10.0))
def test_scaling_mu_and_sigma_together_leaves_refsbnn_the_same_probabilities(case: tuple, factor: float) -> None:
    """Theory 3.1: r = m / s of a layer does not change, so neither does any probability refsbnn computes."""
    net, x, _ = case
    arrays = oracle.parameters(net)
    first = next(iter(arrays)).rsplit(".", 1)[0]
    mu, sigma2 = arrays[f"{first}.mu"], arrays[f"{first}.sigma2"]
    value = np.atleast_2d(x)[0]
    m, v = dense.forward(value, mu, sigma2)
    m_scaled, v_scaled = dense.forward(value, factor * mu, factor**2 * sigma2)
    law = noise.get(net.noise)
    # r is a quotient of sums of n terms; what cancels in the numerator counts in full.
    condition = (np.abs(mu) @ np.abs(value)) / np.sqrt(v)
    bound = 8 * (mu.shape[1] + 2) * EPS * (condition * law.pdf(0.0) + 1.0)
    assert (np.abs(law.cdf(m / np.sqrt(v)) - law.cdf(m_scaled / np.sqrt(v_scaled))) <= bound).all()
