"""The masses of least mean squared error, in closed form, and how far each member is from them.

Source: theory 2.22 to 2.24. For one unit with a loss known between its states, p1* of (2.22) minimises bias^2 +
variance / n over masses that sum to 1; (2.23) says how much more any other p1 costs. No member can know the slopes a
and b before the draw. A member that knows the size d of (a - b)/C and not its sign does best as temp(c) with c = n d^2
(2.24): that is what `temp` is for. Checked against the oracle's exact moments, minimised numerically over p1.
"""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import Polynomial
from scipy import optimize

import oracle
from refsbnn import estimators, noise
from validation.evidence import single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, equal

CLAIM = Claim(
    title="Masses of least error",
    sentence="temp(c) is the best member that does not know the sign of the loss's curvature, with c = n d^2",
    owner="ours",
    source="theory 2.22 to 2.24",
    statement=(
        "For one unit the least mean squared error of the mean over n draws among masses of sum 1 is at p1* of (2.22), "
        "any other p1 costs what (2.23) says, and over losses of curvature d C and -d C, either as likely, the best p1 "
        "is that of temp(n d^2)."
    ),
    assumptions=("one unit, a loss known between its states", "masses of sum 1", "for temp: a quadratic loss"),
    finding="holds",
    reason="closed form and numerical minimum agree to the accuracy of the minimum",
    claimed="c = n d^2",
    headline="temp, gaussian, r = -1, d = 0.4, n = 10: p1 of least error over both signs",
    equations=(
        Formula("2.22", r"p_1^* = \frac{D (I - b) + C b / (n q)}{D^2 + C^2 / (n \pi q)}"),
        Formula("2.23", r"\mathrm{error} = (D^2 + \frac{C^2}{n \pi q}) (p_1 - p_1^*)^2 + \mathrm{least}"),
        Formula("2.24", r"p_1 = \pi + \frac{c \pi q}{1 + c \pi q} (1/2 - \pi), \quad c = n d^2"),
    ),
    code=("refsbnn/estimators", "oracle/members.py"),
)
TITLE = CLAIM.title
BATCHES = (1, 10, 100)
PLACE = "a minimum of a parabola is found to the root of the rounding, relative to its width"


def check(level: Level) -> Rows:
    """Place of the minimum, its depth, the cost of each member, and the best member without the sign."""
    rng = level.rng(__name__)
    for name in single.NOISES:
        for batch in BATCHES:
            r, loss = rng.uniform(-1.5, 1.5), rng.normal(size=5)

            def at(p1: float, name: str = name, r: float = r, loss: np.ndarray = loss, batch: int = batch) -> float:
                return error(name, r, loss, fixed(p1), batch)

            where = f"{name}, r = {r:.2f}, random loss of degree 4, n = {batch}"
            star, floor, _ = optimum(name, r, loss, batch)
            yield equal(TITLE, f"{where}: p1 of least error", least(at), star, 1e-6 * max(1.0, abs(star)), PLACE)
            found = error(name, r, loss, fixed(star), batch)
            size = error(name, r, loss, oracle.st(), batch)
            yield equal(
                TITLE, f"{where}: least error", found, floor, 1e-12 * size, "rounding, relative to the error of st"
            )
    yield from costs()
    for batch in BATCHES:
        yield from signs(-1.0, 0.4, batch)


def costs() -> Rows:
    """What each member of mass 1 costs above the minimum, for a quadratic loss."""
    name, r, d, batch = "gaussian", -1.0, 0.4, 10
    pi, loss = float(noise.get(name).cdf(np.array(r))), bent(-1.0, d)
    star, floor, curvature = optimum(name, r, loss, batch)
    for spec in ("st", "trapezoid", "mix(lam=0.5)", f"temp(c={batch * d**2:g})"):
        member = oracle.member(spec)
        lam = batch * d**2 * pi * (1 - pi)
        p1 = {"st": pi, "trapezoid": 0.5, "mix(lam=0.5)": (pi + 0.5) / 2.0}.get(spec, pi + lam / (1 + lam) * (0.5 - pi))
        found = error(name, r, loss, member, batch) / floor
        expected = 1.0 + curvature * (p1 - star) ** 2 / floor
        setting = f"{spec}, gaussian, r = -1, curvature {d:g} C, n = {batch}: error over the least"
        yield equal(TITLE, setting, found, expected, 1e-12 * expected**2, "rounding, relative to the least error")


def signs(r: float, d: float, batch: int) -> Rows:
    """The p1 of least error where either sign of the curvature is as likely, and that of refsbnn's `temp`."""

    def both(p1: float) -> float:
        return sum(error("gaussian", r, bent(r, sign * d), fixed(p1), batch) for sign in (1.0, -1.0))

    expected = estimators.get(f"temp(c={batch * d**2!r})").masses(np.array(r), noise.GAUSSIAN)[1]
    setting = f"temp, gaussian, r = {r:g}, d = {d:g}, n = {batch}: p1 of least error over both signs"
    yield equal(TITLE, setting, least(both), expected, 1e-6, PLACE)


def fixed(p1: float) -> oracle.Discrete:
    """The member with these masses, which need not lie in [0, 1]."""
    return oracle.two_point(lambda pi: (np.full_like(pi, 1.0 - p1), np.full_like(pi, p1)))


def error(
    name: str, r: float, loss: single.Coefficients, member: oracle.Discrete | oracle.Relaxed, batch: int
) -> float:
    """Exact mean squared error of the mean of a member over a batch, for one unit."""
    found = single.estimate(name, r, loss, member)
    return float(found.bias**2 + found.variance / batch)


def least(function: Callable[[float], float]) -> float:
    """Where a function of p1 is least."""
    return float(optimize.minimize_scalar(function, bracket=(0.0, 1.0), tol=1e-12).x)


def bent(r: float, d: float) -> tuple[float, float, float]:
    """The quadratic loss with C = 1 and D = d at r."""
    q = float(noise.GAUSSIAN.sf(np.array(r)))
    return 0.0, 1.0 - q * d, d / 2.0


def optimum(name: str, r: float, loss: single.Coefficients, batch: int) -> tuple[float, float, float]:
    """p1* of theory 2.22, the least error, and half the second derivative of the error in p1 (theory 2.23)."""
    law, polynomial = noise.get(name), Polynomial(loss)
    f, pi, q = (float(one(np.array(r))) for one in (law.pdf, law.cdf, law.sf))
    a, b = float(polynomial.deriv()(1.0)), float(polynomial.deriv()(0.0))
    change, d, c = float(polynomial(1.0) - polynomial(0.0)), a - b, q * a + pi * b
    curvature = d**2 + c**2 / (batch * pi * q)
    star = (d * (change - b) + c * b / (batch * q)) / curvature
    kappa = batch * pi * q * d**2 / c**2
    return star, f**2 * (change - b - d * pi * b / c) ** 2 / (1.0 + kappa), f**2 * curvature
