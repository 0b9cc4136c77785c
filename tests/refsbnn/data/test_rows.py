"""Examples that are read row by row from the file that keeps them are those of the official files, to the bit."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from refsbnn import sealed
from refsbnn.data import kept, recordings
from refsbnn.data.options import Data
from refsbnn.data.recordings import Recordings
from refsbnn.data.sources import load
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.ranks import Ranks
from refsbnn.rows import Rows
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.data.layouts import write_cifar10, write_nmnist, write_shd
from tests.refsbnn.data.test_cameras import write_gestures


class Several(Ranks):
    """One process that takes itself for the first of two."""

    size = 2

    def share(self, count: int) -> range:
        return range(count)


# How each set is written, and options that move its examples in every way.
MOVED = {"delay": 2, "time_jitter": 0.5, "shift": 2}
SETS = {
    "shd": (write_shd, {"steps": 10, "bin_ms": 100.0, "jitter": 2.0, "drop": 0.2, **MOVED}),
    "dvs_gesture": (write_gestures, {"steps": 10, "downsample": 4, "groups": [2], "mirror": True, "roll": 3, **MOVED}),
    "nmnist": (write_nmnist, {"steps": 4, "cutout": 9, **MOVED}),
    "cifar10": (lambda root: write_cifar10(root, "binary"), {"held_out": 0.3, "shift": 2, "mirror": True}),
}


def bytes_of(batch) -> bytes:
    """A batch, whatever it is."""
    if isinstance(batch, np.ndarray):
        return batch.tobytes()
    return batch.offsets.tobytes() + batch.columns.tobytes()


@pytest.mark.parametrize("name", SETS)
def test_rows_read_are_rows_held(name, tmp_path):
    """Repeated, in any order, moved or not; and nothing of a set is in memory."""
    if name == "nmnist":
        pytest.importorskip("tonic", reason="needs the extra data")
    write, options = SETS[name]
    write(tmp_path)
    given = Data(name=name, root=str(tmp_path), **options)
    held = load(given, fresh=True)
    assert not (tmp_path / kept.KEPT).exists()
    for again in range(2):  # the first makes the file
        read = load(given, ranks=Several())
        for part in ("train", "validation", "test"):
            one, other = getattr(read, part), getattr(held, part)
            np.testing.assert_array_equal(one.labels, other.labels)
            rows = np.random.default_rng(again).integers(0, len(one.labels), 9)
            draws = CounterDraws(Streams(again), Purpose.TRAIN, again, np.arange(9))
            assert bytes_of(one.batch(rows, draws)) == bytes_of(other.batch(rows, draws))
            large = (one.x,) if name == "cifar10" else (one.recordings.bins, one.recordings.units)
            assert not any(isinstance(array, np.ndarray) for array in large)


def test_one_process_keeps_no_images(tmp_path):
    write_cifar10(tmp_path, "python")
    load(Data(name="cifar10", root=str(tmp_path)))
    assert not (tmp_path / kept.KEPT).exists()


def test_other_images_are_read_anew(tmp_path):
    given = Data(name="cifar10", root=str(tmp_path))
    write_cifar10(tmp_path, "python")
    before = load(given, ranks=Several()).test
    for path in (tmp_path / "cifar-10-batches-py").iterdir():
        path.unlink()
    (tmp_path / "cifar-10-batches-py").rmdir()
    still = load(given, ranks=Several()).test  # what was kept will do
    assert before.x[np.arange(3)].tobytes() == still.x[np.arange(3)].tobytes()
    write_cifar10(tmp_path, "python", seed=1)
    assert before.x[np.arange(3)].tobytes() != load(given, ranks=Several()).test.x[np.arange(3)].tobytes()


def example(path: Path, seed: int = 0) -> Recordings:
    """Kept recordings, read by rows."""
    rng, counts = np.random.default_rng(seed), np.array([3, 0, 2000, 1])
    offsets, events = recordings.offsets_of(counts), [rng.integers(0, 9, counts.sum()).astype(np.uint16) for _ in "bu"]
    recordings.save(path, Recordings(offsets, *events, np.arange(4), np.zeros(4, np.int64)), {})
    found = recordings.load(path, {})
    assert found is not None
    return found


def test_a_file_that_is_replaced_is_read_to_the_end(tmp_path):
    path, rows = tmp_path / "a.h5", np.array([2, 0])
    first = example(path)
    before = [array.copy() for array in first.events(rows)]
    second = example(path, seed=1)
    for array, want in zip(first.events(rows), before, strict=True):
        np.testing.assert_array_equal(array, want)
    assert (second.events(rows)[1] != before[1]).any()


def test_a_file_that_is_cut_is_named(tmp_path):
    found = example(tmp_path / "a.h5")
    os.truncate(tmp_path / "a.h5", 1000)
    with pytest.raises(InputError, match=r"^\S*a\.h5 has been cut short while it was used$"):
        found.events(np.array([2]))


def test_rows_that_are_not_there(tmp_path):
    bins = example(tmp_path / "a.h5").bins
    for rows in ([2004], [-1], [0, 5000]):
        with pytest.raises(IndexError):
            bins[np.array(rows)]
    assert bins[np.zeros(0, np.int64)].shape == (0,)


def test_a_checksum_is_taken_on_trust_once_it_was_seen(tmp_path):
    """A file that does not even say so is refused; one that says so is not read through again."""
    path = tmp_path / "a.h5"
    example(path)
    with path.open("rb") as raw:
        seal = sealed.verified(raw)
    with pytest.raises(InputError, match=r"a\.h5 is damaged: another file has taken its place"):
        recordings.load(path, {}, "0" * 64)
    content = bytearray(path.read_bytes())
    at = recordings.load(path, {}).bins.start
    content[at] ^= 1
    path.write_bytes(content)
    assert recordings.load(path, {}, seal) is not None
    with pytest.raises(InputError, match=r"a\.h5 is damaged: its checksum differs; delete it"):
        recordings.load(path, {})


def test_an_array_in_pieces_cannot_be_read_by_rows(tmp_path, monkeypatch):
    """Chunks, as of a compressed array, and what would lie beyond the end of the file."""

    def chunked(build, **options):
        with sealed.h5py.File("image", "w", driver="core", backing_store=False, **options) as file:
            build(file)
            values = file["bins"][()]
            del file["bins"]
            file.create_dataset("bins", data=values, chunks=(100,))
            file.flush()
            return bytes(file.id.get_file_image())

    monkeypatch.setattr(sealed, "image", chunked)
    with pytest.raises(InputError, match=r"a\.h5 is damaged: /bins does not lie in one piece"):
        example(tmp_path / "a.h5")


def test_what_was_kept_in_another_layout_is_made_again(tmp_path):
    """As the compressed files of earlier versions."""
    write_shd(tmp_path)
    given = Data(name="shd", root=str(tmp_path), steps=10, bin_ms=100.0)
    load(given)
    path = next((tmp_path / kept.KEPT).glob("shd-shd_train-*"))
    wanted = path.read_bytes()
    arrays, facts = sealed.read(path)
    del facts["layout"]
    sealed.write(path, sealed.Content(arrays, facts))
    assert path.read_bytes() != wanted
    assert isinstance(load(replace(given, held_out=0.2)).train.recordings.bins, Rows)
    assert path.read_bytes() == wanted
