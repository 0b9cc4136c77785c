"""Arrays of one's own: NumPy files in a folder, from the files to batches and to a trained run."""

import json
from pathlib import Path

import numpy as np
import pytest

from refsbnn.commands import train
from refsbnn.data.options import Data
from refsbnn.data.sources import load
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.run import Run
from refsbnn.streams import Purpose, Streams

RNG = np.random.default_rng(0)
FLAT = RNG.normal(size=(40, 5)).astype(np.float32)
SPIKES = RNG.random((40, 6, 3)) < 0.3
PIXELS = RNG.integers(0, 256, (40, 4, 4, 2)).astype(np.uint8)
LABELS = np.arange(40) % 3


def put(folder: Path, x: np.ndarray, test: np.ndarray | None = None, labels: np.ndarray = LABELS) -> Path:
    """Files as `data.name = "arrays"` takes them."""
    folder.mkdir(exist_ok=True)
    np.save(folder / "train_x.npy", x)
    np.save(folder / "train_labels.npy", labels)
    if test is not None:
        np.save(folder / "test_x.npy", test)
        np.save(folder / "test_labels.npy", np.arange(len(test)) % 4)
    return folder


def options(root: Path, **more: object) -> Data:
    return Data(name="arrays", root=str(root), **more)  # type: ignore[arg-type]


def draws(count: int) -> CounterDraws:
    return CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(count))


@pytest.mark.parametrize(
    ("x", "more", "steps", "shape", "domain"),
    [
        (FLAT, {}, None, (5,), "real"),
        (SPIKES, {"steps": 6}, 6, (3,), "binary"),
        (SPIKES.astype(np.uint8), {"steps": 6}, 6, (3,), "binary"),
        (SPIKES.astype(float), {"steps": 6}, 6, (3,), "real"),
        (SPIKES[:, 0], {}, None, (3,), "binary"),
    ],
)
def test_examples_come_as_they_are(tmp_path, x, more, steps, shape, domain):
    data = load(options(put(tmp_path, x, x[:7]), **more))
    assert (data.signal.steps, data.signal.shape, data.signal.domain) == (steps, shape, domain)
    assert data.classes == 4  # a label that the test part alone has is a class
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [36, 4, 7]
    rows = np.array([3, 0, 3])
    kept, _ = options(tmp_path).parts(40)
    for part, of in ((data.test, x[:7]), (data.train, x[kept])):
        want = of[rows].swapaxes(0, 1) if steps else of[rows]
        np.testing.assert_array_equal(part.batch(rows, draws(3)), want)
    np.testing.assert_array_equal(data.train.labels, LABELS[kept])


def test_pixels_are_standardised_by_the_training_images(tmp_path):
    data = load(options(put(tmp_path, PIXELS, PIXELS[:5]), held_out=0.25))
    kept, _ = options(tmp_path, held_out=0.25).parts(40)
    mean, deviation = PIXELS[kept].mean(axis=(0, 1, 2)), PIXELS[kept].std(axis=(0, 1, 2))
    want = (PIXELS[[2, 1]] - mean) / deviation
    np.testing.assert_allclose(data.test.batch(np.array([2, 1]), draws(2)), want, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        data.given(PIXELS[:3], np.zeros(3, int)).batch(np.arange(3), draws(3))[2], want[0], 1e-5, 1e-5
    )
    moved = load(options(tmp_path, mirror=True, shift=1)).train.batch(np.arange(8), draws(8))
    assert (moved != load(options(tmp_path)).train.batch(np.arange(8), draws(8))).any()


@pytest.mark.parametrize("model", ["digits_binary", "digits_spiking"])
def test_a_run_without_a_test_part(tmp_path, model, capsys):
    spiking = model == "digits_spiking"
    root = put(tmp_path / "data", SPIKES if spiking else FLAT)
    more = ["data.steps=6", "data.coding=none"] if spiking else []
    given = ["data.name=arrays", f"data.root={root}", "training.epochs=1", "model.hidden=[4]", "evaluation.samples=2"]
    assert train.main([model, *given, *more, "--out", str(tmp_path / "run")]) == 0
    assert "\ntest" not in capsys.readouterr().out
    assert "test" not in json.loads((tmp_path / "run/result.json").read_text())
    run = Run.load(tmp_path / "run")
    assert run.evaluate("validation", 2).modes[0].scores.examples == 4
    with pytest.raises(InputError, match="no test examples"):
        run.evaluate("test")


def refused(folder, message, **more):
    with pytest.raises(InputError, match=message) as error:
        load(options(folder, **more))
    assert "\n" not in str(error.value)


def test_what_is_refused(tmp_path):
    refused(tmp_path, r"train_x\.npy is missing; data\.name = 'arrays' takes train_x\.npy and train_labels\.npy")
    refused(
        put(tmp_path, SPIKES),
        r"data\.steps is 5; .*train_x\.npy holds \(40, 6, 3\), expected \(n, 5, \.\.\.\)",
        steps=5,
    )
    refused(put(tmp_path, SPIKES.astype(np.uint8) * 3), "holds the byte 3; bytes are spikes", steps=6)
    refused(put(tmp_path, np.where(FLAT > 2.0, np.nan, FLAT)), "train_x.npy holds NaN or infinity")
    refused(put(tmp_path, FLAT), r"data\.mirror is for images", mirror=True)
    refused(put(tmp_path, FLAT, FLAT[:, :4]), r"test_x\.npy holds float32 \(40, 4\), the training examples are float32")
    refused(put(tmp_path, FLAT, FLAT[:, :5] > 0), r"test_x\.npy holds bool")
    refused(put(tmp_path / "1", np.asfortranarray(FLAT)), "in Fortran order; expected .* in C order")
    refused(put(tmp_path / "2", FLAT.astype(">f4")), "expected little-endian numbers")
    refused(
        put(tmp_path / "3", FLAT, labels=LABELS[:39]), r"labels\.npy holds int64 \(39,\); expected integers \(40,\)"
    )
    refused(put(tmp_path / "4", FLAT, labels=LABELS - 1), "holds labels from -1 to 1")
    refused(put(tmp_path / "5", FLAT, labels=LABELS * 0.5), "labels.npy holds float64")
    refused(put(tmp_path / "6", FLAT[:, 0]), r"holds float32 \(40,\); expected \(n, \.\.\.\)")
    np.save(put(tmp_path / "7", FLAT) / "train_x.npy", np.array([[{}]]), allow_pickle=True)
    refused(tmp_path / "7", "cannot be read: it holds object")
    (put(tmp_path / "8", FLAT) / "train_x.npy").write_bytes(b"no array")
    refused(tmp_path / "8", "cannot be read: no array of numpy.save")
    whole = (put(tmp_path / "9", FLAT) / "train_x.npy").read_bytes()
    (tmp_path / "9/train_x.npy").write_bytes(whole[:-1])
    refused(tmp_path / "9", "bytes are no array")


def test_a_number_beyond_the_first_block_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr("refsbnn.data.own.BLOCK", 15)  # three rows of five
    x = FLAT.copy()
    x[39, 4] = np.inf
    refused(put(tmp_path, x), "holds NaN or infinity")
    x[39, 4] = 0.0
    assert load(options(put(tmp_path, x))).classes == 3
