"""Training configurations: TOML files and key=value overrides, refused where they cannot be meant."""

import inspect
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from refsbnn.cli import CONFIGURATIONS
from refsbnn.errors import InputError, check_choice
from refsbnn.layers import LIF, Dense, Layer, LeakyReadout, Spike
from refsbnn.models import MODELS
from refsbnn.network import BACKENDS

SPOKEN = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}


@dataclass(frozen=True)
class Data:
    """Data set, and how its inputs become spikes: "none" (real values), "rate" or "latency" over `steps` steps."""

    name: str = "digits"
    coding: str = "none"
    steps: int = 0

    def __post_init__(self) -> None:
        check_choice("data.name", self.name, ("digits",))
        check_choice("data.coding", self.coding, ("none", "rate", "latency"))
        if (self.coding == "none") != (self.steps == 0) or self.steps < 0:
            raise InputError(f"data.steps is {self.steps} with coding {self.coding!r}; a coding takes steps >= 1")


@dataclass(frozen=True)
class Objective:
    """KL weight as a multiple of 1/N, epochs of its linear warm-up, and weight of the bias penalty (theory 4.1)."""

    temperature: float = 1.0
    warmup: float = 0.0
    penalty: float = 0.0

    def __post_init__(self) -> None:
        at_least("objective", self, 0.0, "temperature", "warmup", "penalty")


@dataclass(frozen=True)
class Training:
    """Optimisation: `samples` are forward passes per example and step; `warmup` is in epochs.

    `backend` is the reference ("numpy") or the compiled kernels ("numba"), which agree to rounding, not to the bit.
    """

    epochs: int = 20
    batch: int = 64
    samples: int = 1
    optimiser: str = "adam"
    rate: float = 1e-2
    schedule: str = "cosine"
    warmup: float = 0.0
    clip: float = 1e9
    backend: str = "numpy"

    def __post_init__(self) -> None:
        at_least("training", self, 1, "epochs", "batch", "samples")
        at_least("training", self, 0.0, "rate", "warmup", "clip")
        check_choice("training.optimiser", self.optimiser, ("adam", "sgd"))
        check_choice("training.schedule", self.schedule, ("constant", "cosine"))
        check_choice("training.backend", self.backend, BACKENDS)


@dataclass(frozen=True)
class Evaluation:
    """How many sampled networks the predictive distribution averages."""

    samples: int = 32

    def __post_init__(self) -> None:
        at_least("evaluation", self, 1, "samples")


@dataclass(frozen=True)
class Config:
    """A whole run; `model` has the key `name` and the arguments of that function of `refsbnn.models`."""

    seed: int = 0
    data: Data = field(default_factory=Data)
    model: dict[str, Any] = field(default_factory=lambda: {"name": "mlp", "hidden": [64]})
    objective: Objective = field(default_factory=Objective)
    training: Training = field(default_factory=Training)
    evaluation: Evaluation = field(default_factory=Evaluation)

    def layers(self, classes: int) -> list[Layer]:
        """The layers of the model for a number of classes."""
        options = {key: value for key, value in self.model.items() if key != "name"}
        return MODELS[self.model["name"]](classes=classes, **options)

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionaries, for JSON."""
        return asdict(self)


def at_least(section: str, values: Any, lowest: float, *names: str) -> None:
    """Raise InputError if one of the named numbers is below `lowest` or not finite."""
    for name in names:
        value = getattr(values, name)
        if not lowest <= value < float("inf"):
            raise InputError(f"{section}.{name} is {value!r}; expected a finite number >= {lowest}")


def load(name: str, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration file, or one of those that ship (`shipped`), and apply overrides.

    Parameters
    ----------
    name : str
        A path to a TOML file, or a shipped name such as "digits_binary".
    overrides : sequence of str
        As "training.epochs=5"; values are written as in TOML, strings also without quotes.

    Raises
    ------
    InputError
        No such file, not TOML, an unknown key, a wrong type, or an impossible value.

    Examples
    --------
    >>> load("digits_binary", ["training.epochs=3"]).training.epochs
    3
    """
    path = Path(name)
    if name in shipped():
        text = resources.files(CONFIGURATIONS).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    elif path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"configuration {name} cannot be read: {error}") from None
    else:
        raise InputError(f"configuration {name!r} is no file; shipped: {', '.join(shipped())}")
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"configuration {name} is not valid TOML: {error}") from None
    for override in overrides:
        apply(tree, override)
    return read(tree)


def shipped() -> list[str]:
    """Names of the configurations that ship with the package."""
    return sorted(item.name[:-5] for item in resources.files(CONFIGURATIONS).iterdir() if item.name.endswith(".toml"))


def apply(tree: dict[str, Any], override: str) -> None:
    """Set "section.key=value" in a tree of dictionaries."""
    key, equals, written = override.partition("=")
    if not equals or not key.strip():
        raise InputError(f"override {override!r} is not of the form section.key=value")
    try:
        value = tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        value = written
    *sections, last = key.strip().split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise InputError(f"override {override!r}: {section!r} is not a section")
    tree[last] = value


def read(tree: dict[str, Any]) -> Config:
    """A Config from the dictionaries of a TOML file."""
    values: dict[str, Any] = {}
    defaults = Config()
    for key, value in tree.items():
        accept("", key, [item.name for item in fields(Config)])
        default = getattr(defaults, key)
        if key == "model":
            values[key] = read_model(value)
        elif is_dataclass(default):
            values[key] = replace(default, **read_section(key, value, default))  # type: ignore[type-var]
        else:
            values[key] = typed(key, value, default)
    return Config(**values)


def read_section(section: str, given: Any, defaults: Any) -> dict[str, Any]:
    """The keys of one section, checked against the fields and types of a dataclass instance."""
    table(section, given)
    names = [item.name for item in fields(defaults)]
    out = {}
    for key, value in given.items():
        accept(section, key, names)
        out[key] = typed(f"{section}.{key}", value, getattr(defaults, key))
    return out


def read_model(given: Any) -> dict[str, Any]:
    """The model section: a name, and that model's arguments; layer options are checked by the layers' own fields."""
    table("model", given)
    check_choice("model.name", given.get("name"), MODELS)
    signature = inspect.signature(MODELS[given["name"]]).parameters
    names = [name for name in signature if name != "classes"]
    options = {
        "units": LIF() if given["name"] == "spiking" else Spike(),
        "readout": LeakyReadout(),
        "weights": Dense(1),
    }
    out = {"name": given["name"]}
    for key, value in given.items():
        accept("model", key, ["name", *names])
        if key in options:
            read_section(f"model.{key}", value, options[key])
            replace(options[key], **value)  # the layer's own checks
        elif key != "name":
            kind = {"hidden": [1], "scale": 1.0}.get(key, 1)
            typed(f"model.{key}", value, kind)
        out[key] = value
    for name in names:
        if name in options:
            out.setdefault(name, {})
        elif name not in out and signature[name].default is inspect.Parameter.empty:
            raise InputError(f"model.{name} is missing; model {given['name']!r} needs it")
    return out


def table(section: str, given: Any) -> None:
    """Raise InputError unless a section is a table."""
    if not isinstance(given, dict):
        raise InputError(f"{section} is {given!r}; expected a table [{section}]")


def accept(section: str, key: str, names: Sequence[str]) -> None:
    """Raise InputError for an unknown key."""
    if key not in names:
        where = f"in [{section}]" if section else "at the top"
        raise InputError(f"unknown key {key!r} {where}; accepted: {', '.join(names)}")


def typed(name: str, value: Any, like: Any) -> Any:
    """`value` if it is of the type of `like` (an integer will do for a float); raises InputError otherwise."""
    wanted = type(like)
    if wanted is list:
        if isinstance(value, list) and value and all(type(item) is type(like[0]) and item > 0 for item in value):
            return value
        raise InputError(f"{name} is {value!r}; expected a list of positive integers")
    if wanted is float and type(value) is int:
        return float(value)
    if like is None or type(value) is wanted:
        return value
    raise InputError(f"{name} is {value!r}; expected {SPOKEN[wanted]}")
