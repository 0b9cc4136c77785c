"""The C++ client: built where there is a compiler with HDF5, run on exported vectors, judged; and broken on purpose."""

import shutil
import subprocess
from pathlib import Path

import pytest

import validation.conformance.clients
from refsbnn import cli

SOURCE = Path(validation.conformance.clients.__file__).with_name("dense_st.cpp")
pytestmark = pytest.mark.skipif(shutil.which("h5c++") is None, reason="no h5c++ (Debian: libhdf5-dev and g++)")


def judged(folder: Path, source: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Build the client, run it, judge its results."""
    (folder / "client.cpp").write_text(source)
    command = ["h5c++", "-O1", "-std=c++17", "-Wall", "-Wextra", "-Werror", "client.cpp", "-o", "client"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert cli.main(["conformance", "export", str(folder / "vectors.h5")]) == 0
    subprocess.run(["./client", "vectors.h5", "results.h5"], cwd=folder, check=True, capture_output=True)
    capsys.readouterr()
    code = cli.main(["conformance", "judge", str(folder / "vectors.h5"), str(folder / "results.h5")])
    return code, capsys.readouterr().out


def test_the_client_conforms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = judged(tmp_path, SOURCE.read_text(), capsys)
    assert code == 0, out
    assert " 18 pass, 0 fail" in out


def test_a_bug_in_it_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right, wrong = "/ (2.0f * s * s * s)", "/ (2.0f * s * s)"
    assert right in SOURCE.read_text()
    code, out = judged(tmp_path, SOURCE.read_text().replace(right, wrong), capsys)
    assert code == 1
    assert "fail: unit.gaussian_st" in out
    assert "dv: " in out


def test_its_mistakes_are_one_line(tmp_path: Path) -> None:
    subprocess.run(["h5c++", "-std=c++17", str(SOURCE), "-o", "client"], cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run(["./client", "absent.h5", "r.h5"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "dense_st: cannot open absent.h5\n")
