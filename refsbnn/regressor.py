"""A stochastic binary network as a scikit-learn regressor. Needs scikit-learn, the extra `sklearn`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refsbnn.arrays import Measured
from refsbnn.errors import InputError, check_number
from refsbnn.layers import Layer
from refsbnn.layers.signal import Moments
from refsbnn.scikit import SBNN, MultiOutputMixin, RegressorMixin, check_is_fitted, validate_data
from refsbnn.training.config import Config
from refsbnn.training.likelihood import Gaussian

LEAST = 1e-6  # of a learnt noise variance: targets without noise would let it, and the steps, run away


class SBNNRegressor(MultiOutputMixin, RegressorMixin, SBNN):
    """Dense layers of noisy binary units under a Gaussian likelihood (theory 4.3), trained by the ELBO.

    Inputs and targets are standardised with the training data's mean and standard deviation. Nothing is held out.

    Parameters
    ----------
    hidden, member, domain, epochs, batch, rate, samples, temperature, examples, backend, random_state
        As of `refsbnn.classifier.SBNNClassifier`.
    noise : float or None
        Standard deviation of the noise of standardised targets, the same for all. None learns it (theory 4.20): after
        each epoch of `fit` from all of the epoch, after each step of `partial_fit` by the step's share of all examples.

    Attributes
    ----------
    n_features_in_, n_samples_seen_, mean_, scale_, parameters_, history_
        As of `SBNNClassifier`.
    y_mean_, y_scale_ : (outputs,) arrays
        What standardises the targets.
    noise_ : (outputs,) array
        Standard deviation of the noise, in the units of the targets.

    Examples
    --------
    >>> x = np.linspace(-2.0, 2.0, 100)[:, None]
    >>> regressor = SBNNRegressor(epochs=20).fit(x, 3.0 * x[:, 0] + 5.0)
    >>> mean, deviation = regressor.predict([[-1.0], [1.0]], return_std=True)
    >>> bool((abs(mean - [2.0, 8.0]) < 2.0 * deviation).all()), bool(regressor.score(x, 3.0 * x[:, 0] + 5.0) > 0.8)
    (True, True)
    >>> regressor.partial_fit(x, 3.0 * x[:, 0] + 5.0).n_samples_seen_
    200
    """

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
        noise: float | None = None,
        examples: int | None = None,
        backend: str = "numpy",
        random_state: Any = 0,
    ) -> None:
        super().__init__(
            hidden,
            member=member,
            domain=domain,
            epochs=epochs,
            batch=batch,
            rate=rate,
            samples=samples,
            temperature=temperature,
            examples=examples,
            backend=backend,
            random_state=random_state,
        )
        self.noise = noise

    def fit(self, X: Any, y: Any) -> "SBNNRegressor":
        """Train on X (n, features) and targets y, (n,) or (n, outputs), from the beginning.

        Raises
        ------
        ValueError
            Data that scikit-learn refuses, or a parameter that cannot be used; the message names it.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        targets = self._first(y)
        self._train(X, lambda rows: Measured(self._standardised(X[rows]), targets[rows]))
        return self

    def partial_fit(self, X: Any, y: Any) -> "SBNNRegressor":
        """Train on: one pass over the rows in their order, a step of Adam for each `batch` of them.

        As of `SBNNClassifier.partial_fit`; targets too are standardised as the first call's rows say.

        Parameters
        ----------
        X : (n, features) array
        y : (n,) or (n, outputs) array

        Raises
        ------
        ValueError
            As `fit`; another number of outputs than before.
        """
        first = not hasattr(self, "_state")
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, reset=first)
        if first:
            targets = self._first(y)
        elif y.shape[1:] != self._shape:
            raise InputError(
                f"y has shape {y.shape}; that of the first call was (n{''.join(f', {k}' for k in self._shape)})"
            )
        else:
            targets = (self._columns(y) - self.y_mean_) / self.y_scale_
        self._train_more(X, lambda rows: Measured(self._standardised(X[rows]), targets[rows]), first)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The mean of the predictive distribution, of y's shape; with `return_std` its standard deviation besides.

        That holds what sampled networks differ by, what their readout is unsure of, and the noise (theory 4.21).
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        outputs = len(self.y_mean_)

        def both(output: Moments) -> np.ndarray:
            m = output.m.astype(np.float64)
            return np.concatenate([m, np.square(m) + output.v], axis=1)

        first, second = np.hsplit(self._averaged(X, both, 2 * outputs), [outputs])
        shape = (len(X), *self._shape)
        mean = (self.y_mean_ + self.y_scale_ * first).reshape(shape)
        if not return_std:
            return mean
        spread = np.maximum(second - np.square(first), 0.0) + self._noise_variance  # theory 4.21
        return mean, (self.y_scale_ * np.sqrt(spread)).reshape(shape)

    @property
    def noise_(self) -> np.ndarray:
        """Standard deviation of the noise, (outputs,), in the units of the targets."""
        return np.asarray(np.sqrt(self._noise_variance) * self.y_scale_)

    def _first(self, y: np.ndarray) -> np.ndarray:
        """Standardised targets, whose mean, standard deviation and shape are kept."""
        if self.noise is not None:
            check_number("noise", self.noise, lambda noise: noise > 0.0, "a number > 0, or None")
        columns, self._shape = self._columns(y), y.shape[1:]
        self.y_mean_, spread = columns.mean(axis=0), columns.std(axis=0)
        self.y_scale_ = np.where(spread > 0.0, spread, 1.0)
        self._noise_variance = 1.0 if self.noise is None else self.noise**2
        return np.asarray((columns - self.y_mean_) / self.y_scale_)

    @staticmethod
    def _columns(y: np.ndarray) -> np.ndarray:
        return y.reshape(len(y), -1)

    def _layers(self, config: Config) -> list[Layer]:
        return config.model.layers(len(self.y_mean_))[
            :-1
        ]  # moments in the place of samples: the loss is in closed form

    def _likelihood(self) -> Gaussian:
        return Gaussian(self._noise_variance)

    def _learn(self, numbers: dict[str, float], share: float) -> dict[str, float]:
        square = numbers.pop("square")
        if self.noise is None:
            self._noise_variance = max(self._noise_variance + share * (square - self._noise_variance), LEAST)
        return {"noise_variance": self._noise_variance, **numbers}
