"""What travels between layers: values (spikes or real numbers) or moments of pre-activations."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Domain = Literal["binary", "bipolar", "real"]


@dataclass(frozen=True)
class Signal:
    """The type of what a layer takes or gives, known before any data.

    Attributes
    ----------
    kind : {"values", "moments"}
    shape : tuple of int
        Without batch and time.
    domain : {"binary", "bipolar", "real"}
        Of values; "real" for moments.
    steps : int or None
        Length of the leading axis of time, None where there is none.
    """

    kind: Literal["values", "moments"]
    shape: tuple[int, ...]
    domain: Domain = "real"
    steps: int | None = None

    def __str__(self) -> str:
        what = f"{self.domain} values" if self.kind == "values" else "moments"
        time = "" if self.steps is None else f" over {self.steps} steps"
        return f"{what} of shape {self.shape}{time}"

    def moments(self, shape: tuple[int, ...]) -> "Signal":
        """Moments of the given shape, over the same steps."""
        return Signal("moments", shape, "real", self.steps)

    def values(self, domain: Domain, shape: tuple[int, ...] | None = None) -> "Signal":
        """Values of the given domain (and shape), over the same steps."""
        return replace(self, kind="values", domain=domain, shape=self.shape if shape is None else shape)


@dataclass
class Moments:
    """Mean and variance of pre-activations, and the squared norm of the weight means that feed each unit.

    As a gradient it holds the gradients of the three. m, v (..., *units); norm2 (units on the last axis,), which the
    bias penalty needs (theory 4.5).
    """

    m: np.ndarray
    v: np.ndarray
    norm2: np.ndarray
