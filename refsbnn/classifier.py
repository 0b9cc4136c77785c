"""A stochastic binary network as a scikit-learn classifier. Needs scikit-learn, the extra `sklearn`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError("refsbnn.classifier needs scikit-learn 1.6 or newer: pip install 'refsbnn[sklearn]'") from error

from refsbnn.arrays import Arrays
from refsbnn.errors import check_integer
from refsbnn.evaluation.predict import predict
from refsbnn.layers import Signal
from refsbnn.network import Network
from refsbnn.streams import Streams
from refsbnn.training.config import Config, read
from refsbnn.training.given import arrays
from refsbnn.training.loop import train
from refsbnn.training.task import Task


class SBNNClassifier(ClassifierMixin, BaseEstimator):
    """Dense layers of noisy binary units, trained by the ELBO; probabilities averaged over sampled networks.

    Inputs are standardised with the training data's mean and standard deviation. Nothing is held out.

    Parameters
    ----------
    hidden : int or sequence of int
        Units of the hidden layer, or of each.
    member : str
        Estimator of the gradient, as `refsbnn.estimators.get` reads it.
    domain : {"binary", "bipolar"}
        States of the units: {0, 1} or {-1, +1}.
    epochs : int
    batch : int
        Examples a step.
    rate : float
        Largest learning rate of Adam; it falls to zero along a cosine.
    samples : int
        Sampled networks that a prediction averages; 0 predicts from the mean weights without noise.
    temperature : float
        KL weight as a multiple of 1/n; 1 is the ELBO (theory 4.4, 4.6).
    backend : {"numpy", "numba"}
        The reference, or the compiled kernels, which pay off on large data.
    random_state : int, RandomState instance or None
        An int gives the same bits each time. None takes a seed from NumPy's global state, as scikit-learn does.

    Attributes
    ----------
    classes_ : (n_classes,) array
    n_features_in_ : int
    mean_, scale_ : (n_features,) arrays
        What standardises the inputs; the scale of a constant feature is 1.
    parameters_ : dict
        Of the network.
    history_ : list of dict
        A record an epoch.

    Examples
    --------
    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 20)
    >>> y = np.where(x[:, 0] != x[:, 1], "odd", "even")
    >>> SBNNClassifier(epochs=40).fit(x, y).predict([[0.0, 1.0], [1.0, 1.0]])
    array(['odd', 'even'], dtype='<U4')
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
        self.backend = backend
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> "SBNNClassifier":
        """Train on X (n, features) and labels y (n,).

        Raises
        ------
        ValueError
            Data that scikit-learn refuses, or a parameter that cannot be used; the message names it.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        check_integer("samples", self.samples, 0)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self.mean_, spread = X.mean(axis=0), X.std(axis=0)
        self.scale_ = np.where(spread > 0.0, spread, 1.0)
        self.seed_ = self._seed()
        x = self._standardised(X)
        data, one = Arrays(x, labels), Arrays(x[:1], labels[:1])  # nothing is held out; the record wants an example
        network, streams = self._network()
        result = train(Task(self._config(), network, arrays(data.signal, data, one, one), streams))
        self.parameters_, self.history_ = result.parameters, result.history
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities (n, classes), in the order of `classes_`.

        Every example meets the same sampled noise, so that its probabilities do not depend on the others.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        network, streams = self._network()
        inputs = Arrays(self._standardised(X), np.zeros(len(X), np.int64))
        return predict(network, self.parameters_, inputs, len(X), streams, self.samples, alike=True)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each example: (n,)."""
        p = self.predict_proba(X)
        return np.asarray(self.classes_[p.argmax(axis=1)])

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer) and not isinstance(self.random_state, bool):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _standardised(self, X: np.ndarray) -> np.ndarray:
        return np.asarray((X - self.mean_) / self.scale_)

    def _config(self) -> Config:
        """The parameters as a configuration, which checks them."""
        numbers = {"epochs": self.epochs, "batch": self.batch, "rate": self.rate, "backend": self.backend}
        return read(
            {
                "seed": self.seed_,
                "model": {
                    "name": "mlp",
                    "hidden": np.atleast_1d(self.hidden).tolist(),
                    "units": {"member": self.member, "domain": self.domain},
                },
                "objective": {"temperature": self.temperature},
                "training": numbers,
            }
        )

    def _network(self) -> tuple[Network, Streams]:
        config = self._config()
        signal = Signal("values", (self.n_features_in_,))
        return Network(config.model.layers(len(self.classes_)), signal, backend=self.backend), Streams(self.seed_)
