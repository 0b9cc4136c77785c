"""Which member a profile is, up to a factor."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import optimize

from refsbnn import estimators
from refsbnn.estimators.member import spell
from refsbnn.noise import get as noise_of
from validation.certify.between import MEMBERS
from validation.certify.slopes import Profile

CLOSE = 1e-5  # largest difference relative to the largest slope at that r; float32 codes round by 1e-7 a step
STARTS = (0.3, 1.0, 3.0)
# Members that are not of the form of theory 2.19; the numbers left open are fitted, all of them positive.
FITTED = (
    *("identity-st", "temp(c={})", "agr(tau={})", "gapped-st(gap=0,tau={})", "gapped-st(gap={},tau={})"),
    *("fast-sigmoid(scale={})", "arctan(scale={})", "triangular(scale={})", "gaussian(scale={})"),
)
VARYING = ("st-gs(tau={})",)  # given the spike
RELAXED = ("gs(tau={})", *MEMBERS)


class Match(NamedTuple):
    """A member, the factor before its slope, and the largest difference that is left, relative to the slope."""

    member: str
    factor: float
    difference: float

    def told(self) -> str:
        """In words."""
        times = "" if abs(self.factor - 1.0) <= CLOSE else f", times {self.factor:.6g}"
        return f"this is {self.member}{times}"


def identify(found: Profile) -> Match | None:
    """The member whose slope, and value sent on, are those of the profile at every node; None where there is none."""
    if found.value or found.elsewhere or not np.abs(found.slope).max():
        return None
    for match in (_affine(found), *_fitted(found), _rule(found)):
        if match is not None and match.difference <= CLOSE:
            return match
    return None


def _size(found: Profile) -> np.ndarray:
    """The largest slope at each r, of shape (r, 1); where it is 0, as beyond a hard tanh's ends, the largest of all."""
    size = np.abs(found.slope).max(axis=1, keepdims=True)
    return np.where(size > 0.0, size, size.max())


def _difference(found: Profile, slope: np.ndarray) -> float:
    """The largest, relative to the largest slope at the same r."""
    return float((np.abs(slope - found.slope) / _size(found)).max())


def _affine(found: Profile) -> Match | None:
    """The form a f + b_z f / P(z), linear in its three numbers (theory 2.19)."""
    if found.inside or found.relaxed:
        return None
    law, r = found.how.law, found.r[:, None]
    f, one = law.pdf(r), found.z == 1.0
    columns = [f + 0.0 * found.z, np.where(one, 0.0, f / law.cdf(-r)), np.where(one, f / law.cdf(r), 0.0)]
    size = _size(found)
    matrix = np.stack([(column / size).ravel() for column in columns], axis=1)
    a, b0, b1 = np.linalg.lstsq(matrix, (found.slope / size).ravel(), rcond=None)[0]
    a, b0, b1 = (0.0 if abs(n) < CLOSE else float(n) for n in (a, b0, b1))
    left = _difference(found, a * columns[0] + b0 * columns[1] + b1 * columns[2])
    total = a + b0 + b1
    if not b0 and not b1:
        return Match("st", a, left)
    if abs(b0 - b1) < CLOSE and abs(total) > CLOSE:
        lam = (b0 + b1) / total
        return Match("trapezoid" if abs(lam - 1.0) < CLOSE else f"mix(lam={_number(lam)})", total, left)
    if not a and b0 + b1 > CLOSE and min(b0, b1) >= 0.0:
        return Match(f"iwst(p={_number(b1 / (b0 + b1))})", b0 + b1, left)
    if not a:
        return Match(f"two-point(target=[{_number(b0)},{_number(b1)}])", 1.0, left)
    return Match(f"masses {_number(a)} P(z) + [{_number(b0)}, {_number(b1)}]", 1.0, left)


def _number(value: float) -> str:
    """As a name has it: four digits after the point where rounding is all that they leave out."""
    value = float(value)
    return spell(round(value, 4) if abs(value - round(value, 4)) < CLOSE else float(f"{value:.6g}"))


def _fitted(found: Profile) -> Iterator[Match]:
    """The other members, each with the numbers and the factor that come closest."""
    for template in RELAXED if found.relaxed else VARYING if found.inside else FITTED:
        count = template.count("{}")

        def slope(numbers: np.ndarray, template: str = template) -> np.ndarray:
            return _of(found, template.format(*map(float, numbers)))

        if not count:
            yield _scaled(found, template, slope(np.array([])))
            continue
        best = min((_fit(found, slope, count, start) for start in STARTS), key=lambda each: each[0])
        yield _scaled(found, template.format(*map(_number, best[1])), slope(best[1]))


def _rule(found: Profile) -> Match | None:
    """A rule of any nodes: slope / f is a number for each value that is sent on (theory 2.12)."""
    if not found.how.cuts:
        return None
    widths = np.diff([0.0, *found.how.cuts, 1.0])
    shape = (len(found.r), len(widths), -1)
    ratio = (found.slope / found.how.law.pdf(found.r)[:, None]).reshape(shape)
    sent = np.round(found.h.reshape(shape), 9)
    if np.ptp(sent, axis=(0, 2)).max() > CLOSE:
        return None
    nodes, which = np.unique(sent[0, :, 0], return_inverse=True)
    drawn = np.bincount(which, widths)
    w = np.array([ratio[:, which == node].mean() for node in range(len(nodes))])
    left = _difference(
        found,
        (w[which][:, None] * found.how.law.pdf(found.r)[:, None, None])
        .repeat(sent.shape[2], 2)
        .reshape(found.slope.shape),
    )
    told = (",".join(_number(each) for each in part) for part in (nodes, w * drawn, drawn))
    return Match("quadrature(nodes=[{}],weights=[{}],probabilities=[{}])".format(*told), 1.0, left)


def _of(found: Profile, name: str) -> np.ndarray:
    """A member's slope at the profile's nodes."""
    member, noise = estimators.get(name), noise_of(found.how.noise)
    r = np.broadcast_to(found.r[:, None], found.z.shape)
    return member.slope(member.sample(r, found.u, noise) if found.relaxed else found.z, r, noise, found.u)


def _sent(found: Profile, name: str) -> float:
    """The largest difference of what a relaxed member sends on from what the code does."""
    if not found.relaxed:
        return 0.0
    values = estimators.get(name).sample(found.r[:, None] + 0.0 * found.u, found.u, noise_of(found.how.noise))
    return float(np.abs(values - found.h).max())


def _factor(found: Profile, slope: np.ndarray) -> float:
    size = _size(found)
    ours, theirs = slope / size, found.slope / size
    return float((ours * theirs).sum() / max((ours**2).sum(), 1e-300))


def _scaled(found: Profile, name: str, slope: np.ndarray) -> Match:
    factor = _factor(found, slope)
    return Match(name, factor, max(_difference(found, factor * slope), _sent(found, name)))


def _fit(
    found: Profile, slope: Callable[[np.ndarray], np.ndarray], count: int, start: float
) -> tuple[float, np.ndarray]:
    """Least squares in the logarithms of the numbers, the factor at its best for each."""
    size = _size(found)

    def left(logs: np.ndarray) -> np.ndarray:
        candidate = slope(np.exp(np.clip(logs, -6.0, 6.0)))
        return ((_factor(found, candidate) * candidate - found.slope) / size).ravel()

    done = optimize.least_squares(left, np.full(count, np.log(start)), xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=60)
    return float(done.cost), np.exp(np.clip(done.x, -6.0, 6.0))
