"""Training curves: the parts of the loss and the accuracies, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

from refsbnn.figures.style import COLOURS, axes, whole_epochs

History = Sequence[Mapping[str, float]]


def column(history: History, name: str, scale: float = 1.0) -> list[float]:
    """One number of every epoch."""
    return [scale * row[name] for row in history]


def curves(history: History) -> Any:
    """A figure of four panels: log score, accuracy, KL divergence, bias penalty.

    Parameters
    ----------
    history : sequence of dict
        The rows of metrics.csv.

    Returns
    -------
    matplotlib Figure
    """
    epochs, mark = column(history, "epoch"), "o" if len(history) == 1 else ""
    figure, panels = axes(2, 2, 7.6, 5.0, sharex=True)
    shown = (
        ("Negative log-likelihood", "nats per example", 1.0, ("loglik", "validation_nll")),
        ("Accuracy, one sampled network", "right, %", 100.0, ("train_accuracy", "validation_accuracy")),
        ("KL divergence from the prior", "nats per example", 1.0, ("kl_per_example",)),
        ("Bias penalty", "penalty", 1.0, ("penalty",)),
    )
    for panel, (title, unit, scale, names) in zip(panels.flat, shown, strict=True):
        panel.set_title(title)
        panel.set_ylabel(unit)
        for name, colour, label in zip(names, COLOURS, ("training", "validation"), strict=False):
            values = column(history, name, -scale if name == "loglik" else scale)
            panel.plot(epochs, values, color=colour, marker=mark, label=label)
    from_zero(panels[0, 0])
    panels[0, 1].set_ylim(max(0.0, 1.05 * panels[0, 1].dataLim.y0 - 5.0), 101.0)
    for panel in panels[1]:
        from_zero(panel)
        whole_epochs(panel, len(history))
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)  # where no line can run
    return figure


def layers(history: History, names: Sequence[str]) -> Any:
    """A figure of three panels: firing rate, spread of r and the gradient's signal-to-noise ratio, a line a layer.

    Parameters
    ----------
    history : sequence of dict
        The rows of metrics.csv.
    names : sequence of str
        Of the layers of units, in forward order.

    Returns
    -------
    matplotlib Figure
    """
    epochs = column(history, "epoch")
    figure, panels = axes(1, 3, 10.2, 3.5)
    mark = "o" if len(history) == 1 else ""
    ratios = sorted((key for key in history[0] if key.startswith("snr.")), key=place)
    shown = (
        (panels[0, 0], "Firing rate", "spikes per unit and step", [f"rate.{i}" for i in range(len(names))], names),
        (panels[0, 1], "Spread of r", "standard deviation of r", [f"spread.{i}" for i in range(len(names))], names),
        (panels[0, 2], "Signal-to-noise of the gradient", "|mean|$^2$ / variance", ratios, [key[4:] for key in ratios]),
    )
    for panel, title, unit, keys, labels in shown:
        panel.set_title(title)
        panel.set_ylabel(unit)
        for colour, (key, label) in zip(shades(len(keys)), zip(keys, labels, strict=True), strict=True):
            panel.plot(epochs, column(history, key), color=colour, marker=mark, label=label)
        whole_epochs(panel, len(history))
        key_below(panel, len(keys))
    from_zero(panels[0, 0])
    from_zero(panels[0, 1])
    if ratios and all(value > 0.0 for key in ratios for value in column(history, key)):
        decades(panels[0, 2])
    return figure


def from_zero(panel: Any) -> None:
    """Start the vertical axis at zero, with air above the highest line."""
    panel.set_ylim(0.0, panel.dataLim.y1 * 1.08 or 1.0)


def decades(panel: Any) -> None:
    """A logarithmic vertical axis with plain numbers, at 1, 2, 3 and 5 of a decade where there are few decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    panel.set_yscale("log")
    low, high = panel.get_ylim()
    panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0) if high < 50.0 * low else (1.0,)))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def place(key: str) -> list[int]:
    """Where a parameter stands in the network, for sorting: the numbers in its name."""
    return [int(part) for part in key.split(".") if part.isdigit()]


def shades(count: int) -> list[Any]:
    """Colours for `count` lines: the palette, or shades from first to last layer where it is too short."""
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    import matplotlib

    scale = matplotlib.colormaps["viridis"]
    return [scale(0.9 * i / (count - 1)) for i in range(count)]


def key_below(panel: Any, count: int) -> None:
    """The legend under a panel, where it covers nothing; of many lines, the first and the last are named."""
    handles, names = panel.get_legend_handles_labels()
    if count > len(COLOURS):
        handles, names = [handles[0], handles[-1]], [f"{names[0]} (first)", f"{names[-1]} (last)"]
    if handles:
        panel.legend(handles, names, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2 if len(names) > 3 else 1)
