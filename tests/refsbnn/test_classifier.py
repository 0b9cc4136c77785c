"""The scikit-learn classifier: scikit-learn's own checks, learning, determinism, and one line for a bad parameter."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from refsbnn.errors import InputError

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from refsbnn.classifier import SBNNClassifier

QUICK = SBNNClassifier(hidden=(8,), epochs=3, samples=4)


@parametrize_with_checks([SBNNClassifier()])
def test_scikit_learns_own_checks(estimator, check) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def iris():
    x, y = load_iris(return_X_y=True)
    return x, np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.fixture(scope="module")
def fitted(iris):
    return SBNNClassifier().fit(*iris)


def test_it_learns(fitted, iris) -> None:
    """Guessing is right on Binomial(150, 1/3) flowers: P(>= 90 %) < 1e-46."""
    assert fitted.score(*iris) > 0.9
    assert fitted.history_[-1]["loglik"] > fitted.history_[0]["loglik"]


def test_an_integer_gives_the_same_bits_and_another_one_others(iris) -> None:
    first, again = (clone(QUICK).fit(*iris) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(iris[0]), again.predict_proba(iris[0]))
    other = clone(QUICK).set_params(random_state=1).fit(*iris)
    assert (other.predict_proba(iris[0]) != first.predict_proba(iris[0])).any()


def test_a_generator_as_random_state_is_drawn_from(iris) -> None:
    fits = [clone(QUICK).set_params(random_state=np.random.RandomState(5)).fit(*iris) for _ in range(2)]
    assert fits[0].seed_ == fits[1].seed_ == np.random.RandomState(5).randint(2**31 - 1)


def test_an_example_is_predicted_alike_alone_and_among_others(fitted, iris) -> None:
    """Up to the rounding of NumPy's matrix products, relative to probabilities that are sums of 32 of order 1."""
    alone = np.concatenate([fitted.predict_proba(row[None]) for row in iris[0][:7]])
    np.testing.assert_allclose(alone, fitted.predict_proba(iris[0])[:7], rtol=1e-10, atol=1e-12)


def test_no_samples_are_the_mean_weights(fitted, iris) -> None:
    mean = clone(fitted).set_params(samples=0).fit(*iris)
    assert mean.predict_proba(iris[0]).shape == (150, 3)
    assert mean.score(*iris) > 0.9


def test_inputs_are_standardised_inside(fitted, iris) -> None:
    """A change of units changes the standardised inputs by rounding; here by powers of two, not at all."""
    x, y = iris
    moved = SBNNClassifier().fit(x * 1024.0, y)
    np.testing.assert_array_equal(moved.predict_proba(x * 1024.0), fitted.predict_proba(x))


def test_it_goes_where_classifiers_go(iris) -> None:
    x, y = iris
    search = GridSearchCV(make_pipeline(MinMaxScaler(), clone(QUICK)), {"sbnnclassifier__domain": ["binary"]}, cv=2)
    assert search.fit(x, y).best_score_ >= 0.0
    copy = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(copy.predict_proba(x), search.predict_proba(x))


def test_one_hidden_layer_is_a_number_or_a_list(iris) -> None:
    one, list_of_one = (SBNNClassifier(hidden=hidden, epochs=1).fit(*iris) for hidden in (8, [8]))
    assert np.array_equal(one.predict_proba(iris[0]), list_of_one.predict_proba(iris[0]))


def test_it_learns_by_batches_however_they_are_called(iris) -> None:
    x, y = iris
    rows = np.random.default_rng(0).permutation(150)
    one, other = (SBNNClassifier(batch=25).partial_fit(x[rows], y[rows], classes=np.unique(y)) for _ in range(2))
    for _ in range(15):
        one.partial_fit(x[rows], y[rows])
        other.partial_fit(x[rows[:50]], y[rows[:50]], np.unique(y)).partial_fit(x[rows[50:]], y[rows[50:]])
    assert one.score(x, y) > 0.9
    np.testing.assert_array_equal(one.predict_proba(x), other.predict_proba(x))
    assert one.n_samples_seen_ == 16 * 150
    assert one.history_[5]["kl_weight"] == pytest.approx(0.1 / 150, rel=1e-15)  # of the rows seen until then


def test_partial_fit_wants_its_classes_and_its_features(iris) -> None:
    x, y = iris
    with pytest.raises(InputError, match="classes is None; the first call of partial_fit needs all labels"):
        clone(QUICK).partial_fit(x, y)
    with pytest.raises(InputError, match="y holds 'setosa', which is none of the classes"):
        clone(QUICK).partial_fit(x, y, classes=["versicolor", "virginica"])
    known = clone(QUICK).partial_fit(x[:100], y[:100], classes=["virginica", "setosa", "versicolor"])
    assert known.predict_proba(x).shape == (150, 3)
    with pytest.raises(InputError, match=r"classes is \['setosa'\]; those of the first call are"):
        known.partial_fit(x, y, classes=["setosa"])
    with pytest.raises(ValueError, match="X has 3 features, but SBNNClassifier is expecting 4"):
        known.partial_fit(x[:, :3], y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epochs": 0}, "training.epochs is 0"),
        ({"hidden": ()}, r"model.hidden is \[\]"),
        ({"hidden": 2.5}, r"model.hidden is \[2.5\]; expected a list of integers"),
        ({"member": "stt"}, "estimator is 'stt'"),
        ({"domain": "ternary"}, "domain is 'ternary'; accepted: 'binary', 'bipolar'"),
        ({"samples": -1}, "samples is -1"),
        ({"examples": 0}, "examples is 0"),
        ({"backend": "torch"}, "accepted: 'numpy', 'numba'"),
        ({"random_state": -1}, "seed is -1"),
        ({"temperature": -1.0}, "objective.temperature is -1.0"),
    ],
)
def test_bad_parameters(parameters, message, iris) -> None:
    with pytest.raises(InputError, match=message):
        clone(QUICK).set_params(**parameters).fit(*iris)


def test_without_scikit_learn_one_line_says_what_to_install() -> None:
    code = "import sys; sys.modules['sklearn'] = None; sys.modules['sklearn.base'] = None; import refsbnn.classifier"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("pip install 'refsbnn[sklearn]'")
