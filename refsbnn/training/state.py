"""The whole state of a run between two steps, and the checkpoint it goes into and comes out of.

Nothing random is in it: every draw is a function of its address, and the addresses of a step follow from its number
(theory 6.1).
"""

from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from refsbnn import __version__
from refsbnn.errors import InputError
from refsbnn.optim import SGD, Adam, Parameters
from refsbnn.training.checkpoint import Content
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
    """

    parameters: Parameters
    optimiser: Adam | SGD
    step: int = 0
    tally: Tally = field(default_factory=Tally)
    history: list[Row] = field(default_factory=list)
    best: Best | None = None
    seconds: float = 0.0


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
    }
    return Content(arrays, facts)


def unpacked(content: Content, fresh: State) -> State:
    """The state a checkpoint holds, given the state of the same run before its first step.

    Raises
    ------
    InputError
        Arrays that are not those of this network.
    """
    facts = content.facts

    def group(name: str) -> Parameters:
        own = {key: content.arrays[f"{name}/{key}"] for key in fresh.parameters if f"{name}/{key}" in content.arrays}
        for key, array in own.items():
            like = fresh.parameters[key]
            if (array.shape, array.dtype) != (like.shape, like.dtype):
                raise InputError(
                    f"the checkpoint's {name}/{key} is {array.dtype} of shape {array.shape}; this network's is "
                    f"{like.dtype} of shape {like.shape}"
                )
        return own

    def complete(name: str) -> Parameters:
        own = group(name)
        held = {key.removeprefix(f"{name}/") for key in content.arrays if key.startswith(f"{name}/")}
        if odd := sorted(held ^ set(fresh.parameters)):
            raise InputError(f"the checkpoint is of another network: its {name} differ in {odd[0]!r}")
        return own

    optimiser = fresh.optimiser
    optimiser.steps = facts["optimiser_steps"]
    optimiser.buffers = {name: group(f"optimiser/{name}") for name in optimiser.buffers}
    best: dict[str, Any] | None = facts["best"]
    return State(
        complete("parameters"),
        optimiser,
        facts["step"],
        Tally.restored(facts["tally"], group("tally").items()),
        facts["history"],
        None if best is None else Best(best["epoch"], best["score"], complete("best")),
        facts["seconds"],
    )
