"""A submission: what an implementation computed, and what is claimed of it, in one file that another machine verifies.

    manifest.json   the vectors' digest, the profile, fuzzed cases, versions, who signs, and the SHA-256 of the others
    results.json    every output of every case, as `schemas/results.schema.json` says
    report.json     the outcomes, as `--json` writes them

To verify is to make the cases afresh, judge the results again, and compare. It shows that the numbers are right and
that the report tells the truth about them; that the named implementation computed them, the one who signs says.
"""

import hashlib
import io
import json
import platform
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import refsbnn
from refsbnn.errors import InputError
from refsbnn.files import regular, write_bytes
from validation.conformance import json_vectors, profiles
from validation.conformance.cases import all_cases, fuzz
from validation.conformance.judge import Outcome
from validation.conformance.schema import Case
from validation.conformance.vectors import Results, digest, judge_results

FORMAT = 1
LARGEST = 1 << 28  # bytes of a part, unpacked
PARTS = ("manifest.json", "results.json", "report.json")


def cases_of(fuzzed: int, seed: int, profile: str | None) -> list[Case]:
    """The cases that a submission answers."""
    cases = [*all_cases(), *fuzz.make(fuzzed, seed)]
    return profiles.asked(cases, profiles.PROFILES[profile]) if profile else cases


def write(path: Path, results: Results, report: str, about: Mapping[str, Any]) -> None:
    """Write a submission.

    Parameters
    ----------
    path : Path
    results : Results
    report : str
        JSON text.
    about : mapping
        "profile", "fuzz", "seed", "signed_off_by".
    """
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "results.json")
        json_vectors.write_results(told, results)
        parts = {"results.json": told.read_bytes(), "report.json": report.encode()}
    manifest = {
        "format": FORMAT,
        "profiles_version": profiles.VERSION,
        **about,
        "vectors_sha256": results.vectors_sha256,
        "implementation": results.implementation,
        "dtype": results.dtype,
        "refsbnn": refsbnn.__version__,
        "machine": {"python": platform.python_version(), "system": platform.system(), "processor": platform.machine()},
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in parts.items()},
    }
    parts["manifest.json"] = (json.dumps(manifest, indent=1) + "\n").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in PARTS:  # no time is stored: the same submission has the same bytes
            archive.writestr(zipfile.ZipInfo(name), parts[name], zipfile.ZIP_DEFLATED)
    write_bytes(path, buffer.getvalue())


def read(path: Path) -> dict[str, bytes]:
    """The parts of a submission.

    Raises
    ------
    InputError
        No such file, or it is none.
    """
    try:
        with zipfile.ZipFile(regular(path)) as archive:
            if sorted(archive.namelist()) != sorted(PARTS):
                raise InputError(f"{path} is no submission; expected {', '.join(PARTS)} and nothing else")
            parts = {}
            for name in PARTS:
                with archive.open(name) as file:
                    parts[name] = file.read(LARGEST + 1)
                if len(parts[name]) > LARGEST:
                    raise InputError(f"{path}: {name} has more than {LARGEST} bytes")
            return parts
    except InputError:
        raise
    except Exception as error:  # a damaged archive is answered with an exception of any kind
        reason = "no such file" if isinstance(error, FileNotFoundError) else type(error).__name__
        raise InputError(f"{path} cannot be read: {reason}") from None


def verify(path: Path) -> tuple[list[Outcome], list[str], dict[str, str]]:
    """Judge a submission's results again.

    Returns
    -------
    outcomes : list of Outcome
        Of the cases made here.
    doubts : list of str
        What the submission says that is not so; none if it is verified.
    facts : dict of str

    Raises
    ------
    InputError
        The file is no submission.
    """
    parts = read(path)
    try:
        manifest, report = (json.loads(parts[name]) for name in ("manifest.json", "report.json"))
        sums, fuzzed, seed, profile = (
            manifest["sha256"],
            int(manifest["fuzz"]),
            int(manifest["seed"]),
            manifest["profile"],
        )
        told = {check["case"]: check["verdict"] for check in report["checks"]}
        known = profile is None or profile in profiles.PROFILES
        if not known or not 0 <= fuzzed <= 100_000 or manifest["format"] != FORMAT:
            raise ValueError
        facts = {name: str(manifest[name]) for name in ("implementation", "dtype", "signed_off_by", "refsbnn")}
    except (KeyError, TypeError, ValueError, RecursionError):
        raise InputError(f"{path} is no submission of format {FORMAT}; make it again with --bundle") from None
    doubts = [
        f"{name} is not the one that the manifest names"
        for name in ("results.json", "report.json")
        if sums.get(name) != hashlib.sha256(parts[name]).hexdigest()
    ]
    if profile and manifest["profiles_version"] != profiles.VERSION:
        doubts.append(f"its profiles have version {manifest['profiles_version']}; here it is {profiles.VERSION}")
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder, "results.json")
        unpacked.write_bytes(parts["results.json"])
        results = json_vectors.read_results(unpacked)
    cases = cases_of(fuzzed, seed, profile)
    if digest(cases) != results.vectors_sha256:
        return [], [*doubts, f"it answers other vectors than those of refsbnn {refsbnn.__version__}"], facts
    outcomes = judge_results(cases, results)
    if profile:
        outcomes = profiles.demand(outcomes, profiles.PROFILES[profile])
        facts["profile"] = profiles.PROFILES[profile].title
    return outcomes, [*doubts, *differences(outcomes, told)], facts


def differences(outcomes: Sequence[Outcome], told: Mapping[str, str]) -> list[str]:
    """Cases of which the report says something else than the results show."""
    found = {outcome.case: outcome.verdict for outcome in outcomes}
    wrong = [case for case in found if told.get(case) != found[case]] + sorted(set(told) - set(found))
    return [f"{case}: reported {told.get(case, 'nothing')}, judged {found.get(case, 'nothing')}" for case in wrong]
