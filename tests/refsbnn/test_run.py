"""Fit, predict, evaluate, save and load from Python."""

import doctest
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import refsbnn
from refsbnn import Run, fit
from refsbnn.arrays import Arrays
from refsbnn.errors import InputError
from refsbnn.layers import LIF, Dense, LeakyReadout, SampledReadout, Spike
from refsbnn.training import config as configuration

SMALL = ("training.epochs=2", "model.hidden=[12]", "evaluation.samples=3")


@pytest.fixture(scope="module", params=["digits_binary", "digits_spiking"])
def run(request: pytest.FixtureRequest) -> Run:
    return fit(request.param, *SMALL)


def test_fit_reports_every_epoch() -> None:
    rows: list[dict[str, float]] = []
    run = fit("digits_binary", *SMALL, report=rows.append)
    assert rows == run.history
    assert [row["epoch"] for row in rows] == [1, 2]


def test_a_configuration_may_be_read_before() -> None:
    config = configuration.load("digits_binary", SMALL[:2])
    run = fit(config, SMALL[2])
    assert run.config == configuration.load("digits_binary", SMALL)


def test_probabilities(run: Run) -> None:
    x = np.random.default_rng(1).random((6, 8, 8, 1))
    p = run.predict_proba(x)
    assert p.shape == (6, 10)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(p, run.predict_proba(x, samples=3))
    # The reference's matrix products may round otherwise in a batch of another size.
    np.testing.assert_allclose(run.predict_proba(x[4:]), p[4:], rtol=1e-9)
    assert (run.predict_proba(x, samples=0) != p).any()


def test_a_loaded_run_predicts_the_same_bits(run: Run, tmp_path: Path) -> None:
    run.save(tmp_path / "run")
    again = Run.load(tmp_path / "run")
    x = np.random.default_rng(2).random((3, 8, 8, 1))
    np.testing.assert_array_equal(again.predict_proba(x), run.predict_proba(x))
    assert again.config == run.config
    assert again.history == run.history
    assert again.evaluate("validation").as_dict() == run.evaluate("validation").as_dict()


def test_evaluate_scores_every_example_in_three_modes(run: Run) -> None:
    report = run.evaluate()
    assert [mode.passes for mode in report.modes] == [1, 1, 3]
    assert all(mode.scores.examples == 360 for mode in report.modes)
    assert [mode.name for mode in run.evaluate(samples=1).modes] == ["mean weights", "single sample"]
    assert run.evaluate("validation").modes[0].scores.examples == 287


def shapes() -> tuple[np.ndarray, np.ndarray]:
    """Two classes of eight features that one feature tells apart."""
    x = np.random.default_rng(3).normal(size=(101, 8))
    return x, (x[:, 2] > 0.0).astype(int)


def test_arrays_in_place_of_the_configurations_data(tmp_path: Path) -> None:
    x, y = shapes()
    run = fit("digits_binary", *SMALL, "training.batch=16", data=(x, y))
    assert [len(getattr(run.task.data, part).labels) for part in ("train", "validation", "test")] == [81, 20, 0]
    held = np.concatenate([run.task.data.train.x, run.task.data.validation.x])
    np.testing.assert_array_equal(np.sort(held, axis=0), np.sort(x, axis=0))  # every example is in one part, once
    assert run.evaluate((x, y)).modes[-1].scores.examples == 101
    with pytest.raises(InputError, match=r"holds no test examples; give some as \(x, labels\)"):
        run.evaluate("test")
    run.save(tmp_path)
    again = Run.load(tmp_path)
    np.testing.assert_array_equal(again.predict_proba(x), run.predict_proba(x))
    assert again.evaluate((x, y)).as_dict() == run.evaluate((x, y)).as_dict()


def test_layers_in_place_of_the_configurations_model(tmp_path: Path) -> None:
    x, y = shapes()
    layers = [Dense(20), Spike("st"), Dense(2), SampledReadout()]
    run = fit("digits_binary", *SMALL, "training.epochs=30", "training.batch=16", data=(x, y), layers=layers)
    # Guessing is right on Binomial(101, 1/2): P(>= 80 %) < 1e-9.
    assert run.evaluate((x, y)).modes[-1].scores.accuracy > 0.8
    run.save(tmp_path)
    assert [stage.layer for stage in Run.load(tmp_path).task.network.stages] == layers


def test_a_network_without_units_has_nothing_to_penalise() -> None:
    run = fit("digits_binary", *SMALL, "objective.penalty=0.1", data=shapes(), layers=[Dense(2), SampledReadout()])
    assert [row["penalty"] for row in run.history] == [0.0] * len(run.history)


def test_spikes_over_time_as_data(tmp_path: Path) -> None:
    spikes = np.random.default_rng(4).integers(0, 2, (30, 6, 5), np.uint8)
    data = Arrays(spikes, spikes[:, :, 0].sum(axis=1) % 2, time=True)
    layers = [Dense(7), LIF(), Dense(2), LeakyReadout(), SampledReadout()]
    run = fit("digits_binary", *SMALL, "training.batch=8", data=data, layers=layers)
    p = run.predict_proba(spikes[:4])
    assert p.shape == (4, 2)
    run.save(tmp_path)
    np.testing.assert_array_equal(Run.load(tmp_path).predict_proba(spikes[:4]), p)


def test_a_damaged_description(tmp_path: Path) -> None:
    fit("digits_binary", *SMALL, data=shapes()).save(tmp_path)
    facts = json.loads((tmp_path / "result.json").read_text())
    for damaged, message in (
        ({}, "the network's description is damaged"),
        (facts["network"] | {"layers": [{"kind": "lstm"}]}, "kind is 'lstm'"),
    ):
        (tmp_path / "result.json").write_text(json.dumps(facts | {"network": damaged}))
        with pytest.raises(InputError, match=message):
            Run.load(tmp_path)


def test_bad_arguments(run: Run) -> None:
    x, y = np.zeros((6, 4)), np.array([0, 1] * 3)
    with pytest.raises(InputError, match=r"data is a ndarray; accepted: \(x, labels\), Arrays"):
        fit("digits_binary", data=x)
    with pytest.raises(InputError, match=r"data are without time; .* takes Arrays\(x, labels, time=True\)"):
        fit("digits_spiking", data=(x, y))
    with pytest.raises(InputError, match="part is 'testing'; accepted: 'train', 'validation', 'test'"):
        run.evaluate("testing")
    with pytest.raises(InputError, match="samples is -1"):
        run.predict_proba(np.zeros((1, 8, 8, 1)), samples=-1)
    with pytest.raises(InputError, match="unknown key 'epoch'"):
        fit("digits_binary", "training.epoch=1")
    with pytest.raises(InputError, match="data hold 1 examples; expected at least 2"):
        fit("digits_binary", data=(np.zeros((1, 3)), np.zeros(1, int)))
    with pytest.raises(InputError, match="labels are float64"):
        fit("digits_binary", data=(np.zeros((3, 3)), np.zeros(3)))
    with pytest.raises(InputError, match="is no folder"):
        Run.load("nowhere")


def test_import_is_light_and_names_are_there() -> None:
    code = "import sys, refsbnn; assert 'numpy' not in sys.modules; refsbnn.fit; assert 'numpy' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert set(refsbnn.__all__) == {"Run", "__version__", "fit"}
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = refsbnn.fitt


def test_a_run_shows_itself_in_a_few_lines(run: Run) -> None:
    shown = repr(run)
    assert len(shown.splitlines()) == 3
    assert f"{run.history[-1]['validation_accuracy']:.1%}" in shown
    assert f"{sum(array.size for array in run.parameters.values()):,} parameters, 2 epochs" in shown
    assert "on arrays" in repr(Run(run.task, run.parameters, [], data_given=True))


USER = """
from refsbnn import Run, fit

run: Run = fit("digits_binary", "training.epochs=1")
table: str = run.evaluate("test", samples=2).table()
"""


@pytest.mark.parametrize(
    ("added", "code"),
    [("", 0), ("fit(1.5)\n", 1), ("number: int = run.evaluate().table()\n", 1)],
    ids=["right", "fit", "Run"],
)
def test_the_types_reach_a_users_strict_mypy(added: str, code: int, tmp_path: Path) -> None:
    """Types that were lost (object, Any) would be refused in the first file or let the mistakes of the others pass."""
    (tmp_path / "user.py").write_text(USER + added)
    options = ["--strict", "--follow-imports=silent", "--config-file=", "--ignore-missing-imports", "user.py"]
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options],
        env={**os.environ, "MYPYPATH": root},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr


def test_the_page_about_python_runs() -> None:
    pytest.importorskip("sklearn", reason="the page also shows the scikit-learn classifier")
    page = Path(__file__).resolve().parents[2] / "docs" / "python.md"
    result = doctest.testfile(str(page), module_relative=False, encoding="utf-8", optionflags=doctest.ELLIPSIS)
    assert result.attempted
    assert not result.failed
