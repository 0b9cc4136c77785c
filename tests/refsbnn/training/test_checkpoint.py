"""The last few checkpoints stay, and the one before a damaged one is used."""

from pathlib import Path

import pytest

from refsbnn import files, sealed
from refsbnn.errors import InputError
from refsbnn.training import checkpoint

CONTENT = sealed.Content({}, {"step": 7})


def silent(line: str) -> None:
    raise AssertionError(f"warned: {line}")


def test_the_last_few_stay_and_leftovers_go(tmp_path: Path) -> None:
    for step in (2, 11, 3, 100):
        checkpoint.save(tmp_path, step, CONTENT, keep=2)
        (tmp_path / checkpoint.FOLDER / f".{step}{files.UNFINISHED}").touch()
    checkpoint.save(tmp_path, 101, CONTENT, keep=2)
    names = [path.name for path in (tmp_path / checkpoint.FOLDER).iterdir()]
    assert sorted(names) == ["0000000100.h5", "0000000101.h5"]


def test_the_one_before_a_damaged_one_is_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no checkpoint"):
        checkpoint.newest(tmp_path, silent)
    first = checkpoint.save(tmp_path, 1, sealed.Content({}, {"step": 1}), keep=2)
    second = checkpoint.save(tmp_path, 2, sealed.Content({}, {"step": 2}), keep=2)
    assert checkpoint.newest(tmp_path, silent) == (second, ({}, {"step": 2}))
    second.write_bytes(second.read_bytes()[:-1])
    lines: list[str] = []
    assert checkpoint.newest(tmp_path, lines.append) == (first, ({}, {"step": 1}))
    assert len(lines) == 1
    assert str(second) in lines[0]
    first.write_bytes(b"")
    with pytest.raises(InputError, match="none of the 2 checkpoints"):
        checkpoint.newest(tmp_path, lines.append)
