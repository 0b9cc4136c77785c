"""Damage that a parser takes: values of JSON and of configurations in the places of others."""

import copy
import json
from dataclasses import fields
from random import Random
from typing import Any

from refsbnn.data.options import Data
from refsbnn.data.sources import SETS
from refsbnn.estimators import EXAMPLES, NAMES
from refsbnn.layers import LIF, Conv2d, LeakyReadout, Spike
from refsbnn.models import MODELS
from refsbnn.training.config import Evaluation, Objective, Training

DEEP: list[Any] = []
for _ in range(300):
    DEEP = [DEEP]
BRANCH: dict[str, Any] = {"kind": "residual", "branch": []}
for _ in range(200):
    BRANCH = {"kind": "residual", "branch": [BRANCH]}
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        7,
        2**31 - 1,
        2**31,
        2**63,
        10**30,
        -(10**30),
        10**400,
        0.5,
        -0.0,
        1e-320,
        1e22,
        1e308,
    ),
    *(
        -1e308,
        float("nan"),
        float("inf"),
        -float("inf"),
        "",
        "x",
        "nan",
        "\0",
        "a\nb",
        "é",
        "../..",
        "/dev/zero",
        "~nobody",
    ),
    *("a" * 3000, [], {}, [[]], [1], [0.5], [-1], ["st"], [1] * 2000, [None], {"a": 1}, DEEP, BRANCH, [BRANCH]),
    *(
        {"kind": "dense", "out": 2**31 - 1},
        {"kind": "conv2d", "out": 2, "size": 2**30},
        {"kind": "spike"},
        {"kind": "flatten"},
    ),
)


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every container of a tree with every key or number of a place in it."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else []
    return [place for key in keys for place in ((tree, key), *places(tree[key]))]


def changed(tree: Any, rng: Random) -> Any:
    """A tree of JSON with values of other types, extreme ones, or one another's; keys that are gone, new or renamed."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        found = places(tree)
        if not found:
            return rng.choice(ODD)
        within, key = rng.choice(found)
        there, other = rng.choice(found)
        kind, new = rng.randrange(10), copy.deepcopy(rng.choice((rng.choice(ODD), there[other])))
        if kind < 6:
            within[key] = new
        elif kind < 8:
            del within[key]
        elif isinstance(within, dict):
            within[rng.choice((str(other), f"{key}x"))] = new
        else:
            within.insert(key, new)
    return tree


def json_values(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """JSON with other values."""
    try:
        return json.dumps(changed(json.loads(content), rng)).encode()
    except RecursionError:  # brackets in brackets in brackets
        return b"[" * 500 + b"]" * 500


LITERALS = (
    *(
        "true",
        "false",
        "0",
        "-1",
        "1",
        "2",
        "3",
        "2147483647",
        "2147483648",
        "9" * 30,
        "1" + "0" * 400,
        "0.5",
        "-0.0",
        "1e-320",
    ),
    *(
        "1e22",
        "1e308",
        "-1e308",
        "nan",
        "inf",
        '""',
        '"x"',
        '"\\u0000"',
        '"../.."',
        '"~nobody"',
        "[]",
        "{}",
        "[1]",
        "[2, 1]",
    ),
    *(
        "[0.5]",
        '["st"]',
        "[[1]]",
        "[0]",
        "[3, 3, 3]",
        "1979-05-27",
        "07:32:00",
        "[1, 2147483647]",
        "{ a = 1 }",
        "x y",
        "'",
    ),
)
SECTIONS: dict[str, tuple[str, ...]] = {
    name: tuple(item.name for kind in kinds for item in fields(kind))
    for name, kinds in {
        "data": (Data,), "objective": (Objective,), "training": (Training,), "evaluation": (Evaluation,),
        "model": tuple(MODELS.values()), "model.weights": (Conv2d,), "model.units": (LIF, Spike),
        "model.readout": (LeakyReadout,),
    }.items()
}  # fmt: skip
WORDS = (
    "st",
    "adam",
    "adamw",
    "sgd",
    "step",
    "constant",
    "rate",
    "latency",
    "numba",
    "each-draw",
    "norm",
    "point",
    "soft",
)


def setting(rng: Random) -> str:
    """A key of a configuration and some value for it."""
    section = rng.choice(list(SECTIONS))
    key = (
        f"{section}.{rng.choice(SECTIONS[section])}"
        if rng.random() < 0.95
        else rng.choice(("seed", "data", "x.y", "model"))
    )
    kind = rng.randrange(6)
    if kind < 3:
        return f"{key} = {rng.choice(LITERALS)}"
    words = (*WORDS, *NAMES, *EXAMPLES, *SETS, *MODELS)
    if kind < 5:
        return f"{key} = {json.dumps(rng.choice(words))}"
    name, number = (
        rng.choice(NAMES),
        rng.choice(("0", "-1", "nan", "1e400", "9" * 400, "'a'", "[1]", "0.5", "None", "1j")),
    )
    argument = rng.choice(("tau", "lam", "K", "scale", "n", "x"))
    return f'model.units.member = "{name}({argument}={number})"'


def settings(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """A configuration of dotted keys: a data set, a model and its sizes, and some more."""
    model = rng.choice(list(MODELS))
    lines = [f'data.name = "{rng.choice(list(SETS))}"', f'model.name = "{model}"']
    lines += ["data.steps = 4"] if MODELS[model].over_time else []
    size = rng.choice(("4", "2147483647", "1", "1000"))
    if model == "resnet":
        lines += [
            f"model.{key} = {rng.choice(('1', '2', size))}" for key in ("depth", "width", "pool", "scale", "stages")
        ]
    else:
        lines.append(f"model.{'channels' if 'convnet' in model else 'hidden'} = [{size}, 3]")
    given = {line.partition(" = ")[0]: line for line in [*lines, *(setting(rng) for _ in range(rng.randrange(4)))]}
    return "\n".join(given.values()).encode()


def overrides(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """Some overrides."""
    return "\n".join(setting(rng).replace(" = ", "=", 1) for _ in range(rng.choice((1, 1, 2, 5)))).encode()


def table(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """A record with other cells, or a row or a column more or less."""
    rows = [line.split(",") for line in content.decode().splitlines()]
    row = rng.randrange(len(rows))
    column, kind = rng.randrange(len(rows[row])), rng.randrange(6)
    if kind < 3:
        rows[row][column] = rng.choice(
            ("", "nan", "inf", "x", "1e999", "9" * 5000, '"', '"a\nb"', "1_0", "\0", rows[0][0])
        )
    elif kind == 3:
        del rows[row]
    elif kind == 4:
        del rows[row][column]
    else:
        rows = [[*cells[:column], *cells[column + 1 :]] for cells in rows]
    return "\n".join(",".join(cells) for cells in rows).encode()
