"""Figures that pages show by name, from the oracle or from recorded measurements: drawn as the audit's are.

In Markdown, ``{pictures}`` with a name stands for a figure. It is part of the page, so its colours are the page's, in
light and dark. The numbers of measurements are those of validation/benchmarks/results, and nothing is measured here.

    PYTHONPATH=. python docs/_ext/pictures.py docs/family.svg    # the README's picture again
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from docutils import nodes
from docutils.parsers.rst import Directive

import oracle
from validation.evidence.curves import Figure, Panel, Series
from validation.report import draw

RESULTS = Path(__file__).resolve().parents[2] / "validation" / "benchmarks" / "results"
NETWORKS = 8  # random ones, whose biases and deviations are put together in one norm


def family() -> Figure:
    """What the members trade: exact relative bias against deviation, along each one-parameter line of the family."""
    rng = np.random.default_rng(0)
    nets = []
    for _ in range(NETWORKS):
        layers = [
            oracle.Layer(rng.normal(0.0, 3**-0.5, (3, 3)), np.full((3, 3), 0.1), rng.normal(size=3), np.ones(3))
            for _ in range(2)
        ]
        readout = (rng.normal(0.0, 3**-0.5, (3, 3)), np.zeros((3, 3)))
        nets.append(oracle.Layered(layers=layers, readout=readout))
    inputs, loss = rng.normal(size=(NETWORKS, 3)), oracle.Categorical(label=0)

    def place(ask: Callable[[oracle.Layered, np.ndarray], Any]) -> tuple[float, float]:
        laws = [ask(net, x)["layers.0.mu"] for net, x in zip(nets, inputs, strict=True)]
        size = sum(float(np.sum(law.gradient**2)) for law in laws)
        bias = sum(float(np.sum(law.bias**2)) for law in laws)
        variance = sum(float(np.sum(law.variance)) for law in laws)
        return round(100.0 * (bias / size) ** 0.5, 6), round((variance / size) ** 0.5, 6)  # an unbiased one has 0

    def line(label: str, names: list[str]) -> Series:
        members = [oracle.member(name) for name in names]
        places = [place(lambda net, x, member=each: oracle.moments(net, x, loss, member)) for each in members]
        return Series(label, *(list(axis) for axis in zip(*places, strict=True)))

    taus, shares = (0.05, 0.2, 0.5, 1.0, 2.0), (0.0, 0.25, 0.5, 0.75, 1.0)
    bias, deviation = place(lambda net, x: oracle.reinforce(net, x, loss, draws=2))
    series = [
        line("mix: from st to trapezoid", [f"mix(lam={share})" for share in shares]),
        line("agr: tau from 0.05 to 2", [f"agr(tau={tau})" for tau in taus]),
        line("st-gs: tau from 0.05 to 2", [f"st-gs(tau={tau})" for tau in taus]),
        Series("REINFORCE, 2 draws", [bias], [deviation]),
    ]
    panel = Panel("Bias against variance", "|bias|, % of |gradient|", "|deviation| / |gradient|", series, log_y=True)
    caption = (
        f"Exact, of the first layer of {NETWORKS} random networks of two layers of three {{0,1}} units with random "
        "biases. No estimator from one pass is at the lower left: each line trades one for the other."
    )
    return Figure("What estimators of the gradient trade", caption, [panel])


def steps() -> Figure:
    """Time and memory of a training step, of everyone who was measured."""

    def panel(case: str, title: str, names: dict[str, str]) -> Panel:
        found = json.loads((RESULTS / "speed" / "zen5" / f"{case}.json").read_text("utf-8"))[case]["contestants"]
        series = [
            Series(label, [found[name]["peak_MiB"]], [1000.0 * found[name]["median_s"]])
            for name, label in names.items()
        ]
        return Panel(title, "peak memory, MiB", "ms a step", series, log_x=True, log_y=True)

    same = {"engine": "refsbnn", "torch_hand_shd": "PyTorch, by hand", "jax_shd": "JAX", "torch_shd": "PyTorch"}
    plain = {
        "engine_plain": "refsbnn",
        "torch_hand_plain_shd": "PyTorch, by hand",
        "jax_plain_shd": "JAX",
        "torch_plain_shd": "PyTorch",
        "spyx_shd": "Spyx",
        "norse_shd": "Norse",
        "spikingjelly_shd": "SpikingJelly",
        "snntorch_shd": "snnTorch",
    }
    images = {
        "engine": "refsbnn",
        "torch_compile_cifar": "PyTorch, compiled",
        "torch_cifar": "PyTorch",
        "jax_cifar": "JAX",
    }
    panels = [
        panel("a", "Recurrent SHD network, mean and variance weights", same),
        panel("a", "The same network, plain weights", plain),
        panel("b", "Residual CIFAR network", images),
    ]
    caption = "Two cores of an AMD EPYC (Zen 5), medians; lower and further left is better. From results/speed/zen5."
    return Figure("A training step", caption, panels)


def scaling() -> Figure:
    """How training scales by the measured model, beside the ideal."""
    found = json.loads((RESULTS / "scaling" / "scaling.json").read_text("utf-8"))
    panels = []
    for index, fabric in enumerate(next(iter(found.values()))["fabrics"]):
        series = []
        for name, one in found.items():
            times = {int(ranks): sum(parts.values()) for ranks, parts in one["fabrics"][fabric]["steps"].items()}
            series.append(Series(name, [float(r) for r in times], [times[1] / time for time in times.values()]))
        series.append(Series("ideal", [1.0, 128.0], [1.0, 128.0], dashed=True))
        panels.append(Panel(fabric, "ranks", "speed-up" if index == 0 else " ", series, log_x=True, log_y=True))
    caption = (
        "A batch as shipped, one core a rank. Parts of a step were measured on one and two ranks and put together by a "
        "model that is within 5 % of whole steps there; more ranks were not at hand. From results/scaling."
    )
    return Figure("Scaling", caption, panels)


def probed() -> Figure:
    """The bias of estimators in trained networks, by layer, as the probe found it."""
    panels = []
    for name in ("digits_binary", "digits_spiking", "shd_small"):
        rows = json.loads((RESULTS / "probe" / f"{name}.json").read_text("utf-8"))["rows"]
        layers = list(dict.fromkeys(row["layer"] for row in rows))
        places: dict[str, dict[float, float]] = {}
        for row in rows:
            bias = row["each_example"]["bias"]["value"]
            if bias is not None:  # None: the gradient is not known to differ from 0
                places.setdefault(row["member"], {})[1.0 + layers.index(row["layer"])] = 100.0 * bias
        series = [Series(member, list(found), list(found.values())) for member, found in places.items()][: draw.COLOURS]
        panels.append(Panel(name, "layer of units", "relative bias, %", series))
    return Figure(
        "Bias in trained networks",
        "Of each example's gradient. From results/probe, where the intervals are too.",
        panels,
    )


FIGURES = {"family": family, "steps": steps, "scaling": scaling, "probed": probed}


def html(name: str) -> str:
    """A figure as HTML, its panels inside."""
    figure = FIGURES[name]()
    panels = "".join(draw.svg(panel, f"{name}-{index}") for index, panel in enumerate(figure.panels))
    caption = f"<figcaption><b>{figure.title}.</b> {figure.caption}</figcaption>"
    return f'<figure class="pictures"><div class="panels">{panels}</div>{caption}</figure>'


def standalone(name: str) -> str:
    """The first panel of a figure as a file of its own, in light and dark."""
    style = Path(draw.__file__).with_name("style.css").read_text(encoding="utf-8").split("@media", 2)
    light, dark = (" ".join(re.findall(r"--(?:series-\d|grid|ink|paper): [^;]+;", part)) for part in style[:2])
    rules = (
        f":root {{ {light} color: var(--ink); background: var(--paper); font-family: sans-serif }} "
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
    )
    drawn = draw.svg(FIGURES[name]().panels[0], name)
    return (
        re.sub(r"(<svg [^>]*>)", lambda found: f'{found[1][:-1]} width="540"><style>{rules}</style>', drawn, count=1)
        + "\n"
    )


class Pictures(Directive):
    """``{pictures}`` with the name of a figure."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The figure, as part of the page."""
        name = self.arguments[0]
        if name not in FIGURES:
            raise self.error(f"no figure {name!r}; there are {', '.join(FIGURES)}")
        return [nodes.raw("", html(name), format="html")]


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("pictures", Pictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(standalone(Path(sys.argv[1]).stem), encoding="utf-8")
