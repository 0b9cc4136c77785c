"""Texts and lists of HDF5 files: checked in the file's bytes, before HDF5 allocates them or goes round for ever."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from refsbnn import lists, sealed
from refsbnn.data import shd
from refsbnn.errors import InputError

ROWS = ([1, 2, 3], [], [7] * 50)


@pytest.fixture(params=["contiguous", "in chunks"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of SHD's layout with three recordings."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, kind in (("spikes/times", "f2"), ("spikes/units", "u2")):
            chunks = (2,) if request.param == "in chunks" else None
            data = file.create_dataset(name, (len(ROWS),), h5py.vlen_dtype(np.dtype(kind)), chunks=chunks)
            for number, row in enumerate(ROWS):
                data[number] = row
        file["labels"] = np.zeros(len(ROWS), int)
    return tmp_path / "a.h5"


def found(path: Path, name: str = "spikes/units") -> int:
    """Where the first list of a dataset says what it is."""
    with h5py.File(path) as file:
        return lists.places(file[name])[0][0]


def put(path: Path, place: int, form: str, *values: int) -> None:
    """Overwrite bytes of a file."""
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, place, *values)
    path.write_bytes(content)


def test_valid_lists_pass_and_are_read(path: Path) -> None:
    assert [recording.units.tolist() for recording in shd.read(path)] == list(map(list, ROWS))


def test_texts_and_other_things(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["text"], file["fixed"], file["numbers"] = "é" * 100, np.bytes_("abc"), np.zeros(3)
        file.create_dataset("lists", (2,), h5py.vlen_dtype(h5py.vlen_dtype(np.dtype("f4"))))
        file.create_dataset("packed", (2,), h5py.string_dtype(), compression="gzip")[:] = ["a", "b"]
    with h5py.File(tmp_path / "a.h5") as file:
        size = (tmp_path / "a.h5").stat().st_size
        raw = (tmp_path / "a.h5").open("rb")
        for name in ("text", "fixed"):
            lists.check(file[name], size, raw)
        for name in ("numbers", "lists", "packed"):
            with pytest.raises(ValueError, match=rf"/{name} is (of|packed)"):
                lists.check(file[name], size, raw)
        raw.close()


def claim(path: Path) -> None:
    """2^30 numbers: HDF5 allocates and clears two gigabytes."""
    put(path, found(path), "<I", 1 << 30)


def elsewhere(path: Path) -> None:
    put(path, found(path) + 4, "<Q", 1 << 50)


def no_heap(path: Path) -> None:
    put(path, found(path) + 4, "<Q", 0)


def heap(path: Path) -> int:
    return path.read_bytes().find(b"GCOL")


def endless(path: Path) -> None:
    """Free space without a size: HDF5 2.0 goes round for ever."""
    put(path, heap(path) + lists.HEAP.size, "<HHIQ", 0, 0, 0, 0)


def too_long(path: Path) -> None:
    put(path, heap(path) + lists.HEAP.size + 8, "<Q", 1 << 60)


def larger_than_the_file(path: Path) -> None:
    put(path, heap(path) + 8, "<Q", 1 << 60)


@pytest.mark.parametrize("damage", [claim, elsewhere, no_heap, endless, too_long, larger_than_the_file])
def test_damage_is_refused_before_hdf5_looks(damage: Callable[[Path], None], path: Path) -> None:
    damage(path)
    with pytest.raises(InputError, match=r"a\.h5 cannot be read: (/spikes/units claims|a heap of it) "):
        list(shd.read(path))


def test_many_recordings_of_the_same_list(tmp_path: Path) -> None:
    """100,000 recordings of 16 bytes each stood for 100,000 times the one list that is stored."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, kind in (("spikes/times", "f2"), ("spikes/units", "u2")):
            file.create_dataset(name, (100,), h5py.vlen_dtype(np.dtype(kind)))[0] = np.zeros(5000, kind)
        file["labels"] = np.zeros(100, int)
    for name in ("spikes/times", "spikes/units"):
        place = found(tmp_path / "a.h5", name)
        content = bytearray((tmp_path / "a.h5").read_bytes())
        content[place : place + 1600] = content[place : place + 16] * 100
        (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(InputError, match=r"/spikes/times claims 1000000 bytes; the file has"):
        list(shd.read(tmp_path / "a.h5"))


def test_the_facts_of_a_sealed_file(tmp_path: Path) -> None:
    """Their length is in the file too, behind a checksum that anyone can make."""
    facts = {"note": "x" * 1234}
    sealed.write(tmp_path / "a.h5", sealed.Content({}, facts))
    body = bytearray((tmp_path / "a.h5").read_bytes()[sealed.USER_BLOCK :])
    length = struct.pack("<I", len(json.dumps(facts)))
    place = body.find(length)
    assert place >= 0
    while place >= 0:  # where the dataset says it, and where the heap does
        body[place : place + 4] = struct.pack("<I", 1 << 30)
        place = body.find(length)
    (tmp_path / "a.h5").write_bytes(sealed.block(bytes(body)) + body)
    with pytest.raises(sealed.Damaged, match=r"claims 1073741824 bytes|a heap of it is damaged"):
        sealed.read(tmp_path / "a.h5")


def test_heaps_of_attributes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["a"] = "a text"
    lists.check_heaps(tmp_path / "a.h5")
    endless(tmp_path / "a.h5")
    with pytest.raises(ValueError, match="a heap of it is damaged"):
        lists.check_heaps(tmp_path / "a.h5")
