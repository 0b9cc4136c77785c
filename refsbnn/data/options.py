"""The section [data] of a configuration."""

from dataclasses import dataclass

from refsbnn.errors import InputError, check_choice


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
