"""Units that draw nothing: a spike where r > 0, and a surrogate slope (theory 2.17).

Such a code has no law. It has a slope as a function of r, which is named, and one estimate for each loss, which is held
to the exact gradient of the same network with noise of scale 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from refsbnn.errors import InputError, check_choice
from validation.certify.call import SAME, Convention, Estimator, call, forward, name_of
from validation.certify.networks import LOSSES, Loss, Standard, one_unit, standard
from validation.certify.slopes import chain_notes, slope_of

NEAR, FAR, POINTS, SHOWN = 1e-3, 6.0, 29, 1.0  # of r on each side; one of them is printed
STARTS = (0.05, 0.5, 5.0, 25.0)
NOISES = ("gaussian", "logistic")
UNNAMED = "a function of r that has no name here"

# Slopes that surrogates have, of one number k > 0; the first three as in theory 2.17.
SHAPES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "fast-sigmoid(scale={})": lambda r, k: 1.0 / (1.0 + k * np.abs(r)) ** 2,
    "arctan(scale={})": lambda r, k: 0.5 * k / (1.0 + (0.5 * np.pi * k * r) ** 2),
    "triangular(scale={})": lambda r, k: np.maximum(1.0 - k * np.abs(r), 0.0),
    "the density of logistic noise of scale {}": lambda r, k: special.expit(r / k) * special.expit(-r / k) / k,
    "the density of Gaussian noise of scale {}": lambda r, k: np.exp(-0.5 * (r / k) ** 2) / (k * np.sqrt(2.0 * np.pi)),
    "the density of Laplace noise of scale {}": lambda r, k: np.exp(-np.abs(r) / k) / (2.0 * k),
}


@dataclass(frozen=True)
class FixedReport:
    """What `certify` found of a code whose units draw nothing.

    Attributes
    ----------
    name : str
    how : Convention
        Its domain; noise and side do not matter.
    r, slope : (points,) arrays
        The slope of one unit.
    member : str
        The slope in words.
    wrong : list of str
        What does not follow from the slope by the chain rule.
    tried : list
        (network, loss, estimate, {noise: exact gradient}) of each network and loss.
    """

    name: str
    how: Convention
    r: np.ndarray
    slope: np.ndarray
    member: str
    wrong: list[str]
    tried: list[tuple[str, str, dict[str, np.ndarray], dict[str, dict[str, np.ndarray]]]]

    def verdict(self, up_to: str, network: str | None = None) -> str:
        """ "biased" if the estimate is not the exact gradient with either noise, for any loss up to this."""
        check_choice("up_to", up_to, LOSSES)
        losses = LOSSES[: LOSSES.index(up_to) + 1]
        far = [
            min(relative(found, exact[noise]) for noise in NOISES)
            for name, loss, found, exact in self.tried
            if loss in losses and network in (None, name)
        ]
        return "biased" if max(far) > SAME else "unbiased"

    def table(self) -> str:
        """What is printed."""
        values = "-1 and +1" if self.how.domain == "bipolar" else "0 and 1"
        lines = [
            f"code      {self.name}",
            f"draws     none: units {values}, spike where r > 0",
            f"slope     {self.member}",
            f"peak      {np.abs(self.slope).max():.6g}; "
            f"at r = -{SHOWN:g} {self.at(-SHOWN):.4g}, at r = {SHOWN:g} {self.at(SHOWN):.4g}",
            *(f"wrong     {note}" for note in self.wrong),
            "",
            "distance to the exact gradient of the same network with noise of scale 1, relative to that gradient:",
            f"{'network':<12}{'loss':<12}" + "".join(f"{noise:>12}" for noise in NOISES),
        ]
        for network, loss, found, exact in self.tried:
            far = "".join(f"{relative(found, exact[noise]):>12.4g}" for noise in NOISES)
            lines.append(f"{network:<12}{loss:<12}{far}")
        return "\n".join(lines)

    def at(self, r: float) -> float:
        """The slope at one of the points: slopes may jump, so nothing is interpolated."""
        return float(self.slope[self.r == r][0])

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON has it."""
        cases = [
            {
                "network": network,
                "loss": loss,
                "relative_bias": {noise: relative(found, exact[noise]) for noise in NOISES},
                "estimate": {key: value.tolist() for key, value in found.items()},
                "exact": {noise: {key: v.tolist() for key, v in exact[noise].items()} for noise in NOISES},
            }
            for network, loss, found, exact in self.tried
        ]
        return {
            "code": self.name,
            "domain": self.how.domain,
            "spike": "r > 0",
            "member": self.member,
            "r": self.r.tolist(),
            "slopes": self.slope.tolist(),
            "wrong": self.wrong,
            "cases": cases,
        }


def relative(found: Mapping[str, np.ndarray], exact: Mapping[str, np.ndarray]) -> float:
    """Distance over the hidden layers' parameters, relative to the exact gradient."""
    last = max(exact)[1:]
    keys = [key for key in exact if key[1:] != last]
    away = np.concatenate([(found[key] - exact[key]).ravel() for key in keys])
    return float(np.linalg.norm(away) / np.linalg.norm(np.concatenate([exact[key].ravel() for key in keys])))


def fixed(fn: Estimator) -> Convention | None:
    """How the code's units spike, if what they send on depends on r alone; None if it does not.

    Raises
    ------
    InputError
        As `call`; a value that is no spike, or a threshold other than 0.
    """
    ends = [[forward(fn, one_unit(r), u) for u in (2.0**-30, 1.0 - 2.0**-20)] for r in (-FAR, FAR)]
    one = forward(fn, one_unit(0.5), 0.01), forward(fn, one_unit(0.5), 0.99)
    if one[0] != one[1] or ends[0][0] != ends[0][1] or ends[1][0] != ends[1][1]:
        return None
    low, high = ends[0][0], ends[1][0]
    domain = next((d for d, e in (("binary", 0.0), ("bipolar", -1.0)) if np.allclose([low, high], [e, 1.0])), None)
    if domain is None:
        raise InputError(
            f"{name_of(fn)}: the unit's value does not depend on the uniform and is {low:.4g} at r = -{FAR:g} and "
            f"{high:.4g} at r = {FAR:g}; expected a spike and none: 0 and 1, or -1 and +1"
        )
    for r in (-NEAR, NEAR):
        if forward(fn, one_unit(r), 0.5) != (high if r > 0.0 else low):
            raise InputError(
                f"{name_of(fn)}: the unit's value at r = {r:g} is not that of r > 0; expected a threshold of 0"
            )
    return Convention("logistic", domain, True)


def certify_fixed(fn: Estimator, how: Convention, network: str | None, name: str) -> FixedReport:
    """The report of a code for which `fixed` gave `how`."""
    side = np.sort(np.append(np.geomspace(NEAR, FAR, POINTS), SHOWN))
    r = np.concatenate([-side[::-1], side])
    notes: dict[str, None] = {}
    slope = np.empty(r.shape)
    for i, each in enumerate(r):
        slope[i], some = _slope(fn, how, float(each))
        notes |= dict.fromkeys(some)
    wrong, tried = list(notes), []
    for each in (network,) if network else ("one-unit", "two-two"):
        net = standard(each)
        for loss in LOSSES:
            asked = Loss(loss)
            found = call(fn, net, [np.full(n, 0.5) for n in net.widths[1:-1]], asked)
            expected, y = _chain(fn, how, net, loss)
            if not asked.seen or np.abs(asked.seen[0] - y).max() > SAME * (1.0 + np.abs(y).max()):
                where = asked.seen[0] if asked.seen else "nothing"
                raise InputError(
                    f"{name}, network {each}: it first asked the loss about {where}; expected the logits {y}"
                )
            keys = [
                key
                for key, value in expected.items()
                if np.abs(found[key] - value).max() > SAME * max(np.abs(value).max(), 1e-3)
            ]
            if keys:
                wrong.append(f"{each}, {loss} loss: {', '.join(keys)} not by the chain rule with the one unit's slope")
            exact = {noise: net.exact(noise, how.domain, Loss(loss)) for noise in NOISES}
            tried.append((each, loss, found, exact))
    return FixedReport(name, how, r, slope, _named(fn, how, r, slope), wrong, tried)


def _slope(fn: Estimator, how: Convention, r: float) -> tuple[float, list[str]]:
    """The slope at one r, and what does not follow from it."""
    net = one_unit(r)
    found = call(fn, net, [np.array([0.5])], Loss("affine"))
    return slope_of(net, how, found), chain_notes(net, how, found, float(r > 0.0))


def _chain(fn: Estimator, how: Convention, net: Standard, loss: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The gradient by the chain rule, each unit's slope as one unit has it, and the logits."""
    values, slopes = [net.x], []
    for i in range(net.layers):
        r = net.r(i, values[-1])
        slopes.append(np.array([_slope(fn, how, float(each))[0] for each in r]))
        values.append(how.value((r > 0.0) * 1.0))
    y = net.r(net.layers, values[-1])
    g = Loss(loss).gradient(y)
    out: dict[str, np.ndarray] = {}
    for i in range(net.layers, -1, -1):
        out |= {f"w{i}": np.outer(g, values[i]), f"b{i}": g}
        if i:
            g = how.unit * (net.parameters[f"w{i}"].T @ g) * slopes[i - 1]
    return out, y


def _named(fn: Estimator, how: Convention, r: np.ndarray, slope: np.ndarray) -> str:
    """The slope in words."""
    top = np.abs(slope).max()
    if not top:
        return "0 everywhere: nothing is learned below"
    below, above = slope[r < 0.0], slope[r > 0.0]
    if all(np.ptp(side) <= SAME * top for side in (below, above)):
        if np.ptp(slope) <= SAME * top:
            return f"this is identity-st{_times(float(slope.mean()))}"
        return f"a step: {below.mean():.6g} below 0, {above.mean():.6g} above"
    found = _fitted(r, slope)
    alive = np.flatnonzero(slope)
    if found or len(alive) != alive[-1] - alive[0] + 1:
        return found or UNNAMED
    edges = [_edge(fn, how, r[alive[0]], r[alive[0] - 1]) if alive[0] else None]
    edges.append(_edge(fn, how, r[alive[-1]], r[alive[-1] + 1]) if alive[-1] + 1 < len(r) else None)
    where = " and ".join(f"r {sign} {edge:.6g}" for sign, edge in zip("><", edges, strict=True) if edge is not None)
    if np.ptp(slope[alive]) <= SAME * top:
        return f"{slope[alive[0]]:.6g} where {where}, 0 elsewhere"
    found = _fitted(r[alive], slope[alive])
    return f"{found} where {where}, 0 elsewhere" if found else UNNAMED


def _edge(fn: Estimator, how: Convention, inside: float, outside: float) -> float:
    """Where the slope becomes 0, between two r."""
    for _ in range(40):
        middle = float(0.5 * (inside + outside))
        inside, outside = (middle, outside) if _slope(fn, how, middle)[0] else (inside, middle)
    return 0.5 * (inside + outside)


def _fitted(r: np.ndarray, slope: np.ndarray) -> str | None:
    """The shape that comes closest, if it is close."""
    top, best = np.abs(slope).max(), None
    for words, shape in SHAPES.items():
        for start in STARTS:
            number, factor, left = _fit(r, slope / top, shape, start)
            if left <= SAME and (best is None or left < best[0]):
                best = (left, f"this is {words.format(f'{number:.6g}')}{_times(factor * top)}")
    return best[1] if best else None


def _times(factor: float) -> str:
    return "" if abs(factor - 1.0) <= SAME else f", times {factor:.6g}"


def _fit(r: np.ndarray, slope: np.ndarray, shape: Callable, start: float) -> tuple[float, float, float]:
    """The shape's number and factor that come closest, and the largest difference that is left."""

    def at(logarithm: np.ndarray) -> tuple[np.ndarray, float]:
        ours = shape(r, float(np.exp(np.clip(logarithm[0], -8.0, 8.0))))
        factor = float(ours @ slope / max(ours @ ours, 1e-300))
        return factor * ours - slope, factor

    done = optimize.least_squares(lambda t: at(t)[0], [np.log(start)], xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=80)
    left, factor = at(done.x)
    return float(np.exp(done.x[0])), factor, float(np.abs(left).max())
