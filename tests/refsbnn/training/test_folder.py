"""The folder of a run, damaged on purpose: one line each, no memory, no waiting, no code."""

import io
import json
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refsbnn.errors import InputError
from refsbnn.run import Run, fit
from refsbnn.training import folder, lock


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    fit("digits_binary", "training.epochs=1", "model.hidden=[4]").save(out)
    return out


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A finished run, to be damaged."""
    for path in made.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def changed(run: Path, **changes: Any) -> None:
    """Change what result.json says of the network."""
    path = run / folder.RESULT
    facts = json.loads(path.read_text())
    facts["network"] |= changes
    path.write_text(json.dumps(facts))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"refsbnn": ' + "9" * 5000 + "}"], ids=["brackets", "digits"])
def test_json_that_python_cannot_hold(text: str, run: Path) -> None:
    (run / folder.RESULT).write_text(text)
    with pytest.raises(InputError, match=r"result\.json is damaged or cannot be read: "):
        Run.load(run)


@pytest.mark.parametrize("name", [folder.RESULT, folder.PARAMETERS, folder.METRICS, "checkpoints/0000000001.h5"])
@pytest.mark.parametrize("what", ["a pipe", "a device"])
def test_what_is_no_file_is_not_waited_for(name: str, what: str, run: Path) -> None:
    path = run / name
    if path.exists():
        path.unlink()
    else:
        (run / folder.RESULT).unlink()
        path.parent.mkdir()
    if what == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    said: list[str] = []
    with pytest.raises(InputError) as caught:
        Run.load(run, said.append)
    assert "no regular file" in " ".join([*said, str(caught.value)])


def test_a_table_without_the_numbers_of_a_run(run: Path) -> None:
    path = run / folder.METRICS
    whole = path.read_text()
    for text in (whole.replace("validation_nll", "nll"), whole.replace("loglik", "epoch"), "epoch\n1\n"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"metrics\.csv is damaged or cannot be read: its first line"):
            Run.load(run)


def test_arrays_that_are_the_same_bytes(run: Path) -> None:
    """Hundreds of names for one megabyte took hundreds of megabytes."""
    content, array = io.BytesIO(), io.BytesIO()
    np.save(array, np.zeros(1 << 17))
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.npy", array.getvalue())
    whole = content.getvalue()
    end = whole.rfind(b"PK\5\6")
    first = struct.unpack("<I", whole[end + 16 : end + 20])[0]
    entries = b"".join(whole[first:end].replace(b"a.npy", b"%05d" % number) for number in range(300))
    tail = struct.pack("<HHIIH", 300, 300, len(entries), first, 0)
    (run / folder.PARAMETERS).write_bytes(whole[:first] + entries + whole[end : end + 8] + tail)
    with pytest.raises(InputError, match=r"parameters\.npz .*: its arrays take more than its \d+ bytes"):
        Run.load(run)


def test_a_network_larger_than_its_parameters(run: Path) -> None:
    """A few words describe a network of any size; its parameters would be drawn before they are compared."""
    layers = [{"kind": "flatten"}, {"kind": "dense", "out": 2**31 - 1}, {"kind": "spike"}, {"kind": "dense", "out": 10}]
    changed(run, layers=[*layers, {"kind": "sampled_readout"}])
    tracemalloc.start()
    with pytest.raises(InputError, match=r"parameters do not fit the network: [\d,]+ are given; its weights are 158,9"):
        Run.load(run)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 24


BRANCH: dict[str, Any] = {"kind": "spike"}
for _ in range(450):
    BRANCH = {"kind": "residual", "branch": [BRANCH]}


@pytest.mark.parametrize(
    "changes",
    [
        {"input": {"kind": "values", "shape": ["8", "8", "1"]}},
        {"input": {"kind": "values", "shape": [{"a": 1}]}},
        {"input": {"kind": "values", "shape": [8, 8, -1]}},
        {"input": {"kind": "values", "shape": [8, 8, 1], "steps": "5"}},
        {"input": {"kind": "moments", "shape": [64]}},
        {"input": {"kind": "values", "shape": [8, 8, 1], "domain": "ternary"}},
        {"input": {"kind": "values", "shape": 3}},
        {"input": [1]},
        {"layers": 3},
        {"layers": [BRANCH]},
        {"layers": [{"kind": "dense", "out": 10**400}]},
        {"layers": [{"kind": "dense", "out": 3, "spread": 10**400}]},
        {"layers": [{"kind": ["dense"]}]},
    ],
    ids=lambda changes: str(changes)[:60],
)
def test_descriptions_of_no_network(changes: dict[str, Any], run: Path) -> None:
    changed(run, **changes)
    with pytest.raises(InputError) as caught:
        Run.load(run)
    assert len(str(caught.value).splitlines()) == 1


def test_a_lock_of_brackets_and_of_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "silent", lambda path, seen: False)  # of nobody known, and touched while it is watched
    path = tmp_path / lock.NAME
    path.write_text("[" * 100_000)
    with pytest.raises(InputError, match="is in use by another process"), lock.held(tmp_path):
        pass
    path.write_text(json.dumps({"pid": 1, "host": "a\nb" * 100, "since": ["\n"]}))
    with pytest.raises(InputError, match="is in use by process 1 on a ba b") as caught, lock.held(tmp_path):
        pass
    assert len(str(caught.value).splitlines()) == 1
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match=r"cannot write .*lock: it is no regular file"), lock.held(tmp_path):
        pass
