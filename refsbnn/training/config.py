"""Training configurations: TOML files and key=value overrides, refused where they cannot be meant."""

import inspect
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from refsbnn.cli import CONFIGURATIONS
from refsbnn.data.options import Data
from refsbnn.errors import InputError, check_choice
from refsbnn.layers import LIF, Dense, Layer, LeakyReadout, Spike
from refsbnn.models import MODELS
from refsbnn.network import BACKENDS
from refsbnn.optim import SCHEDULES

SPOKEN = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}


@dataclass(frozen=True)
class Objective:
    """KL weight as a multiple of 1/N, epochs of its linear warm-up, weight of the bias penalty (theory 4.1).

    `kl` says whether a weight's KL counts "once", or for "each-draw" of its noise (theory 4.7).
    """

    temperature: float = 1.0
    warmup: float = 0.0
    penalty: float = 0.0
    kl: str = "once"

    def __post_init__(self) -> None:
        at_least("objective", self, 0.0, "temperature", "warmup", "penalty")
        check_choice("objective.kl", self.kl, ("once", "each-draw"))


@dataclass(frozen=True)
class Training:
    """Optimisation, and what is kept of it on the way.

    Attributes
    ----------
    epochs, batch : int
    samples : int
        Forward passes per example and step.
    optimiser : {"adam", "adamw", "sgd"}
    rate : float
        The learning rate's peak.
    momentum : float
        Of "sgd".
    weight_decay : float
        Of "adamw" and "sgd".
    schedule : {"constant", "cosine", "step"}
    warmup : float
        Epochs of linear rise of the learning rate.
    drops : list of int
        Epochs after which the schedule "step" multiplies the rate by `factor`.
    factor : float
    clip : float
        Largest norm of the gradient.
    patience : int
        Training ends when the validation score has not improved for so many epochs, and the best epoch's parameters are
        the result; 0 trains to the last epoch, whose parameters are the result.
    score : {"validation_nll", "validation_accuracy"}
        What `patience` watches.
    backend : {"numpy", "numba"}
        The reference or the compiled kernels, which agree to rounding, not to the bit.
    recompute : int
        As in `Network`: 0 keeps every layer's tape, n the input of each n layers.
    chunk : int
        As in `Network`: 0 runs all time steps at once, n that many at a time.
    monitor : int
        Firing rates, spreads of r and the bias penalty are recorded in every so many-th step of an epoch.
    checkpoint : float
        Minutes between checkpoints within an epoch; the end of an epoch always saves one.
    keep : int
        Checkpoints that stay.
    tensorboard : bool
        Whether the record also goes to files for TensorBoard.
    """

    epochs: int = 20
    batch: int = 64
    samples: int = 1
    optimiser: str = "adam"
    rate: float = 1e-2
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "cosine"
    warmup: float = 0.0
    drops: list[int] = field(default_factory=list)
    factor: float = 0.1
    clip: float = 1e9
    patience: int = 0
    score: str = "validation_nll"
    backend: str = "numpy"
    recompute: int = 0
    chunk: int = 0
    monitor: int = 1
    checkpoint: float = 10.0
    keep: int = 2
    tensorboard: bool = False

    def __post_init__(self) -> None:
        at_least("training", self, 1, "epochs", "batch", "samples", "monitor", "keep")
        at_least("training", self, 0.0, "rate", "momentum", "weight_decay", "warmup", "factor", "clip", "checkpoint")
        if not self.clip:
            raise InputError("training.clip is 0, which stops training; expected a number > 0 (default: no clipping)")
        at_least("training", self, 0, "patience", "recompute", "chunk")
        check_choice("training.optimiser", self.optimiser, ("adam", "adamw", "sgd"))
        check_choice("training.schedule", self.schedule, SCHEDULES)
        check_choice("training.score", self.score, ("validation_nll", "validation_accuracy"))
        check_choice("training.backend", self.backend, BACKENDS)
        if not self.momentum < 1.0:
            raise InputError(f"training.momentum is {self.momentum!r}; expected a number below 1")
        if self.weight_decay and self.optimiser == "adam":
            raise InputError("training.weight_decay needs training.optimiser = 'adamw' or 'sgd'; it is 'adam'")
        for name, needs, there in (
            ("momentum", "training.optimiser = 'sgd'", self.optimiser == "sgd"),
            ("factor", "training.schedule = 'step'", self.schedule == "step"),
            ("score", "training.patience >= 1", self.patience > 0),
        ):
            if getattr(self, name) != getattr(type(self), name) and not there:
                raise InputError(f"training.{name} is {getattr(self, name)!r}; it needs {needs}")
        if bool(self.drops) != (self.schedule == "step"):
            raise InputError(
                f"training.drops is {self.drops} with schedule {self.schedule!r}; the schedule 'step', and no other, "
                "takes the epochs after which the rate falls"
            )
        if sorted(set(self.drops)) != self.drops:
            raise InputError(f"training.drops is {self.drops}; expected epochs in ascending order")


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
    model: dict[str, Any] = field(default_factory=lambda: {"name": "mlp", "hidden": [64], "units": {}, "weights": {}})
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
    kind = "an integer" if type(lowest) is int else "a finite number"
    for name in names:
        value = getattr(values, name)
        if not lowest <= value < float("inf"):
            raise InputError(f"{section}.{name} is {value!r}; expected {kind} >= {lowest:g}")


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
    try:
        return read(tree)
    except InputError as error:
        raise InputError(f"configuration {name}: {error}") from None


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


def read_section(section: str, given: Any, defaults: Any, without: Sequence[str] = ()) -> dict[str, Any]:
    """The keys of one section, checked against the fields (but some) and types of a dataclass instance."""
    table(section, given)
    names = [item.name for item in fields(defaults) if item.name not in without]
    out = {}
    for key, value in given.items():
        accept(section, key, names)
        out[key] = typed(f"{section}.{key}", value, getattr(defaults, key))
    return out


def read_model(given: Any) -> dict[str, Any]:
    """The model section: a name, and that model's arguments; layer options are checked by the layers' own fields."""
    table("model", given)
    if "name" not in given:
        raise InputError(f"model.name is missing; accepted: {', '.join(map(repr, MODELS))}")
    check_choice("model.name", given["name"], MODELS)
    signature = inspect.signature(MODELS[given["name"]]).parameters
    names = [name for name in signature if name != "classes"]
    options = {
        "units": LIF() if given["name"].startswith("spiking") else Spike(),
        "readout": LeakyReadout(),
        "weights": Dense(1),
    }
    out = {"name": given["name"]}
    for key, value in given.items():
        accept("model", key, ["name", *names])
        if key in options:
            table(f"model.{key}", value)
            for each in alternatives(f"model.{key}", value):
                read_section(f"model.{key}", each, options[key], without=("out",))
                replace(options[key], **each)  # the layer's own checks
        elif key != "name":
            kind = {"hidden": [1], "channels": [1], "scale": 1.0}.get(key, 1)
            value = typed(f"model.{key}", value, kind)
            at_least_one(f"model.{key}", value)
        out[key] = value
    for name in names:
        if name in options:
            out.setdefault(name, {})
        elif name not in out and signature[name].default is inspect.Parameter.empty:
            raise InputError(f"model.{name} is missing; model {given['name']!r} needs it")
    return out


def alternatives(section: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    """A layer's options, once for each estimator where `member` lists one a layer."""
    members = options.get("member")
    if not isinstance(members, list):
        return [options]
    if not members:
        raise InputError(f"{section}.member is []; expected an estimator, or a list of one for each unit layer")
    return [{**options, "member": member} for member in members]


def at_least_one(name: str, value: Any) -> None:
    """Raise InputError for an integer below 1."""
    if type(value) is int and value < 1:
        raise InputError(f"{name} is {value}; expected an integer >= 1")


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
        lowest = 0 if name == "data.groups" else 1
        if isinstance(value, list) and (value or not like) and all(type(i) is int and i >= lowest for i in value):
            return value
        raise InputError(f"{name} is {value!r}; expected a list of integers >= {lowest}")
    if wanted is float and type(value) is int:
        return float(value)
    if like is None or type(value) is wanted:
        return value
    raise InputError(f"{name} is {value!r}; expected {SPOKEN[wanted]}")
