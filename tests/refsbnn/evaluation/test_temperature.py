"""One temperature for probabilities: its limits, its optimum by a grid, and what an evaluation does with it."""

import numpy as np
import pytest
from scipy import special

from refsbnn.errors import InputError
from refsbnn.evaluation.predict import predict
from refsbnn.evaluation.scores import score
from refsbnn.evaluation.temperature import LARGEST, fitted, tempered
from refsbnn.run import Run, fit


def drawn(seed: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels drawn from them at another sharpness."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(400, 5))
    true = special.softmax(scale * logits, axis=1)
    return special.softmax(logits, axis=1), (rng.random((400, 1)) > np.cumsum(true, axis=1)).sum(axis=1)


def test_temperature_one_and_the_order_of_classes() -> None:
    p, _ = drawn(0, 1.0)
    np.testing.assert_allclose(tempered(p, 1.0), p, rtol=1e-14)
    for temperature in (0.01, 0.3, 30.0):
        out = tempered(p, temperature)
        np.testing.assert_array_equal(out.argmax(axis=1), p.argmax(axis=1))
        np.testing.assert_allclose(out, p ** (1 / temperature) / (p ** (1 / temperature)).sum(1, keepdims=True), 1e-12)


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_the_fit_is_the_least_nll_of_a_grid(scale: float) -> None:
    """Theory 4.19."""
    p, labels = drawn(1, scale)
    grid = np.exp(np.linspace(np.log(0.05), np.log(20.0), 2000))
    nll = [score(tempered(p, t), labels).nll for t in grid]
    best = fitted(p, labels)
    assert abs(np.log(best / grid[int(np.argmin(nll))])) < 0.01  # the grid's step is 0.003
    assert score(tempered(p, best), labels).nll <= min(nll) + 1e-12


def test_all_right_and_impossible_labels_stay_finite() -> None:
    p = np.tile([1.0, 0.0], (4, 1))
    right = np.tile([0.9, 0.1], (4, 1))  # an NLL of 0 in floats from some temperature down
    assert 1 / LARGEST <= fitted(right, np.zeros(4, int)) < 0.05
    assert np.isfinite(fitted(p, np.array([0, 0, 0, 1])))
    with pytest.raises(InputError, match="labels run from 0 to 2"):
        fitted(p, np.array([0, 0, 1, 2]))


@pytest.fixture(scope="module")
def run() -> Run:
    return fit("digits_binary", "training.epochs=1", "model.hidden=[16]")


def test_an_evaluation_fits_on_validation_alone(run: Run) -> None:
    got = run.evaluate("test", 4, calibrate=True)
    plain = run.evaluate("test", 4)
    assert [mode.scores for mode in got.modes[:3]] == [mode.scores for mode in plain.modes]
    known, part = run.task.data.validation, run.task.data.test
    task = run.task
    p, q = (predict(task.network, run.parameters, each, len(each.labels), task.streams, 4) for each in (known, part))
    temperature = fitted(p, known.labels)
    assert got.modes[3].scores == score(tempered(q, temperature), part.labels)
    assert got.modes[3].name == f"average of 4 samples, T = {temperature:.3g}"
    assert got.modes[3].scores.accuracy == got.modes[2].scores.accuracy
    with pytest.raises(InputError, match="fitted on the validation part"):
        run.evaluate("validation", 4, calibrate=True)
