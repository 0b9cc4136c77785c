"""`refsbnn data`: fetching from an address, checksums, archives that misbehave, tables."""

import gzip
import hashlib
import io
import os
import re
import struct
import tarfile
import threading
import zipfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from refsbnn.cli import main
from refsbnn.data import official
from refsbnn.data.sources import SETS
from refsbnn.errors import InputError
from tests.refsbnn.data.layouts import write_cifar10, write_shd


def zipped(source, archive):
    with zipfile.ZipFile(archive, "w") as file:
        file.write(source, source.name)
    return hashlib.md5(archive.read_bytes()).hexdigest()


def with_archives(monkeypatch, archives):
    """SHD, as if these were its archives."""
    monkeypatch.setitem(SETS, "shd", replace(SETS["shd"], archives=archives))


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The two archives of SHD at addresses of this machine."""
    pytest.importorskip("tonic", reason="needs the extra data")
    write_shd(tmp_path / "made")
    (tmp_path / "served").mkdir()
    archives = []
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for archive in SETS["shd"].archives:
        where = tmp_path / "served" / archive.name
        md5 = zipped(tmp_path / "made" / archive.gives, where)
        url = f"http://127.0.0.1:{server.server_address[1]}/{archive.name}"
        archives.append(replace(archive, url=url, md5=md5))
    with_archives(monkeypatch, tuple(archives))
    yield tmp_path
    server.shutdown()
    server.server_close()


def test_prepare_fetches_checks_and_bins(served, capsys):
    root = served / "root"
    assert main(["data", "prepare", "shd", "--root", str(root), "--steps", "10", "--bin-ms", "100"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-3].split() == ["part", "examples", "official", "classes", "density"]
    assert out[-2].split()[:4] == ["train", "24", "8,156", "20"]
    assert (root / "refsbnn").is_dir()
    assert main(["data", "verify", "shd", "--root", str(root), "--steps", "10", "--bin-ms", "100"]) == 0


def test_an_archive_of_another_checksum_is_refused(served, monkeypatch, capsys):
    wrong = [replace(archive, md5="0" * 32) for archive in SETS["shd"].archives]
    with_archives(monkeypatch, tuple(wrong))
    assert main(["data", "prepare", "shd", "--root", str(served / "root")]) == 2
    told = capsys.readouterr().err
    assert "shd_train.h5.zip could not be fetched" in told
    assert f"wanted: shd_train.h5.zip (md5 {'0' * 32}) in" in told


def test_no_network_says_what_is_wanted(served, monkeypatch, capsys):
    gone = [replace(archive, url="http://127.0.0.1:9/shd.zip") for archive in SETS["shd"].archives]
    with_archives(monkeypatch, tuple(gone))
    assert main(["data", "prepare", "shd", "--root", str(served / "root")]) == 2
    told = capsys.readouterr().err
    for archive in gone:  # all of them at once
        assert archive.wanted(served / "root") in told


def test_an_archive_of_something_else_is_named(served, monkeypatch, capsys):
    other = [replace(archive, gives=f"SHD/{archive.name}.h5") for archive in SETS["shd"].archives]
    with_archives(monkeypatch, tuple(other))
    assert main(["data", "prepare", "shd", "--root", str(served / "root")]) == 2
    assert "shd_train.h5.zip does not hold SHD/shd_train.h5.zip.h5" in capsys.readouterr().err


def test_verify_fetches_and_writes_nothing(tmp_path, capsys):
    assert main(["data", "verify", "nmnist", "--root", str(tmp_path)]) == 2
    assert f"missing below {tmp_path}: NMNIST/Train, NMNIST/Test" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    write_shd(tmp_path)
    assert main(["data", "verify", "shd", "--root", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["SHD"]


@pytest.mark.parametrize("version", ["python", "binary"])
def test_a_damaged_file_is_found(tmp_path, version, capsys):
    write_cifar10(tmp_path, version)
    assert main(["data", "verify", "cifar10", "--root", str(tmp_path)]) == 0
    path = next(tmp_path.glob("*/data_batch_3*"))
    path.write_bytes(path.read_bytes()[:-50])
    assert main(["data", "verify", "cifar10", "--root", str(tmp_path)]) == 2
    assert re.search(r"data_batch_3(\.bin)? is (no pickle of arrays|damaged)", capsys.readouterr().err)


def test_verify_looks_at_the_files_and_at_what_was_kept(tmp_path, capsys):
    write_shd(tmp_path)
    command = ["data", "verify", "shd", "--root", str(tmp_path), "--steps", "10"]
    assert main(["data", "prepare", *command[2:]]) == 0
    source, kept = tmp_path / "SHD/shd_test.h5", tmp_path / "refsbnn/shd-shd_test-10-0-1-0-0.h5"
    for path in (kept, source):
        whole = path.read_bytes()
        path.write_bytes(whole[:-100])
        assert main(command) == 2
        assert f"{path} " in capsys.readouterr().err
        path.write_bytes(whole)
    assert main(command) == 0


@pytest.mark.parametrize(("name", "option"), [("shd", "--downsample=2"), ("cifar10", "--steps=5"), ("ssc", "--merge")])
def test_options_of_other_sets_are_refused(tmp_path, name, option, capsys):
    assert main(["data", "prepare", name, "--root", str(tmp_path), option]) == 2
    assert f"data.{option[2:].split('=')[0]} is not for {name!r}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_archives_stay_in_their_folder(tmp_path):
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("../outside")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"no"))
    with pytest.raises(InputError, match="cannot be unpacked"):
        official.unpack(tmp_path / "a.tar.gz", tmp_path / "in")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../outside", "no")
    official.unpack(tmp_path / "a.zip", tmp_path / "in")
    assert not (tmp_path / "outside").exists()
    (tmp_path / "b.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"b\.zip cannot be unpacked"):
        official.unpack(tmp_path / "b.zip", tmp_path / "in")


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "pipe", "bzip2", "header", "nothing"])
def test_archives_of_what_the_official_ones_have_not(tmp_path, kind):
    """Python's own filter lets links inside the folder pass, and a reader of any packing meets any bomb."""
    member = tarfile.TarInfo("SHD/a")
    types = {"symbolic link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "pipe": tarfile.FIFOTYPE}
    member.type, member.linkname = types.get(kind, tarfile.REGTYPE), "b"
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:bz2" if kind == "bzip2" else "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("SHD/b"))
        archive.addfile(member)
    if kind == "header":
        tar = bytearray(gzip.decompress(path.read_bytes()))
        tar[100:124] = b"9" * 24
        path.write_bytes(gzip.compress(bytes(tar)))
    if kind == "nothing":
        path.unlink()
        os.mkfifo(path)
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match=r"a\.tar\.gz cannot be unpacked: .") as caught:
        official.unpack(path, tmp_path / "in")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "in").iterdir())


@pytest.mark.parametrize("kind", ["the same bytes", "bzip2"])
def test_zips_of_what_the_official_ones_have_not(tmp_path, kind):
    path = tmp_path / "a.zip"
    packing = zipfile.ZIP_BZIP2 if kind == "bzip2" else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("SHD/a.h5", bytes(5000))
    whole = path.read_bytes()
    end = whole.rfind(b"PK\5\6")
    first = struct.unpack("<I", whole[end + 16 : end + 20])[0]
    entry = whole[first:end]
    if kind == "the same bytes":
        tail = struct.pack("<HHIIH", 9, 9, len(entry) * 9, first, 0)
        path.write_bytes(whole[:first] + entry * 9 + whole[end : end + 8] + tail)
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match=r"a\.zip cannot be unpacked: its? (members take more|is packed by)"):
        official.unpack(path, tmp_path / "in")
    assert not list((tmp_path / "in").iterdir())


def test_archives_are_unpacked_whole_or_not_at_all(tmp_path):
    (tmp_path / "in").mkdir()
    noise = np.random.default_rng(0)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for name in ("set/1.npy", "set/2.npy"):
            member = tarfile.TarInfo(name)
            member.size = 4000
            archive.addfile(member, io.BytesIO(noise.bytes(4000)))
    content = (tmp_path / "a.tar.gz").read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(content[:5000])
    with pytest.raises(InputError, match=r"a\.tar\.gz cannot be unpacked"):
        official.unpack(tmp_path / "a.tar.gz", tmp_path / "in")
    assert not list((tmp_path / "in").iterdir())
    (tmp_path / "a.tar.gz").write_bytes(content)
    official.unpack(tmp_path / "a.tar.gz", tmp_path / "in")
    assert sorted(path.name for path in (tmp_path / "in").rglob("*")) == ["1.npy", "2.npy", "set"]
