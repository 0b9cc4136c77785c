"""Scores: by hand, against scikit-learn where it has them, and what is refused."""

import numpy as np
import pytest

from refsbnn.errors import InputError
from refsbnn.evaluation.scores import reliability, score


def table(examples: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random probabilities and labels."""
    random = np.random.default_rng(seed)
    return random.dirichlet(np.full(classes, 0.5), examples), random.integers(classes, size=examples)


def test_scores_by_hand() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.05, 0.05, 0.9]])
    got = score(p, np.array([0, 2, 2]))
    assert got.accuracy == 2 / 3
    assert got.nll == pytest.approx(-(np.log(0.7) + np.log(0.3) + np.log(0.9)) / 3, rel=1e-15)
    each = [0.3**2 + 0.2**2 + 0.1**2, 0.3**2 + 0.4**2 + 0.7**2, 0.05**2 + 0.05**2 + 0.1**2]
    assert got.brier == pytest.approx(sum(each) / 3, rel=1e-15)
    assert got.examples == 3


def test_calibration_error_by_hand() -> None:
    """Fifteen bins: 0.62 and 0.66 share (9/15, 10/15], 0.69 has (10/15, 11/15] and 0.97 the last to itself."""
    confidence = np.array([0.62, 0.66, 0.69, 0.97])
    p, right = np.stack([confidence, 1 - confidence], axis=1), np.array([1, 0, 0, 1])
    bins = reliability(p, 1 - right)
    assert bins.count.tolist() == [0] * 9 + [2, 1] + [0] * 3 + [1]
    np.testing.assert_allclose(bins.confidence[[9, 10, 14]], [0.64, 0.69, 0.97], rtol=1e-15)
    assert bins.accuracy[[9, 10, 14]].tolist() == [0.5, 0.0, 1.0]
    by_hand = (2 * abs(0.5 - 0.64) + 0.69 + 0.03) / 4
    assert bins.error == pytest.approx(by_hand, rel=1e-14)
    assert score(p, 1 - right).calibration_error == bins.error


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    p = np.array([[0.6, 0.4], [1.0, 0.0]])
    assert reliability(p, np.array([0, 0]), bins=5).count.tolist() == [0, 0, 1, 0, 1]


def test_bins_hold_every_example_once_and_their_means_are_the_overall_means() -> None:
    p, labels = table(1000, 7, 1)
    bins = reliability(p, labels)
    assert bins.count.sum() == 1000
    # Sums of 1000 terms below 1 in another order.
    assert abs(bins.count @ bins.accuracy / 1000 - score(p, labels).accuracy) < 1e-13
    assert abs(bins.count @ bins.confidence / 1000 - p.max(axis=1).mean()) < 1e-13


def test_against_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    p, labels = table(500, 4, 2)
    got = score(p, labels)
    # Means of 500 terms, summed in another order: relative error below 500 eps.
    assert got.accuracy == metrics.accuracy_score(labels, p.argmax(axis=1))
    assert got.nll == pytest.approx(metrics.log_loss(labels, p, labels=range(4)), rel=1e-13)
    two, binary = table(500, 2, 3)
    brier = metrics.brier_score_loss(binary, two[:, 1])  # of one class: half the sum over both
    assert score(two, binary).brier == pytest.approx(2 * brier, rel=1e-13)


def test_a_probability_of_zero_has_a_finite_score() -> None:
    assert score(np.array([[1.0, 0.0]]), np.array([1])).nll == -np.log(np.finfo(float).tiny)


def test_the_first_of_equal_probabilities_is_the_prediction() -> None:
    assert score(np.full((4, 4), 0.25), np.arange(4)).accuracy == 0.25


@pytest.mark.parametrize(
    ("p", "labels", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "at least one example"),
        ([[0.5, 0.4]], [0], "sums to 0.9; expected 1"),
        ([[2.0, -1.0]], [0], "holds the negative value -1"),
        ([[np.nan, 1.0]], [0], "NaN or infinity"),
        ([0.5, 0.5], [0], "expected \\(any, any\\)"),
        ([[0.5, 0.5]], [0.0], "labels are float64 of shape"),
        ([[0.5, 0.5]], [0, 1], r"of shape \(2,\); expected integers \(1,\)"),
        ([[0.5, 0.5]], [2], "labels run from 2 to 2; expected 0 to 1"),
        ([[0.5, 0.5]], [-1], "labels run from -1"),
    ],
)
def test_bad_input(p: object, labels: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        score(np.asarray(p), np.asarray(labels))


@pytest.mark.parametrize("bins", [0, -1, 1.5, True])
def test_bad_bins(bins: object) -> None:
    with pytest.raises(InputError, match="bins is"):
        reliability(np.array([[0.5, 0.5]]), np.array([0]), bins=bins)  # type: ignore[arg-type]
