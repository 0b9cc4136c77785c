"""What travels between layers: values (spikes or real numbers) or moments of pre-activations."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from refsbnn.fed import Fed
from refsbnn.sensitivity import Rows

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
    span : float
        Of values: how far a spike of the units that they come from moves them, 1 from {0,1} and 2 from {-1,+1}; 0 where
        no unit fired, as in the network's input.

    Examples
    --------
    >>> events = Signal("values", (5,), "binary", steps=20)
    >>> print(events)
    binary values of shape (5,) over 20 steps
    >>> driven = events.moments((3,), point=False)  # of three units, by a dense layer
    >>> print(driven.spikes("binary"))
    binary values of shape (3,) over 20 steps
    >>> print(events.values("real", (2, 3)))
    real values of shape (2, 3) over 20 steps
    """

    kind: Literal["values", "moments"]
    shape: tuple[int, ...]
    domain: Domain = "real"
    steps: int | None = None
    point: bool = False
    span: float = 0.0

    def __str__(self) -> str:
        what = f"{self.domain} values" if self.kind == "values" else "moments"
        what += " of point weights" if self.point else ""
        time = "" if self.steps is None else f" over {self.steps} steps"
        return f"{what} of shape {self.shape}{time}"

    def moments(self, shape: tuple[int, ...], *, point: bool) -> "Signal":
        """Moments of the given shape, over the same steps."""
        return Signal("moments", shape, "real", self.steps, point)

    def values(self, domain: Domain, shape: tuple[int, ...] | None = None) -> "Signal":
        """Values of the given domain (and shape), over the same steps, as the same spikes move them."""
        return Signal("values", self.shape if shape is None else shape, domain, self.steps, span=self.span)

    def spikes(self, domain: Domain) -> "Signal":
        """Spikes of the given domain, of units that this signal drives."""
        return replace(self.values(domain), span=2.0 if domain == "bipolar" else 1.0)


@dataclass
class Moments:
    """Mean and variance of pre-activations, or their gradients; and what the bias penalty needs (theory 4.11).

    Attributes
    ----------
    m, v : (..., *units) arrays
        v None for point weights (theory 3.18).
    fed : Fed
        The weights that feed the units; none in a gradient.
    rows : Rows or None
        In a gradient that of the sums over them, None where nothing depends on them.

    Examples
    --------
    >>> import numpy as np
    >>> Moments(np.zeros((2, 3)), np.ones((2, 3))).m.shape
    (2, 3)
    """

    m: np.ndarray
    v: Any
    fed: Fed = field(default_factory=Fed)
    rows: Rows | None = None
