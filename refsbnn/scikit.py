"""What the scikit-learn estimators share: parameters, standardised inputs, training by epochs and by batches.

Needs scikit-learn, the extra `sklearn`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError("refsbnn's estimators need scikit-learn 1.6 or newer: pip install 'refsbnn[sklearn]'") from error

from refsbnn import objective
from refsbnn.arrays import Arrays
from refsbnn.data.dataset import Dataset, Split
from refsbnn.errors import check_integer
from refsbnn.evaluation.predict import Passes, averaged
from refsbnn.layers import Layer, Signal
from refsbnn.network import Network
from refsbnn.streams import Streams
from refsbnn.training.config import Config, read
from refsbnn.training.likelihood import Likelihood
from refsbnn.training.loop import Plan, epoch_steps, initial, one_step
from refsbnn.training.tally import Tally
from refsbnn.training.task import Task

# What is named here and not used is for the two estimators: the line that says what to install is written once.
__all__ = [
    "SBNN",
    "ClassifierMixin",
    "MultiOutputMixin",
    "RegressorMixin",
    "check_classification_targets",
    "check_is_fitted",
    "validate_data",
]


class SBNN(BaseEstimator):
    """The part of `SBNNClassifier` and `SBNNRegressor` that knows neither labels nor targets."""

    def __init__(
        self,
        hidden: int | Sequence[int] = (64,),
        *,
        member: str = "agr(tau=0.5)",
        domain: str = "bipolar",
        epochs: int = 50,
        batch: int = 32,
        rate: float = 0.03,
        samples: int = 32,
        temperature: float = 0.1,
        examples: int | None = None,
        backend: str = "numpy",
        random_state: Any = 0,
    ) -> None:
        self.hidden = hidden
        self.member = member
        self.domain = domain
        self.epochs = epochs
        self.batch = batch
        self.rate = rate
        self.samples = samples
        self.temperature = temperature
        self.examples = examples
        self.backend = backend
        self.random_state = random_state

    def _layers(self, config: Config) -> list[Layer]:
        """The network's layers."""
        raise NotImplementedError

    def _likelihood(self) -> Likelihood:
        """As it stands."""
        raise NotImplementedError

    def _learn(self, numbers: dict[str, float], share: float) -> dict[str, float]:
        """Take from some steps' means what the likelihood learns, as that share of all examples; what to record."""
        raise NotImplementedError

    def _train(self, x: np.ndarray, part: Callable[[slice], Split]) -> None:
        """All epochs, from the beginning, on the rows of `x`, of which `part` gives some with their targets."""
        self._begin(x)
        self.n_samples_seen_, begun = len(x), time.perf_counter()
        task = self._task(part(slice(None)))
        for _ in range(self.epochs):
            plan = Plan.of(replace(task, likelihood=self._likelihood()))
            epoch_steps(plan, self._state, begun)
            self._record(plan.weight(self._state.step - 1).value, 1.0, len(x))

    def _train_more(self, x: np.ndarray, part: Callable[[slice], Split], begin: bool) -> None:
        """One pass over rows in their order, a step for each batch; the last may be smaller."""
        if begin:
            self._begin(x)
        else:
            self._checked()
        for first in range(0, len(x), self.batch):
            batch = part(slice(first, first + self.batch))
            task = replace(self._task(batch), likelihood=self._likelihood())
            self.n_samples_seen_ += len(batch.labels)
            # At most all: the batch may be more than `examples` says.
            examples = max(self.examples or self.n_samples_seen_, len(batch.labels))
            weight = objective.kl_weight(self._state.step, examples, temperature=self.temperature).value
            one_step(task, self._state, weight)
            self._record(weight, len(batch.labels) / examples, examples)

    def _record(self, weight: float, share: float, examples: int) -> None:
        """A row of numbers of the steps since the last."""
        state = self._state
        means, state.tally = state.tally.means(), Tally()
        row = {"loglik": means.pop("loglik"), "kl_per_example": means.pop("kl") / examples, "kl_weight": weight}
        state.history.append(row | self._learn(means, share))

    def _begin(self, x: np.ndarray) -> None:
        """Nothing learnt but how inputs are standardised: by the mean and standard deviation of `x`."""
        self._checked()
        self.mean_, spread = x.mean(axis=0), x.std(axis=0)
        self.scale_ = np.where(spread > 0.0, spread, 1.0)
        self.seed_ = self._seed()
        none = Arrays(np.zeros((0, x.shape[1])), np.zeros(0, int))
        self._state, self.n_samples_seen_ = initial(self._task(none)), 0

    def _checked(self) -> None:
        """Raise InputError for what no configuration checks."""
        check_integer("samples", self.samples, 0)
        if self.examples is not None:
            check_integer("examples", self.examples, 1)
        self._config_of(0)

    @property
    def parameters_(self) -> dict[str, np.ndarray]:
        """Of the network."""
        return self._state.parameters

    @property
    def history_(self) -> list[dict[str, float]]:
        """A row of numbers for each epoch of `fit` and each step of `partial_fit`."""
        return self._state.history

    def _averaged(self, x: np.ndarray, of: Callable[[Any], np.ndarray], width: int) -> np.ndarray:
        """The mean over sampled networks of numbers `of` the output, with the same noise for every example."""
        config = self._config_of(self.seed_)
        network, streams = self._network(config), Streams(self.seed_)
        inputs = Arrays(self._standardised(x), np.zeros(len(x), np.int64))
        passes = Passes(streams, self.samples, alike=True)
        return averaged(network, self.parameters_, inputs, len(x), passes, of, width)

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer) and not isinstance(self.random_state, bool):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _standardised(self, x: np.ndarray) -> np.ndarray:
        return np.asarray((x - self.mean_) / self.scale_)

    def _config_of(self, seed: int) -> Config:
        """The parameters as a configuration, which checks them."""
        numbers = {"epochs": self.epochs, "batch": self.batch, "rate": self.rate, "backend": self.backend}
        return read(
            {
                "seed": seed,
                "model": {
                    "name": "mlp",
                    "hidden": np.atleast_1d(self.hidden).tolist(),
                    "units": {"member": self.member, "domain": self.domain},
                },
                "objective": {"temperature": self.temperature},
                "training": numbers,
            }
        )

    def _network(self, config: Config) -> Network:
        return Network(self._layers(config), Signal("values", (self.n_features_in_,)), backend=self.backend)

    def _task(self, part: Split) -> Task:
        config = self._config_of(self.seed_)
        network = self._network(config)
        data = Dataset(network.output.shape[0], network.input, part, part, part, Arrays)
        return Task(config, network, data, Streams(self.seed_))
