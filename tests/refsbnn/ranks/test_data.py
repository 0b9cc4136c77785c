"""Data on several ranks: made once, by shares, copied where it is not seen, and the same to the bit."""

import json
from pathlib import Path

import pytest

from refsbnn import cli
from refsbnn.data import kept
from refsbnn.ranks import ALONE
from tests.refsbnn.ranks.launch import ours
from tests.refsbnn.ranks.loaded import batches
from tests.refsbnn.ranks.several import write_data

pytestmark = pytest.mark.xdist_group("ranks")  # in one process: what they share is made once

RECORDINGS = 24  # of each part
PREPARE = ("refsbnn", "data", "prepare", "shd", "--steps", "10", "--bin-ms", "100", "--root")


@pytest.fixture
def root(tmp_path) -> Path:
    """A folder with data sets."""
    write_data(tmp_path / "data")
    return tmp_path / "data"


def content(root: Path) -> dict[str, bytes]:
    """What is kept below a root."""
    return {path.name: path.read_bytes() for path in sorted((root / kept.KEPT).iterdir())}


def loaded(mpi, tmp_path: Path, *roots: Path) -> list[dict]:
    """What each of three ranks says of its loading."""
    done = mpi.run(3, "tests.refsbnn.ranks.loaded", str(tmp_path), *map(str, roots), cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    return [json.loads((tmp_path / f"{rank}.json").read_text(encoding="utf-8")) for rank in range(3)]


def test_a_file_is_made_once_and_all_read_it(mpi, tmp_path, root):
    first = loaded(mpi, tmp_path, root)
    assert [seen["made"] for seen in first] == [3, 0, 0]
    assert [seen["copied"] for seen in first] == [0, 0, 0]
    assert [seen["binned"] for seen in first] == [2 * RECORDINGS // 3] * 3
    again = loaded(mpi, tmp_path, root)
    assert [(seen["made"], seen["binned"]) for seen in again] == [(0, 0)] * 3
    wanted, files = batches(root, ALONE), content(root)
    for seen in (*first, *again):
        assert seen["batches"] == wanted
    for path in (root / kept.KEPT).glob("shd-*"):
        path.unlink()
    batches(root, ALONE)
    assert content(root) == files


def test_a_machine_that_does_not_see_the_file_gets_a_copy(mpi, tmp_path, root):
    """Ranks 1 and 2 have a disk without even the official files, with another file under the name of one."""
    other = tmp_path / "other"
    other.joinpath(kept.KEPT).mkdir(parents=True)
    other.joinpath(kept.KEPT, "cifar10-images.h5").write_bytes(b"something else")
    seen = loaded(mpi, tmp_path, root, other)
    assert [each["made"] for each in seen] == [3, 0, 0]
    assert [each["copied"] for each in seen] == [0, 3, 0]
    assert content(other) == content(root)
    assert all(each["batches"] == batches(root, ALONE) for each in seen)


def test_preparation_on_ranks_leaves_the_bytes_of_one_process(library, root, capsys):
    done = library.run(3, *PREPARE, str(root), cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    files = content(root)
    assert len(files) == 2
    for name in files:
        (root / kept.KEPT / name).unlink()
    assert cli.main([*PREPARE[1:], str(root)]) == 0
    assert done.stdout == capsys.readouterr().out
    assert content(root) == files


@pytest.mark.parametrize("what", ["kept", "official", "place", "missing"])
def test_what_fails_is_one_line(mpi, root, what):
    """On the first rank alone, in one rank's share, and where nothing can be kept."""
    if what == "kept":
        assert cli.main([*PREPARE[1:], str(root)]) == 0
        path = next((root / kept.KEPT).glob("*train*"))
        path.write_bytes(path.read_bytes()[:-1])
    elif what == "official":
        import h5py

        with h5py.File(root / "SHD/shd_test.h5", "r+") as file:
            file["labels"][RECORDINGS - 1] = 20  # of the last rank's share
    elif what == "place":
        (root / kept.KEPT).write_text("in the way")
    else:
        (root / "SHD/shd_test.h5").unlink()
    words = {
        "kept": "is damaged: its checksum differs; delete it, and it is made again",
        "official": "recording 23, has the label 20; expected 0 to 19",
        "place": "it is what several ranks read their examples from",
        "missing": "shd_test.h5",
    }[what]
    verb = "verify" if what == "missing" else "prepare"
    done = mpi.run(3, *(verb if word == "prepare" else word for word in PREPARE), str(root), cwd=Path.cwd())
    assert done.returncode == 2, done.stderr
    lines = ours(done.stderr)
    assert len(lines) == 1, done.stderr
    assert words in lines[0]
