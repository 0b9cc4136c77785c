"""A trained network scored in three ways: mean weights, one sampled network, the average over many."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from refsbnn.evaluation.operations import Counts, Operations, Rate
from refsbnn.evaluation.predict import Inputs, predict, share
from refsbnn.evaluation.scores import Scores, score
from refsbnn.evaluation.temperature import fitted, tempered
from refsbnn.network import Network
from refsbnn.ranks import ALONE, Ranks
from refsbnn.streams import Streams


@dataclass(frozen=True)
class Mode:
    """One way of predicting, its scores and what it costs.

    Attributes
    ----------
    name : str
    passes : int
        Forward passes a prediction takes.
    scores : Scores
    rates : list of Rate
    operations : list of Operations
        Of one forward pass.

    Examples
    --------
    >>> from refsbnn import fit
    >>> found = fit("digits_binary", "training.epochs=1", "model.hidden=[16]").evaluate("test", samples=2)
    >>> [mode.name for mode in found.modes]
    ['mean weights', 'single sample', 'average of 2 samples']
    >>> found.modes[2].as_dict()["operations"] == found.modes[2].total
    True
    """

    name: str
    passes: int
    scores: Scores
    rates: list[Rate]
    operations: list[Operations]

    @property
    def total(self) -> float:
        """Synaptic operations of one prediction: all layers, all passes."""
        return self.passes * sum(row.counted for row in self.operations)

    def as_dict(self) -> dict[str, Any]:
        """The numbers by name, for JSON."""
        return {
            "mode": self.name,
            "passes": self.passes,
            **self.scores.as_dict(),
            "operations": self.total,
            "layers": layers(self),
        }


@dataclass(frozen=True)
class Report:
    """The three modes on one part of the data.

    Attributes
    ----------
    part : str
        What was scored.
    modes : list of Mode
        Mean weights, single sample, and, where more than one is asked for, the average of samples.

    Examples
    --------
    >>> from refsbnn import fit
    >>> found = fit("digits_binary", "training.epochs=1", "model.hidden=[16]").evaluate("test", samples=2)
    >>> found.table().splitlines()[0].split()[:3]
    ['test,', '360', 'examples']
    >>> found.as_dict()["part"]
    'test'
    """

    part: str
    modes: list[Mode]

    def as_dict(self) -> dict[str, Any]:
        """The numbers by name, for JSON."""
        examples = self.modes[0].scores.examples
        return {"part": self.part, "examples": examples, "modes": [mode.as_dict() for mode in self.modes]}

    def table(self) -> str:
        """Two tables for the terminal: scores by mode; firing rates and synaptic operations by layer."""
        mean, sampled = self.modes[0], self.modes[-1]
        head = f"{self.part}, {mean.scores.examples:,} examples"
        lines = [f"{head:<32}{'accuracy':>9}{'NLL':>8}{'Brier':>8}{'ECE':>8}{'operations':>14}"]
        for mode in self.modes:
            each = mode.scores
            lines.append(
                f"{mode.name:<32}{each.accuracy:>9.2%}{each.nll:>8.4f}{each.brier:>8.4f}{each.calibration_error:>8.4f}"
                f"{mode.total:>14,.0f}"
            )
        lines += ["", f"{'':<32}{'firing rate':^18}{'synaptic operations a pass':^36}"]
        lines.append(f"{'layer':<32}{'mean':>9}{'sampled':>9}{'mean':>12}{'sampled':>12}{'dense':>12}")
        there = layers(sampled)
        for name, own in layers(mean).items():
            cells = [f"{row['rate']:>9.4f}" if "rate" in row else f"{'':>9}" for row in (own, there[name])]
            if "operations" in own:
                cells += [f"{row['operations']:>12,.0f}" for row in (own, there[name])]
                cells.append(f"{own['dense_operations']:>12,}")
            lines.append(f"{name:<32}{''.join(cells)}".rstrip())
        totals = [sum(row.counted for row in mode.operations) for mode in (mean, sampled)]
        dense = sum(row.dense for row in mean.operations)
        lines.append(f"{'total':<32}{'':>18}{totals[0]:>12,.0f}{totals[1]:>12,.0f}{dense:>12,}")
        return "\n".join(lines)


def layers(mode: Mode) -> dict[str, dict[str, float]]:
    """Rate and operations of each layer that has them, in forward order."""
    out: dict[str, dict[str, float]] = {}
    for rate in mode.rates:
        out[rate.layer] = {"rate": rate.rate}
    for row in mode.operations:
        out.setdefault(row.layer, {}).update(operations=row.counted, dense_operations=row.dense)
    return dict(sorted(out.items(), key=lambda item: [int(part) for part in item[0].split(".") if part.isdigit()]))


class Labelled(Inputs, Protocol):
    """Examples and their labels."""

    @property
    def labels(self) -> np.ndarray:
        """(n,) int."""


def report(
    network: Network,
    parameters: dict[str, np.ndarray],
    inputs: Inputs,
    labels: np.ndarray,
    streams: Streams,
    samples: int,
    *,
    part: str,
    calibration: Labelled | None = None,
    ranks: Ranks = ALONE,
    progress: Callable[[int], None] = lambda examples: None,
) -> Report:
    """Score a network in all modes; every example of `labels` counts.

    Parameters
    ----------
    network : Network
    parameters : dict
    inputs : Inputs
    labels : (n,) array of int
    streams : Streams
    samples : int
        Sampled networks that the last mode averages, at least 1.
    part : str
        What the report calls the examples.
    calibration : Labelled, optional
        Other examples. A mode more: the last one's probabilities at their best temperature (theory 4.19).
    ranks : Ranks, optional
        Each makes the passes of its share of the batches, and gets the report.
    progress : callable, optional
        Called after each forward pass of this rank with the number of its examples; `passes` says how many will come.

    Raises
    ------
    InputError
        No examples, labels or parameters that do not fit.
    """
    modes = []
    for name, each in kinds(samples):
        counts = Counts(network)
        p = predict(
            network, parameters, inputs, len(labels), streams, each, counts=counts, ranks=ranks, report=progress
        )
        modes.append(Mode(name, max(each, 1), score(p, labels), counts.rates(), counts.operations()))
    if calibration is not None:
        known = calibration.labels
        other = predict(network, parameters, calibration, len(known), streams, each, ranks=ranks, report=progress)
        temperature = fitted(other, known)
        name = f"{modes[-1].name}, T = {temperature:.3g}"
        modes.append(replace(modes[-1], name=name, scores=score(tempered(p, temperature), labels)))
    return Report(part, modes)


def kinds(samples: int) -> list[tuple[str, int]]:
    """The modes' names and their numbers of samples; 0 stands for the mean weights."""
    out = [("mean weights", 0), ("single sample", 1)]
    return out if samples == 1 else [*out, (f"average of {samples} samples", samples)]


def passes(samples: int, examples: int, ranks: Ranks = ALONE) -> int:
    """Forward passes of single examples that a report makes on this rank."""
    return sum(max(each, 1) for _, each in kinds(samples)) * sum(map(len, share(examples, ranks=ranks)))
