"""Where a run begins: at its first step, or where its newest checkpoint left it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from refsbnn.errors import InputError, refusing
from refsbnn.training import checkpoint
from refsbnn.training import config as configuration
from refsbnn.training.config import Config
from refsbnn.training.folder import METRICS, PARAMETERS, RESULT
from refsbnn.training.loop import Plan, initial
from refsbnn.training.state import State, check_facts, unpacked, versions
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
    if holds_run(out):
        if not overwrite:
            raise InputError(
                f"{out} holds a run already; --resume continues it, --overwrite replaces it, --out names another folder"
            )
        for pattern in LEFT:
            for path in out.glob(pattern):
                path.unlink(missing_ok=True)
    return initial(task)


def holds_run(out: Path) -> bool:
    """Whether a folder holds a run, finished or not; before its first checkpoint there is nothing to go on from."""
    return (out / RESULT).exists() or bool(checkpoint.saved(out))


def resumed(out: Path, task: Task, warn: Callable[[str], None]) -> State:
    """The state in the newest checkpoint of the folder."""
    check_run(out)
    path, content = checkpoint.newest(out, warn)
    facts = content.facts
    with refusing(str(path)):
        check_facts(facts)
    check_same(path, facts["config"], task.config, len(facts["history"]))
    with refusing(str(path)):
        state = unpacked(content, initial(task))
        check_place(state, Plan.of(task).per_epoch)
    for name, version in versions().items():
        if facts["versions"].get(name) != version:
            then = facts["versions"].get(name)
            warn(f"{path} was written with {name} {then}, this is {version}: the bits may differ")
    return state


def check_place(state: State, per_epoch: int) -> None:
    """Raise InputError where the numbers of steps, epochs and what was counted since do not fit together."""
    inside = state.step - len(state.history) * per_epoch
    if not 0 <= inside <= per_epoch or state.optimiser.steps != state.step or state.tally.count != inside:
        raise InputError(
            f"it is at step {state.step} after {len(state.history)} epochs of {per_epoch} steps, with "
            f"{state.optimiser.steps} updates and {state.tally.count} steps counted since; these do not fit together"
        )


def check_run(out: Path) -> None:
    """Raise InputError unless the folder holds a run that can be continued."""
    if checkpoint.saved(out):
        return
    if (out / RESULT).exists():
        raise InputError(
            f"{out} holds a finished run without checkpoints; --overwrite replaces it, --out names another folder"
        )
    raise InputError(f"{out} holds no checkpoint to continue from; without --resume the run begins at its first step")


def check_same(path: Path, before: dict[str, Any], config: Config, epochs: int) -> None:
    """Raise InputError unless a checkpoint's configuration is that of this run, naming the first key that differs.

    More epochs than before are the same run continued where the learning rate does not depend on their number.
    """
    with refusing(f"checkpoint {path} is of another run"):
        before = configuration.read(before).as_dict()  # what an older version left to its defaults is said now
    there, here = dict(flat(before)), dict(flat(config.as_dict()))
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
