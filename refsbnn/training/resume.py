"""Where a run begins: at its first step, or where its newest checkpoint left it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from refsbnn.errors import InputError
from refsbnn.training import checkpoint
from refsbnn.training.config import Config
from refsbnn.training.folder import METRICS, PARAMETERS, RESULT
from refsbnn.training.loop import initial
from refsbnn.training.state import State, unpacked, versions
from refsbnn.training.task import Task

# What may differ between the sessions of a run: none of these changes what a step computes.
FREE = ("evaluation.", "data.root", "training.checkpoint", "training.keep", "training.tensorboard")
# What a run leaves in its folder, the figures among it, and --overwrite removes.
LEFT = (
    *(RESULT, PARAMETERS, METRICS, "checkpoints/[0-9]*.h5", "tensorboard/events.out.tfevents.*"),
    *("curves.png", "layers.png", "activity.png", "raster.png", "reliability.png", "reliability_*.png"),
)


def begin(out: Path, task: Task, *, resume: bool, overwrite: bool, warn: Callable[[str], None]) -> State:
    """The state a run begins with.

    Parameters
    ----------
    out : Path
        The run's folder.
    task : Task
    resume, overwrite : bool
        What becomes of a run that the folder holds already: it is continued, or removed.
    warn : callable
        Gets a line for what the user should know.

    Raises
    ------
    InputError
        The folder holds a run and neither is asked for; its checkpoints are all damaged, or of another run.
    """
    if resume:
        return resumed(out, task, warn)
    if (out / RESULT).exists() or checkpoint.saved(out):
        if not overwrite:
            raise InputError(
                f"{out} holds a run already; --resume continues it, --overwrite replaces it, --out names another folder"
            )
        for pattern in LEFT:
            for path in out.glob(pattern):
                path.unlink(missing_ok=True)
    return initial(task)


def resumed(out: Path, task: Task, warn: Callable[[str], None]) -> State:
    """The state in the newest checkpoint of the folder; the first one where there is none."""
    found = checkpoint.newest(out, warn)
    if found is None:
        if (out / RESULT).exists():
            raise InputError(
                f"{out} holds a finished run without checkpoints; --overwrite replaces it, --out names another folder"
            )
        warn(f"{out} holds no checkpoint; the run begins at its first step")
        return initial(task)
    path, content = found
    facts = content.facts
    check_same(path, facts["config"], task.config, len(facts["history"]))
    for name, version in versions().items():
        if facts["versions"][name] != version:
            warn(f"{path} was written with {name} {facts['versions'][name]}, this is {version}: the bits may differ")
    try:
        return unpacked(content, initial(task))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def check_same(path: Path, before: dict[str, Any], config: Config, epochs: int) -> None:
    """Raise InputError unless a checkpoint's configuration is that of this run, naming the first key that differs.

    More epochs than before are the same run continued where the learning rate does not depend on their number.
    """
    there, here = dict(flat(before)), dict(flat(json.loads(json.dumps(config.as_dict()))))
    for key in [*here, *(key for key in there if key not in here)]:
        if key.startswith(FREE) or there.get(key) == here.get(key):
            continue
        if key == "training.epochs" and config.training.schedule != "cosine" and here[key] >= epochs:
            continue
        raise InputError(
            f"checkpoint {path} is of another run: {key} is {there.get(key)!r} there, {here.get(key)!r} here"
        )


def flat(tree: dict[str, Any], section: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested dictionaries with keys such as "model.units.member"."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{section}{key}.")
        else:
            yield f"{section}{key}", value
