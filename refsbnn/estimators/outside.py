"""Estimators outside the family, for comparison: identity straight-through and deterministic surrogate gradients."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from refsbnn.errors import check_choice, check_number
from refsbnn.estimators.member import BinaryTarget, Form, Given, Member, clipped_ratio, spell
from refsbnn.noise import Noise

SURROGATES = ("fast-sigmoid", "arctan", "triangular")


@dataclass(frozen=True)
class IdentitySt(BinaryTarget):
    """`identity-st`: slope 1, the factor dpi/dr left out (theory 2.16). As a measure: p1 = pi/f, p0 = (1 - pi)/f.

    Examples
    --------
    >>> import numpy as np
    >>> from refsbnn import noise
    >>> IdentitySt().slope(np.ones(2), np.array([0.0, 3.0]), noise.GAUSSIAN)
    array([1., 1.])
    """

    spelling: ClassVar[str] = "identity-st"
    examples: ClassVar[tuple[str, ...]] = ("identity-st",)

    @property
    def form(self) -> Form:
        return Form("constant")

    def masses(self, r: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        f = noise.pdf(r)
        return clipped_ratio(noise.sf(r), f), clipped_ratio(noise.cdf(r), f)

    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        return np.ones(np.broadcast_shapes(np.shape(h), np.shape(r)))

    def weight(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        return clipped_ratio(self.slope(h, r, noise), noise.pdf(r))


@dataclass(frozen=True)
class Surrogate(Member):
    """Deterministic spikes z = 1[r > 0] with a surrogate slope in r (theory 2.17), as spiking networks are trained.

    - `fast-sigmoid(scale=k)`: 1 / (1 + k |r|)^2 (Zenke and Ganguli 2018)
    - `arctan(scale=k)`: (k/2) / (1 + (pi k r / 2)^2) (Fang et al. 2021)
    - `triangular(scale=k)`: max(0, 1 - k |r|) (Esser et al. 2016, Bellec et al. 2018)

    Parameters
    ----------
    kind : str
        One of the three names.
    scale : float
        k > 0, in units of 1/r.

    Examples
    --------
    >>> import numpy as np
    >>> from refsbnn import estimators, noise
    >>> estimators.get("fast-sigmoid(scale=1)").slope(np.ones(2), np.array([0.0, 1.0]), noise.GAUSSIAN)
    array([1.  , 0.25])
    """

    proposal: ClassVar[str] = "deterministic"
    kind: str
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_choice("surrogate: kind", self.kind, SURROGATES)
        check_number(f"{self.kind}: scale", self.scale, lambda scale: scale > 0.0, "a number > 0")
        object.__setattr__(self, "scale", float(self.scale))

    @property
    def name(self) -> str:
        return f"{self.kind}(scale={spell(self.scale)})"

    @property
    def form(self) -> Form:
        return Form(self.kind, (self.scale,))

    def sample(self, r: np.ndarray, u: np.ndarray, noise: Noise) -> np.ndarray:
        return np.array(np.greater(r, 0.0), dtype=np.float64)

    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        x = self.scale * np.abs(r)
        # Written as squares of quotients, which underflow where the squares of sums would overflow.
        if self.kind == "fast-sigmoid":
            value = np.square(1.0 / (1.0 + x))
        elif self.kind == "arctan":
            value = 0.5 * self.scale * np.square(1.0 / np.hypot(1.0, 0.5 * np.pi * x))
        else:
            value = np.maximum(0.0, 1.0 - x)
        return np.broadcast_to(value, np.broadcast_shapes(np.shape(h), np.shape(r)))
