"""Nothing writes a file that no test has met with a full disk: who adds a writer adds it here, with its test."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CALLS = {
    *("write_bytes", "write_text", "write_json", "write_arrays", "write_results", "savefig", "savez", "tofile"),
    *("extractall", "dump", "mkstemp", "NamedTemporaryFile", "truncate", "copy", "copytree", "copyfile"),
}
MODES = re.compile(r"^[rb]*[wax+]")
DISK = "tests/refsbnn/commands/test_disk.py"
# Each file that writes, and the test that fills the disk under it, or why none does.
WRITERS = {
    "refsbnn/files.py": "tests/refsbnn/test_files.py::test_a_full_disk_is_one_line_and_the_old_file_stays",
    "refsbnn/sealed.py": f"{DISK}::test_a_second_checkpoint",
    "refsbnn/training/checkpoint.py": f"{DISK}::test_a_second_checkpoint",
    "refsbnn/training/published.py": "tests/refsbnn/training/test_published.py::test_a_full_disk_keeps_the_file_before",
    "refsbnn/training/metrics.py": f"{DISK}::test_the_end_of_a_run",
    "refsbnn/training/lock.py": f"{DISK}::test_training",
    "refsbnn/commands/train.py": f"{DISK}::test_the_end_of_a_run",
    "refsbnn/commands/evaluate.py": f"{DISK}::test_the_scores",
    "refsbnn/commands/probe.py": f"{DISK}::test_the_probe",
    "refsbnn/commands/sweep.py": f"{DISK}::test_a_sweep",
    "refsbnn/sweeps/sweep.py": f"{DISK}::test_a_sweep",
    "refsbnn/figures/draw.py": f"{DISK}::test_the_end_of_a_run",
    "refsbnn/data/kept.py": "tests/refsbnn/data/test_sources.py::test_a_full_disk_keeps_nothing_and_trains",
    "refsbnn/data/official.py": f"{DISK}::test_an_archive",
    **dict.fromkeys(
        ("refsbnn/exchange/nir_file.py", "refsbnn/exchange/tensors.py"),
        "tests/refsbnn/exchange/test_torch.py::test_a_full_disk_keeps_the_file_before",
    ),
    "refsbnn/run.py": f"{DISK}::test_a_run_saved_from_python",
    "validation/audit.py": f"{DISK}::test_the_audit",
    **dict.fromkeys(
        ("validation/certify/command.py", "validation/certify/draws_file.py"),
        "tests/validation/certify/test_command.py::test_a_full_disk",
    ),
    "validation/conformance/command.py": f"{DISK}::test_the_reports",
    "validation/conformance/json_vectors.py": f"{DISK}::test_the_vectors",
    "validation/conformance/bundle.py": f"{DISK}::test_a_submission",
    "validation/conformance/libraries.py": "",  # a measurement, which is made again
    "validation/conformance/vectors.py": f"{DISK}::test_the_vectors",
}
WRITERS |= dict.fromkeys(
    (
        "refsbnn/sweeps/job.py",  # a log, which nothing reads
        "refsbnn/sweeps/search.py",  # cuts a line that was not written to its end
        "refsbnn/sweeps/slurm.py",  # the names of arrays, by write_json
        *("refsbnn/output.py", "refsbnn/ranks.py"),  # the null device
        "validation/report/draw.py",  # to memory
    ),
    "",
)
APART = ("validation/benchmarks/", "validation/faults/")  # measurements, which are made again


def writes(path: Path) -> Iterator[str]:
    """The calls in a file that write files."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = getattr(getattr(node.func, "value", None), "id", "")
        texts = [each.value for each in (*node.args[:2], *(word.value for word in node.keywords if word.arg == "mode"))
                 if isinstance(each, ast.Constant) and isinstance(each.value, str)]  # fmt: skip
        opens = name in ("open", "File", "fdopen", "ZipFile") and any(map(MODES.match, texts))
        if opens or (name in CALLS and name != "copy") or (owner, name) in {("os", "open"), ("sealed", "write")}:
            yield name


def test_every_writer_is_known() -> None:
    paths = [path for package in ("refsbnn", "oracle", "validation") for path in (ROOT / package).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in paths if any(writes(path))}
    assert {name for name in found if not name.startswith(APART)} == set(WRITERS)


@pytest.mark.parametrize("test", sorted({test for test in WRITERS.values() if test}))
def test_its_test_is_there(test: str) -> None:
    path, name = test.split("::")
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def test_writers_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "new.py"
    for text in (
        "open(a, 'w')",
        "p.open('ab')",
        "p.open(mode='x')",
        "p.write_text('')",
        "os.open(p, f)",
        "f.savefig(p)",
    ):
        path.write_text(text)
        assert list(writes(path)), text
    for text in ("open(a)", "p.open('rb')", "p.read_text()", "h5py.File(p, 'r')", "p.open(encoding='utf-8')"):
        path.write_text(text)
        assert not list(writes(path)), text
