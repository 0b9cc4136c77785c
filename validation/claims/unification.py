"""Each named estimator of one unit is a member: its weight is w = dp/dq of a target p, and w does not depend on L.

Source: the paper's abstract, theory 2.1. The forms that the authors write, in logits (`validation.evidence.published`),
against weights of refsbnn.estimators, with logistic noise, for which the logit is r; `gs` by its measure, at moderate
temperatures, against the average over its uniforms. Masses of those with no name here, against the table below theory
2.21: where the mass is not 1 the estimator is biased already for an affine loss.

- ReinMax-CV: a control variate that multiplies L'(z) leaves a member with a random slope. As far as its abstract tells,
  the control variate's mean is not 0, and its mass not 1.
- FouST (Pervez, Cohen and Gavves 2020): its text is not at hand. What its abstract and its name for it (importance
  weights, spikes times uniform noise) stand for would be the uniform target with another proposal: y = 2z - 1 times a
  uniform number, weighted by 1/(2 P(z)). That is a member, unbiased for one unit and every loss.
- "Estimators that are not members" shows those that are not.
"""

import numpy as np
from numpy.polynomial import Polynomial
from scipy import integrate, special

import oracle
from refsbnn import estimators, noise
from validation.evidence import published, single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_most, equal

CLAIM = Claim(
    title="One class of estimators",
    sentence="We introduce importance-weighted straight-through (IW-ST) estimators, a unified class generalising "
    "straight-through and relaxation-based estimators.",
    owner="paper",
    source="abstract, sentence 3",
    statement="Straight-through, ReinMax, DARN, ZGR, Gapped and Decoupled ST, ReinMax-Rao, Gumbel-Rao, ST "
    "Gumbel-softmax, the relaxation itself and quadrature rules are each dpi/dr w L' with a weight w = dp/dq that does "
    "not depend on L.",
    assumptions=("binary units", "logistic noise where the authors write a softmax"),
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
WHY = "relative; adaptive quadrature to 1e-12, pi (1 + pi)/2 - pi^2/2 cancels: some eps / (1 - pi), |r| <= 3"


def check(level: Level) -> Rows:
    """Weights as published against the members', masses, measures between the states."""
    r = np.linspace(-3.0, 3.0, 5 if level.quick else 25)
    for name, (slope, spec) in PUBLISHED.items():
        worst = max(gap(slope, estimators.get(spec), float(each)) for each in r)
        setting = f"{name} as published: largest relative difference of weights from {spec}"
        yield at_most(CLAIM.title, setting, worst, 1e-10, WHY)
    yield from (*masses(), *random_slope(), *control_variate(), *identity(), *between(level), *foust(level))


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


def foust(level: Level) -> Rows:
    """h = (1 + y v)/2 with y = 2z - 1, v uniform, weight 1/(2 P(z)): the mean of w L'(h) is L(1) - L(0)."""
    loss, pi = Polynomial(level.rng(f"{__name__}.foust").normal(size=7)), 0.2
    nodes, weights = np.polynomial.legendre.leggauss(8)  # exact to degree 15
    v, slope = 0.5 * (nodes + 1.0), loss.deriv()
    mean = sum(p * (0.5 * weights @ slope(0.5 * (1.0 + y * v))) / (2.0 * p) for y, p in ((1.0, pi), (-1.0, 1.0 - pi)))
    setting = "spike times uniform noise, weight 1/(2 P(z)): mean over dpi, random loss of degree 6"
    yield equal(CLAIM.title, setting, mean, loss(1.0) - loss(0.0), 1e-13, "rounding")
