"""Examples as their owners hold them in Python."""

from typing import Any

import numpy as np
import pytest

from refsbnn import fit
from refsbnn.arrays import Arrays
from refsbnn.data.objects import examples
from refsbnn.data.options import Data
from refsbnn.data.spikes import Spikes
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.streams import Purpose, Streams

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4))
LABELS = np.arange(20) % 3
SOUND = Data(name="shd", steps=5, bin_ms=2.0)
CAMERA = Data(name="nmnist", steps=4, downsample=2, merge=True)
EVENT = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])


class Events:
    """A data set as tonic's are: `sensor_size`, and (events, label)."""

    def __init__(self, sensor_size: Any, count: int = 12) -> None:
        self.sensor_size = sensor_size
        width, height, polarities = sensor_size if isinstance(sensor_size, tuple) else (4, 4, 2)
        self.each = []
        for number in range(count):
            events = np.zeros(30, EVENT)
            events["x"], events["y"] = RNG.integers(0, width, 30), RNG.integers(0, height, 30)
            events["t"], events["p"] = np.sort(RNG.integers(0, 10_000, 30)), RNG.integers(0, polarities, 30)
            self.each.append((events, number % 2))

    def __len__(self) -> int:
        return len(self.each)

    def __getitem__(self, i: int) -> tuple[np.ndarray, int]:
        return self.each[i]


def draws(count: int) -> CounterDraws:
    return CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(count))


def test_pairs_loaders_and_arrays_are_the_same_examples():
    pairs, batches = list(zip(X, LABELS, strict=True)), ((X[i : i + 6], LABELS[i : i + 6]) for i in range(0, 20, 6))
    for given in ((X, LABELS), [X, LABELS], (X.tolist(), LABELS.tolist()), pairs, batches, Arrays(X, LABELS)):
        found = examples(given, Data())
        assert isinstance(found, Arrays)
        np.testing.assert_array_equal(found.x, X)
        np.testing.assert_array_equal(found.labels, LABELS)


def test_data_sets_and_loaders_of_pytorch():
    torch = pytest.importorskip("torch")
    whole = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(LABELS))
    for given in (whole, torch.utils.data.DataLoader(whole, batch_size=7)):
        found = examples(given, Data())
        np.testing.assert_array_equal(found.x, X)  # type: ignore[union-attr]
        np.testing.assert_array_equal(found.labels, LABELS)


def test_sound_of_tonic():
    data = Events((9, 1, 1))
    found = examples(data, SOUND)
    assert isinstance(found, Spikes)
    assert (found.signal.steps, found.signal.shape) == (5, (9,))
    want = np.zeros((5, 9))
    events = data[3][0]
    want[(events["t"] // 2000), events["x"]] = 1
    np.testing.assert_array_equal(np.asarray(found.batch(np.array([3]), draws(1)))[:, 0], want)


def test_a_camera_of_tonic():
    data = Events((6, 4, 2))
    found = examples(data, CAMERA)
    assert (found.signal.steps, found.signal.shape) == (4, (2, 3, 1))
    events = data[1][0]
    first, last = events["t"].min(), events["t"].max()
    step = np.minimum((events["t"] - first) / (last - first) * 4, 3).astype(int)
    want = np.zeros((4, 2, 3, 1))
    want[step, events["y"] // 2, events["x"] // 2, 0] = 1
    np.testing.assert_array_equal(found.batch(np.array([1]), draws(1))[:, 0], want)


def test_a_data_set_of_tonic_trains_and_is_scored():
    pytest.importorskip("tonic")
    more = "model.hidden=[4]", "training.epochs=1", "training.batch=4", "evaluation.samples=2", "data.steps=5"
    run = fit("shd_recurrent", *more, "data.bin_ms=2", data=Events((700, 1, 1)))
    assert run.evaluate(Events((700, 1, 1), 3), 2).modes[0].scores.examples == 3
    assert run.task.data.train.augment.shift > 0 == run.task.data.validation.augment.shift  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (5, r"data is a int; accepted: \(x, labels\), Arrays"),
        ("digits", "data is a str"),
        ({"x": X}, "data is a dict"),
        ((X, LABELS, 3), "data is a tuple of 3"),
        ([], "data is a list of 0"),
        (range(0), "data hold no examples"),
        ([X, LABELS, X], "data is a list of 3"),
        (iter(()), "data give no batches"),
        ([X[0]], "data is a list of 1"),
        ([list(X[0])], "example 0 of data is a list"),
        ([(X[0], 0), (X[0, :2], 1)], r"example 1 of data has shape \(2,\), the first \(4,\)"),
        ([(X[0], 0), (X[1], "cat")], "example 1 of data has the label 'cat'"),
        ([(X[0], -1), (X[1], 0)], "example 0 of data has the label -1"),
        ([(X[0], np.array([0.0, 1.0]))], "example 0 of data has the label"),
        (Events(None), "data hold events, and sensor_size is None"),
        (Events([4, 4]), "data hold events, and sensor_size is"),
    ],
)
def test_what_is_refused(given, message):
    with pytest.raises(InputError, match=message) as error:
        examples(given, CAMERA)
    assert "\n" not in str(error.value)


def test_events_need_steps():
    with pytest.raises(InputError, match="data hold events; take a configuration of events"):
        examples(Events((4, 4, 2)), Data())


def test_events_off_the_sensor():
    data = Events((4, 4, 2))
    data.each[2][0]["y"][0] = 7
    with pytest.raises(InputError, match="example 2 of data has y from 0 to 7; expected integers from 0 to 3"):
        examples(data, CAMERA)


def test_time_is_named_where_it_is_missing_or_too_much():
    spikes = RNG.random((20, 6, 4)) < 0.3
    with pytest.raises(InputError, match=r"data are without time; .*'spiking' takes Arrays\(x, labels, time=True\)"):
        fit("digits_spiking", data=(spikes, LABELS))
    with pytest.raises(InputError, match=r"data are over time; .*'mlp' takes \(x, labels\)"):
        fit("digits_binary", data=Arrays(spikes, LABELS, time=True))
