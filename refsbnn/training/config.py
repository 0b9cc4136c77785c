"""Training configurations: TOML files and key=value overrides, refused where they cannot be meant."""

import tomllib
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin, get_type_hints

from refsbnn import configurations
from refsbnn.data.options import Data
from refsbnn.errors import InputError, check_choice, check_integer, check_number, refusing
from refsbnn.layers import LIF, Dense, LeakyReadout, Spike
from refsbnn.models import MODELS, Mlp, Model
from refsbnn.network import BACKENDS
from refsbnn.optim import SCHEDULES
from refsbnn.sensitivity import KINDS

DEEPEST = 3  # sections in sections
LONGEST = 1000  # entries of a list; dots in a line, as the reader of TOML takes time and memory by their square
LARGEST = 1 << 17  # bytes of a file
SPOKEN: dict[Any, str] = {
    int: "an integer",
    float: "a number",
    str: "a string",
    bool: "true or false",
    list[int]: "a list of integers",
}


@dataclass(frozen=True)
class Objective:
    """KL weight as a multiple of 1/N, epochs of its linear warm-up, weight of the bias penalty (theory 4.1).

    `kl` says whether a weight's KL counts "once", or for "each-draw" of its noise (theory 4.7); `penalty_kind` whether
    the penalty is the "sensitivity" derived from the bias (theory 4.15) or the "norm" of the weights (theory 4.5);
    `prior` whether its variance is "fixed" by the layers or "fitted" to each layer's posterior (theory 4.18).
    """

    temperature: float = 1.0
    warmup: float = 0.0
    penalty: float = 0.0
    kl: str = "once"
    penalty_kind: str = "sensitivity"
    prior: str = "fixed"

    def __post_init__(self) -> None:
        not_negative("objective", self, "temperature", "warmup", "penalty")
        check_choice("objective.kl", self.kl, ("once", "each-draw"))
        check_choice("objective.penalty_kind", self.penalty_kind, KINDS)
        check_choice("objective.prior", self.prior, ("fixed", "fitted"))


@dataclass(frozen=True)
class Training:
    """Optimisation, and what is kept of it on the way.

    Attributes
    ----------
    epochs, batch : int
    shards : int
        Parts into which a batch is cut, the most ranks that can share it. A run's bits depend on their number, and on
        that of the ranks not at all; one process takes them one after the other, in less memory.
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
    shards: int = 1
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
        for name in ("epochs", "batch", "shards", "samples", "monitor", "keep"):
            check_integer(f"training.{name}", getattr(self, name), 1)
        for name in ("patience", "recompute", "chunk"):
            check_integer(f"training.{name}", getattr(self, name), 0)
        for number, epoch in enumerate(self.drops):
            check_integer(f"training.drops[{number}]", epoch, 1)
        not_negative("training", self, "rate", "weight_decay", "warmup", "factor", "checkpoint")
        check_number("training.clip", self.clip, lambda clip: clip > 0.0, "a number > 0 (default: no clipping)")
        check_number("training.momentum", self.momentum, lambda rho: 0.0 <= rho < 1.0, "a number from 0 to below 1")
        check_choice("training.optimiser", self.optimiser, ("adam", "adamw", "sgd"))
        check_choice("training.schedule", self.schedule, SCHEDULES)
        check_choice("training.score", self.score, ("validation_nll", "validation_accuracy"))
        check_choice("training.backend", self.backend, BACKENDS)
        if self.shards > self.batch:
            raise InputError(f"training.shards is {self.shards}; expected 1 to training.batch, {self.batch}")
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
        check_integer("evaluation.samples", self.samples, 1)


def not_negative(section: str, values: Objective | Training, *names: str) -> None:
    """Raise InputError if one of the named numbers of a section is below zero or not finite."""
    for name in names:
        check_number(f"{section}.{name}", getattr(values, name), lambda value: value >= 0.0, "a finite number >= 0")


@dataclass(frozen=True)
class Config:
    """A whole run."""

    seed: int = 0
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=lambda: Mlp(hidden=[64]))
    objective: Objective = field(default_factory=Objective)
    training: Training = field(default_factory=Training)
    evaluation: Evaluation = field(default_factory=Evaluation)

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionaries, for JSON."""
        return asdict(self) | {"model": {"name": self.model.name, **asdict(self.model)}}

    def as_toml(self) -> str:
        """A TOML file that `load` reads as this very configuration, with every default written out."""
        import tomli_w

        return tomli_w.dumps(self.as_dict())


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
        text = (resources.files(configurations) / f"{name}.toml").read_text(encoding="utf-8")
    elif path.is_file():
        with refusing(f"configuration {name} cannot be read", OSError, UnicodeDecodeError), path.open("rb") as file:
            text = file.read(LARGEST + 1).decode()
    else:
        raise InputError(f"configuration {name!r} is no file; shipped: {', '.join(shipped())}")
    with refusing(f"configuration {name} is not valid TOML", ValueError, RecursionError):
        tree = parsed(text)
    for override in overrides:
        apply(tree, override)
    with refusing(f"configuration {name}"):
        return read(tree)


def parsed(text: str) -> dict[str, Any]:
    """The tree of a TOML text.

    Raises
    ------
    ValueError, RecursionError
        No TOML, more of it than a configuration has, numbers of thousands of digits, brackets in brackets.
    """
    if len(text) > LARGEST:
        raise ValueError(f"it has more than {LARGEST} bytes")
    if max((line.count(".") for line in text.splitlines()), default=0) > LONGEST:
        raise ValueError(f"it has a line of more than {LONGEST} dots")
    return tomllib.loads(text)


def shipped() -> list[str]:
    """Names of the configurations that ship with the package."""
    return sorted(item.name[:-5] for item in resources.files(configurations).iterdir() if item.name.endswith(".toml"))


def apply(tree: dict[str, Any], override: str) -> None:
    """Set "section.key=value" in a tree of dictionaries."""
    key, equals, written = override.partition("=")
    if not equals or not key.strip() or len(override.splitlines()) > 1:
        raise InputError(f"override {override!r} is not of the form section.key=value")
    try:
        value = parsed(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        value = written
    except (ValueError, RecursionError) as error:
        raise InputError(f"override {override!r} cannot be read: {error}") from None
    *sections, last = key.strip().split(".", DEEPEST + 1)
    if len(sections) > DEEPEST:
        raise InputError(f"override {override!r} names a section in more than {DEEPEST} others")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise InputError(f"override {override!r}: {section!r} is not a section")
    tree[last] = value


def read(tree: dict[str, Any]) -> Config:
    """A Config from the dictionaries of a TOML file."""
    return Config(**read_section("", tree, Config))


def read_section(section: str, given: Any, kind: type, without: Sequence[str] = ()) -> dict[str, Any]:
    """The arguments of a dataclass from a table: checked against its fields, but some, and their annotations."""
    if not isinstance(given, dict):
        raise InputError(f"{section} is {given!r}; expected a table [{section}]")
    known = {item.name: item for item in fields(kind) if item.name not in without}
    hints, dot = get_type_hints(kind, include_extras=True), "." if section else ""
    out: dict[str, Any] = {}
    for key, value in given.items():
        if key not in known:
            where = f"in [{section}]" if section else "at the top"
            raise InputError(f"unknown key {key!r} {where}; accepted: {', '.join(known)}")
        out[key] = read_value(f"{section}{dot}{key}", value, hints[key])
    for name, item in known.items():
        if name not in out and item.default is MISSING and item.default_factory is MISSING:
            raise InputError(f"{section}{dot}{name} is missing; expected {SPOKEN[hints[name]]}")
    return out


def read_value(name: str, value: Any, hint: Any) -> Any:
    """The value of a key by its field's annotation: a section of its own, options of layers, or a plain value."""
    if get_origin(hint) is Annotated:
        return read_options(name, value, hint.__metadata__[0])
    if hint is Model:
        return read_model(value)
    if isinstance(hint, type) and is_dataclass(hint):
        return hint(**read_section(name, value, hint))
    return typed(name, value, hint)


def read_model(given: Any) -> Model:
    """The model of the section [model]: its name, and the fields of that model."""
    if not isinstance(given, dict) or "name" not in given:
        raise InputError(f"model.name is missing; accepted: {', '.join(map(repr, MODELS))}")
    check_choice("model.name", given["name"], MODELS)
    kind = MODELS[given["name"]]
    return kind(**read_section("model", {key: value for key, value in given.items() if key != "name"}, kind))


def read_options(section: str, given: Any, like: Dense | LeakyReadout | LIF | Spike) -> dict[str, Any]:
    """Options of layers, checked by the layer's own fields; `member` may list an estimator for each layer of units."""
    members = given.get("member") if isinstance(given, dict) else None
    if members == []:
        raise InputError(f"{section}.member is []; expected an estimator, or a list of one for each unit layer")
    for each in [given | {"member": member} for member in members] if isinstance(members, list) else [given]:
        replace(like, **read_section(section, each, type(like), without=("out",)))
    return given


def typed(name: str, value: Any, hint: Any) -> Any:
    """`value` if it is of the annotated type (an integer will do for a float); raises InputError otherwise."""
    wanted = str if get_origin(hint) is Literal else hint
    if isinstance(value, list) and len(value) > LONGEST:
        raise InputError(f"{name} has {len(value)} entries; accepted: up to {LONGEST}")
    if wanted == list[int]:
        fits = isinstance(value, list) and all(type(each) is int for each in value)
    else:
        fits = type(value) is wanted or (wanted is float and type(value) is int)
    if not fits:
        raise InputError(f"{name} is {value!r}; expected {SPOKEN[wanted]}")
    if wanted is not float:
        return value
    with refusing(name, OverflowError):  # an integer may have hundreds of digits
        return float(value)
