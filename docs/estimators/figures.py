"""Figures and tables of the estimators' pages, from the oracle: writes docs/_generated/estimators, at each build.

python docs/estimators/figures.py [FOLDER]
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import page_code

import oracle
from refsbnn.figures import style

OUT = Path(__file__).resolve().parents[1] / "_generated" / "estimators"
SCALES = 2.0 ** np.linspace(-2.0, 2.0, 9)
LAYERS = ("layers.0", "layers.1")
DRIVEN = ("arm", "disarm", "psa")  # by the page's own code: of these the oracle knows the mean of two
NODES = (5, 4)  # a panel of a relaxed unit: figures need no more digits; the tests use the oracle's own
INDEX = page_code.code("index")
PARAMETERS: page_code.Parameters = INDEX["P"]
X = INDEX["X"]
LOSS = oracle.Categorical(0)


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes
    ----------
    name : str
        Of the file.
    title : str
        In the table of all.
    shown : dict
        What is measured: label -> the oracle's name of a member, a member, or a word of `estimates`.
    """

    name: str
    title: str
    shown: Mapping[str, Any]


def members(*names: str) -> dict[str, Any]:
    """Labels that are the oracle's names."""
    return {name: name for name in names}


def of_slope(name: str, slope: Any) -> oracle.Discrete:
    """The member of a slope given as a function of pi's logit and of the state: masses slope P(z) / f."""

    def target(pi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        l = np.log(pi / (1.0 - pi))
        return slope(l, 0) / pi, slope(l, 1) / (1.0 - pi)

    return oracle.two_point(target, name)


def decoupled(l: np.ndarray, z: int, tau: float = 2.0) -> np.ndarray:
    """Slope of the sigmoid at the logit over a temperature of its own."""
    return INDEX["sigmoid"](l / tau) * INDEX["sigmoid"](-l / tau) / tau


def reinmax_rao(l: np.ndarray, z: int, tau: float = 0.7) -> np.ndarray:
    """Twice the slope of agr at the logit of (pi + z)/2, less half of st's at the logit."""
    sigmoid = INDEX["sigmoid"]
    half = 0.5 * (sigmoid(l) + z)
    moved = np.log(half / (1.0 - half))
    f = sigmoid(l) * sigmoid(-l)
    given = [agr_slope(float(one), z, tau) for one in np.ravel(moved)]
    return 2.0 * np.reshape(given, np.shape(moved)) - 0.5 * f


def agr_slope(l: float, z: int, tau: float) -> float:
    """The slope of agr at l given z: one unit's estimate where L'(z) = 1 and L' = 0 at the other state."""
    one = oracle.Layered([oracle.Layer([[l]], [[1.0]])], oracle.Layer([[1.0]], [[0.0]]), noise="logistic")
    here = oracle.Custom(lambda logits: (np.zeros(len(logits)), 1.0 * (np.abs(logits - z) < 0.5)))
    mean = oracle.moments(one, [1.0], here, oracle.agr(tau))["layers.0.mu"].mean
    return float(mean[0, 0] / INDEX["sigmoid"](l if z else -l))


PAGES = (
    Page("st", "Straight-through", members("st")),
    Page("trapezoid", "Trapezoid (ReinMax, ZGR)", members("trapezoid")),
    Page("two-point", "Other masses", members("mix(lam=0.25)", "mix(lam=0.5)", "iwst(p=0.3)")),
    Page("temp", "temp(c)", members("temp(c=1.5)", "temp(c=15)")),
    Page("gumbel-rao", "Gumbel-Rao", members("agr(tau=0.5)", "agr(tau=1)", "agr(tau=2)", "gr(tau=0.5,K=2)")),
    Page("st-gs", "Straight-through Gumbel-softmax", members("st-gs(tau=0.5)", "st-gs(tau=1)", "st-gs(tau=2)")),
    Page("gs", "Gumbel-softmax, Concrete", members("gs(tau=0.5)", "gs(tau=1)")),
    Page("gapped-st", "Gapped straight-through", members("gapped-st(gap=1,tau=1)", "gapped-st(gap=1,tau=0.7)")),
    Page("decoupled-st", "Decoupled straight-through", {"decoupled-st(1, 2)": of_slope("decoupled-st", decoupled)}),
    Page("reinmax-rao", "ReinMax-Rao", {"reinmax-rao(tau=0.7)": of_slope("reinmax-rao", reinmax_rao)}),
    Page("identity-st", "Identity straight-through", members("identity-st")),
    Page(
        "surrogate",
        "Surrogates, no noise",
        members("fast-sigmoid(scale=1)", "arctan(scale=1)", "triangular(scale=1)"),
    ),
    Page("quadrature", "Quadrature", members("uniform", "simpson", "gauss2")),
    Page("reinforce", "REINFORCE, leave-one-out", {"reinforce(K=2)": 2, "reinforce(K=8)": 8}),
    Page("arm", "ARM", {"arm": "pairs"}),
    Page("disarm", "DisARM", {"disarm": "pairs"}),
    Page("psa", "PSA", {"psa": "path"}),
)


def network(scale: float, parameters: page_code.Parameters = PARAMETERS) -> oracle.Layered:
    """The network of the index for the oracle: weights are points, and each unit's noise has scale 1."""
    layers = []
    for l in range(len(parameters) // 2):
        w, b = scale * parameters[f"w{l}"], scale * parameters[f"b{l}"]
        layers.append(oracle.Layer(w, np.zeros_like(w), b, np.ones_like(b)))
    readout = layers[-1]._replace(bias_sigma2=np.zeros_like(layers[-1].bias_mu))
    return oracle.Layered(layers[:-1], readout, noise="logistic")


def keys(parameters: page_code.Parameters) -> dict[str, str]:
    """The oracle's names of the index's parameters."""
    last = len(parameters) // 2 - 1
    names = {l: "readout" if l == last else f"layers.{l}" for l in range(last + 1)}
    return {key: f"{names[int(key[1:])]}.{'mu' if key[0] == 'w' else 'bias_mu'}" for key in parameters}


def estimates(name: str, what: Any, scale: float) -> dict[str, oracle.Estimate]:
    """The exact law of an estimator: by the oracle, or by the page's own code where the oracle has no variance."""
    net = network(scale)
    if isinstance(what, int):
        return oracle.reinforce(net, X, LOSS, draws=what)
    if what in ("pairs", "path"):
        p = {key: scale * value for key, value in PARAMETERS.items()}
        mean, square = page_code.of_gradient(page_code.code(name), p, what)
        gradient = oracle.exact(net, X, LOSS).gradient
        return {to: oracle.Estimate(gradient[to], mean[key], square[key]) for key, to in keys(p).items()}
    member = oracle.member(what) if isinstance(what, str) else what
    if isinstance(member, oracle.Relaxed) and member.orders:
        member = replace(member, orders=NODES)
    return oracle.moments(net, X, LOSS, member)


def mass(what: Any, pi: float) -> float | None:
    """Mean of one unit's estimate over the gradient where the loss is z: the mass p0 + p1 (theory 2.2)."""
    if isinstance(what, int) or what in ("pairs", "path"):
        return 1.0
    if isinstance(what, str) and what.startswith(("fast", "arctan", "triangular")):
        return None  # a step's slope does not stand for a probability
    r = np.log(pi / (1.0 - pi))
    one = oracle.Layered([oracle.Layer([[r]], [[1.0]])], oracle.Layer([[1.0]], [[0.0]]), noise="logistic")
    affine = oracle.Custom(lambda logits: (logits[:, 0], np.ones_like(logits)))
    member = oracle.member(what) if isinstance(what, str) else what
    found = oracle.moments(one, [1.0], affine, member)["layers.0.mu"]
    return float(found.mean[0, 0] / found.gradient[0, 0])


def number(value: float | None) -> str:
    """For a table: a dash for what has no meaning, 0 for what is rounding."""
    if value is None:
        return "-"
    return "0" if abs(value) < 1e-9 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


HEADER = (
    "| estimator | mass, π = .5 | π = .05 | bias, layer 1 | layer 2 | deviation, layer 1 | layer 2 | error of 1 draw |"
    " of 1,000 |\n|---|---|---|---|---|---|---|---|---|\n"
)


def row(label: str, name: str, what: Any, curve: list[dict[str, oracle.Norms]]) -> str:
    """A line of the table, at scale 1."""
    at = curve[len(SCALES) // 2]
    bias, deviation = ([getattr(at[layer], word) for layer in LAYERS] for word in ("relative_bias", "snr"))
    spread = [1.0 / one for one in deviation]
    errors = [float(np.hypot(bias[0], spread[0] / np.sqrt(n))) for n in (1, 1000)]
    numbers = (mass(what, 0.5), mass(what, 0.05), *bias, *spread, *errors)
    return f"| [{label}]({name}.md) | " + " | ".join(number(value) for value in numbers) + " |\n"


Curves = dict[str, dict[str, list[dict[str, oracle.Norms]]]]  # page -> label -> scale -> layer


def measured() -> Curves:
    """Norms of every estimator at every scale."""
    return {
        each.name: {
            label: [oracle.norms(estimates(each.name, what, scale)) for scale in SCALES]
            for label, what in each.shown.items()
        }
        for each in PAGES
    }


FLOOR, LEAST, TOP = 3e-3, 0.05, 30.0  # of the axes: what is below or above lies on the edge


def clipped(curve: list[dict[str, oracle.Norms]], word: str) -> np.ndarray:
    """Relative bias or deviation of the first layer, inside the axes."""
    ratio = [one[LAYERS[0]].relative_bias if word == "bias" else 1.0 / one[LAYERS[0]].snr for one in curve]
    return np.clip(ratio, FLOOR, TOP)


def draw_page(each: Page, curves: Curves, path: Path) -> None:
    """Relative bias and deviation of the first layer over the scale of the weights; all others in grey."""
    figure, axes = style.axes(2, 1, 4.4, 4.9, sharex=True)
    for axis, word in zip(axes[:, 0], ("bias", "deviation"), strict=True):
        for other in curves.values():
            for curve in other.values():
                axis.plot(SCALES, clipped(curve, word), color=style.GRID, linewidth=1.0, zorder=1)
        for i, (label, curve) in enumerate(curves[each.name].items()):
            y = clipped(curve, word)
            axis.plot(SCALES, y, color=style.COLOURS[i], marker="osD^"[i], markersize=4, label=label, clip_on=False)
        axis.set(xscale="log", yscale="log", ylim=(FLOOR, TOP), ylabel=f"relative {word}")
        axis.set_xticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
        axis.set_yticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
        axis.minorticks_off()
        axis.grid(False)
        axis.axhline(1.0, color=style.QUIET, linewidth=0.6, linestyle=":")
        if (clipped(curve, word) <= FLOOR).all():
            axis.annotate("0, off this axis", (1.0, FLOOR * 1.5), ha="center", color=style.INK, fontsize=8)
    axes[1, 0].set_xlabel("scale of all weights")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    figure.savefig(path, metadata={"Date": None})


GROUPS = {  # of the figure of all: marker, pages
    "spike, mass 1": ("o", ("st", "trapezoid", "two-point", "temp")),
    "spike, other mass": ("s", ("gumbel-rao", "st-gs", "gapped-st", "decoupled-st", "reinmax-rao", "identity-st")),
    "value between": ("D", ("gs", "quadrature")),
    "no noise": ("^", ("surrogate",)),
    "both states": ("v", ("reinforce", "arm", "disarm", "psa")),
}
NAMED = {  # where a label stands, in points from its marker, and which end is there
    **{"st": (-6, -3, "right"), "trapezoid": (6, -5, "left"), "temp(c=15)": (6, -9, "left"), "psa": (-6, -3, "right")},
    **{"agr(tau=2)": (0, 7, "left"), "agr(tau=0.5)": (-6, -3, "right"), "st-gs(tau=0.5)": (6, -3, "left")},
    **{"gs(tau=1)": (-6, -9, "right"), "uniform": (0, -12, "center"), "identity-st": (0, 6, "center")},
    **{"reinforce(K=2)": (2, 6, "left"), "reinforce(K=8)": (4, 6, "right")},
}


def draw_all(curves: Curves, path: Path) -> None:
    """Every estimator at scale 1: relative bias against deviation, first layer."""
    figure, axes = style.axes(1, 1, 4.4, 4.4)
    axis, middle = axes[0, 0], len(SCALES) // 2
    for i, (name, (marker, pages)) in enumerate(GROUPS.items()):
        points = {label: curve[middle : middle + 1] for one in pages for label, curve in curves[one].items()}
        x, y = (np.array([clipped(one, word)[0] for one in points.values()]) for word in ("deviation", "bias"))
        x = np.maximum(x, LEAST)
        axis.plot(x, y, marker, color=style.COLOURS[i], markersize=5, label=name, clip_on=False)
        for label, at in zip(points, zip(x, y, strict=True), strict=True):
            if label in NAMED:
                right, up, end = NAMED[label]
                axis.annotate(label, at, (right, up), textcoords="offset points", ha=end, fontsize=8)
    axis.set(xscale="log", yscale="log", ylim=(FLOOR, TOP), xlim=(LEAST, TOP))
    axis.set(xlabel="relative deviation of one draw (left edge: 0)", ylabel="relative bias (lower edge: 0)")
    axis.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
    axis.set_yticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
    axis.minorticks_off()
    figure.legend(loc="outside upper left", ncols=3, columnspacing=1.0)
    figure.savefig(path, metadata={"Date": None})


def main(out: Path = OUT) -> None:
    """Write every figure and table."""
    import matplotlib

    matplotlib.use("svg")
    out.mkdir(parents=True, exist_ok=True)
    curves = measured()
    rows = {each.name: [row(k, each.name, w, curves[each.name][k]) for k, w in each.shown.items()] for each in PAGES}
    with style.sheet(), matplotlib.rc_context({"svg.hashsalt": "estimators"}):
        draw_all(curves, out / "all.svg")
        for each in PAGES:
            draw_page(each, curves, out / f"{each.name}.svg")
    (out / "index.md").write_text(HEADER + "".join(line for lines in rows.values() for line in lines), encoding="utf-8")
    for each in PAGES:
        text = (
            "## Bias and variance\n\n"
            f"```{{image}} ../_generated/estimators/{each.name}.svg\n"
            f":alt: Relative bias and deviation of {', '.join(each.shown)} over the scale of all weights.\n"
            "```\n\n"
            "First layer of [the network of all pages](index.md#the-network); grey: the others. At scale 1:\n\n"
        )
        (out / f"{each.name}.md").write_text(text + HEADER + "".join(rows[each.name]), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
