"""The data sets, from miniature files in the official layouts to batches."""

import pickle
import shutil
from dataclasses import fields, replace

import h5py
import numpy as np
import pytest

from refsbnn import sealed
from refsbnn.data import cifar10, kept, nmnist, own, recordings, shd
from refsbnn.data.options import Data
from refsbnn.data.sources import SETS, load
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.data.layouts import write_cifar10, write_nmnist, write_shd
from tests.refsbnn.disks import fill, small_disk

DRAWS = CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(3))
DRAWS_OF_ONE = replace(DRAWS, samples=np.arange(1))


@pytest.fixture
def spoken(tmp_path):
    write_shd(tmp_path)
    return Data(name="shd", root=str(tmp_path), steps=10, bin_ms=100.0)


def test_spoken_digits(spoken, tmp_path):
    data = load(spoken)
    assert (data.classes, data.signal.shape, data.signal.steps) == (20, (700,), 10)
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [22, 2, 24]
    with h5py.File(tmp_path / "SHD/shd_test.h5") as file:
        times, units = file["spikes/times"][1].astype(float), file["spikes/units"][1]
        np.testing.assert_array_equal(data.test.labels, file["labels"][:])
    want = np.zeros((10, 700), np.uint8)
    want[(10 * times).astype(int).clip(max=9), units] = 1  # a second cut into tenths; float16 may round up to 1.0
    if times.max() < 1.0:
        np.testing.assert_array_equal(np.asarray(data.test.batch(np.array([1, 1, 1]), DRAWS))[:, 0], want)


def every(part):
    """Offsets, bins and units of all recordings, in memory."""
    return part.recordings.events(np.arange(len(part.recordings)))[:3]


def test_later_runs_read_the_binned_file(spoken, monkeypatch):
    first = load(spoken)
    monkeypatch.setattr(recordings, "binned", None)
    again = load(spoken)
    for read, made in zip(every(again.train), every(first.train), strict=True):
        np.testing.assert_array_equal(read, made)
    monkeypatch.undo()
    assert load(replace(spoken, steps=5)).signal.steps == 5


def test_other_files_are_binned_anew(spoken, tmp_path):
    before = load(spoken)
    write_shd(tmp_path, seed=1)
    after = load(spoken)
    assert len(before.train.recordings.units) != len(after.train.recordings.units)
    for part in ("train", "test"):
        (tmp_path / f"SHD/shd_{part}.h5").unlink()
    assert len(load(spoken).train.recordings.units) == len(after.train.recordings.units)  # what was kept will do


def test_a_root_that_cannot_be_written_to_is_read(spoken, tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise InputError("cannot write there")

    monkeypatch.setattr(recordings, "save", refuse)
    assert load(spoken).classes == 20
    assert "not kept for later runs: cannot write there" in capsys.readouterr().err
    monkeypatch.undo()
    (tmp_path / kept.KEPT).write_text("in the way")
    assert load(spoken).classes == 20
    assert "not kept for later runs: cannot write" in capsys.readouterr().err


def test_the_home_folder(spoken, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(replace(spoken, root="~")).classes == 20


@pytest.mark.parametrize("split", [{"groups": [1]}, {"held_out": 0.25}])
def test_labels_are_the_files_at_the_rows_that_are_kept(spoken, tmp_path, split):
    data = load(replace(spoken, **split))
    with h5py.File(tmp_path / "SHD/shd_train.h5") as file:
        labels, units = file["labels"][:], file["spikes/units"][:]
    for part in (data.train, data.validation):
        assert part.labels.tolist() == labels[part.rows].tolist()
        for i, row in enumerate(part.rows):
            seen = np.asarray(part.batch(np.array([i]), DRAWS_OF_ONE))[:, 0].any(axis=0)
            assert set(np.flatnonzero(seen)) <= set(units[row])
    assert sorted([*data.train.rows, *data.validation.rows]) == list(range(24))


def test_whole_speakers_are_held_out(spoken):
    data = load(replace(spoken, groups=[1]))
    assert set(data.validation.recordings.groups[data.validation.rows]) == {1}
    assert set(data.train.recordings.groups[data.train.rows]) == {0, 2}
    with pytest.raises(InputError, match=r"data\.groups holds 7; shd has 0, 1, 2"):
        load(replace(spoken, groups=[7]))


def test_only_training_examples_are_moved(spoken):
    data = load(replace(spoken, shift=5, jitter=2.0, drop=0.1, delay=1))
    assert data.train.augment.jitter == 2.0
    for part in (data.validation, data.test):
        assert part.augment == type(part.augment)()


@pytest.mark.parametrize("damage", ["missing", "cut", "layout"])
def test_a_bad_file_is_named(spoken, tmp_path, damage):
    path = tmp_path / "SHD/shd_train.h5"
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:2000])
    else:
        with h5py.File(path, "w") as file:
            file["labels"] = np.zeros(3)
    with pytest.raises(InputError, match=r"shd_train\.h5 (is missing|cannot be read)"):
        load(spoken)


@pytest.mark.parametrize(
    ("key", "content", "message"),
    [
        ("labels", np.full(24, 20), r"recording 0, has the label 20; expected 0 to 19"),
        ("labels", np.full(24, -1), r"recording 0, has the label -1"),
        ("labels", np.zeros(24), r"cannot be read: .* expected \(n,\), integer labels"),
        ("labels", np.zeros((24, 2), int), r"cannot be read: .* expected \(n,\)"),
        ("labels", np.zeros(30, int), r"cannot be read: .* expected \(n,\)"),
        ("labels", np.zeros(0, int), r"cannot be read: .* expected \(n,\)"),
        ("spikes/times", np.zeros((24, 3)), r"cannot be read: .* expected \(n,\)"),
        ("spikes/times", [[np.nan]], r"recording 0, has .* times not finite"),
        ("spikes/times", None, "cannot be read"),
        ("spikes/units", [[700]], r"recording 0, has \(\d+,\) times for \(1,\) units"),
        ("spikes/units", [[0.5, 1.5]], r"recording 0, has"),
        ("extra/speaker", np.zeros(3, int), r"cannot be read: .* expected \(n,\)"),
    ],
)
def test_content_that_does_not_fit_is_named(spoken, tmp_path, key, content, message):
    with h5py.File(tmp_path / "SHD/shd_train.h5", "r+") as file:
        del file[key]
        if content is None:
            file.create_group(key)
        elif isinstance(content, list):
            rows = np.asarray(content)
            file.create_dataset(key, (24,), h5py.vlen_dtype(rows.dtype))[0] = rows[0]
        else:
            file[key] = content
    with pytest.raises(InputError, match=r"shd_train\.h5,? " + message):
        load(spoken)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged: 0 bytes are not events of 5"),
        (bytes([34, 3, 0, 0, 0]), "has x from 34 to 34; expected integers from 0 to 33"),
        (bytes([3, 100, 0, 0, 0]), "has y from 100 to 100; expected integers from 0 to 33"),
    ],
)
def test_pixels_that_a_camera_does_not_have(tmp_path, content, message):
    pytest.importorskip("tonic", reason="needs the extra data")
    path = next(path for path in write_nmnist(tmp_path) if "Train/4" in str(path))
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{path} {message}"):
        load(Data(name="nmnist", root=str(tmp_path), steps=4))
    shutil.rmtree(path.parent)
    with pytest.raises(InputError, match=r"Train holds no files 4/\*\.bin"):
        load(Data(name="nmnist", root=str(tmp_path), steps=4))


@pytest.mark.parametrize("labels", [[10, 1], [[1], [2, 3]], [2**70, 1], ["a", True]])
def test_labels_that_are_none(tmp_path, labels):
    write_cifar10(tmp_path, "python")
    content = {b"data": np.zeros((2, 3072), np.uint8), b"labels": labels}
    (tmp_path / cifar10.PYTHON / "data_batch_2").write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match="data_batch_2 has labels that are not 0 to 9"):
        load(Data(name="cifar10", root=str(tmp_path)))


def test_nmnist(tmp_path):
    pytest.importorskip("tonic", reason="needs the extra data")
    written = write_nmnist(tmp_path)
    read = list(nmnist.read(tmp_path / "NMNIST/Train"))
    paths = sorted(path for path in written if "Train" in str(path))
    for one, path in zip(read, paths, strict=True):
        x, y, polarity, t = written[path]
        np.testing.assert_array_equal([one.x, one.y, one.polarity], [x, y, polarity])
        np.testing.assert_allclose(one.times, t / 1000.0, rtol=1e-15)
        assert one.label == int(path.parent.name)
    data = load(Data(name="nmnist", root=str(tmp_path), steps=4))
    assert data.train.batch(np.arange(3), DRAWS).shape == (4, 3, 34, 34, 2)
    paths[0].write_bytes(b"1234567")
    with pytest.raises(InputError, match="is damaged: 7 bytes are not events of 5"):
        list(nmnist.read(tmp_path / "NMNIST/Train"))
    with pytest.raises(InputError, match="holds no files"):
        list(nmnist.read(tmp_path / "elsewhere"))


@pytest.mark.parametrize("version", ["python", "binary"])
def test_cifar10(tmp_path, version):
    written = write_cifar10(tmp_path, version)
    x, labels = cifar10.read(tmp_path, cifar10.TRAIN)
    rows = np.concatenate([written[name][0] for name in cifar10.TRAIN])
    np.testing.assert_array_equal(x.transpose(0, 3, 1, 2).reshape(len(x), -1), rows)
    np.testing.assert_array_equal(labels, np.concatenate([written[name][1] for name in cifar10.TRAIN]))
    data = load(Data(name="cifar10", root=str(tmp_path)))
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [54, 6, 12]
    every = data.train.batch(np.arange(54), replace(DRAWS, samples=np.arange(54)))
    # Standardised by these very images: 55,296 numbers of size 1 a channel, summed in float32.
    np.testing.assert_allclose(every.mean(axis=(0, 1, 2)), 0.0, atol=1e-4)
    np.testing.assert_allclose(every.std(axis=(0, 1, 2)), 1.0, atol=1e-4)


def test_crops_and_mirrors_are_of_the_image(tmp_path):
    write_cifar10(tmp_path, "python")
    plain, moved = (
        load(Data(name="cifar10", root=str(tmp_path), **more)) for more in ({}, {"shift": 2, "mirror": True})
    )
    rows = np.arange(3)
    x, y = plain.train.batch(rows, DRAWS), moved.train.batch(rows, DRAWS)
    for image, got in zip(x, y, strict=True):
        framed = [np.pad(each, [(2, 2), (2, 2), (0, 0)]) for each in (image, image[:, ::-1])]
        crops = [each[i : i + 32, j : j + 32] for each in framed for i in range(5) for j in range(5)]
        assert sum((crop == got).all() for crop in crops) == 1
    np.testing.assert_array_equal(plain.validation.batch(rows, DRAWS), moved.validation.batch(rows, DRAWS))


@pytest.mark.parametrize("cut", [0, 10, 1000])
def test_a_cut_batch_is_named(tmp_path, cut):
    write_cifar10(tmp_path, "python")
    path = tmp_path / cifar10.PYTHON / "data_batch_2"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="data_batch_2 is no pickle of arrays"):
        load(Data(name="cifar10", root=str(tmp_path)))


def test_something_is_left_to_train_on(spoken, tmp_path):
    write_cifar10(tmp_path, "python")
    for options in (spoken, Data(name="cifar10", root=str(tmp_path))):
        with pytest.raises(InputError, match=r"data\.held_out is 0\.999, which leaves no examples for train"):
            load(replace(options, held_out=0.999))


def test_no_images_at_all(tmp_path):
    with pytest.raises(
        InputError, match=r"has neither cifar-10-batches-py nor cifar-10-batches-bin; they are at https"
    ):
        load(Data(name="cifar10", root=str(tmp_path)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "mnist"}, "accepted: 'digits', 'cifar10', 'shd', 'ssc', 'nmnist', 'pokerdvs'"),
        ({"name": "shd"}, r"data\.steps is 0; shd takes steps >= 1"),
        ({"name": "digits", "shift": 1}, r"data\.shift is not for 'digits'; accepted: name, coding, steps"),
        ({"name": "nmnist", "steps": 4, "jitter": 1.0}, r"data\.jitter is not for 'nmnist'"),
        ({"name": "cifar10", "held_out": 1.0}, r"data\.held_out is 1\.0; expected a number from 0 to below 1"),
        ({"name": "shd", "steps": 3, "bin_ms": float("inf")}, r"data\.bin_ms is inf"),
        ({"name": "shd", "steps": 3, "delay": 10**20}, r"data\.delay is 10+; expected a number from 0 to below 2\^31"),
    ],
)
def test_impossible_options(given, message):
    with pytest.raises(InputError, match=message):
        Data(**given)


def test_a_record_says_what_its_set_is():
    """Under its own name, with keys that the options have; its signal needs no file, but for arrays of one's own."""
    options = {item.name for item in fields(Data)}
    for name, record in SETS.items():
        assert record.name == name
        assert set(record.keys) <= options
        if record is own.ARRAYS:
            continue
        given = Data(name=name, steps=7 if "bin_ms" in record.keys else 0)
        assert record.signal(given).steps == (7 if "bin_ms" in record.keys else None)
        assert len(record.counts) == 2
        assert len({archive.gives for archive in record.archives}) == len(record.archives)
    assert shd.files("ssc", "test") == "SSC/ssc_test.h5"


def test_a_kept_file_with_labels_of_another_set(spoken, tmp_path):
    load(spoken)
    cache = next((tmp_path / kept.KEPT).glob("shd-shd_train-*.h5"))
    arrays, facts = sealed.read(cache)
    sealed.write(cache, sealed.Content(arrays | {"labels": np.full_like(arrays["labels"], 20)}, facts))
    with pytest.raises(InputError, match=r"shd_train.*\.h5 is damaged: it has labels that are not 0 to 19"):
        load(spoken)


@pytest.mark.parametrize("to", ["nothing", "itself"])
def test_links_that_lead_nowhere(to, tmp_path):
    (tmp_path / "4").mkdir()
    link = tmp_path / "4" / "00001.bin"
    link.symlink_to(link if to == "itself" else tmp_path / "nothing.bin")
    with pytest.raises(InputError, match=rf"{link} cannot be read: "):
        kept.state(tmp_path)
    for name in ("nmnist", "pokerdvs", "dvs_gesture"):
        place = tmp_path / name / SETS[name].archives[0].gives
        place.parent.mkdir(parents=True)
        place.symlink_to(tmp_path)
        with pytest.raises(InputError, match=f"{name}.* (cannot be read|holds no files)"):
            load(Data(name=name, root=str(tmp_path / name), steps=2))


@pytest.mark.parametrize("key", ["labels", "spikes/times", "spikes/units", "extra/speaker"])
def test_more_recordings_than_a_file_can_hold(spoken, tmp_path, key):
    """Claimed, never written: reading would ask for 8 TiB."""
    with h5py.File(tmp_path / "SHD/shd_train.h5", "r+") as file:
        kind = file[key].dtype
        for name in ("labels", "spikes/times", "spikes/units", "extra/speaker"):
            if name == key or key == "labels":
                kind = file[name].dtype
                del file[name]
                file.create_dataset(name, (1 << 40,), kind, chunks=(1 << 16,))
    with pytest.raises(InputError, match=r"shd_train\.h5 cannot be read: .*claims \d+ bytes; 0 are stored"):
        load(spoken)


def test_a_full_disk_keeps_nothing_and_trains(tmp_path, capsys):
    with small_disk(tmp_path / "disk", 600) as disk:
        write_shd(disk)
        fill(disk, 4)
        assert load(Data(name="shd", root=str(disk), steps=10, bin_ms=100.0)).classes == 20
        told = capsys.readouterr().err
        assert "not kept for later runs: cannot write" in told
        assert "No space left on device" in told
        assert not list((disk / kept.KEPT).iterdir())


def test_a_user_without_a_home(spoken):
    with pytest.raises(InputError, match="~nobody-of-this-name begins with the home folder of a user who has none"):
        load(replace(spoken, root="~nobody-of-this-name"))
