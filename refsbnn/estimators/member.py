"""What a member of the IW-ST family is: a proposal to sample from and the slope its backward pass uses (theory 2.1)."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from refsbnn.errors import InputError, check_number
from refsbnn.noise import Noise

LARGEST = float(np.finfo(np.float64).max)
SMALLEST = float(np.finfo(np.float64).smallest_subnormal)
Given = np.ndarray | None  # uniforms, which most slopes do not look at


class Form(NamedTuple):
    """A slope that a compiled kernel can evaluate: its kind, of `refsbnn.kernels.slopes.FORMS`, and its numbers.

    Examples
    --------
    >>> from refsbnn import estimators
    >>> estimators.get("st").form.kind
    'affine'
    """

    kind: str
    numbers: tuple[float, ...] = ()


class Member(ABC):
    """An estimator of d/dr E[L(h)]: sample h, return L'(h) times `slope` (theory 2.1).

    The estimator is (dpi/dr) w(h) L'(h) with h drawn from the proposal q, w = dp/dq and p the member's target measure
    on [0, 1]; dpi/dr = f(r). `slope` is the product w f(r), which stays finite where w does not.

    All methods take float64 arrays of one shape (or shapes that broadcast) and return that shape. The uniforms are
    arguments: `u` is the one that made h, in [0, 1); `extra`, of shape (draws, *shape of r), are a member's own.

    Saturated units (theory 2.18): `slope` is finite for every finite r and every h, its true limit also where pi or
    1 - pi has underflowed and h is a state that cannot occur. `weight` is w clipped at the largest float64.
    Neither is ever NaN.

    A member is declared once, by its class; the rest of the project asks these attributes.

    Attributes
    ----------
    spelling : str
        Its name.
    aliases : tuple of str
        Other names of the same member.
    examples : tuple of str
        Spellings with numbers, which the tests of the family, the audit and the kernels' tests go through.
    proposal : {"bernoulli", "deterministic", "relaxed", "fixed", "own"}
        Law of the forward value: a spike of probability F(r); 1[r > 0]; F((r - F^-1(u)) / `temperature`); a function of
        u alone; any other, which the kernels cannot sample. A class with a `sample` of its own says which, or has
        "own".

    Examples
    --------
    >>> import numpy as np
    >>> from refsbnn import estimators, noise
    >>> st, r = estimators.get("st"), np.array([0.0, 1.0])
    >>> h = st.sample(r, np.array([0.4, 0.9]), noise.GAUSSIAN)
    >>> h, st.slope(h, r, noise.GAUSSIAN).round(4)
    (array([1., 0.]), array([0.3989, 0.242 ]))
    >>> st.weight(h, r, noise.GAUSSIAN), st.masses(r, noise.GAUSSIAN)[1].round(4)  # p1 = pi
    (array([1., 1.]), array([0.5   , 0.8413]))
    >>> st.name, st.form.kind, estimators.get("gr(tau=0.5,K=3)").draws, estimators.get("gs(tau=2)").temperature
    ('st', 'affine', 3, 2.0)
    """

    spelling: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[str, ...]] = ()
    proposal: ClassVar[str] = "bernoulli"

    def __init_subclass__(cls) -> None:
        if "sample" in vars(cls) and "proposal" not in vars(cls):
            cls.proposal = "own"

    @property
    def temperature(self) -> float:
        """Temperature of a relaxed proposal."""
        return 1.0

    @property
    def form(self) -> Form | None:
        """The slope for the kernels; None where only `slope` knows it."""
        return None

    @property
    def name(self) -> str:
        """The canonical spelling, which `refsbnn.estimators.get` reads back."""
        arguments = ",".join(f"{field.name}={spell(getattr(self, field.name))}" for field in fields(self))  # type: ignore[arg-type]
        return f"{self.spelling}({arguments})" if arguments else self.spelling

    @property
    def draws(self) -> int:
        """How many extra uniforms per unit `slope` and `weight` need."""
        return 0

    def check_number(self, name: str, accepts: Callable[[float], bool], expected: str) -> None:
        """Keep a parameter as a float; raise InputError unless it is a finite number that is accepted.

        Examples
        --------
        >>> from refsbnn import estimators
        >>> estimators.get("agr(tau=2)").check_number("tau", lambda tau: tau > 0.0, "a number above 0")
        """
        object.__setattr__(self, name, check_number(f"{self.spelling}: {name}", getattr(self, name), accepts, expected))

    def sample(self, r: np.ndarray, u: np.ndarray, noise: Noise) -> np.ndarray:
        """Return the forward value h in [0, 1]; here the spike z = 1[u < F(r)] (theory 1.1) as float64."""
        return (u < noise.cdf(r)).astype(np.float64)

    @abstractmethod
    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        """Return w f(r), what the backward pass multiplies dL/dh with to get dL/dr."""

    def weight(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        """Return the importance weight w = dp/dq at h."""
        with np.errstate(divide="ignore"):
            log_weight = np.log(self.slope(h, r, noise, u, extra)) - noise.log_pdf(r)
        return np.exp(np.minimum(log_weight, np.log(LARGEST)))

    def masses(self, r: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        """Return the target's masses (p0, p1) on {0, 1} (theory 2.3), for members whose target lies there.

        Raises
        ------
        InputError
            The target is not a measure on {0, 1}.
        """
        raise InputError(f"{self.name} has no target measure on {{0, 1}}")


class BinaryTarget(Member):
    """A member with proposal Bern(pi) and a target on {0, 1}: w = p1/pi or p0/(1 - pi) (theory 2.3).

    Examples
    --------
    >>> import numpy as np
    >>> from refsbnn import estimators, noise
    >>> member, spike, r = estimators.get("iwst(p=0.25)"), np.ones(1), np.zeros(1)
    >>> member.masses(r, noise.GAUSSIAN)
    (array([0.75]), array([0.25]))
    >>> member.weight(spike, r, noise.GAUSSIAN), member.slope(spike, r, noise.GAUSSIAN).round(4)  # w f
    (array([0.5]), array([0.1995]))
    """

    @abstractmethod
    def masses(self, r: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        """Return the target's masses (p0, p1) on {0, 1}."""

    def slope(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        """Return p1 f/F for a spike, p0 f/(1 - F) for none."""
        p0, p1 = self.masses(r, noise)
        return np.where(is_spike(h), p1 * noise.pdf_over_cdf(r), p0 * noise.pdf_over_sf(r))

    def weight(self, h: np.ndarray, r: np.ndarray, noise: Noise, u: Given = None, extra: Given = None) -> np.ndarray:
        """Return p1/pi for a spike, p0/(1 - pi) for none; 0 where mass and probability are both 0."""
        p0, p1 = self.masses(r, noise)
        return np.where(is_spike(h), clipped_ratio(p1, noise.cdf(r)), clipped_ratio(p0, noise.sf(r)))


def is_spike(h: np.ndarray) -> np.ndarray:
    """Whether a forward value on {0, 1} is a spike; indifferent to the rounding of narrower types."""
    return np.asarray(h) > 0.5


def clipped_ratio(mass: float | np.ndarray, probability: np.ndarray) -> np.ndarray:
    """mass / probability, clipped to finite numbers; 0 where both are 0."""
    with np.errstate(over="ignore"):
        return np.clip(mass / np.maximum(probability, SMALLEST), -LARGEST, LARGEST)


def spell(value: Any) -> str:
    """How a parameter is written inside a member's name."""
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, tuple):
        return "[" + ",".join(spell(item) for item in value) + "]"
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return repr(value)


def check_given(name: str, what: str, value: Given) -> np.ndarray:
    """Return an optional argument that this member cannot do without."""
    if value is None:
        raise InputError(f"{name} needs {what}; none was given")
    return np.asarray(value, dtype=np.float64)
