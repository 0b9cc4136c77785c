"""The scikit-learn regressor: scikit-learn's own checks, learning, the noise it learns, training on by batches."""

import pickle

import numpy as np
import pytest

from refsbnn.errors import InputError

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from refsbnn.regressor import LEAST, SBNNRegressor

QUICK = SBNNRegressor(hidden=(8,), epochs=2, samples=4)
CHECKED = SBNNRegressor(hidden=(16,), epochs=15, samples=4)


@parametrize_with_checks([CHECKED])
def test_scikit_learns_own_checks(estimator, check) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def lines():
    """Two outputs of three features, in units far from each other's, with noise of 0.1 of each one's own."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(160, 3))
    y = x @ rng.normal(size=(3, 2)) + 0.1 * rng.normal(size=(160, 2))
    return x, y * [1.0, 1000.0] + [5.0, -300.0]


@pytest.fixture(scope="module")
def fitted(lines):
    return SBNNRegressor(epochs=30).fit(*lines)


def test_it_learns_and_says_how_sure_it_is(fitted, lines) -> None:
    x, y = lines
    mean, deviation = fitted.predict(x, return_std=True)
    assert fitted.score(x, y) > 0.8
    assert (np.abs(mean - y) < 3.0 * deviation).mean() > 0.95
    np.testing.assert_array_equal(mean, fitted.predict(x))
    assert (deviation > fitted.noise_).all()  # theory 4.21: the networks' own spread comes on top


def test_the_learnt_noise_is_where_the_last_epoch_puts_it(fitted, lines) -> None:
    """Theory 4.20: near the end an epoch's mean is what one network that is drawn then gives, up to its sampling."""
    noise = [row["noise_variance"] for row in fitted.history_]
    assert noise[-1] < 0.5 < noise[0]
    one = clone(fitted).set_params(samples=1)
    one.__dict__ |= {key: value for key, value in fitted.__dict__.items() if key not in one.get_params()}
    mean, deviation = one.predict(lines[0], return_std=True)  # one network's: its variance is v + n
    square = np.square((mean - lines[1]) / fitted.y_scale_) + np.square(deviation / fitted.y_scale_) - noise[-1]
    assert square.mean() == pytest.approx(noise[-1], rel=0.3)
    np.testing.assert_allclose(fitted.noise_, np.sqrt(noise[-1]) * fitted.y_scale_, rtol=1e-15)


def test_a_given_noise_stays(lines) -> None:
    x, y = lines
    given = clone(QUICK).set_params(noise=0.25).fit(x, y)
    np.testing.assert_allclose(given.noise_, 0.25 * given.y_scale_, rtol=1e-15)


def test_targets_that_a_network_fits_exactly_leave_some_noise() -> None:
    x = np.arange(20.0)[:, None]
    found = SBNNRegressor(hidden=4, epochs=30, rate=0.1, temperature=0.0).fit(x, np.full(20, 7.0))
    assert found.noise_[0] >= np.sqrt(LEAST)
    np.testing.assert_allclose(found.predict(x), 7.0, atol=1.0)


def test_shapes_follow_the_targets(lines) -> None:
    x, y = lines
    assert clone(QUICK).fit(x, y[:, 0]).predict(x).shape == (160,)
    assert clone(QUICK).fit(x, y[:, :1]).predict(x).shape == (160, 1)
    assert [each.shape for each in clone(QUICK).fit(x, y).predict(x, return_std=True)] == [(160, 2)] * 2


def test_a_change_of_the_targets_units_changes_nothing_else(lines) -> None:
    """By powers of two, so to the bit."""
    x, y = lines
    one, other = clone(QUICK).fit(x, y), clone(QUICK).fit(x, 64.0 * y)
    np.testing.assert_array_equal(other.predict(x), 64.0 * one.predict(x))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_how_rows_are_cut_into_calls_changes_no_bit(lines, backend) -> None:
    x, y = lines
    one, other = (clone(QUICK).set_params(batch=16, backend=backend).partial_fit(x[:40], y[:40]) for _ in range(2))
    one.partial_fit(x[40:104], y[40:104])
    for cut in (slice(40, 56), slice(56, 88), slice(88, 104)):
        other.partial_fit(x[cut], y[cut])
    assert one.n_samples_seen_ == other.n_samples_seen_ == 104
    assert one.history_ == other.history_
    assert len(one.history_) == 3 + 4  # of 40 rows, 16, 16 and 8
    for key, value in one.parameters_.items():
        np.testing.assert_array_equal(other.parameters_[key], value)


def test_partial_fit_goes_on_from_where_fit_was(lines) -> None:
    """With Adam's averages and its count of steps, through a pickle too: without them the step is another."""
    x, y = lines
    on = clone(QUICK).fit(x, y)
    copy, bare = (pickle.loads(pickle.dumps(on)) for _ in range(2))
    bare._state.optimiser.steps = 0
    for each in (on, copy, bare):
        each.partial_fit(x[:32], y[:32])
        assert each._state.step == 2 * 5 + 1
    np.testing.assert_array_equal(copy.predict(x), on.predict(x))
    assert (bare.predict(x) != on.predict(x)).all()


def test_it_learns_by_batches(lines) -> None:
    x, y = lines
    found = SBNNRegressor(examples=len(x))
    for _ in range(20):
        found.partial_fit(x, y)
    assert found.score(x, y) > 0.8
    assert found.history_[-1]["kl_weight"] == pytest.approx(0.1 / 160, rel=1e-15)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"noise": 0.0}, "noise is 0.0; expected a number > 0, or None"),
        ({"noise": "some"}, "noise is 'some'"),
        ({"examples": 0}, "examples is 0"),
        ({"hidden": ()}, r"model.hidden is \[\]"),
    ],
)
def test_bad_parameters(parameters, message, lines) -> None:
    for method in ("fit", "partial_fit"):
        with pytest.raises(InputError, match=message):
            getattr(clone(QUICK).set_params(**parameters), method)(*lines)


def test_what_comes_later_has_to_fit(lines) -> None:
    x, y = lines
    found = clone(QUICK).partial_fit(x, y)
    with pytest.raises(InputError, match=r"y has shape \(160,\); that of the first call was \(n, 2\)"):
        found.partial_fit(x, y[:, 0])
    with pytest.raises(ValueError, match="X has 2 features, but SBNNRegressor is expecting 3"):
        found.partial_fit(x[:, :2], y)
    with pytest.raises(InputError, match=r"is float64 of shape \(8, 3\); the network.s is float64 of shape \(9, 3\)"):
        found.set_params(hidden=(9,)).partial_fit(x, y)
