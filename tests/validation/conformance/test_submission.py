"""JSON vectors, profiles and submissions: what another machine reads is what was meant, and what is untrue is found."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from refsbnn import cli
from refsbnn.errors import InputError
from validation.conformance import bundle, json_vectors, operations, plain, profiles, vectors
from validation.conformance.cases import FILES, all_cases, family, like, matching
from validation.conformance.judge import Outcome

CASES = all_cases()
FORWARD = "tests.validation.conformance.forward:Forward"
ROOT = Path(vectors.__file__).parents[2]
SCHEMAS = Path(vectors.__file__).parent / "schemas"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("json") / "vectors.json"
    assert json_vectors.write(path, CASES) == vectors.digest(CASES)
    return path


def test_json_is_read_as_it_was_written(told: Path) -> None:
    """To the bit, NaN too: the digest is over the bytes, and is that of the HDF5 file."""
    assert vectors.digest(json_vectors.read(told)) == vectors.digest(CASES)


def test_a_changed_number_in_json_is_noticed(told: Path, tmp_path: Path) -> None:
    record = json.loads(told.read_text())
    (one,) = (case for case in record["cases"] if case["id"] == "kl.dense")
    one["expected"]["kl"]["data"][0] += 2.0**-40
    (tmp_path / "v.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="SHA-256"):
        json_vectors.read(tmp_path / "v.json")


def test_the_schemas_describe_the_files(told: Path, tmp_path: Path) -> None:
    """All of a few cases, since a general validator is slow; and what is spoilt is refused by the schema as well."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    record = json.loads(told.read_text())
    record["cases"] = record["cases"][::20] + [one for one in record["cases"] if one["id"] == "reject.dense_nan"]
    schema = json.loads((SCHEMAS / "vectors.schema.json").read_text())
    jsonschema.validate(record, schema)
    record["cases"][0]["inputs"]["more"] = {"dtype": "complex", "shape": [], "data": [0]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, schema)
    some = {case.id: dict(case.expected) for case in CASES[:20]}
    json_vectors.write_results(
        tmp_path / "r.json", vectors.Results("x", "float64", vectors.digest(CASES), ("*",), some)
    )
    results = json.loads((SCHEMAS / "results.schema.json").read_text())
    jsonschema.validate(json.loads((tmp_path / "r.json").read_text()), results)


def test_json_results_are_judged(told: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    some = {case.id: dict(case.expected) for case in CASES if case.id.startswith("kl")}
    results = vectors.Results("mine", "float64", vectors.digest(CASES), ("kl*",), some)
    json_vectors.write_results(tmp_path / "r.json", results)
    assert cli.main(["conformance", "judge", str(told), str(tmp_path / "r.json")]) == 0
    some["kl.dense"]["kl"] = some["kl.dense"]["kl"] + 1e-9
    json_vectors.write_results(tmp_path / "r.json", results)
    assert cli.main(["conformance", "judge", str(told), str(tmp_path / "r.json")]) == 1
    assert "fail: kl.dense" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "[" * 100_000, '{"implementation": 1}'),
        '{"implementation": "a", "dtype": "float8", "vectors_sha256": "", "results": {}}',
        '{"implementation": "a", "dtype": "float64", "vectors_sha256": "", "results": []}',
        '{"implementation": "a", "dtype": "float64", "vectors_sha256": "", "supported": 1, "results": {}}',
        *(
            f'{{"implementation": "a", "dtype": "float64", "vectors_sha256": "", "results": {{"a": {{"b": {array}}}}}}}'
            for array in (
                "1",
                '{"dtype": "float64", "shape": [1000000000000], "data": [1]}',
                '{"dtype": "object", "shape": [1], "data": [1]}',
                '{"dtype": "float64", "shape": [1], "data": ["__import__"]}',
                '{"dtype": "uint8", "shape": [1], "data": [300]}',
                '{"dtype": "float64", "shape": [-1], "data": [1]}',
                '{"dtype": "float64", "shape": [true], "data": [1]}',
            )
        ),
    ],
)
def test_json_that_is_no_results_file_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(InputError) as error:
        json_vectors.read_results(tmp_path / "r.json")
    assert "\n" not in str(error.value)
    assert "r.json" in str(error.value)


# Profiles and --strict.


def test_every_pattern_of_a_profile_has_cases() -> None:
    for profile in profiles.PROFILES.values():
        for pattern in profile.must:
            assert matching(CASES, pattern), pattern


def test_a_profile_demands_what_it_lists() -> None:
    some = [Outcome("dense.a", "unsupported", "no"), Outcome("philox.a", "unsupported", "no")]
    verdicts = [one.verdict for one in profiles.demand(some, profiles.PROFILES["training"])]
    assert verdicts == ["fail", "unsupported"]
    assert [one.verdict for one in profiles.demand(some, profiles.PROFILES["full"])] == ["fail", "fail"]


def test_inference_needs_no_gradients(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["conformance", "run", "--adapter", FORWARD, "--case", "categorical.*"]
    assert cli.main([*words, "--profile", "inference"]) == 0
    assert cli.main(words) == 1
    assert "output dlogits is missing" in capsys.readouterr().out


def test_strict_counts_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["conformance", "run", "--adapter", FORWARD, "--profile", "inference", "--case", "c[au]*"]
    assert cli.main(words) == 0
    assert cli.main([*words, "--strict"]) == 1
    assert "checks are unsupported" in capsys.readouterr().out


# Submissions.


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "submission.zip"
    words = [
        "--profile",
        "inference",
        "--fuzz",
        "3",
        "--seed",
        "4",
        "--bundle",
        str(path),
        "--signed-off-by",
        "A. Body",
    ]
    assert cli.main(["conformance", "run", "--adapter", FORWARD, *words]) == 0
    return path


def test_a_submission_is_verified(submitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["conformance", "verify", str(submitted)]) == 0
    out = capsys.readouterr().out
    assert "verified: " in out
    assert "signed_off_by: A. Body" in out
    assert "profile: inference 1" in out


def changed(path: Path, to: Path, **parts: str) -> Path:
    """A copy of a submission with other parts."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            new.writestr(name, parts.get(name.partition(".")[0], old.read(name).decode()))
    return to


def test_an_untrue_submission_is_not(submitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A number, a verdict, the vectors: whatever is changed is found, with and without its SHA-256."""
    import hashlib

    with zipfile.ZipFile(submitted) as archive:
        manifest, results, report = (json.loads(archive.read(name)) for name in bundle.PARTS)
    results["results"]["dense.real_linear"]["m"]["data"][0] += 1e-9
    report["checks"][0]["verdict"] = "unsupported"
    texts = {"results": json.dumps(results), "report": json.dumps(report)}
    for name, text in texts.items():
        forged = {
            **manifest,
            "sha256": {**manifest["sha256"], f"{name}.json": hashlib.sha256(text.encode()).hexdigest()},
        }
        for also in ({}, {"manifest": json.dumps(forged)}):
            assert (
                cli.main(["conformance", "verify", str(changed(submitted, tmp_path / "f.zip", **{name: text}, **also))])
                == 1
            )
            assert "not verified: " in capsys.readouterr().out
    other = json.dumps({**manifest, "seed": 5})
    assert cli.main(["conformance", "verify", str(changed(submitted, tmp_path / "f.zip", manifest=other))]) == 1
    assert "other vectors" in capsys.readouterr().out


def test_what_is_no_submission_is_one_line(submitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.zip").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("../evil", "")
    empty = changed(submitted, tmp_path / "empty.zip", manifest="{}")
    half = tmp_path / "half.zip"
    half.write_bytes(submitted.read_bytes()[:-100])
    for path in (tmp_path / "text.zip", tmp_path / "other.zip", empty, half, tmp_path / "absent.zip", tmp_path):
        assert cli.main(["conformance", "verify", str(path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


# The table, and one case alone.


def test_the_table_of_operations_is_that_of_the_cases() -> None:
    """After a change of cases: `refsbnn conformance operations > docs/operations.md`."""
    assert (ROOT / "docs" / "operations.md").read_text(encoding="utf-8") == operations.table(CASES)


def test_one_case_needs_its_own_files_alone() -> None:
    for name, starts in FILES.items():
        assert {case.id.split(".")[0] for case in family(name)} == set(starts), name
    for pattern in ("kl.*", "*_st", "sgd.nesterov"):
        assert [case.id for case in like(pattern)] == [case.id for case in matching(CASES, pattern)]


def test_an_array_survives_json() -> None:
    for given in (
        np.array([[1.5, -np.inf], [np.nan, 0.1]]),
        np.array(7, np.uint8),
        np.zeros((2, 0)),
        np.float16([0.1]),
    ):
        back = plain.array(plain.plain(given), "here")
        assert back.dtype == given.dtype
        np.testing.assert_array_equal(back, given)
