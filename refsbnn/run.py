"""A training run in Python: fit, predict, evaluate, save, load."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refsbnn import __version__, files, objective
from refsbnn.data.objects import examples
from refsbnn.errors import InputError, refusing
from refsbnn.evaluation.predict import predict
from refsbnn.evaluation.report import Report, report
from refsbnn.layers import Layer
from refsbnn.layers.description import describe
from refsbnn.probe.report import Report as ProbeReport
from refsbnn.probe.report import probe
from refsbnn.ranks import ALONE, Ranks
from refsbnn.streams import Streams
from refsbnn.training import config as configuration
from refsbnn.training import folder
from refsbnn.training.given import described_task, given_task, inputs_of
from refsbnn.training.loop import train
from refsbnn.training.metrics import metrics
from refsbnn.training.task import Task, connected, prepare


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
    data_given : bool
        Whether the data were given as arrays, and not by the configuration.

    Examples
    --------
    More in docs/python.md, and in docs/exchange.md.

    >>> from refsbnn import fit
    >>> run = fit("digits_binary", "training.epochs=1", "model.hidden=[16]")
    >>> run.predict_proba(np.zeros((3, 8, 8, 1)), samples=4).shape, run.config.model.hidden
    ((3, 10), [16])
    """

    task: Task
    parameters: dict[str, np.ndarray]
    history: list[dict[str, float]]
    data_given: bool = False

    def __repr__(self) -> str:
        """A few lines for a session: what was trained, how large it is and how far it came.

        >>> fit("digits_binary", "training.epochs=1", "model.hidden=[16]")
        Run of model 'mlp' on data 'digits', seed 0
          2,420 parameters, 1 epoch
          validation, one sampled network: accuracy ..., NLL ...
        """
        data = "arrays" if self.data_given else f"data {self.config.data.name!r}"
        size, epochs = sum(array.size for array in self.parameters.values()), len(self.history)
        lines = [
            f"Run of model {self.config.model.name!r} on {data}, seed {self.config.seed}",
            f"  {size:,} parameters, {epochs} epoch{'s' * (epochs != 1)}",
        ]
        if self.history:
            scores = "accuracy {validation_accuracy:.1%}, NLL {validation_nll:.3f}".format(**self.history[-1])
            lines.append(f"  validation, one sampled network: {scores}")
        return "\n".join(lines)

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
            As the data hold their examples; coded as spikes if the configuration says so.
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
        if not x.ndim:
            raise InputError(f"x is {x!r}; expected an array of examples")
        samples = self.config.evaluation.samples if samples is None else samples
        inputs = self.task.data.given(x, np.zeros(len(x), np.int64))
        task = self.task
        return predict(
            task.network, self.parameters, inputs, len(x), task.streams, samples, alike=True, ranks=task.ranks
        )

    def evaluate(
        self,
        part: str | tuple[np.ndarray, np.ndarray] = "test",
        samples: int | None = None,
        progress: Callable[[int], None] = lambda examples: None,
        *,
        calibrate: bool = False,
    ) -> Report:
        """Scores, firing rates and synaptic operations of the mean weights, one sample and many.

        Parameters
        ----------
        part : {"test", "validation", "train"} or (x, labels)
            Part of the data, or new examples as `predict_proba` takes them, and their labels.
        samples : int, optional
            Sampled networks that the last mode averages; the configuration's number if not given.
        progress : callable, optional
            Called after each forward pass of this rank with the number of its examples.
        calibrate : bool
            A mode more: the average at the temperature of least NLL on the validation part (theory 4.19).

        Returns
        -------
        Report
            ``print(report.table())`` shows it.

        Raises
        ------
        InputError
            A part that the run does not have, examples that do not fit, a temperature fitted on the part itself.
        """
        (inputs, name), task = inputs_of(self.task, part), self.task
        samples = self.config.evaluation.samples if samples is None else samples
        if calibrate and name == "validation":
            raise InputError("the temperature is fitted on the validation part; score another one")
        return report(
            *(task.network, self.parameters, inputs, inputs.labels, task.streams, samples),
            part=name,
            calibration=inputs_of(self.task, "validation")[0] if calibrate else None,
            ranks=task.ranks,
            progress=progress,
        )

    def probe(
        self,
        members: Sequence[str] | None = None,
        *,
        layers: Sequence[str] | None = None,
        units: int = 32,
        examples: int = 64,
        draws: int = 64,
        part: str | tuple[np.ndarray, np.ndarray] = "train",
        seed: int | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> ProbeReport:
        """Bias, variance and cosine of gradient estimators in the network, by layer (theory 5.10 to 5.15).

        The loss is the negative log-likelihood. What is random in an example (coding, augmentation) is averaged as the
        noise is.

        Parameters
        ----------
        members : sequence of str, optional
            Estimators to compare, on the same draws; the run's own if not given.
        layers : sequence of str, optional
            Names as "2.spike"; all layers of units if not given.
        units, examples, draws : int
            Units of a layer and examples, both drawn at random, and draws of the noise.
        part : {"train", "validation", "test"} or (x, labels)
        seed : int, optional
            Of what is drawn; the run's own if not given.
        progress : callable, optional
            Called with the spikes that this rank turned over since, and how many it will in all.

        Returns
        -------
        Report
            ``print(report.table())`` shows it.

        Raises
        ------
        InputError
            A part that the run does not have, a member whose forward value is no spike, an unknown layer, too few of
            anything.

        Examples
        --------
        >>> run = fit("digits_binary", "training.epochs=1", "model.hidden=[16]")
        >>> report = run.probe(["st", "trapezoid"], units=4, examples=8, draws=8)
        >>> [(row.layer, row.member, row.total) for row in report.rows]
        [('2.spike', 'st', 16), ('2.spike', 'trapezoid', 16)]
        """
        inputs, name = inputs_of(self.task, part)
        network = self.task.network
        if network.output.kind != "values" or network.output.steps is not None:
            raise InputError(f"the network gives {network.output}; the likelihood needs a SampledReadout at its end")

        def loss(logits: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            loglik, dlogits = objective.categorical(logits, inputs.labels[rows])
            return -loglik, -dlogits

        return probe(
            network,
            self.parameters,
            inputs,
            loss,
            self.task.streams if seed is None else Streams(seed),
            of=len(inputs.labels),
            part=name,
            members=members,
            layers=layers,
            units=units,
            examples=examples,
            draws=draws,
            ranks=self.task.ranks,
            progress=progress,
        )

    def save(self, out: str | Path) -> None:
        """Write a folder that `load` and `refsbnn evaluate` read. Arrays that were given as data are not in it.

        Of several ranks the first writes, the others wait.

        Raises
        ------
        InputError
            The folder cannot be written to.
        """
        out, network = Path(out), self.task.network
        described = {
            "layers": describe([stage.layer for stage in network.stages]),
            "input": asdict(network.input),
            "data_given": self.data_given,
        }
        facts = {"refsbnn": __version__, "config": self.config.as_dict(), "network": described}

        def write() -> None:
            files.write_text(out / folder.METRICS, metrics(self.history))
            files.write_arrays(out / folder.PARAMETERS, self.parameters)
            files.write_json(out / folder.RESULT, facts)

        self.task.ranks.from_first(write)

    def to_nir(self, path: str | Path, *, dt: float = 1e-4, readout: bool = True) -> None:
        """Write the network of the mean weights as a file of NIR, variances in the metadata (extra `nir`).

        Parameters
        ----------
        path : str or Path
        dt, readout
            As in `refsbnn.exchange.to_nir.to_nir`; `refsbnn.exchange.from_nir.from_nir` is the way back.

        Raises
        ------
        InputError
            A layer for which NIR has no word, a file that cannot be written, the package `nir` missing.
        """
        from refsbnn.exchange import nir_file, to_nir

        nir_file.write(Path(path), to_nir.to_nir(self.task.network, self.parameters, dt=dt, readout=readout))

    def to_torch(self) -> Any:
        """The network as a plain module of PyTorch, which runs forward, with noise or without (extra `torch`).

        Returns
        -------
        refsbnn.exchange.torch_module.Module
            ``module(x, sample=True)``; ``module.state_dict()`` holds means and variances.
        """
        try:
            import torch  # noqa: F401
        except ImportError:
            raise InputError("PyTorch is not installed: pip install 'refsbnn[torch]'") from None
        from refsbnn.exchange.torch_module import Module

        return Module(self.task.network, self.parameters)

    def to_safetensors(self, path: str | Path) -> None:
        """Write the parameters as safetensors, the network's description in its metadata (extra `safetensors`).

        Raises
        ------
        InputError
            A file that cannot be written, the package `safetensors` missing.
        """
        from refsbnn.exchange import tensors

        tensors.write(Path(path), self.task.network, self.parameters)

    @classmethod
    def load(
        cls,
        out: str | Path,
        warn: Callable[[str], None] = lambda line: None,
        *,
        root: str | None = None,
        ranks: Ranks = ALONE,
    ) -> "Run":
        """Read the folder of a run: of `save`, or of `refsbnn train`; of an unfinished one, its newest checkpoint.

        Parameters
        ----------
        out : str or Path
            Where there is no such folder, the name of a network that ships (docs/published.md).
        warn : callable, optional
            Gets a line for each damaged checkpoint that is passed over.
        root : str, optional
            Folder of the data's official files, in place of the one that the run had.
        ranks : Ranks, optional
            `refsbnn.ranks.world()` where mpiexec or srun started several: they share the work of the run's methods,
            which all of them call, and each gets the result, to the bits of one.

        Raises
        ------
        InputError
            No such folder, nothing trained in it, damaged files, another version of refsbnn.
        """
        stored = folder.read(Path(out), warn)
        with refusing(f"run {out}"):
            network, config = stored.network, stored.config
            if root is not None:
                config = replace(config, data=replace(config.data, root=root))
            task = prepare(config, ranks) if network is None else described_task(config, network, ranks)
            task.network.check(stored.parameters)
        given = network is not None and bool(network["data_given"])
        return cls(task, stored.parameters, stored.history, given)


def fit(
    config: str | configuration.Config,
    *overrides: str,
    data: Any = None,
    layers: Sequence[Layer] | None = None,
    report: Callable[[dict[str, float]], None] = lambda row: None,
    ranks: Ranks = ALONE,
) -> Run:
    """Train a network.

    Parameters
    ----------
    config : str or Config
        A TOML file, or the name of a configuration that ships, as for `refsbnn train`.
    overrides : str
        As "training.epochs=5".
    data : (x, labels), Arrays, data set or loader, optional
        Examples (n, ...) and labels 0, 1, ... in place of the configuration's data; a fifth of them, drawn by the
        configuration's seed, is held out for validation. `Arrays` can say that the second axis is time. Data sets of
        PyTorch and tonic, and loaders, as `refsbnn.data.objects.examples` takes them.
    layers : sequence of Layer, optional
        In place of the configuration's model.
    report : callable, optional
        Gets a row of numbers after each epoch.
    ranks : Ranks, optional
        As for `Run.load`; `training.shards` is the largest number of them.

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
    if data is not None:
        task = given_task(config, examples(data, config.data), layers, ranks)
    else:
        task = prepare(config, ranks)
        if layers is not None:
            task = replace(task, network=connected(config, layers, task.network.input))
    result = train(task, report)
    return Run(task, result.parameters, result.history, data is not None)
