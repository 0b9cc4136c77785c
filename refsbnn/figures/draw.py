"""All figures of a run, written into its folder."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from refsbnn.draws import CounterDraws
from refsbnn.evaluation.operations import fired, keeping
from refsbnn.evaluation.predict import BATCH, Inputs
from refsbnn.evaluation.scores import Scores
from refsbnn.figures import activity, reliability, style
from refsbnn.figures.curves import History, curves, layers
from refsbnn.files import write_bytes
from refsbnn.layers import chain
from refsbnn.network import Network
from refsbnn.streams import Purpose, Streams
from refsbnn.training.task import Parameters, Task

EXAMPLES, SHOWN = 512, 4  # examples behind the map of classes, and in the raster


def draw(folder: Path, task: Task, parameters: Parameters, history: History, scores: Mapping[str, Scores]) -> str:
    """Draw the curves, the units' activity on validation examples and the reliability diagram of a trained network.

    Parameters
    ----------
    folder : Path
        Gets curves.png, layers.png, reliability.png, and raster.png (over time) or activity.png (without).
    task : Task
    parameters : dict
    history : sequence of dict
        The rows of metrics.csv.
    scores : dict of Scores
        By the title of the panel that shows their reliability.

    Returns
    -------
    str
        One line: what was drawn, or what was not and how to install what is missing.

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    network = task.network
    spikes = "activity.png" if network.input.steps is None else "raster.png"
    names = ["curves.png", "layers.png", spikes, "reliability.png"]
    if not style.available():
        return style.not_drawn(names)
    save(folder / "curves.png", curves, history)
    units = [name for name, stage in chain.leaves(network.stages) if stage.layer.units]
    save(folder / "layers.png", layers, history, units)
    part = task.data.validation
    shown = class_map if network.input.steps is None else raster
    save(folder / spikes, shown, keeping(network), parameters, part, part.labels, task.streams)
    save(folder / "reliability.png", reliability.diagram, {name: each.reliability for name, each in scores.items()})
    return f"figures: {', '.join(names)}"


def save(path: Path, make: Any, *arguments: Any) -> None:
    """Make a figure in the common style and write it in one step, in the format that the file's name ends in."""
    image = io.BytesIO()
    with style.sheet():
        make(*arguments).savefig(image, format=path.suffix[1:])
    write_bytes(path, image.getvalue())


def raster(network: Network, parameters: Parameters, inputs: Inputs, labels: np.ndarray, streams: Streams) -> Any:
    """The raster of one example of each of the first classes that occur."""
    _, first = np.unique(labels, return_index=True)
    draws = CounterDraws(streams, Purpose.PREDICT, 0, first[:SHOWN])
    x = inputs.batch(draws.samples, draws)
    logits, tape = network.forward(parameters, x, draws)
    spikes = list(fired(network, tape))
    if network.input.domain == "binary":
        spikes.insert(0, ("input", np.asarray(x)))
    said = zip(labels[draws.samples], logits.argmax(axis=1), strict=True)
    return activity.raster(activity.spread(spikes), [f"label {label}, predicted {guess}" for label, guess in said])


def class_map(network: Network, parameters: Parameters, inputs: Inputs, labels: np.ndarray, streams: Streams) -> Any:
    """The mean firing rate of each unit, or filter, for each class, over the first EXAMPLES examples."""
    labels = labels[:EXAMPLES]
    classes, own = np.unique(labels, return_inverse=True)
    members = (np.arange(len(classes))[:, None] == own) / np.bincount(own)[:, None]
    total: dict[str, np.ndarray] = {}
    for first in range(0, len(labels), BATCH):
        rows = np.arange(first, min(first + BATCH, len(labels)))
        draws = CounterDraws(streams, Purpose.PREDICT, 0, rows)
        _, tape = network.forward(parameters, inputs.batch(rows, draws), draws)
        for name, rate in fired(network, tape):
            each = rate.reshape(len(rows), -1, rate.shape[-1]).mean(axis=1)  # a filter's positions together
            total[name] = total.get(name, 0.0) + members[:, rows] @ each
    return activity.class_map(activity.spread(list(total.items())), [str(label) for label in classes])
