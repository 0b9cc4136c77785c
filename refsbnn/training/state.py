"""The whole state of a run between two steps, and the checkpoint it goes into and comes out of.

Nothing random is in it: every draw is a function of its address, and the addresses of a step follow from its number
(theory 6.1).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from refsbnn import __version__
from refsbnn.errors import InputError
from refsbnn.optim import SGD, Adam, Parameters
from refsbnn.sealed import Content
from refsbnn.training.config import Config
from refsbnn.training.tally import Tally

Row = dict[str, float]


@dataclass
class Best:
    """The parameters with the best validation score so far, that score, and the epochs done when they had it."""

    epoch: int
    score: float
    parameters: Parameters


@dataclass
class State:
    """Where a run stands.

    Attributes
    ----------
    parameters : dict
    optimiser : Adam or SGD
    step : int
        Steps done.
    tally : Tally
        Of the epoch that is under way.
    history : list of dict
        A row for each epoch done.
    best : Best or None
        None before the first epoch ends, and where nothing is chosen by validation.
    seconds : float
        Time spent, over all sessions.
    scale : dict of str to int
        Of the sums of the next step's gradients (theory 6.3); empty where a batch is one shard.
    """

    parameters: Parameters
    optimiser: Adam | SGD
    step: int = 0
    tally: Tally = field(default_factory=Tally)
    history: list[Row] = field(default_factory=list)
    best: Best | None = None
    seconds: float = 0.0
    scale: dict[str, int] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """Versions of what decides a run's bits, and of the file's library."""
    return {"refsbnn": __version__, "numpy": np.__version__, "h5py": h5py.__version__}


def packed(state: State, config: Config) -> Content:
    """What a checkpoint of the state holds."""
    best = state.best
    groups: dict[str, Parameters] = {"parameters": state.parameters, "tally": state.tally.gradients}
    groups |= {f"optimiser/{name}": buffer for name, buffer in state.optimiser.buffers.items()}
    if best is not None:
        groups["best"] = best.parameters
    arrays = {f"{group}/{key}": array for group, own in groups.items() for key, array in own.items()}
    facts = {
        "versions": versions(),
        "config": config.as_dict(),
        "step": state.step,
        "optimiser_steps": state.optimiser.steps,
        "tally": state.tally.facts(),
        "history": state.history,
        "best": None if best is None else {"epoch": best.epoch, "score": best.score},
        "seconds": state.seconds,
        "scale": state.scale,
    }
    return Content(arrays, facts)


# What a checkpoint's facts are, and the numbers that a row of its history has at least.
FACTS = {
    **{"versions": dict, "config": dict, "step": int, "optimiser_steps": int, "tally": dict, "history": list},
    **{"best": dict | None, "seconds": float, "scale": dict},
}
ROW = {
    *("epoch", "seconds", "loglik", "kl_per_example", "kl_weight", "train_accuracy"),
    *("validation_nll", "validation_accuracy"),
}


def number(value: Any) -> bool:
    """Whether a value of JSON is a number; its integers may have thousands of digits."""
    return type(value) is float or (type(value) is int and abs(value) < 2**63)


def finite(value: Any) -> bool:
    """Whether a value of JSON is a finite number."""
    return number(value) and math.isfinite(value)


def check_facts(facts: dict[str, Any]) -> None:
    """Raise InputError unless facts are those of a checkpoint: another file may have a checksum that is right."""
    facts.setdefault("scale", {})  # earlier versions cut no batches
    for name, kind in FACTS.items():
        if name not in facts or not isinstance(facts[name], kind):
            raise InputError(f"it is no checkpoint of a run: its {name} is {type(facts.get(name)).__name__}")
    if not isinstance(facts["versions"].get("refsbnn"), str):
        raise InputError("it is no checkpoint of a run: it names no version of refsbnn")
    for row in facts["history"]:
        if not isinstance(row, dict) or not ROW <= row.keys() == facts["history"][0].keys():
            raise InputError("it is no checkpoint of a run: its history has rows of different or missing numbers")
        if not all(map(number, row.values())) or not all(finite(row[key]) for key in ROW - {"validation_nll"}):
            raise InputError("it is no checkpoint of a run: its history has what is no number, or not finite")
    if not all(type(value) is int and abs(value) < 2**12 for value in facts["scale"].values()):  # float64's exponents
        raise InputError("it is no checkpoint of a run: its scale is not one of exponents")
    best, tally = facts["best"], facts["tally"]
    known = range(1, len(facts["history"]) + 1)
    if best is not None and not (
        type(best.get("epoch")) is int and best["epoch"] in known and number(best.get("score"))
    ):
        raise InputError("it is no checkpoint of a run: its best epoch has no number or no score")
    sums = [tally.get(name) for name in ("counts", "sums", "squares")]
    if not finite(facts["seconds"]) or not all(number(facts[name]) for name in ("step", "optimiser_steps")):
        raise InputError("it is no checkpoint of a run: its steps or seconds are no numbers")
    if type(tally.get("count")) is not int or not all(
        isinstance(each, dict) and all(map(finite, each.values())) for each in sums
    ):
        raise InputError("it is no checkpoint of a run: its tally is not one of numbers")
    if sums[0].keys() != sums[1].keys() or not all(value > 0 for value in sums[0].values()):
        raise InputError("it is no checkpoint of a run: its tally does not count what it sums")


def unpacked(content: Content, fresh: State) -> State:
    """The state a checkpoint holds, given the state of the same run before its first step.

    Raises
    ------
    InputError
        Arrays that are not those of this network, or that no run has.
    """
    facts = content.facts
    check_facts(facts)

    def complete(name: str, keys: Iterable[str] = fresh.parameters) -> Parameters:
        prefix = f"{name}/"
        held = {key.removeprefix(prefix): array for key, array in content.arrays.items() if key.startswith(prefix)}
        own = {key: held[key] for key in fresh.parameters if key in held}
        for key, array in own.items():
            like = fresh.parameters[key]
            if (array.shape, array.dtype) != (like.shape, like.dtype):
                raise InputError(
                    f"the checkpoint's {name}/{key} is {array.dtype} of shape {array.shape}; this network's is "
                    f"{like.dtype} of shape {like.shape}"
                )
            if not np.isfinite(array).all():
                raise InputError(f"the checkpoint's {name}/{key} has numbers that are not finite")
        if odd := sorted(held.keys() ^ set(keys)):
            raise InputError(f"the checkpoint is of another network: its {name} differ in {odd[0]!r}")
        return own

    if facts["scale"] and facts["scale"].keys() != fresh.parameters.keys():
        raise InputError("the checkpoint is of another network: its scale is not of the network's parameters")
    optimiser, begun = fresh.optimiser, facts["step"] > 0
    optimiser.steps = facts["optimiser_steps"]
    optimiser.buffers = {
        name: complete(f"optimiser/{name}", fresh.parameters if begun else ()) for name in optimiser.buffers
    }
    best: dict[str, Any] | None = facts["best"]
    return State(
        complete("parameters"),
        optimiser,
        facts["step"],
        Tally.restored(facts["tally"], complete("tally", facts["tally"]["squares"]).items()),
        facts["history"],
        None if best is None else Best(best["epoch"], best["score"], complete("best")),
        facts["seconds"],
        facts["scale"],
    )
