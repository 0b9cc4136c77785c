"""Sealed files come back as they were written, or not at all; what they claim is held to what they hold."""

import io
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from refsbnn import sealed
from refsbnn.errors import InputError
from tests.refsbnn.disks import fill, small_disk

CONTENT = sealed.Content(
    {
        "parameters/0.dense.mu": np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32),
        "optimiser/mean/0.dense.mu": np.array([[0.1, -0.0, np.nextafter(0.0, 1.0)]]),
        "empty": np.zeros((0, 2)),
    },
    {"step": 7, "third": 1 / 3, "history": [{"epoch": 1, "loglik": -0.1}], "note": "é"},
)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    sealed.write(path, CONTENT)
    arrays, facts = sealed.read(path)
    assert facts == CONTENT.facts
    assert arrays.keys() == CONTENT.arrays.keys()
    for key, value in CONTENT.arrays.items():
        assert arrays[key].dtype == value.dtype
        assert arrays[key].shape == value.shape
        assert arrays[key].tobytes() == value.tobytes()
    with h5py.File(path) as file:  # as any other tool opens it
        assert file["parameters/0.dense.mu"].shape == (3, 4)
    assert [item.name for item in tmp_path.iterdir()] == ["a.h5"]


def test_every_flipped_byte_is_found(tmp_path: Path) -> None:
    """One byte in each stretch of the file, the padding of the user block and both ends among them."""
    path = tmp_path / "a.h5"
    sealed.write(path, CONTENT)
    whole = path.read_bytes()
    places = [*range(0, len(whole), 61), sealed.USER_BLOCK - 1, sealed.USER_BLOCK, len(whole) - 1]
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        with pytest.raises(sealed.Damaged):
            sealed.read(path)


@pytest.mark.parametrize("length", [0, 100, 512, 600, -1])
def test_a_file_cut_short_is_found(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.h5"
    sealed.write(path, CONTENT)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(sealed.Damaged):
        sealed.read(path)


def reseal(path: Path, build: Callable[[h5py.File], None], **options: object) -> None:
    """A file with a checksum that is right, whatever is in it."""
    content = io.BytesIO()
    with h5py.File(content, "w", userblock_size=sealed.USER_BLOCK, **options) as file:
        build(file)
    body = content.getvalue()[sealed.USER_BLOCK :]
    path.write_bytes(sealed.block(body) + body)


def unallocated(file: h5py.File) -> None:
    file.create_dataset("a", (1 << 40,), np.float64, chunks=(1 << 20,))


def one_chunk(file: h5py.File) -> None:
    """A single chunk of 2 GiB of which a number is asked for."""
    file.create_dataset("a", (1,), np.float64, chunks=(1 << 28,), maxshape=(None,), compression="gzip")


def elsewhere(file: h5py.File) -> None:
    file.create_dataset("a", (8,), np.uint8, external=[("/etc/passwd", 0, 8)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((8,), np.uint8)
    layout[:] = h5py.VirtualSource("/nowhere.h5", "a", (8,))
    file.create_virtual_dataset("a", layout)


def texts(file: h5py.File) -> None:
    file["a"] = ["not", "numbers"]


def lists(file: h5py.File) -> None:
    del file["facts"]
    file["facts"] = "[" * 100_000


def many_little_claims(file: h5py.File) -> None:
    """A megabyte each, none of it stored: a file of 100 kilobytes took 3 GB."""
    for number in range(200):
        file.create_dataset(f"a{number}", (1 << 17,), np.float64, chunks=(1 << 17,), fillvalue=1.0)


def packed_by_nothing_stored(file: h5py.File) -> None:
    """A filter that stores equal numbers in no bit at all."""
    file.create_dataset("a", data=np.zeros(1 << 10, np.int32), scaleoffset=0)


def large_facts(file: h5py.File) -> None:
    del file["facts"]
    file.create_dataset("facts", (1 << 30,), "S1", chunks=(1 << 20,), fillvalue=b"a")


def facts_elsewhere(file: h5py.File) -> None:
    del file["facts"]
    file["facts"] = h5py.ExternalLink("/dev/zero", "/facts")


def no_facts(file: h5py.File) -> None:
    del file["facts"]


def other_facts(file: h5py.File) -> None:
    del file["facts"]
    file["facts"] = "3"


BUILD = [unallocated, one_chunk, elsewhere, virtual, texts, lists, no_facts, other_facts]
BUILD += [many_little_claims, packed_by_nothing_stored, large_facts, facts_elsewhere]


@pytest.mark.parametrize("build", BUILD)
def test_what_a_right_checksum_does_not_say(build: Callable[[h5py.File], None], tmp_path: Path) -> None:
    def whole(file: h5py.File) -> None:
        file["facts"] = "{}"
        build(file)

    reseal(tmp_path / "a.h5", whole)
    with pytest.raises(sealed.Damaged) as caught:
        sealed.read(tmp_path / "a.h5")
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_one_line_and_the_old_file_stays(tmp_path: Path) -> None:
    large = sealed.Content({"a": np.random.default_rng(0).random(20_000)}, {})
    with small_disk(tmp_path / "disk", 200) as disk:
        path = disk / "a.h5"
        sealed.write(path, CONTENT)
        fill(disk, 8)
        with pytest.raises(InputError, match=rf"^cannot write {path}: No space left on device$"):
            sealed.write(path, large)
        assert sealed.read(path).facts == CONTENT.facts
        assert sorted(item.name for item in disk.iterdir()) == ["a.h5", "filling"]


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write .*a\.h5"):
        sealed.write(tmp_path / "file" / "a.h5", CONTENT)
