"""Waivers: failures that somebody accepts, with a reason and a date on which that ends.

    [[waiver]]
    case = "unit.edge_saturated_*"
    reason = "float16 tensor cores flush the tail; see our issue 12"
    expires = 2027-01-31

A waiver that fits no failure, or has expired, is itself a failure: nothing stays accepted in silence.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from refsbnn.errors import InputError
from refsbnn.files import regular
from refsbnn.training.config import parsed
from validation.conformance.judge import Outcome


@dataclass(frozen=True)
class Waiver:
    """One waiver; `case` is an id, or a pattern with * and ?."""

    case: str
    reason: str
    expires: datetime.date


def read(path: Path) -> list[Waiver]:
    """The waivers of a TOML file.

    Raises
    ------
    InputError
        No such file, not TOML, another table, or an entry without its three fields.
    """
    try:
        document = parsed(regular(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"waivers {path}: {error}") from None
    if not set(document) <= {"waiver"}:
        raise InputError(f"waivers {path} has the tables {', '.join(document)}; expected [[waiver]] alone")
    waivers, entries = [], document.get("waiver", [])
    for entry in entries if isinstance(entries, list) else [entries]:
        fields = entry if isinstance(entry, dict) else {}
        case, reason, expires = (fields.get(k) for k in ("case", "reason", "expires"))
        dated = isinstance(expires, datetime.date) and not isinstance(expires, datetime.datetime)
        if not (isinstance(case, str) and isinstance(reason, str) and case and reason and dated):
            raise InputError(f"waivers {path}: {entry!r} needs a case, a reason and a date `expires`")
        waivers.append(Waiver(case, reason, expires))  # type: ignore[arg-type]
    return waivers


def apply(outcomes: Sequence[Outcome], waivers: Sequence[Waiver], today: datetime.date) -> list[Outcome]:
    """The outcomes with waived failures marked, and a failure for each waiver that is expired or fits no failure."""
    result, extra = list(outcomes), []
    for waiver in waivers:
        hit = [outcome for outcome in result if outcome.verdict == "fail" and fnmatchcase(outcome.case, waiver.case)]
        if waiver.expires < today:
            extra.append(Outcome(f"waiver {waiver.case}", "fail", f"the waiver expired on {waiver.expires}"))
            continue
        if not hit:
            extra.append(Outcome(f"waiver {waiver.case}", "fail", "the waiver fits no failure; remove it"))
        for outcome in hit:
            outcome.verdict = "waived"
            outcome.message = f"until {waiver.expires}: {waiver.reason} ({outcome.message})"
    return result + extra
