"""Figures: every one is drawn for every kind of network, no text lies on another, and matplotlib is optional."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from refsbnn.evaluation.scores import score
from refsbnn.figures import activity, curves, draw, style
from refsbnn.streams import Streams
from refsbnn.training.config import read
from refsbnn.training.task import prepare

EPOCHS = 3
CONFIGURATIONS = {
    "dense": {"model": {"name": "mlp", "hidden": [6, 5]}},
    "bipolar": {"model": {"name": "mlp", "hidden": [6], "units": {"domain": "bipolar"}}},
    "convolution": {"model": {"name": "convnet", "channels": [3, 2]}},
    "residual": {"model": {"name": "resnet", "depth": 2, "width": 2, "pool": 4, "scale": 0.5}},
    "spiking": {"data": {"coding": "rate", "steps": 4}, "model": {"name": "spiking", "hidden": [8, 60]}},
}
matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
FigureCanvasAgg = pytest.importorskip("matplotlib.backends.backend_agg").FigureCanvasAgg


def history(network, epochs: int) -> list[dict[str, float]]:
    """Rows such as training writes, with made-up numbers."""
    random = np.random.default_rng(7)
    names = ["loglik", "kl_per_example", "kl_weight", "penalty", "train_accuracy", "validation_accuracy"]
    names += ["validation_nll", "seconds"]
    for i in range(sum(stage.layer.units for stage in network.stages)):
        names += [f"rate.{i}", f"spread.{i}"]
    names += [f"snr.{key}" for key in network.initial(Streams(0)) if key.endswith("mu") and "bias" not in key]
    return [{"epoch": i + 1.0} | {name: random.random() + 1e-3 for name in names} for i in range(epochs)]


def run(name: str, folder: Path, epochs: int = EPOCHS) -> str:
    """Draw all figures of an untrained network on the digits."""
    task = prepare(read(CONFIGURATIONS[name]))
    random = np.random.default_rng(1)
    scores = {part: score(random.dirichlet(np.ones(10), 50), random.integers(10, size=50)) for part in ("a", "b")}
    return draw.draw(folder, task, task.network.initial(Streams(1)), history(task.network, epochs), scores)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_figure_is_written(name: str, tmp_path: Path) -> None:
    line = run(name, tmp_path)
    spikes = "raster.png" if name == "spiking" else "activity.png"
    assert line == f"figures: curves.png, layers.png, {spikes}, reliability.png"
    assert {path.name for path in tmp_path.iterdir()} == set(line.removeprefix("figures: ").split(", "))
    assert all(path.read_bytes().startswith(b"\x89PNG\r\n") for path in tmp_path.iterdir())


def test_one_epoch_is_enough(tmp_path: Path) -> None:
    run("dense", tmp_path, epochs=1)


def texts(figure):
    """Every piece of text that shows, with its box on the canvas."""
    FigureCanvasAgg(figure).draw()
    outside = set()  # labels of ticks beyond an axis's ends, which are not drawn
    for axis in (axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)):
        low, high = sorted(axis.get_view_interval())
        outside |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    for text in set(figure.findobj(matplotlib.text.Text)) - outside:
        box = text.get_window_extent()
        if text.get_text().strip() and text.get_visible() and box.width > 0:
            yield text.get_text(), box


def overlaps(figure) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes meet."""
    pairs = itertools.combinations(texts(figure), 2)
    return [(a, b) for (a, here), (b, there) in pairs if here.overlaps(there)]


@pytest.fixture
def figures():
    """One figure of each kind, with many lines, long names and many classes."""
    random, epochs = np.random.default_rng(3), range(1, 31)
    names = [f"{i}.residual.0.spike" for i in range(12)]
    rows = [
        {"epoch": float(epoch), "loglik": -1.0 / epoch, "validation_nll": 1.0, "train_accuracy": 0.9,
         "validation_accuracy": 0.8, "kl_per_example": 12.0, "penalty": 3.0}
        | {f"{what}.{i}": random.random() for what in ("rate", "spread") for i in range(12)}
        | {f"snr.{i}.residual.1.conv2d.mu": 10.0 ** random.uniform(-4, 0) for i in range(12)}
        for epoch in epochs
    ]  # fmt: skip
    layers = activity.spread([(name, random.random((60, 200))) for name in names])
    spikes = [(name, random.random((100, 4, 200)) < 0.1) for name, _ in layers]
    with style.sheet():
        yield {
            "curves": curves.curves(rows),
            "layers": curves.layers(rows, names),
            "map": activity.class_map(layers, [str(i) for i in range(60)]),
            "raster": activity.raster(spikes, [f"label {i}, predicted {i}" for i in range(4)]),
        }


def test_no_text_lies_on_another(figures) -> None:
    assert {name: overlaps(figure) for name, figure in figures.items() if overlaps(figure)} == {}


def test_the_curves_legend_lies_on_no_panel(figures) -> None:
    figure = figures["curves"]
    FigureCanvasAgg(figure).draw()
    (legend,) = figure.legends
    assert not any(panel.get_window_extent().overlaps(legend.get_window_extent()) for panel in figure.axes)
    assert all(panel.get_legend() is None for panel in figure.axes)


def test_the_dots_of_a_single_epoch_are_whole() -> None:
    names = ("loglik", "validation_nll", "kl_per_example", "penalty", "train_accuracy", "validation_accuracy")
    figure = curves.curves([{"epoch": 1.0} | dict.fromkeys(names, 0.15) | {"loglik": -0.15}])
    for panel in figure.axes:
        (left, right), (bottom, top) = panel.get_xlim(), panel.get_ylim()
        for x, y in (point for line in panel.lines for point in line.get_xydata()):
            assert left < x < right
            assert bottom < y < top


def test_every_panel_has_labelled_axes(figures) -> None:
    for name in ("curves", "layers"):
        assert all(panel.get_ylabel() and panel.get_title(loc="left") for panel in figures[name].axes)


def test_without_matplotlib_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "available", lambda: False)
    line = run("dense", tmp_path)
    assert line.startswith("not drawn, for want of matplotlib: curves.png")
    assert "pip install 'refsbnn[plots]'" in line
    assert "\n" not in line
    assert not list(tmp_path.iterdir())


def test_units_that_tell_no_classes_apart_come_last() -> None:
    rate = np.array([[0.5, 0.1, 0.9], [0.5, 0.8, 0.2]])
    assert activity.favourite(rate).tolist() == [2, 1, 0]


def test_the_users_settings_are_left_alone() -> None:
    before = matplotlib.rcParams["font.size"]
    with style.sheet():
        pass
    assert matplotlib.rcParams["font.size"] == before
