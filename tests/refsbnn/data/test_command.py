"""`refsbnn data`: fetching from an address, checksums, archives that misbehave, tables."""

import hashlib
import io
import tarfile
import threading
import zipfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from refsbnn.cli import main
from refsbnn.data import official
from refsbnn.errors import InputError
from tests.refsbnn.data.layouts import write_cifar10, write_shd


def zipped(source, archive):
    with zipfile.ZipFile(archive, "w") as file:
        file.write(source, source.name)
    return hashlib.md5(archive.read_bytes()).hexdigest()


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
    for archive in official.ARCHIVES["shd"]:
        where = tmp_path / "served" / archive.name
        md5 = zipped(tmp_path / "made" / archive.gives, where)
        url = f"http://127.0.0.1:{server.server_address[1]}/{archive.name}"
        archives.append(replace(archive, url=url, md5=md5))
    monkeypatch.setitem(official.ARCHIVES, "shd", tuple(archives))
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
    wrong = [replace(archive, md5="0" * 32) for archive in official.ARCHIVES["shd"]]
    monkeypatch.setitem(official.ARCHIVES, "shd", tuple(wrong))
    assert main(["data", "prepare", "shd", "--root", str(served / "root")]) == 2
    told = capsys.readouterr().err
    assert "shd_train.h5.zip could not be fetched" in told
    assert f"wanted: shd_train.h5.zip (md5 {'0' * 32}) in" in told


def test_no_network_says_what_is_wanted(served, monkeypatch, capsys):
    gone = [replace(archive, url="http://127.0.0.1:9/shd.zip") for archive in official.ARCHIVES["shd"]]
    monkeypatch.setitem(official.ARCHIVES, "shd", tuple(gone))
    assert main(["data", "prepare", "shd", "--root", str(served / "root")]) == 2
    assert "from http://127.0.0.1:9/shd.zip" in capsys.readouterr().err


def test_verify_fetches_nothing(tmp_path, capsys):
    assert main(["data", "verify", "nmnist", "--root", str(tmp_path)]) == 2
    assert f"missing below {tmp_path}: NMNIST/Train, NMNIST/Test" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_found(tmp_path, capsys):
    write_cifar10(tmp_path, "python")
    assert main(["data", "verify", "cifar10", "--root", str(tmp_path)]) == 0
    path = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    path.write_bytes(path.read_bytes()[:-50])
    assert main(["data", "verify", "cifar10", "--root", str(tmp_path)]) == 2
    assert "data_batch_3 is no pickle of arrays" in capsys.readouterr().err


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
