"""A training run in Python: fit, predict, evaluate, save, load."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refsbnn import __version__
from refsbnn.errors import InputError, check_choice
from refsbnn.evaluation.predict import predict
from refsbnn.evaluation.report import Report, report
from refsbnn.training import config as configuration
from refsbnn.training import files, folder
from refsbnn.training.command import metrics
from refsbnn.training.evaluate import Coded
from refsbnn.training.loop import train
from refsbnn.training.task import Task, prepare

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Run:
    """A trained network with the data it was trained on.

    Attributes
    ----------
    task : Task
        Configuration, network, data.
    parameters : dict of arrays
        Keys as "1.dense.mu".
    history : list of dict
        A row an epoch, as in metrics.csv.
    """

    task: Task
    parameters: dict[str, np.ndarray]
    history: list[dict[str, float]]

    @property
    def config(self) -> configuration.Config:
        """What was trained and how."""
        return self.task.config

    def predict_proba(self, x: np.ndarray, samples: int | None = None) -> np.ndarray:
        """Class probabilities of new examples.

        Every example meets the same sampled noise, so that its probabilities do not depend on the others.

        Parameters
        ----------
        x : (n, ...) array
            As the data set holds its examples; they are coded as spikes if the configuration says so.
        samples : int, optional
            Sampled networks to average, 0 for the mean weights; the configuration's number if not given.

        Returns
        -------
        (n, classes) float64 array

        Raises
        ------
        InputError
            Examples that do not fit the network.
        """
        x = np.asarray(x)
        samples = self.config.evaluation.samples if samples is None else samples
        inputs = Coded(x, self.task.inputs)
        return predict(self.task.network, self.parameters, inputs, len(x), self.task.streams, samples, alike=True)

    def evaluate(
        self, part: str = "test", samples: int | None = None, progress: Callable[[int], None] = lambda examples: None
    ) -> Report:
        """Scores, firing rates and synaptic operations of the mean weights, one sample and many.

        Parameters
        ----------
        part : {"test", "validation", "train"}
        samples : int, optional
            Sampled networks that the last mode averages; the configuration's number if not given.
        progress : callable, optional
            Called after each forward pass with the number of its examples.

        Returns
        -------
        Report
            ``print(report.table())`` shows it.
        """
        check_choice("part", part, PARTS)
        split = getattr(self.task.splits, part)
        samples = self.config.evaluation.samples if samples is None else samples
        task, inputs = self.task, Coded(split.x, self.task.inputs)
        return report(
            task.network, self.parameters, inputs, split.labels, task.streams, samples, part=part, progress=progress
        )

    def save(self, out: str | Path) -> None:
        """Write a folder that `load` and `refsbnn evaluate` read.

        Raises
        ------
        InputError
            The folder cannot be written to.
        """
        out = Path(out)
        files.write_text(out / folder.METRICS, metrics(self.history))
        files.write_arrays(out / folder.PARAMETERS, self.parameters)
        files.write_json(out / folder.RESULT, {"refsbnn": __version__, "config": self.config.as_dict()})

    @classmethod
    def load(cls, out: str | Path) -> "Run":
        """Read the folder of a run: of `save`, or of `refsbnn train`.

        Raises
        ------
        InputError
            No such folder, nothing trained in it, damaged files, another version of refsbnn.
        """
        stored = folder.read(Path(out))
        task = prepare(stored.config)
        try:
            task.network.check(stored.parameters)
        except InputError as error:
            raise InputError(f"run {out}: {error}") from None
        return cls(task, stored.parameters, stored.history)


def fit(
    config: str | configuration.Config,
    *overrides: str,
    report: Callable[[dict[str, float]], None] = lambda row: None,
) -> Run:
    """Train a network.

    Parameters
    ----------
    config : str or Config
        A TOML file, or the name of a configuration that ships, as for `refsbnn train`.
    overrides : str
        As "training.epochs=5".
    report : callable, optional
        Gets a row of numbers after each epoch.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        A configuration that cannot be meant, or a model that does not fit the data.

    Examples
    --------
    >>> run = fit("digits_binary", "training.epochs=1", "model.hidden=[16]")
    >>> len(run.history), run.predict_proba(np.zeros((2, 8, 8, 1)), samples=4).shape
    (1, (2, 10))
    """
    if isinstance(config, str):
        config = configuration.load(config, overrides)
    elif overrides:
        tree = config.as_dict()
        for override in overrides:
            configuration.apply(tree, override)
        config = configuration.read(tree)
    task = prepare(config)
    result = train(task, report)
    return Run(task, result.parameters, result.history)
