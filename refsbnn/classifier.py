"""A stochastic binary network as a scikit-learn classifier. Needs scikit-learn, the extra `sklearn`."""

from typing import Any

import numpy as np
from scipy import special

from refsbnn.arrays import Arrays
from refsbnn.errors import InputError
from refsbnn.layers import Layer
from refsbnn.scikit import SBNN, ClassifierMixin, check_classification_targets, check_is_fitted, validate_data
from refsbnn.training.config import Config
from refsbnn.training.likelihood import Categorical


class SBNNClassifier(ClassifierMixin, SBNN):
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
        Of `fit`.
    batch : int
        Examples a step.
    rate : float
        Largest learning rate of Adam; in `fit` it falls to zero along a cosine, in `partial_fit` it stays.
    samples : int
        Sampled networks that a prediction averages; 0 predicts from the mean weights without noise.
    temperature : float
        KL weight as a multiple of 1/n; 1 is the ELBO (theory 4.4, 4.6).
    examples : int or None
        n for `partial_fit`, which does not know all the data; None counts the rows seen so far.
    backend : {"numpy", "numba"}
        The reference, or the compiled kernels, which pay off on large data.
    random_state : int, RandomState instance or None
        An int gives the same bits each time. None takes a seed from NumPy's global state, as scikit-learn does.

    Attributes
    ----------
    classes_ : (n_classes,) array
    n_features_in_ : int
    n_samples_seen_ : int
        Rows of `fit`, and of `partial_fit` since.
    mean_, scale_ : (n_features,) arrays
        What standardises the inputs; the scale of a constant feature is 1.
    parameters_ : dict
        Of the network.
    history_ : list of dict
        A record for each epoch of `fit` and each step of `partial_fit`.

    Examples
    --------
    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 20)
    >>> y = np.where(x[:, 0] != x[:, 1], "odd", "even")
    >>> classifier = SBNNClassifier(epochs=40).fit(x, y)
    >>> classifier.predict([[0.0, 1.0], [1.0, 1.0]])
    array(['odd', 'even'], dtype='<U4')
    >>> classifier.partial_fit(x, y).predict_proba(x[:5]).shape
    (5, 2)
    """

    def fit(self, X: Any, y: Any) -> "SBNNClassifier":
        """Train on X (n, features) and labels y (n,), from the beginning.

        Raises
        ------
        ValueError
            Data that scikit-learn refuses, or a parameter that cannot be used; the message names it.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self._train(X, lambda rows: Arrays(self._standardised(X[rows]), labels[rows]))
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> "SBNNClassifier":
        """Train on: one pass over the rows in their order, a step of Adam for each `batch` of them.

        Parameters, Adam's averages and the count of steps go on from the last call, of `fit` too. The learning rate is
        `rate`. Inputs are standardised as the first call's rows say. How rows are cut into calls changes no bit, where
        it does not cut a batch and the first call is the same.

        Parameters
        ----------
        X : (n, features) array
        y : (n,) array
        classes : array, optional
            All labels that there will be; the first call needs it.

        Raises
        ------
        ValueError
            As `fit`; no classes at first, other classes later, a label that is none of them.
        """
        first = not hasattr(self, "_state")
        X, y = validate_data(self, X, y, dtype=np.float64, reset=first)
        check_classification_targets(y)
        if first and classes is None:
            raise InputError("classes is None; the first call of partial_fit needs all labels that there will be")
        given = self.classes_ if classes is None else np.unique(classes)
        if not first and not np.array_equal(given, self.classes_):
            raise InputError(f"classes is {given.tolist()}; those of the first call are {self.classes_.tolist()}")
        strange = np.setdiff1d(y, given).tolist()
        if strange:
            raise InputError(f"y holds {strange[0]!r}, which is none of the classes {given.tolist()}")
        self.classes_ = given
        labels = np.searchsorted(self.classes_, y)
        self._train_more(X, lambda rows: Arrays(self._standardised(X[rows]), labels[rows]), first)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities (n, classes), in the order of `classes_`.

        Every example meets the same sampled noise, so that its probabilities do not depend on the others.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self._averaged(X, lambda logits: special.softmax(logits.astype(np.float64), axis=1), len(self.classes_))

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each example: (n,)."""
        p = self.predict_proba(X)
        return np.asarray(self.classes_[p.argmax(axis=1)])

    def _layers(self, config: Config) -> list[Layer]:
        return config.model.layers(len(self.classes_))

    def _likelihood(self) -> Categorical:
        return Categorical()

    def _learn(self, numbers: dict[str, float], share: float) -> dict[str, float]:
        return {"train_accuracy": numbers.pop("correct"), **numbers}
