"""Each named estimator of one unit is a member: its weight is w = dp/dq of a target p, and w does not depend on L.

Source: the paper's abstract, theory 2.1. The forms that the authors write, in logits (`validation.evidence.published`),
against weights of refsbnn.estimators, with logistic noise, for which the logit is r; `gs` by its measure, at moderate
temperatures, against the average over its uniforms. Masses of those with no name here, against the table below theory
2.21: where the mass is not 1 the estimator is biased already for an affine loss.

- ReinMax-CV: a control variate that multiplies L'(z) leaves a member with a random slope. As far as its abstract tells,
  the control variate's mean is not 0, and its mass not 1.
- FouST (Pervez, Cohen and Gavves 2020) takes one draw and L' at the drawn value, times a number that does not depend
  on L: whatever its steps, that is (2.1), a member. The three steps that lower its bias are, as they are known to us
  (Shekhovtsov 2021, arXiv:2110.03549, goes through them): the weight 1/(2 P), which is the trapezoid; the state times
  uniform noise, which with that weight is the uniform target, unbiased for one unit, and not for layers of them; states
  of -1/c and 1/c, which is the same member in a network of smaller weights. Of both works abstracts alone were at hand,
  and no code of the authors: another reading of a step is another member, and still one.
- "Estimators that are not members" shows those that are not.
"""

from itertools import pairwise

import numpy as np
from numpy.polynomial import Polynomial
from scipy import integrate, special

import oracle
from refsbnn import estimators, noise
from validation.evidence import foust, intervals, published, single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Row, Rows, at_least, at_most, equal

CLAIM = Claim(
    title="One class of estimators",
    sentence="We introduce importance-weighted straight-through (IW-ST) estimators, a unified class generalising "
    "straight-through and relaxation-based estimators.",
    owner="paper",
    source="abstract, sentence 3",
    statement="Straight-through, ReinMax, DARN, ZGR, FouST, Gapped and Decoupled ST, ReinMax-Rao, Gumbel-Rao, ST "
    "Gumbel-softmax, the relaxation itself and quadrature rules are each dpi/dr w L' with a weight w = dp/dq that does "
    "not depend on L.",
    assumptions=(
        "binary units",
        "logistic noise where the authors write a softmax",
        "FouST by what is known of its steps: its text and code were not at hand",
    ),
    finding="holds",
    reason="every published form is a weight; estimators that need L at both states are outside",
    claimed="each is a weight",
    headline="ReinMax as published: largest relative difference of weights from trapezoid",
    equations=(
        Formula("2.1", r"\frac{d\pi}{d\theta}\, w(h)\, L'(h), \quad h \sim q, \quad w = \frac{dp}{dq}"),
        Formula("2.3", r"w = \frac{p_1}{\pi} \text{ for } z = 1, \quad w = \frac{p_0}{1 - \pi} \text{ for } z = 0"),
        Formula("2.6", r"p_1 = (1 - \lambda) \pi + \frac{\lambda}{2}"),
        Formula("2.9", r"w = \frac{\mathrm{relax}'(a / \tau)}{\tau f(r)}, \quad a = r - F^{-1}(u)"),
        Formula("2.11", r"p(h) = \frac{f(\tau\, \mathrm{relax}^{-1}(h) - r)}{f(r)}"),
        Formula("2.12", r"h = u,\ w = 1; \quad h = x_j \text{ with probability } q_j,\ w = \frac{w_j}{q_j}"),
        Formula("2.16", r"w f(r) = 1"),
        Formula("2.19", r"p_z = a P(z) + b_z"),
        Formula("2.21", r"w f = \frac{\sigma'(a / \tau)}{\tau} \frac{dl}{dr}"),
    ),
    code=("refsbnn/estimators/binary.py", "refsbnn/estimators/gumbel.py", "refsbnn/estimators/quadrature.py"),
)
PUBLISHED: dict[str, tuple[published.Slope, str]] = {
    "straight-through": (published.straight_through, "st"),
    "ReinMax": (published.reinmax, "trapezoid"),
    "DARN around 1/2": (published.darn, "trapezoid"),
    "ZGR, (ST + DARN around the mean) / 2": (published.zgr, "trapezoid"),
    "Gapped ST, g = tau = 1": (published.gapped, "gapped-st(gap=1,tau=1)"),
    "Gumbel-Rao, tau = 0.7": (published.gumbel_rao, "agr(tau=0.7)"),
}
# Masses of theory 2.21's table at pi = .5, .2, .05; of ReinMax-CV, which it does not list, by another quadrature.
MASSES: dict[str, tuple[published.Slope, tuple[float, float, float]]] = {
    "ReinMax-Rao, tau = 0.7": (published.reinmax_rao, (0.67, 0.85, 1.30)),
    "Gapped ST, g = tau = 1": (published.gapped, (0.79, 1.05, 1.16)),
    "Decoupled ST, tau_b = 2": (published.decoupled, (0.50, 0.69, 1.60)),
}
LOSS = oracle.Categorical(0)
HIDDEN = ("layers.0.mu", "layers.1.mu")
Member = oracle.Discrete | oracle.Relaxed
WHY = "relative; adaptive quadrature to 1e-12, pi (1 + pi)/2 - pi^2/2 cancels: some eps / (1 - pi), |r| <= 3"


def check(level: Level) -> Rows:
    """Weights as published against the members', masses, measures between the states."""
    r = np.linspace(-3.0, 3.0, 5 if level.quick else 25)
    for name, (slope, spec) in PUBLISHED.items():
        worst = max(gap(slope, estimators.get(spec), float(each)) for each in r)
        setting = f"{name} as published: largest relative difference of weights from {spec}"
        yield at_most(CLAIM.title, setting, worst, 1e-10, WHY)
    yield from (*masses(), *random_slope(), *control_variate(), *identity(), *between(level), *foust_unit(level))
    yield from foust_layers(level)


def gap(slope: published.Slope, member: estimators.Member, r: float) -> float:
    """Largest relative difference of the published weight from the member's, over both states."""
    law = noise.LOGISTIC
    both = (
        (slope(r, z) / float(law.pdf(r)), float(member.weight(np.array(float(z)), np.array(r), law))) for z in (0, 1)
    )
    return max(abs(theirs / ours - 1.0) for theirs, ours in both)


def masses() -> Rows:
    """The mean for L = z of the member with the published weight, by the oracle, over f; the table's digits."""
    for name, (slope, told) in MASSES.items():
        for pi, expected in zip((0.5, 0.2, 0.05), told, strict=True):
            found = mean_as_member(slope, pi, (0.0, 1.0)) / (pi * (1.0 - pi))
            yield equal(CLAIM.title, f"{name}, pi = {pi:g}: mass", found, expected, 0.005, "the table's digits")


def mean_as_member(slope: published.Slope, pi: float, coefficients: tuple[float, ...]) -> float:
    """The oracle's mean of the two-point member whose weight is the published slope over dpi/dl."""
    l = float(special.logit(pi))

    def target(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (1.0 - p) * slope(l, 0) / (p * (1.0 - p)), p * slope(l, 1) / (p * (1.0 - p))

    return float(single.estimate("logistic", l, coefficients, oracle.two_point(target)).mean)


def random_slope() -> Rows:
    """st-gs uses the noise that made the spike: mean and mean square of its slope, as published and the oracle's."""
    for tau in (0.3, 1.0):
        pi = 0.3
        found = single.estimate("logistic", float(special.logit(pi)), (0.0, 1.0), oracle.st_gs(tau))
        for power, value in ((1, found.mean), (2, found.square)):
            expected = published.gumbel_softmax(float(special.logit(pi)), tau, None, power)
            setting = f"ST Gumbel-softmax, tau = {tau:g}, pi = 0.3: mean of its slope to the power {power}"
            yield equal(CLAIM.title, setting, value, expected, 1e-11 * expected, "both by quadrature")


def control_variate() -> Rows:
    """ReinMax-CV as we read it: 1 and the mean of the control variate, by agr's closed form and the oracle's st-gs."""
    law = noise.LOGISTIC
    for pi in (0.5, 0.2):
        l, shift = float(special.logit(pi)), 0.0
        for z, p in ((0.0, 1.0 - pi), (1.0, pi)):
            moved = float(special.logit((pi + z) / 2.0))
            rao = float(estimators.Agr(0.7).slope(np.array(z), np.array(moved), law))
            shift += p * (rao - float(single.estimate("logistic", moved, (0.0, 1.0), oracle.st_gs(0.7)).mean))
        setting = f"ReinMax-CV, tau = 0.7, factor 1, pi = {pi:g}: mass, a member by our reading"
        expected = 1.0 + shift / (pi * (1.0 - pi))
        yield equal(CLAIM.title, setting, published.mass(published.reinmax_cv, l), expected, 1e-9, "quadrature")


def identity() -> Rows:
    """Identity straight-through leaves dpi/dr out: the mean of L' is that of the masses pi/f and (1 - pi)/f."""
    coefficients, r = (0.0, 1.0, -2.0, 0.5), 0.4
    slope, pi = Polynomial(coefficients).deriv(), float(noise.LOGISTIC.cdf(r))
    found = single.estimate("logistic", r, coefficients, oracle.identity_st()).mean
    setting = "identity straight-through, cubic loss: mean"
    yield equal(CLAIM.title, setting, found, pi * slope(1.0) + (1.0 - pi) * slope(0.0), 1e-14, "rounding")


def between(level: Level) -> Rows:
    """gs by its measure; uniform and the rules by their integral: the mean over u of slope times L'(h)."""
    rng = level.rng(__name__)
    for name in single.NOISES:
        law, r = noise.get(name), 0.6
        loss = Polynomial(rng.normal(size=6)).deriv()
        for tau in (0.3, 1.0):
            expected = measured(r, law, tau, loss)
            found = over_uniforms(estimators.Gs(tau), r, law, loss)
            exact = float(single.estimate(name, r, tuple(loss.integ().coef), oracle.gs(tau)).mean)
            setting = f"gs(tau={tau:g}), {name}: mean less the integral of its measure"
            worst, why = (
                max(abs(found - expected), abs(exact - expected)),
                "over u and by the oracle; quadratures to 1e-10",
            )
            yield at_most(CLAIM.title, setting, worst, 1e-8, why)
        # Sixths and halves of [0, 1] hold every node of the rules; midpoints of a polynomial cell by cell are no error.
        u = (np.arange(6000) + 0.5) / 6000.0
        for spec, nodes, weights in (
            ("simpson", (0.0, 0.5, 1.0), (1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0)),
            ("gauss2", (0.5 - 0.5 / np.sqrt(3.0), 0.5 + 0.5 / np.sqrt(3.0)), (0.5, 0.5)),
        ):
            member = estimators.get(spec)
            h = member.sample(np.full(u.shape, r), u, law)
            found = float((member.slope(h, np.full(u.shape, r), law, u=u) * loss(h)).mean())
            expected = float(law.pdf(r)) * sum(w * loss(x) for w, x in zip(weights, nodes, strict=True))
            yield equal(CLAIM.title, f"{spec}, {name}: mean over u", found, expected, 1e-12, "sums of 6,000 terms")
        found = over_uniforms(estimators.Uniform(), r, law, loss)
        expected = float(law.pdf(r)) * float(loss.integ()(1.0) - loss.integ()(0.0))
        yield equal(CLAIM.title, f"uniform, {name}: mean over u", found, expected, 1e-10, "adaptive quadrature")


def measured(r: float, law: noise.Noise, tau: float, loss: Polynomial) -> float:
    """The integral of L' against the target of gs, f(tau relax^-1(h) - r) / f(r), times f(r) (theory 2.11)."""
    return integrate.quad(lambda h: float(law.pdf(tau * law.ppf(np.array(h)) - r)) * loss(h), 0, 1, limit=400)[0]


def over_uniforms(member: estimators.Member, r: float, law: noise.Noise, loss: Polynomial) -> float:
    """The mean of refsbnn's estimate over its uniform."""

    def estimate(u: float) -> float:
        h = member.sample(np.array(r), np.array(u), law)
        return float(member.slope(h, np.array(r), law, u=np.array(u)) * loss(h))

    cut = float(law.cdf(r))
    return sum(integrate.quad(estimate, *ends, epsabs=1e-11, limit=400)[0] for ends in ((0.0, cut), (cut, 1.0)))


def foust_unit(level: Level) -> Rows:
    """One unit: with weight and noise the target is uniform; with noise alone its mean is 1/4 + pi/2."""
    coefficients, l = level.rng(f"{__name__}.foust").normal(size=7), float(special.logit(0.2))
    found, loss = single.estimate("logistic", l, coefficients, foust.member()), Polynomial(coefficients)
    setting = "FouST, weight and noise, one unit: mean over dpi, random loss of degree 6"
    yield equal(CLAIM.title, setting, float(found.mean) / 0.16, loss(1.0) - loss(0.0), 1e-12, "rounding")
    square = float(single.estimate("logistic", l, (0.0, 1.0), foust.member()).square)
    expected = float(single.estimate("logistic", l, (0.0, 1.0), oracle.trapezoid()).square)
    setting = "FouST, weight and noise, one unit, L = z: mean square over the trapezoid's"
    yield equal(CLAIM.title, setting, square / expected, 1.0, 1e-13, "noise costs an affine loss nothing; rounding")
    found = single.estimate("logistic", l, (0.0, 0.0, 0.5), foust.member(weighted=False))
    straight = single.estimate("logistic", l, (0.0, 0.0, 0.5), oracle.st())
    setting = "FouST, noise alone, one unit, quadratic loss: bias over that of st"
    yield equal(CLAIM.title, setting, found.bias / straight.bias, 0.5, 1e-12, "(pi/2 - 1/4) over (pi - 1/2)")


def foust_layers(level: Level) -> Rows:
    """Two layers, {-1, +1}: the algorithm's mean is the member's, and it is biased."""
    rng, sizes, shares = level.rng(f"{__name__}.foust_layers"), (2, 2, 1, 2), []
    for trial in range(24 if level.quick else 60):
        weights = [(rng.normal(size=(o, i)), 0.5 * rng.normal(size=o)) for i, o in pairwise(sizes)]
        x, net = rng.normal(size=2), deep(weights)
        if not trial:
            for told, wanted, member in (
                ("weight and noise", {}, foust.member()),
                ("noise alone", {"weighted": False}, foust.member(weighted=False)),
                ("weight alone", {"noisy": False}, oracle.trapezoid()),
            ):
                yield apart(f"FouST, {told}", foust.mean(weights, x, slope, **wanted), net, x, member)
            own = foust.mean(weights, x, slope, noisy=False, c=2.0)
            yield apart("FouST, weight alone, states -1/2 and 1/2", own, deep(weights, 2.0), x, oracle.trapezoid(), 2.0)
            yield relative_bias(foust.mean(weights, x, slope), oracle.moments(net, x, LOSS, foust.member()))
        laws = [oracle.moments(net, x, LOSS, member) for member in (foust.member(), oracle.trapezoid())]
        shares.append([np.sqrt(sum(float((law[key].bias ** 2).sum()) for key in HIDDEN)) for law in laws])
    ratio = intervals.geometric_mean(np.array([own / other for own, other in shares]))
    setting = "FouST, weight and noise, two layers of {-1, +1} units: bias over the trapezoid's"
    why = f"geometric mean of {len(shares)} networks, 99 % interval {ratio:.2f}: relaxed values are other inputs"
    yield at_least(CLAIM.title, setting, ratio.value, 1.0, why)


def apart(told: str, own: list[np.ndarray], net: oracle.Layered, x: np.ndarray, member: Member, c: float = 1.0) -> Row:
    """The largest difference of the algorithm's mean from the member's in the hidden layers."""
    law = oracle.moments(net, x, LOSS, member)
    members = [law[HIDDEN[0]].mean, law[HIDDEN[1]].mean / c]  # W y/c is (W/c) y
    worst = max(float(np.abs(mine - theirs).max()) for mine, theirs in zip(own, members, strict=False))
    setting = f"{told}, two layers: its mean as an algorithm less that as a member"
    return at_most(CLAIM.title, setting, worst, 1e-9, "Gauss rules of 10 nodes and of the oracle's order")


def relative_bias(own: list[np.ndarray], law: dict[str, oracle.Estimate]) -> Row:
    """The bias of one network's first layer, by the algorithm's mean and by the member's, over the exact gradient."""
    exact = law[HIDDEN[0]].gradient
    found, expected = (
        float(np.linalg.norm(bias) / np.linalg.norm(exact)) for bias in (own[0] - exact, law[HIDDEN[0]].bias)
    )
    setting = "FouST, weight and noise, two layers of {-1, +1} units: relative bias of the first, one random network"
    return equal(CLAIM.title, setting, found, expected, 1e-9, "as an algorithm, and as a member by the oracle")


def deep(weights: foust.Weights, c: float = 1.0) -> oracle.Layered:
    """The oracle's network of these weights, states -1/c and 1/c: weights that read states, over c."""
    layers = [oracle.Layer(W / (c if i else 1.0), 0.0 * W, b, np.ones_like(b)) for i, (W, b) in enumerate(weights[:-1])]
    W, b = weights[-1]
    readout = oracle.Layer(W / c, 0.0 * W, b, np.zeros_like(b))
    return oracle.Layered(layers, readout, noise="logistic", domain="bipolar")


def slope(y: np.ndarray) -> np.ndarray:
    """The gradient of the negative log-probability of class 0, which is `LOSS`."""
    return special.softmax(y) - np.eye(len(y))[0]
