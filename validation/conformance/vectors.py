"""The cases as an HDF5 file, and results read from one: for programs in any language.

    /meta                   attributes schema, conventions, generator, generator_source, sha256, dtype_eps
    /cases/<id>             attributes op, options (JSON), flags, bug_class, source, min_margin, question
    /cases/<id>/params, inputs, noise, cotangents, expected, scale, bound
                            datasets; attribute dims names the axes, "batch,in"

    /meta                   attributes vectors_sha256, implementation, dtype, supported (optional)
    /results/<id>/<output>  datasets

The bytes are the same wherever the file is written: the numbers are (see `number`), names are sorted, no time is kept,
strings have a fixed length, and the layout is the oldest the format has. `sha256` is that of the content, in the order
of `digest`, and independent of HDF5.
"""

import hashlib
import json
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import refsbnn
from refsbnn.adapter import Op
from refsbnn.errors import InputError
from refsbnn.files import regular, write_bytes
from refsbnn.lists import check_heaps
from refsbnn.sealed import check_size, check_total, contained, image
from validation.conformance.adapters import DTYPES, one_line
from validation.conformance.conventions import explain
from validation.conformance.judge import Outcome, judge
from validation.conformance.report import printable
from validation.conformance.schema import CONVENTIONS, GROUPS, SCHEMA, Case

OUTPUTS = ("expected", "scale", "bound")
LARGEST = 1 << 24  # bytes of an attribute
LAYOUT = ("earliest", "v108")


def attributes(case: Case) -> dict[str, str]:
    """A case's attributes as text; options are JSON with sorted keys."""
    return {
        "op": case.op.name,
        "options": json.dumps(case.op.options, sort_keys=True),
        "flags": " ".join(case.flags),
        "bug_class": " ".join(case.bug_class),
        "source": case.source,
        "min_margin": repr(case.min_margin),
        "question": case.question,
    }


def datasets(case: Case) -> list[tuple[str, str, np.ndarray]]:
    """Group, name and array of everything a case holds, in a fixed order."""
    parts = {**case.arrays, "expected": case.expected, "scale": case.scale, "bound": case.bound}
    return [(group, name, parts[group][name]) for group in (*GROUPS, *OUTPUTS) for name in sorted(parts[group])]


def digest(cases: Sequence[Case]) -> str:
    """SHA-256 of the content: for each case by id its attributes, then each array's place, dims, type, shape, bytes."""
    sha = hashlib.sha256(f"{SCHEMA}\n{CONVENTIONS}".encode())
    for case in sorted(cases, key=lambda case: case.id):
        sha.update(f"\n{case.id}\n{json.dumps(attributes(case), sort_keys=True)}".encode())
        for group, name, array in datasets(case):
            little = array.astype(array.dtype.newbyteorder("<"))
            sha.update(f"\n{group}/{name} {case.dims[name]} {little.dtype.str} {array.shape}\n".encode())
            sha.update(little.tobytes())
    return sha.hexdigest()


def source_digest() -> str:
    """SHA-256 of the files that make the cases: names the generator where there is no repository to name a commit."""
    here = Path(__file__).parent
    files = [*sorted((here / "cases").glob("*.py")), *sorted((here / "answers").glob("*.py"))]
    files += [here / name for name in ("number.py", "schema.py", "special.py", "vectors.py")]
    sha = hashlib.sha256()
    for file in files:
        sha.update(file.name.encode() + b"\n" + file.read_bytes().replace(b"\r\n", b"\n"))
    return sha.hexdigest()


def write(path: Path, cases: Sequence[Case]) -> str:
    """Write the cases; returns their digest.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    sha = digest(cases)
    meta = {
        "schema": str(SCHEMA),
        "conventions": CONVENTIONS,
        "generator": f"refsbnn {refsbnn.__version__}",
        "generator_source": source_digest(),
        "sha256": sha,
        "dtype_eps": " ".join(f"{name}={eps!r}" for name, (eps, _, _) in DTYPES.items()),
    }

    def build(file: h5py.File) -> None:
        _annotate(file.create_group("meta"), meta)
        for case in sorted(cases, key=lambda case: case.id):
            group = file.create_group(f"cases/{case.id}")
            _annotate(group, attributes(case))
            for part in (*GROUPS, *OUTPUTS):
                group.create_group(part)
            for part, name, array in datasets(case):
                little = array.astype(array.dtype.newbyteorder("<"))
                dataset = group[part].create_dataset(name, data=little, track_times=False)
                _annotate(dataset, {"dims": case.dims[name]})

    write_bytes(path, image(build, libver=LAYOUT))
    return sha


def _annotate(where: Any, texts: dict[str, str]) -> None:
    for name in sorted(texts):
        where.attrs.create(name, np.bytes_(texts[name].encode() or b" "))  # HDF5 strings of length 0 do not exist


def _text(where: Any, name: str, path: Path) -> str:
    if name not in where.attrs:
        raise InputError(f"{path}: {where.name} has no attribute {name!r}")
    with bounded(LARGEST):
        value = where.attrs[name]
    text = value.decode() if isinstance(value, bytes | np.bytes_) else " ".join(str(value).split())
    return text if text.strip() else ""


@contextmanager
def bounded(more: int) -> Iterator[None]:
    """Inside, the process gets so many more bytes of memory and no others, where the system can say so.

    HDF5 allocates and clears what an attribute of variable length claims, up to 4 GiB, before it looks.
    """
    limits = resource.getrlimit(resource.RLIMIT_AS)
    try:
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        yield
        return
    soft = now + more if limits[0] == resource.RLIM_INFINITY else min(now + more, limits[0])
    resource.setrlimit(resource.RLIMIT_AS, (soft, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def read(path: Path) -> list[Case]:
    """The cases of a file, after checking that their digest is the one it states.

    Raises
    ------
    InputError
        No such file, not a vectors file, another schema, or content that was changed.
    """
    cases = []
    with _open(path) as file:
        meta = _group(file, "meta", path)
        if _text(meta, "schema", path) != str(SCHEMA):
            raise InputError(f"{path} has schema {_text(meta, 'schema', path)}; this program reads {SCHEMA}")
        known = _group(file, "cases", path)
        for id in known:
            group = _group(known, id, path)
            texts = {k: _text(group, k, path) for k in ("op", "options", "flags", "bug_class", "source", "question")}
            parts: dict[str, dict[str, np.ndarray]] = {}
            dims: dict[str, str] = {}
            for part in (*GROUPS, *OUTPUTS):
                parts[part] = {name: _array(group[part], name) for name in _group(group, part, path)}
                dims |= {name: _text(dataset, "dims", path) for name, dataset in group[part].items()}
            expected, scale, bound = (parts.pop(part) for part in OUTPUTS)
            flags, bugs = (tuple(texts[k].split()) for k in ("flags", "bug_class"))
            op = Op(texts["op"], json.loads(texts["options"]))
            margin = float(_text(group, "min_margin", path))
            what = (texts["source"], margin, texts["question"])
            cases.append(Case(id, op, parts, dims, expected, scale, bound, flags, bugs, *what))
        if digest(cases) != _text(meta, "sha256", path):
            raise InputError(f"{path}: the content does not have the SHA-256 that /meta states; export it again")
    return cases


@dataclass(frozen=True)
class Results:
    """A results file: what it claims to be, and its arrays by case and output."""

    implementation: str
    dtype: str
    vectors_sha256: str
    supported: tuple[str, ...]
    arrays: dict[str, dict[str, Any]]


def _array(group: Any, name: str) -> Any:
    """A dataset's content; None for a group, a link, or texts and lists without bound, which the judge refuses."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink) or not isinstance(group[name], h5py.Dataset):
        return None
    if group[name].dtype.kind == "O":
        return None
    check_size(group[name], numbers=False)
    return np.asarray(group[name][()])


def read_results(path: Path) -> Results:
    """Read a results file.

    Raises
    ------
    InputError
        No such file, or what it has to state is missing.
    """
    with _open(path) as file:
        meta = _group(file, "meta", path)
        dtype = _text(meta, "dtype", path)
        if dtype not in DTYPES:
            raise InputError(f"{path}: dtype is {dtype!r}; accepted: {', '.join(DTYPES)}")
        supported = tuple(_text(meta, "supported", path).split()) if "supported" in meta.attrs else ("*",)
        found = _group(file, "results", path)
        arrays = {id: {name: _array(_group(found, id, path), name) for name in found[id]} for id in found}
        implementation = printable(_text(meta, "implementation", path))
        return Results(implementation, dtype, _text(meta, "vectors_sha256", path), supported, arrays)


def judge_results(cases: Sequence[Case], results: Results, chosen: Sequence[Case] | None = None) -> list[Outcome]:
    """Judge a results file; a case outside `supported` is unsupported, an unknown one in either a failure.

    Parameters
    ----------
    cases : sequence of Case
        Those that the results were made from.
    results : Results
    chosen : sequence of Case, optional
        What of them a profile asks for; all of it if left out.

    Returns
    -------
    list of Outcome

    Raises
    ------
    InputError
        The results were made from other vectors.
    """
    if results.vectors_sha256 != digest(cases):
        raise InputError("the results echo another vectors_sha256 than that of the vectors; run the program on these")
    outcomes = []
    asked = cases if chosen is None else chosen
    for case in asked:
        if case.id in results.arrays:
            given = results.arrays[case.id]
            outcomes.append(explain(case, given, judge(case, given, results.dtype), results.dtype))
        elif any(fnmatchcase(case.id, pattern) for pattern in results.supported):
            outcomes.append(Outcome(case.id, "fail", "no results for this case", bug_class=case.bug_class))
        else:
            outcomes.append(Outcome(case.id, "unsupported", "not among the cases that the results declare"))
    for outcome, case in zip(outcomes, asked, strict=True):
        outcome.options = case.op.options
    for pattern in results.supported:
        if not any(fnmatchcase(case.id, pattern) for case in cases):
            outcomes.append(Outcome(f"supported {pattern}", "fail", "there is no case like this in the vectors"))
    strangers = set(results.arrays) - {case.id for case in cases}
    return outcomes + [
        Outcome(printable(id), "fail", "there is no such case in the vectors") for id in sorted(strangers)
    ]


def write_results(path: Path, results: Results) -> None:
    """Write a results file."""

    def build(file: h5py.File) -> None:
        texts = {k: getattr(results, k) for k in ("implementation", "dtype", "vectors_sha256")}
        _annotate(file.create_group("meta"), {**texts, "supported": " ".join(results.supported)})
        file.create_group("results")
        for id in sorted(results.arrays):
            for name, array in sorted(results.arrays[id].items()):
                file.create_dataset(f"results/{id}/{name}", data=array, track_times=False)

    write_bytes(path, image(build, libver=LAYOUT))


@contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    try:
        check_heaps(regular(path))
        with h5py.File(path, "r") as file:
            check_total(contained(file).values(), path.stat().st_size)
            yield file
    except InputError:
        raise
    except Exception as error:  # h5py answers a damaged file with an exception of any kind
        reason = "no such file" if not path.exists() else one_line(error)
        raise InputError(f"{path} cannot be read: {reason}") from None


def _group(where: Any, name: str, path: Path) -> Any:
    if not isinstance(where.get(name, getlink=True), h5py.HardLink) or not isinstance(where[name], h5py.Group):
        raise InputError(f"{path} has no group {where.name.rstrip('/')}/{name}")
    return where[name]
