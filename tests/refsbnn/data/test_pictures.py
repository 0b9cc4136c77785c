"""Pictures of one's own: a folder for each class."""

from pathlib import Path

import numpy as np
import pytest

from refsbnn.commands import train
from refsbnn.data.options import Data
from refsbnn.data.sources import load
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.streams import Purpose, Streams

PIL = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)
DRAWS = CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(1))


def put(root: Path, each: int = 5) -> Path:
    """Pictures of several sizes and kinds, a red and a green class."""
    for part in ("train", "test"):
        for channel, name in enumerate(("red", "tree frog")):
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(each):
                picture = RNG.integers(0, 60, (9 + number, 12, 3)).astype(np.uint8)
                picture[..., channel] += 180
                kind = ("png", "jpg", "bmp")[number % 3]
                PIL.fromarray(picture).save(folder / f"{number}.{kind}")
    return root


def options(root: Path, **more: object) -> Data:
    return Data(name="pictures", root=str(root), side=6, held_out=0.2, **more)  # type: ignore[arg-type]


def test_pictures_become_images_of_one_size(tmp_path):
    data = load(options(put(tmp_path)))
    assert data.classes == 2
    assert data.signal.shape == (6, 6, 3)
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [8, 2, 10]
    np.testing.assert_array_equal(data.test.labels, [0] * 5 + [1] * 5)
    for row, label in ((0, 0), (9, 1)):
        seen = data.test.batch(np.array([row]), DRAWS)[0].mean(axis=(0, 1))
        assert seen[label] > 0.5 > -0.5 > seen[1 - label]


def test_a_grey_picture_is_cut_to_its_middle(tmp_path):
    put(tmp_path)
    wide = np.zeros((4, 12), np.uint8)
    wide[:, 4:8] = 200  # the square in the middle
    PIL.fromarray(wide).save(tmp_path / "test/red/0.png")
    data = load(Data(name="pictures", root=str(tmp_path), side=4))
    raw = data.test.x[np.array([0])]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(raw, np.full((1, 4, 4, 3), 200))


def test_a_run_on_pictures(tmp_path, capsys):
    root = put(tmp_path / "data", 12)
    given = ["data.name=pictures", f"data.root={root}", "data.side=6", "model.hidden=[8]", "training.epochs=30"]
    assert train.main(["digits_binary", *given, "training.batch=8", "--out", str(tmp_path / "run")]) == 0
    assert "test               24" in capsys.readouterr().out


def refused(root, message, **more):
    with pytest.raises(InputError, match=message) as error:
        load(options(root, **more))
    assert "\n" not in str(error.value)


def test_what_is_refused(tmp_path):
    refused(tmp_path, r"train holds no folders; data\.name = 'pictures' takes train/<class>/<picture>")
    (tmp_path / "empty/train/red").mkdir(parents=True)
    refused(tmp_path / "empty", "train holds no pictures; accepted: .png")
    root = put(tmp_path / "data")
    (root / "test/blue").mkdir()
    refused(root, "test/blue is no class of the training part; those are red, tree frog")
    (root / "test/blue").rmdir()
    (root / "train/red/0.png").write_bytes(b"no picture")
    refused(root, r"train/red/0\.png cannot be read")
    with pytest.raises(InputError, match=r"data\.side is 0; expected an integer >= 1"):
        Data(name="pictures", side=0)
    with pytest.raises(InputError, match=r"data\.side is 5000; accepted: 1 to 4096"):
        load(Data(name="pictures", root=str(root), side=5000))


def test_a_picture_that_claims_a_huge_size_is_refused(tmp_path):
    """200 million pixels in 4 KB; Pillow would give them 600 MB."""
    root = put(tmp_path)
    PIL.new("1", (14_200, 14_200)).save(root / "train/red/0.png")
    refused(root, r"train/red/0\.png cannot be read: .*decompression bomb")
