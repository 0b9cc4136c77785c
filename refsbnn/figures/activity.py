"""What the units do: a raster of spikes over time, or a map of who fires for which class."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refsbnn.figures.style import COLOURS, INK, axes, whole_numbers

ROWS, LAYERS = 48, 6  # units that a layer shows, and layers that a figure shows


def picked(count: int, most: int = ROWS) -> np.ndarray:
    """Places spread evenly over so many, at most `most` of them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def spread(layers: Sequence[tuple[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """Layers spread evenly from first to last, at most LAYERS of them."""
    return [layers[i] for i in picked(len(layers), LAYERS)]


def raster(spikes: Sequence[tuple[str, np.ndarray]], titles: Sequence[str]) -> Any:
    """A figure with a column an example and a panel a layer: a tick where a unit spiked.

    Parameters
    ----------
    spikes : sequence of (str, (steps, examples, ...) array)
        Each layer's name and spikes, zeros and ones.
    titles : sequence of str
        One an example.

    Returns
    -------
    matplotlib Figure
    """
    steps, examples = spikes[0][1].shape[:2]
    flat = [(name, np.asarray(z).reshape(steps, examples, -1)) for name, z in spikes]
    shown = [picked(z.shape[2]) for _, z in flat]
    heights = [max(len(rows), 12) for rows in shown]
    figure, panels = axes(
        len(flat),
        examples,
        0.9 + 2.3 * examples,
        0.9 + 0.036 * sum(heights),
        sharex=True,
        sharey="row",
        height_ratios=heights,
    )
    for layer, ((name, z), rows) in enumerate(zip(flat, shown, strict=True)):
        for example in range(examples):
            panel = panels[layer, example]
            unit, when = np.nonzero(z[:, example, rows].T)
            panel.plot(
                when + 1, unit + 1, linestyle="", marker="|", markersize=2.8, markeredgewidth=0.9,
                color=COLOURS[layer % len(COLOURS)],
            )  # fmt: skip
            panel.set_xlim(0.5, steps + 0.5)
            panel.set_ylim(len(rows) + 0.8, 0.2)
            panel.set_yticks([])
            panel.grid(False)
        part = f"{len(rows)} of {z.shape[2]:,}" if len(rows) < z.shape[2] else f"{len(rows)}"
        panels[layer, 0].set_ylabel(f"{name}\n{part} units")
    for example, title in enumerate(titles):
        panels[0, example].set_title(title, color=INK)
        whole_numbers(panels[-1, example], "time step", 5)
    return figure


def class_map(rates: Sequence[tuple[str, np.ndarray]], classes: Sequence[str]) -> Any:
    """A figure with a panel a layer: the mean firing rate of each unit for each class.

    Parameters
    ----------
    rates : sequence of (str, (classes, units) array)
        Each layer's name and firing rates; of a convolution, one a filter.
    classes : sequence of str

    Returns
    -------
    matplotlib Figure
    """
    figure, panels = axes(1, len(rates), 1.4 + 2.4 * len(rates), 4.2)
    drawn = None
    for panel, (name, rate) in zip(panels[0], rates, strict=True):
        rows = picked(rate.shape[1])
        order = rows[np.argsort(favourite(rate[:, rows]), kind="stable")]
        drawn = panel.imshow(rate[:, order].T, vmin=0.0, vmax=1.0, cmap="viridis", aspect="auto", interpolation="none")
        panel.set_title(name)
        panel.set_xlabel("class")
        panel.set_xticks(*every(classes))
        part = f"{len(rows)} of {rate.shape[1]:,} units" if len(rows) < rate.shape[1] else f"{len(rows)} units"
        panel.set_ylabel(f"{part}, by favourite class")
        panel.set_yticks([])
        panel.grid(False)
    figure.colorbar(drawn, ax=panels[0], label="firing rate", fraction=0.05, pad=0.02)
    return figure


def favourite(rate: np.ndarray) -> np.ndarray:
    """The class for which each unit of (classes, units) fires most; units that hardly tell classes apart come last."""
    return np.where(np.ptp(rate, axis=0) > 0.05, rate.argmax(axis=0), len(rate))


def every(classes: Sequence[str]) -> tuple[list[int], list[str]]:
    """Ticks for as many classes as there is room for."""
    step = -(-len(classes) // 10)
    places = list(range(0, len(classes), step))
    return places, [classes[i] for i in places]
