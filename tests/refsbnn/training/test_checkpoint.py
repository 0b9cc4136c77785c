"""Checkpoints come back as they were written, or not at all: every damage is found, and the one before is used."""

import h5py
import numpy as np
import pytest

from refsbnn.errors import InputError
from refsbnn.training import checkpoint

CONTENT = checkpoint.Content(
    {
        "parameters/0.dense.mu": np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32),
        "optimiser/mean/0.dense.mu": np.array([[0.1, -0.0, np.nextafter(0.0, 1.0)]]),
        "empty": np.zeros((0, 2)),
    },
    {"step": 7, "third": 1 / 3, "history": [{"epoch": 1, "loglik": -0.1}], "note": "é"},
)


def silent(line: str) -> None:
    raise AssertionError(f"warned: {line}")


def test_what_is_read_is_what_was_written(tmp_path):
    path = tmp_path / "a.h5"
    checkpoint.write(path, CONTENT)
    arrays, facts = checkpoint.read(path)
    assert facts == CONTENT.facts
    assert arrays.keys() == CONTENT.arrays.keys()
    for key, value in CONTENT.arrays.items():
        assert arrays[key].dtype == value.dtype
        assert arrays[key].shape == value.shape
        assert arrays[key].tobytes() == value.tobytes()
    with h5py.File(path) as file:  # as any other tool opens it
        assert file["parameters/0.dense.mu"].shape == (3, 4)
    assert [item.name for item in tmp_path.iterdir()] == ["a.h5"]


def test_every_flipped_byte_is_found(tmp_path):
    """One byte in each stretch of the file, the padding of the user block and both ends among them."""
    path = tmp_path / "a.h5"
    checkpoint.write(path, CONTENT)
    whole = path.read_bytes()
    places = [*range(0, len(whole), 61), checkpoint.USER_BLOCK - 1, checkpoint.USER_BLOCK, len(whole) - 1]
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        with pytest.raises(checkpoint.Damaged):
            checkpoint.read(path)


@pytest.mark.parametrize("length", [0, 100, 512, 600, -1])
def test_a_file_cut_short_is_found(tmp_path, length):
    path = tmp_path / "a.h5"
    checkpoint.write(path, CONTENT)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(checkpoint.Damaged):
        checkpoint.read(path)


def test_the_last_few_stay_and_leftovers_go(tmp_path):
    for step in (2, 11, 3, 100):
        checkpoint.save(tmp_path, step, CONTENT, keep=2)
        (tmp_path / checkpoint.FOLDER / f".000000000{step}.h5.killed").touch()
    checkpoint.save(tmp_path, 101, CONTENT, keep=2)
    names = [path.name for path in (tmp_path / checkpoint.FOLDER).iterdir()]
    assert sorted(names) == ["0000000100.h5", "0000000101.h5"]


def test_the_one_before_a_damaged_one_is_used(tmp_path):
    assert checkpoint.newest(tmp_path, silent) is None
    first = checkpoint.save(tmp_path, 1, checkpoint.Content({}, {"step": 1}), keep=2)
    second = checkpoint.save(tmp_path, 2, checkpoint.Content({}, {"step": 2}), keep=2)
    assert checkpoint.newest(tmp_path, silent) == (second, ({}, {"step": 2}))
    second.write_bytes(second.read_bytes()[:-1])
    lines: list[str] = []
    assert checkpoint.newest(tmp_path, lines.append) == (first, ({}, {"step": 1}))
    assert len(lines) == 1
    assert str(second) in lines[0]
    first.write_bytes(b"")
    with pytest.raises(InputError, match="none of the 2 checkpoints"):
        checkpoint.newest(tmp_path, lines.append)


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write checkpoint"):
        checkpoint.write(tmp_path / "file" / "a.h5", CONTENT)
