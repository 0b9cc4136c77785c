"""The section [data] of a configuration."""

from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from refsbnn.errors import InputError, check_choice, check_integer
from refsbnn.streams import Streams

LARGEST = 2**31


@dataclass(frozen=True)
class Data:
    """Data set, how its inputs become spikes, what is held out, and how training examples are moved.

    Attributes
    ----------
    name : str
        One of `refsbnn.data.sources.SETS`, whose record says what else it takes.
    root : str
        Folder in which the official files lie.
    coding : {"none", "rate", "latency"}
        Of real inputs: as they are, or as spikes over `steps` steps.
    steps : int
        Time steps.
    bin_ms : float
        Width of a time step of events in milliseconds; 0 cuts each recording into `steps` equal parts.
        Events after the last of the `steps` are left out.
    held_out : float
        Part of the training examples that is for validation, chosen by a fixed permutation.
    groups : list of int
        Speakers or users that are for validation instead, whole.
    downsample : int
        So many pixels a side become one.
    merge : bool
        Whether both polarities are one channel.
    denoise_ms : float
        Events without another one around them so shortly before are left out; 0 keeps all.
    side : int
        Pixels a side to which pictures of any size are brought.
    delay, shift, jitter, drop, mirror, time_jitter, roll, cutout, stretch, blend
        As in `refsbnn.data.spikes.Augment`; for images `shift` pads and crops.
    """

    name: str = "digits"
    root: str = "data"
    coding: str = "none"
    steps: int = 0
    bin_ms: float = 0.0
    held_out: float = 0.1
    groups: list[int] = field(default_factory=list)
    downsample: int = 1
    merge: bool = False
    denoise_ms: float = 0.0
    side: int = 32
    delay: int = 0
    shift: int = 0
    jitter: float = 0.0
    drop: float = 0.0
    mirror: bool = False
    time_jitter: float = 0.0
    roll: int = 0
    cutout: int = 0
    stretch: float = 0.0
    blend: float = 0.0

    def __post_init__(self) -> None:
        from refsbnn.data.sources import SETS  # whose members take these options

        check_choice("data.name", self.name, SETS)
        for number, group in enumerate(self.groups):
            check_integer(f"data.groups[{number}]", group, 0)
        check_choice("data.coding", self.coding, ("none", "rate", "latency"))
        known = ("name", *SETS[self.name].keys)
        for item in fields(self):
            default = item.default_factory() if callable(item.default_factory) else item.default
            if item.name not in known and getattr(self, item.name) != default:
                raise InputError(f"data.{item.name} is not for {self.name!r}; accepted: {', '.join(known)}")
        for name in ("steps", "bin_ms", "denoise_ms", "delay", "shift", "jitter", "time_jitter", "roll", "cutout"):
            if not 0 <= getattr(self, name) < LARGEST:
                raise InputError(f"data.{name} is {getattr(self, name)!r}; expected a number from 0 to below 2^31")
        for name in ("downsample", "side"):
            check_integer(f"data.{name}", getattr(self, name), 1)
        for name in ("held_out", "drop", "stretch", "blend"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise InputError(f"data.{name} is {getattr(self, name)!r}; expected a number from 0 to below 1")
        if "coding" in known and (self.coding == "none") != (self.steps == 0):
            raise InputError(f"data.steps is {self.steps} with coding {self.coding!r}; a coding takes steps >= 1")
        if "bin_ms" in known and self.steps < 1:
            raise InputError(f"data.steps is {self.steps}; {self.name} takes steps >= 1")

    @property
    def folder(self) -> Path:
        """The root as a path, with ~ for the home folder."""
        return home(Path(self.root))

    def parts(self, examples: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the training examples for training and for validation, by a fixed permutation."""
        order = Streams(0).permutation(examples, step=0)
        count = round(self.held_out * examples)
        if count == examples:
            raise InputError(f"data.held_out is {self.held_out:g}, which leaves no examples for train")
        return np.sort(order[count:]), np.sort(order[:count])


def home(path: Path) -> Path:
    """A path with ~ for the home folder; raises InputError where there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise InputError(f"{path} begins with the home folder of a user who has none here") from None
