"""Trained networks that ship with the package: parameters in an HDF5 file of at most 2 MB, and a model card."""

from importlib import resources
from pathlib import Path

import numpy as np

from refsbnn import __version__, published, sealed
from refsbnn.errors import InputError, refusing
from refsbnn.network import DTYPES
from refsbnn.training.config import Config
from refsbnn.training.config import read as read_config

LARGEST = 2_000_000  # bytes of a file
KEPT = "parameters/"


def names() -> list[str]:
    """Names of the networks that ship.

    Examples
    --------
    >>> "digits_binary" in names()
    True
    """
    return sorted(item.name[:-3] for item in resources.files(published).iterdir() if item.name.endswith(".h5"))


def card(name: str) -> str:
    """The model card of a network that ships: data, recipe, scores, limits, as Markdown.

    Examples
    --------
    >>> card("digits_binary").splitlines()[0]
    '# digits_binary'
    """
    return (resources.files(published) / f"{name}.md").read_text(encoding="utf-8")


def shipped(name: str) -> tuple[Config, dict[str, np.ndarray]]:
    """Configuration and parameters of a network that ships.

    Examples
    --------
    >>> config, parameters = shipped("digits_binary")
    >>> config.data.name, len(parameters)
    ('digits', 12)
    """
    with resources.as_file(resources.files(published) / f"{name}.h5") as path:
        return read(path)


def write(path: Path, config: Config, parameters: dict[str, np.ndarray]) -> int:
    """Write a network's parameters, as float32, with its configuration; returns the file's bytes.

    Parameters
    ----------
    path : Path
    config : Config
        The folder of its data is not kept: whoever reads it names his own.
    parameters : dict of arrays

    Raises
    ------
    InputError
        More than 2 MB, or the file cannot be written.
    """
    size = sum(4 * value.size for value in parameters.values())
    if size > LARGEST:
        raise InputError(f"{path} would take {size:,} bytes; a network that ships takes at most {LARGEST:,}")
    facts = config.as_dict()
    del facts["data"]["root"]
    arrays = {f"{KEPT}{key}": value.astype(np.float32) for key, value in parameters.items()}
    sealed.write(path, sealed.Content(arrays, {"refsbnn": __version__, "config": facts}))
    return path.stat().st_size


def read(path: Path) -> tuple[Config, dict[str, np.ndarray]]:
    """Configuration and parameters of such a file, these in the type of the configuration's backend.

    Raises
    ------
    InputError
        No such file, or a damaged one.
    """
    with refusing(f"{path} is damaged or cannot be read", sealed.Damaged, KeyError):
        content = sealed.read(path)
        config = read_config(content.facts["config"])
    dtype = DTYPES[config.training.backend][0]
    found = {key.removeprefix(KEPT): value.astype(dtype) for key, value in content.arrays.items()}
    return config, found
