"""The family trades bias for variance.

Source: theory 2.2 to 2.6. For one unit it is a theorem along mix(lam): with L = z^2 the bias is f (1-lam) (2 pi - 1),
and with L = z the variance is f^2 lam^2 (1/2 - pi)^2 / (pi (1 - pi)). In deep networks it is a tendency: over random
networks the trapezoid mostly has less bias and more variance than st, with fractions and geometric means below, but
single networks need not, nor be monotone in lam.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import special

import oracle
from refsbnn import noise
from validation.evidence import hidden, intervals, networks, single
from validation.evidence.claim import Claim, Formula
from validation.evidence.curves import Figure, Panel, Series
from validation.evidence.record import Level, Rows, at_least, at_most, equal

CLAIM = Claim(
    title="Trade-off along the family",
    sentence="We characterise the bias-variance trade-off in this family",
    owner="paper",
    source="abstract, sentence 4",
    statement=(
        "For one unit, from st to the trapezoid along mix(lam) the bias on L = z^2 falls to 0 and the variance on "
        "L = z rises from 0. In deep networks the trapezoid has less bias and more deviation than st in most random "
        "networks."
    ),
    assumptions=(
        "exact moments by enumeration, cross-entropy of the readout",
        "random networks of order-one signal-to-noise ratio, two or three layers of three units",
    ),
    finding="holds with conditions",
    reason="a theorem for one unit; a tendency in deep networks, which need not be monotone in lam",
    claimed="bias falls and variance rises along the family",
    headline="{0,1}, 2 layers: fraction of random networks in which the trapezoid is less biased than st",
    equations=(
        Formula("2.2", r"\mathrm{bias} = \frac{d\pi}{d\theta} \left[ \int L' dp - \int_0^1 L'(h) dh \right]"),
        Formula("2.6", r"p_1 = (1 - \lambda) \pi + \lambda / 2"),
    ),
    code=("refsbnn/estimators", "oracle/members.py"),
)
TITLE = CLAIM.title
WHY = "a few dozen roundings"
GRIDS = {
    "mix(lam)": (oracle.mix, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
    "iwst(p)": (oracle.iwst, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
    "agr(tau)": (oracle.agr, (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)),
    "st-gs(tau)": (oracle.st_gs, (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)),
}
FAMILIES = {  # layer widths and domain of the random networks
    "{0,1}, 2 layers": ([2, 3, 3], "binary"),
    "{-1,+1}, 2 layers": ([2, 3, 3], "bipolar"),
    "{0,1}, 3 layers": ([2, 3, 3, 3], "binary"),
}
LESS, MORE = "in which the trapezoid is less biased than st", "in which the trapezoid has more deviation than st"


def check(level: Level) -> Rows:
    """Bias and variance along mix for one unit; fractions and geometric means over random networks."""
    law, r = noise.GAUSSIAN, 0.8
    f, pi = float(law.pdf(r)), float(law.cdf(r))
    for lam in (0.0, 0.5, 1.0):
        bias = single.estimate("gaussian", r, (0, 0, 1), oracle.mix(lam)).bias
        variance = single.estimate("gaussian", r, (0, 1), oracle.mix(lam)).variance
        setting = f"mix(lam={lam:g}), one unit, r = 0.8"
        expected = (f * lam * (0.5 - pi)) ** 2 / (pi * (1.0 - pi))
        yield equal(TITLE, f"{setting}, L = z^2: bias", bias, f * (1.0 - lam) * (2.0 * pi - 1.0), 1e-13, WHY)
        yield equal(TITLE, f"{setting}, L = z: variance", variance, expected, 1e-13, WHY)
    yield from by_hand(level)
    for family in list(FAMILIES)[: 1 if level.quick else None]:
        yield from tendency(level, family)


def by_hand(level: Level) -> Rows:
    """Bias and deviation themselves, as the tallies below have them: ratios do not see a scale that both share."""
    rng = level.rng(f"{__name__}.by_hand")
    net, x = networks.layered(rng, [2, 1]), rng.normal(size=2)
    (unit,), w = net.layers, net.readout.mu[:, 0]
    s = float(np.sqrt(unit.sigma2 @ x**2 + unit.bias_sigma2)[0])
    r = float((unit.mu @ x + unit.bias_mu)[0]) / s
    f, pi = float(noise.GAUSSIAN.pdf(r)), float(noise.GAUSSIAN.cdf(r))
    logits = [net.readout.bias_mu + w * z for z in (0.0, 1.0)]
    slope0, slope1 = (w @ special.softmax(each) - w[0] for each in logits)
    loss0, loss1 = (special.logsumexp(each) - each[0] for each in logits)
    for lam, mean, spread in (
        (0.0, (1.0 - pi) * slope0 + pi * slope1, slope1 - slope0),
        (1.0, (slope0 + slope1) / 2.0, slope1 / (2.0 * pi) - slope0 / (2.0 * (1.0 - pi))),
    ):
        scale = f * np.linalg.norm(x) / s  # of d pi / d mu
        expected = scale * abs(mean - (loss1 - loss0)), scale * np.sqrt(pi * (1.0 - pi)) * abs(spread)
        for what, found, known in zip(("bias", "deviation"), sizes_of([(net, x)], lam)[0], expected, strict=True):
            setting = f"mix(lam={lam:g}), one unit, softmax: {what} of its weights"
            yield equal(TITLE, setting, found, known, 1e-13, WHY)


def tendency(level: Level, family: str) -> Rows:
    """How often, and by how much, the trapezoid has less bias and more deviation than st; whether in steps."""
    curve = tally(level, family)
    count, least = len(curve), 0.5 if level.quick else 0.7
    for what, wanted, ratios in (
        ("bias", LESS, curve[:, -1, 0] / curve[:, 0, 0]),
        ("deviation", MORE, curve[:, -1, 1] / curve[:, 0, 1]),
    ):
        hits = int((ratios < 1.0).sum() if what == "bias" else (ratios > 1.0).sum())
        found = intervals.fraction(hits, count)
        why = (
            f"{hits} of {count}, exact 99 % interval {found:.2f}; over nine sets of 100 they were 0.85 to 0.99, "
            "and were it 0.85, fewer than the bound in one seed of 25,000"
        )
        yield at_least(TITLE, f"{family}: fraction of random networks {wanted}", found.value, least, why)
        size = intervals.geometric_mean(ratios)
        why = (
            f"Student's 99 % interval {size:.2f} over {count} networks; over nine sets of 100 the means lay five "
            "standard errors of 20 networks or more from 1"
        )
        bound = at_most if what == "bias" else at_least
        yield bound(TITLE, f"{family}: trapezoid's {what} over that of st, geometric mean", size.value, 1.0, why)
    if family != "{0,1}, 2 layers":
        return
    why = "a tendency and no theorem: single networks need not be monotone"
    steps = np.diff(curve, axis=1)
    for what, value in (("bias falls", steps[..., 0] < 0.0), ("deviation rises", steps[..., 1] > 0.0)):
        setting = f"{family}: fraction of random networks in which {what} with every step of lam"
        share = float(value.all(axis=1).mean())
        yield at_most(TITLE, setting, share, 1.0 - 1.0 / count, why)


def tally(level: Level, family: str) -> np.ndarray:
    """Norms of bias and deviation over every hidden mu, (networks, lam, 2); lam is 0 and 1 alone for deep families."""
    widths, domain = FAMILIES[family]
    rng = level.rng(f"{__name__}.{family}")
    grid = GRIDS["mix(lam)"][1] if family == "{0,1}, 2 layers" else (0.0, 1.0)
    nets = [
        (networks.layered(rng, widths, domain=domain), rng.normal(size=2)) for _ in range(20 if level.quick else 200)
    ]
    return np.stack([sizes_of(nets, lam) for lam in grid], axis=1)


def sizes_of(nets: Sequence[hidden.Case], lam: float) -> np.ndarray:
    """Norms of bias and deviation of mix(lam) over every hidden mu of each network, (networks, 2)."""
    found = hidden.sums(nets, oracle.mix(lam))
    return np.sqrt([found.bias, found.variance]).T


def figures(level: Level) -> list[Figure]:
    """Bias and standard deviation along four lines of the family."""
    found = along(level)
    line = [
        Panel(
            f"along {name}",
            name[name.index("(") + 1 : -1],
            "relative to |gradient|",
            [
                Series("bias", grid, [bias for bias, _ in found[name]]),
                Series("standard deviation", grid, [deviation for _, deviation in found[name]]),
            ],
            log_x=name.endswith("(tau)"),
            log_y=True,
        )
        for name, (_, grid) in GRIDS.items()
    ]
    plane = Panel(
        "bias against deviation",
        "relative standard deviation",
        "relative bias",
        [
            Series(name, [deviation for _, deviation in points], [bias for bias, _ in points])
            for name, points in found.items()
        ],
        log_x=True,
        log_y=True,
    )
    caption = (
        "Exact bias and standard deviation of the estimate of every hidden mu, as norms over all of them and over "
        f"{sizes(level)[0]} random networks with {len(sizes(level)[1]) - 1} layers of {{0,1}} units, Gaussian noise, "
        "relative to the norm of the exact gradient. `mix(lam)` runs from `st` to the trapezoid, which is `iwst(p)` at "
        "1/2 and the limit of `agr(tau)` at 0. `agr` has the bias of `st-gs` and less variance."
    )
    return [Figure("Bias and variance along the family", caption, [*line, plane])]


def sizes(level: Level) -> tuple[int, list[int]]:
    """How many networks, and their widths."""
    return (4, [2, 3, 3]) if level.quick else (12, [2, 4, 4, 4])


@cache
def along(level: Level) -> dict[str, list[tuple[float, float]]]:
    """Relative bias and standard deviation for every member of the grids."""
    return {name: [relative(level, make(value)) for value in grid] for name, (make, grid) in GRIDS.items()}


def relative(level: Level, member: oracle.Discrete) -> tuple[float, float]:
    """Relative bias and standard deviation over all hidden mu of all networks."""
    count, widths = sizes(level)
    rng = level.rng(__name__)
    nets = [(networks.layered(rng, widths), rng.normal(size=widths[0])) for _ in range(count)]
    found = hidden.sums(nets, member)
    gradient = found.gradient.sum()
    return float(np.sqrt(found.bias.sum() / gradient)), float(np.sqrt(found.variance.sum() / gradient))
