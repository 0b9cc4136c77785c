"""The vectors file: the same bytes each time, the stored digest, and what is said of files that are not one."""

import os
import resource
import shutil
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest

from refsbnn.errors import InputError
from validation.conformance import vectors
from validation.conformance.cases import all_cases

CASES = all_cases()
DIGEST = Path(vectors.__file__).with_name("vectors.sha256").read_text(encoding="utf-8").strip()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vectors") / "vectors.h5"
    vectors.write(path, CASES)
    return path


def test_the_content_is_the_stored_one() -> None:
    """On every machine. After a change of cases that is meant: `refsbnn conformance export` prints the new digest."""
    assert vectors.digest(CASES) == DIGEST


def test_two_exports_are_identical(path: Path, tmp_path: Path) -> None:
    vectors.write(tmp_path / "again.h5", CASES)
    assert path.read_bytes() == (tmp_path / "again.h5").read_bytes()


def test_what_is_read_is_what_was_written(path: Path) -> None:
    for ours, read in zip(sorted(CASES, key=lambda case: case.id), vectors.read(path), strict=True):
        assert (ours.id, ours.op, ours.dims, ours.flags) == (read.id, read.op, read.dims, read.flags)
        for (group, name, array), (_, _, other) in zip(vectors.datasets(ours), vectors.datasets(read), strict=True):
            assert array.dtype == other.dtype, f"{group}/{name}"
            np.testing.assert_array_equal(array, other)


def test_a_changed_number_is_noticed(path: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.h5"
    shutil.copy(path, changed)
    with h5py.File(changed, "a") as file:
        file["cases/dense.real_linear/expected/m"][0, 0] += 2.0**-40
    with pytest.raises(InputError, match="SHA-256"):
        vectors.read(changed)


def results(**changes: object) -> vectors.Results:
    arrays = {case.id: {k: y for k, y in case.expected.items()} for case in CASES}
    fields = {
        "implementation": "test",
        "dtype": "float64",
        "vectors_sha256": DIGEST,
        "supported": ("*",),
        "arrays": arrays,
    }
    return vectors.Results(**{**fields, **changes})  # type: ignore[arg-type]


def test_results_go_through_a_file(tmp_path: Path) -> None:
    vectors.write_results(tmp_path / "results.h5", results())
    outcomes = vectors.judge_results(CASES, vectors.read_results(tmp_path / "results.h5"))
    assert {outcome.verdict for outcome in outcomes} == {"pass"}


def test_missing_cases_fail_unless_they_are_declared() -> None:
    some = {case.id: dict(case.expected) for case in CASES if case.id.startswith("dense.")}
    declared = vectors.judge_results(CASES, results(arrays=some, supported=("dense.*",)))
    assert {o.verdict for o in declared if o.case.startswith("dense")} == {"pass"}
    assert {o.verdict for o in declared if not o.case.startswith("dense")} == {"unsupported"}
    undeclared = vectors.judge_results(CASES, results(arrays=some))
    assert {o.verdict for o in undeclared if not o.case.startswith("dense")} == {"fail"}


def test_unknown_cases_fail() -> None:
    arrays = {**results().arrays, "dense.of_mine": {}}
    assert [o.case for o in vectors.judge_results(CASES, results(arrays=arrays)) if o.verdict == "fail"] == [
        "dense.of_mine"
    ]


def test_declared_cases_that_do_not_exist_fail() -> None:
    some = {case.id: dict(case.expected) for case in CASES if case.id.startswith("dense.")}
    outcomes = vectors.judge_results(CASES, results(arrays=some, supported=("dense.*", "untis.*")))
    assert [o.case for o in outcomes if o.verdict == "fail"] == ["supported untis.*"]


def test_what_is_no_array_fails(tmp_path: Path) -> None:
    path = tmp_path / "results.h5"
    vectors.write_results(path, results())
    with h5py.File(path, "a") as file:
        file["results/dense.real_linear"].create_group("inner")
        file["results/conv2d.real_linear/broken"] = h5py.SoftLink("/nowhere")
    outcomes = vectors.judge_results(CASES, vectors.read_results(path))
    failed = {o.case: o.message for o in outcomes if o.verdict == "fail"}
    assert failed == {
        "dense.real_linear": "output inner is unknown",
        "conv2d.real_linear": "output broken is unknown",
    }


def test_damaged_files_are_one_line(path: Path, tmp_path: Path) -> None:
    """Cut, zeroed and with flipped bits: read as if nothing had happened, or refused in a line that names the file."""
    vectors.write_results(tmp_path / "results.h5", results())
    rng = np.random.default_rng(5)
    for source, read in ((path, vectors.read), (tmp_path / "results.h5", vectors.read_results)):
        whole = source.read_bytes()
        damaged = [whole[: int(cut)] for cut in rng.integers(1, len(whole), 5)]
        for k in range(15):
            content = bytearray(whole)
            for at in rng.integers(0, len(content), (1, 20, 2000)[k % 3]):
                content[at] ^= 1 << int(rng.integers(8))
            damaged.append(bytes(content))
        said = []
        for content in damaged:
            (tmp_path / "damaged.h5").write_bytes(content)
            try:
                read(tmp_path / "damaged.h5")
            except InputError as error:
                said.append(str(error))
        assert all("damaged.h5" in line and "\n" not in line for line in said)
        assert len(said) >= 5  # those that were cut, at least


def test_claims_of_a_results_file(tmp_path: Path) -> None:
    """Of its arrays together, of an attribute, of a heap that has no end; and what lies in other files is not read."""
    path = tmp_path / "results.h5"
    vectors.write_results(path, results())
    with h5py.File(path, "a") as file:
        for number in range(200):
            file.create_dataset(f"results/a/{number}", (1 << 17,), "f8", chunks=(1 << 17,), fillvalue=1.0)
    with pytest.raises(InputError, match=r"results\.h5 cannot be read: .*its arrays claim \d+ bytes"):
        vectors.read_results(path)
    vectors.write_results(path, results())
    with h5py.File(path, "a") as file:
        file["results/dense.real_linear/texts"] = ["a", "b"]
        file["results/dense.real_linear/other"] = h5py.ExternalLink(str(tmp_path / "pipe"), "a")
        file["meta"].attrs["implementation"] = "a text of 27 characters ..."
    os.mkfifo(tmp_path / "pipe")
    read = vectors.read_results(path)
    assert read.arrays["dense.real_linear"]["texts"] is None
    assert read.arrays["dense.real_linear"]["other"] is None
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 27), struct.pack("<I", 2**32 - 8)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"results\.h5 cannot be read: "):
        vectors.read_results(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 19  # kilobytes; it claims 4 GiB
    heap = content.find(b"GCOL") + 16
    path.write_bytes(content[:heap] + bytes(16) + content[heap + 16 :])
    with pytest.raises(InputError, match="a heap of it is damaged"):
        vectors.read_results(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="no regular file"):
        vectors.read_results(path)


def test_results_of_other_vectors_are_refused() -> None:
    with pytest.raises(InputError, match="vectors_sha256"):
        vectors.judge_results(CASES, results(vectors_sha256="0" * 64))


def test_files_that_are_no_vectors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        vectors.read(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(InputError, match="cannot be read"):
        vectors.read(tmp_path / "text.h5")
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    with pytest.raises(InputError, match="no group /meta"):
        vectors.read(tmp_path / "empty.h5")
    with pytest.raises(InputError, match="no group /meta"):
        vectors.read_results(tmp_path / "empty.h5")
