"""Results appear whole or not at all."""

from pathlib import Path

import pytest

from refsbnn.errors import InputError
from refsbnn.training.files import write_text


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    for text in ("before", "after"):
        write_text(tmp_path / "new" / "file", text)
        assert (tmp_path / "new" / "file").read_text() == text
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"cannot write .*folder: Is a directory"):
        write_text(tmp_path / "folder", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
