"""What travels between layers: values (spikes or real numbers) or moments of pre-activations."""

from dataclasses import dataclass
from typing import Any, Literal

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
    point : bool
        Of moments: whether they come from point weights and so have no variance (theory 3.18).
    """

    kind: Literal["values", "moments"]
    shape: tuple[int, ...]
    domain: Domain = "real"
    steps: int | None = None
    point: bool = False

    def __str__(self) -> str:
        what = f"{self.domain} values" if self.kind == "values" else "moments"
        what += " of point weights" if self.point else ""
        time = "" if self.steps is None else f" over {self.steps} steps"
        return f"{what} of shape {self.shape}{time}"

    def moments(self, shape: tuple[int, ...], *, point: bool) -> "Signal":
        """Moments of the given shape, over the same steps."""
        return Signal("moments", shape, "real", self.steps, point)

    def values(self, domain: Domain, shape: tuple[int, ...] | None = None) -> "Signal":
        """Values of the given domain (and shape), over the same steps."""
        return Signal("values", self.shape if shape is None else shape, domain, self.steps)


@dataclass
class Moments:
    """Mean and variance of pre-activations, and the squared norm of the weight means that feed each unit.

    As a gradient it holds the gradients of the three. m, v (..., *units), v None for point weights (theory 3.18); norm2
    (units on the last axis,), which the bias penalty needs (theory 4.5).
    """

    m: np.ndarray
    v: Any
    norm2: np.ndarray
