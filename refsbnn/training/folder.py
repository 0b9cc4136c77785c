"""The folder of a run, read back: configuration, parameters, record."""

import csv
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refsbnn import __version__
from refsbnn.errors import InputError, refusing
from refsbnn.files import read_array, regular
from refsbnn.training import checkpoint, published
from refsbnn.training.config import Config
from refsbnn.training.config import read as read_config
from refsbnn.training.state import ROW, check_facts

RESULT, PARAMETERS, METRICS = "result.json", "parameters.npz", "metrics.csv"


class Stored(NamedTuple):
    """What a run folder holds: what was trained, what came out, an epoch a row, and the network if it is described."""

    config: Config
    parameters: dict[str, np.ndarray]
    history: list[dict[str, float]]
    network: dict[str, Any] | None


def read(out: Path, warn: Callable[[str], None] = lambda line: None) -> Stored:
    """Read the folder of a finished run, or, of an unfinished one, its newest checkpoint that is whole.

    Parameters
    ----------
    out : Path
        Where there is no such folder, the name of a network that ships.
    warn : callable
        Gets a line for each damaged checkpoint.

    Raises
    ------
    InputError
        No such folder, no parameters in it, a damaged file, or another version of refsbnn.
    """
    if not out.is_dir():
        names = published.names()
        if str(out) in names:
            return Stored(*published.shipped(str(out)), [], None)
        told = ", ".join(names)
        raise InputError(
            f"run {out} is no folder; expected one that `refsbnn train` wrote, or a network that ships: {told}"
        )
    if (out / RESULT).exists():
        facts = read_json(out / RESULT)
        config = config_of(out / RESULT, facts.get("refsbnn"), facts.get("config"))
        return Stored(config, read_arrays(out / PARAMETERS), read_metrics(out / METRICS), facts.get("network"))
    if not checkpoint.saved(out):
        raise InputError(f"run {out} holds neither {RESULT} nor a checkpoint; expected the folder of a training run")
    path, content = checkpoint.newest(out, warn)
    facts = content.facts
    with refusing(str(path)):
        check_facts(facts)
    config = config_of(path, facts["versions"]["refsbnn"], facts["config"])
    group = "best/" if facts.get("best") else "parameters/"
    parameters = {key.removeprefix(group): value for key, value in content.arrays.items() if key.startswith(group)}
    return Stored(config, parameters, facts.get("history", []), None)


def config_of(path: Path, version: Any, tree: Any) -> Config:
    """The configuration in a file, written by this version of refsbnn."""
    if version != __version__:
        written = f"refsbnn {version}" if isinstance(version, str) else "something else"
        raise InputError(f"{path} was written by {written}; this is refsbnn {__version__}")
    if not isinstance(tree, dict):
        raise InputError(f"{path} holds no configuration")
    with refusing(f"the configuration in {path}"):
        return read_config(tree)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object."""
    # Numbers of thousands of digits are a ValueError, brackets in brackets a RecursionError.
    with refusing(f"{path} is damaged or cannot be read", OSError, ValueError, RecursionError):
        value = json.loads(regular(path).read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise InputError(f"{path} is damaged: it holds no object")
    return value


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file as `files.write_arrays` writes it; nothing in it is executed."""
    try:
        with zipfile.ZipFile(regular(path)) as archive:
            out, size = {}, path.stat().st_size
            if sum(member.file_size for member in archive.infolist()) > size:  # names may stand for the same bytes
                raise ValueError(f"its arrays take more than its {size} bytes")
            for member in archive.infolist():
                if member.compress_type != zipfile.ZIP_STORED:
                    raise ValueError(f"{member.filename} is compressed")
                with archive.open(member) as file:
                    out[member.filename.removesuffix(".npy")] = read_array(file, member.file_size)
            return out
    except FileNotFoundError:
        raise InputError(f"{path} is missing; the run has no parameters to score") from None
    except Exception as error:  # a damaged archive fails in many ways
        raise InputError(f"{path} is damaged or cannot be read: {error}") from None


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The rows of metrics.csv."""
    try:
        with regular(path).open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            if names and (not set(names) >= ROW or len(set(names)) < len(names)):
                raise ValueError("its first line does not name the numbers of a run, each once")
            return [{key: float(value) for key, value in row.items()} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged or cannot be read: {error}") from None
