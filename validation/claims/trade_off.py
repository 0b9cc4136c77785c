"""The family trades bias for variance.

Source: theory 2.2 to 2.6. For one unit it is a theorem along mix(lam): with L = z^2 the bias is f (1-lam) (2 pi - 1),
and with L = z the variance is f^2 lam^2 (1/2 - pi)^2 / (pi (1 - pi)). In deep networks it is a tendency, shown by the
figure: over random networks the trapezoid has less bias and more variance than st, but single networks need not be
monotone in lam.
"""

from functools import cache

import numpy as np

import oracle
from refsbnn import noise
from validation.evidence import networks, single
from validation.evidence.curves import Figure, Panel, Series
from validation.evidence.record import Level, Rows, equal

TITLE = "Trade-off along the family"
WHY = "a few dozen roundings"
GRIDS = {
    "mix(lam)": (oracle.mix, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
    "iwst(p)": (oracle.iwst, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
    "agr(tau)": (oracle.agr, (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)),
    "st-gs(tau)": (oracle.st_gs, (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)),
}


def check(level: Level) -> Rows:
    """Bias and variance along mix for one unit; the ends of mix are st and the trapezoid."""
    law, r = noise.GAUSSIAN, 0.8
    f, pi = float(law.pdf(r)), float(law.cdf(r))
    for lam in (0.0, 0.5, 1.0):
        bias = single.estimate("gaussian", r, (0, 0, 1), oracle.mix(lam)).bias
        variance = single.estimate("gaussian", r, (0, 1), oracle.mix(lam)).variance
        setting = f"mix(lam={lam:g}), one unit, r = 0.8"
        expected = (f * lam * (0.5 - pi)) ** 2 / (pi * (1.0 - pi))
        yield equal(TITLE, f"{setting}, L = z^2: bias", bias, f * (1.0 - lam) * (2.0 * pi - 1.0), 1e-13, WHY)
        yield equal(TITLE, f"{setting}, L = z: variance", variance, expected, 1e-13, WHY)
    found = along(level)["mix(lam)"]
    for end, member in ((0, oracle.st()), (-1, oracle.trapezoid())):
        for what, value, other in zip(("bias", "deviation"), found[end], relative(level, member), strict=True):
            setting = f"mix against {member.name}, deep networks: relative {what}"
            yield equal(TITLE, setting, value, other, 1e-12 * other, WHY)


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
    bias = variance = gradient = 0.0
    for _ in range(count):
        net, x = networks.layered(rng, widths), rng.normal(size=widths[0])
        for key, each in oracle.moments(net, x, oracle.Categorical(0), member).items():
            if key.startswith("layers") and key.endswith(".mu"):
                bias += float((each.bias**2).sum())
                variance += float(each.variance.sum())
                gradient += float((each.gradient**2).sum())
    return float(np.sqrt(bias / gradient)), float(np.sqrt(variance / gradient))
