"""The cases as JSON, and results read from JSON: for Rust, JavaScript, or a simulator of hardware without HDF5.

The same cases, the same digest. `schemas/vectors.schema.json` and `schemas/results.schema.json` say what the files
hold. Arrays are flat lists in row-major order with a type and a shape; numbers have the digits that read back to the
same binary64, and what JSON has no number for is a string: "NaN", "Infinity", "-Infinity".
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import refsbnn
from refsbnn.adapter import Op
from refsbnn.errors import InputError
from refsbnn.files import regular, write_text
from validation.conformance.adapters import DTYPES
from validation.conformance.plain import array, plain
from validation.conformance.report import printable
from validation.conformance.schema import CONVENTIONS, GROUPS, SCHEMA, Case
from validation.conformance.vectors import OUTPUTS, Results, digest, source_digest

LARGEST = 1 << 28  # bytes of a file


def write(path: Path, cases: Sequence[Case]) -> str:
    """Write the cases; returns their digest, which is that of the HDF5 file."""
    sha = digest(cases)
    record = {
        "schema": SCHEMA,
        "conventions": CONVENTIONS,
        "generator": f"refsbnn {refsbnn.__version__}",
        "generator_source": source_digest(),
        "sha256": sha,
        "dtype_eps": {name: eps for name, (eps, _, _) in DTYPES.items()},
        "cases": [_case(case) for case in sorted(cases, key=lambda case: case.id)],
    }
    write_text(path, json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n")
    return sha


def _case(case: Case) -> dict[str, Any]:
    parts = {**case.arrays, "expected": case.expected, "scale": case.scale, "bound": case.bound}
    texts = {
        "id": case.id,
        "op": case.op.name,
        "options": dict(case.op.options),
        "flags": list(case.flags),
        "bug_class": list(case.bug_class),
        "source": case.source,
        "min_margin": case.min_margin,
        "question": case.question,
        "dims": dict(sorted(case.dims.items())),
    }
    return {**texts, **{part: {k: plain(y) for k, y in sorted(parts[part].items())} for part in (*GROUPS, *OUTPUTS)}}


def read(path: Path) -> list[Case]:
    """The cases of a file, after checking that their digest is the one it states.

    Raises
    ------
    InputError
        No such file, not a vectors file, another schema, or content that was changed.
    """
    record = _record(path)
    if record.get("schema") != SCHEMA:
        raise InputError(f"{path} has schema {str(record.get('schema'))[:20]!r}; this program reads {SCHEMA}")
    cases = []
    try:
        for told in record["cases"]:
            parts = {
                part: {k: array(y, f"{path}: {told['id']} {k}") for k, y in told[part].items()}
                for part in (*GROUPS, *OUTPUTS)
            }
            expected, scale, bound = (parts.pop(part) for part in OUTPUTS)
            words = (
                tuple(told["flags"]),
                tuple(told["bug_class"]),
                told["source"],
                told["min_margin"],
                told["question"],
            )
            op = Op(told["op"], told["options"])
            cases.append(Case(told["id"], op, parts, dict(told["dims"]), expected, scale, bound, *words))
        stated = digest(cases)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} is no vectors file ({type(error).__name__}); export it again") from None
    if stated != record.get("sha256"):
        raise InputError(f"{path}: the content does not have the SHA-256 that it states; export it again")
    return cases


def read_results(path: Path) -> Results:
    """Read a results file.

    Raises
    ------
    InputError
        No such file, or what it has to state is missing or of another type.
    """
    record = _record(path)
    texts = {name: record.get(name) for name in ("implementation", "dtype", "vectors_sha256")}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise InputError(f"{path}: {name} is missing; expected a text")
    if texts["dtype"] not in DTYPES:
        raise InputError(f"{path}: dtype is {printable(str(texts['dtype']))[:40]!r}; accepted: {', '.join(DTYPES)}")
    supported, results = record.get("supported", ["*"]), record.get("results")
    if not isinstance(supported, list) or not all(isinstance(pattern, str) for pattern in supported):
        raise InputError(f'{path}: supported is no list of patterns, such as ["dense.*"]')
    if not isinstance(results, dict) or not all(isinstance(outputs, dict) for outputs in results.values()):
        raise InputError(f"{path}: results is no mapping from cases to outputs")
    arrays = {
        id: {name: array(told, f"{path}: {printable(id)} {printable(name)}") for name, told in outputs.items()}
        for id, outputs in results.items()
    }
    told = (printable(str(texts["implementation"])), str(texts["dtype"]), str(texts["vectors_sha256"]))
    return Results(*told, tuple(supported), arrays)


def write_results(path: Path, results: Results) -> None:
    """Write a results file."""
    record: Mapping[str, Any] = {
        "vectors_sha256": results.vectors_sha256,
        "implementation": results.implementation,
        "dtype": results.dtype,
        "supported": list(results.supported),
        "results": {id: {k: plain(y) for k, y in sorted(one.items())} for id, one in sorted(results.arrays.items())},
    }
    write_text(path, json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n")


def _record(path: Path) -> dict[str, Any]:
    try:
        if regular(path).stat().st_size > LARGEST:
            raise InputError(f"{path} has more than {LARGEST} bytes")
        record = json.loads(path.read_text(encoding="utf-8"))
    except InputError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else type(error).__name__
        raise InputError(f"{path} cannot be read: {reason}") from None
    if not isinstance(record, dict):
        raise InputError(f"{path} holds no JSON object")
    return record
