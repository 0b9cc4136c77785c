"""The names of runs: their values, as names of files on any system, no two alike."""

import hashlib
import json
import re
from typing import Any

LONGEST = 180  # characters; file systems take 255 bytes
SAFE = re.compile(r"[a-z0-9.+-]*")


def short(keys: list[str]) -> dict[str, str]:
    """The last part of each key, or all of it where two end alike.

    Examples
    --------
    >>> short(["training.rate", "training.warmup", "objective.warmup"])
    {'training.rate': 'rate', 'training.warmup': 'training.warmup', 'objective.warmup': 'objective.warmup'}
    """
    last = [key.rpartition(".")[2] for key in keys]
    return {key: end if last.count(end) == 1 else key for key, end in zip(keys, last, strict=True)}


def spoken(value: Any) -> str:
    """A value as a part of a name.

    What is no plain number or word in lower case gets a number of its own, so that no two become one, also where upper
    and lower case are the same.

    Examples
    --------
    >>> spoken(0.01), spoken("st"), spoken([8, 8]), spoken(True)
    ('0.01', 'st', '8x8', 'true')
    """
    if isinstance(value, list) and value and all(type(each) is int for each in value):
        return "x".join(map(str, value))  # no key takes both a number and a list of them
    text = value if isinstance(value, str) else json.dumps(value)
    if SAFE.fullmatch(text) and not (isinstance(value, str) and number(text)) and 0 < len(text) <= 40:
        return text
    plain = re.sub(r"[^A-Za-z0-9.+]+", "-", text).strip("-.")[:40].strip("-.")
    return f"{plain}-{mark(json.dumps(value), 4)}"


def number(text: str) -> bool:
    """Whether a text could be that of a number or a truth value."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def mark(text: str, length: int) -> str:
    """A few hexadecimal digits that tell a text from others."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def name(values: dict[str, Any]) -> str:
    """The name of a point of the grid; empty without values.

    Examples
    --------
    >>> name({"training.rate": 0.01, "model.units.member": "agr(tau=0.5)"})
    'rate=0.01,member=agr-tau-0.5-c8a5'
    """
    keys = short(list(values))
    out = ",".join(f"{keys[key]}={spoken(value)}" for key, value in values.items())
    return out if len(out) <= LONGEST else f"{out[: LONGEST - 9]}-{mark(json.dumps(values), 8)}"


def run(point: str, seed: int) -> str:
    """The name of a run, and of its folder."""
    return f"{point},seed={seed}" if point else f"seed={seed}"
