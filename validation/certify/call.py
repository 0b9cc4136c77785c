"""One call of the stranger's code: what it gets, what it has to return, and what it does with the uniforms."""

import inspect
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle.noise import NOISES, Noise
from refsbnn.errors import InputError
from validation.certify.networks import Loss, Standard, one_unit, plain

Estimator = Callable[..., Any]
SAME = 1e-5  # relative: float32 codes round by 1e-7 a step
HALVINGS = 30
CUTS = (1.0 / 6.0, 0.5, 5.0 / 6.0)  # of the uniforms of Simpson's rule and of two nodes (theory 2.12)
AGAIN = 24  # calls: units of probability 1/2 that draw for themselves agree in all of them once in 2^23


@dataclass(frozen=True)
class Convention:
    """How the code draws: its noise, the values of its units, and on which side of the uniforms it spikes.

    `cuts` are those of the uniforms where what is sent on lies between the states, whatever r is; else there are none.
    """

    noise: str
    domain: str
    below: bool
    cuts: tuple[float, ...] = ()

    @property
    def law(self) -> Noise:
        """The noise."""
        return NOISES[self.noise]

    @property
    def unit(self) -> float:
        """dy/dz: 1, or 2 for bipolar units (theory 1.4)."""
        return 2.0 if self.domain == "bipolar" else 1.0

    def value(self, z: np.ndarray) -> np.ndarray:
        """A unit's value, of a number in [0, 1]."""
        return 2.0 * z - 1.0 if self.domain == "bipolar" else z

    def uniforms(self, u: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Uniforms for which a unit spikes if u < pi, as the code wants them."""
        return [np.array(each if self.below else 1.0 - each) for each in u]

    def told(self) -> str:
        """In words."""
        values = "-1 and +1" if self.domain == "bipolar" else "0 and 1"
        if self.cuts:
            return f"values between {values} whatever r is, {self.noise} noise"
        return f"units {values}, {self.noise} noise, spike where u {'< pi' if self.below else '> 1 - pi'}"


def name_of(fn: Any) -> str:
    """What messages call it."""
    return getattr(fn, "__name__", type(fn).__name__)


def call(fn: Estimator, net: Standard, u: Sequence[np.ndarray], loss: Loss) -> dict[str, np.ndarray]:
    """The estimate for one draw, as float64.

    Raises
    ------
    InputError
        An exception inside, a parameter missing or unknown, a wrong shape, a number that is not finite.
    """
    given = {key: value.copy() for key, value in net.parameters.items()}
    try:
        found = fn(given, net.x.copy(), [each.copy() for each in u], loss)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise InputError(
            f"{name_of(fn)} raised {type(error).__name__} at {where.filename}:{where.lineno}: {error}"
        ) from error
    if not isinstance(found, dict) or set(found) != set(given):
        what = ", ".join(map(str, found)) if isinstance(found, dict) else f"a {type(found).__name__}"
        raise InputError(f"{name_of(fn)} returned {what}; expected a dict of gradients {', '.join(given)}")
    out = {}
    for key, value in found.items():
        try:
            out[key] = plain(value)
        except (TypeError, ValueError):
            raise InputError(f"{name_of(fn)}: gradient {key} is a {type(value).__name__}; expected an array") from None
        if out[key].shape != given[key].shape:
            raise InputError(f"{name_of(fn)}: gradient {key} has shape {out[key].shape}; expected {given[key].shape}")
        if not np.isfinite(out[key]).all():
            raise InputError(f"{name_of(fn)}: gradient {key} holds NaN or infinity; expected finite numbers")
    return out


def forward(fn: Estimator, net: Standard, u: float) -> float:
    """The value that the one unit sends on, read from the first logits that the loss is asked about."""
    loss = Loss("affine")
    call(fn, net, [np.array([u])], loss)
    if not loss.seen:
        raise InputError(f"{name_of(fn)} never asked the loss; expected a call of loss(y) or loss.gradient(y)")
    w, b = net.parameters["w1"][:, 0], net.parameters["b1"]
    h = float(w @ (loss.seen[0] - b) / (w @ w))
    if np.abs(w * h + b - loss.seen[0]).max() > SAME * (1.0 + np.abs(loss.seen[0]).max()):
        raise InputError(f"{name_of(fn)} asked the loss about {loss.seen[0]}; expected w1 h + b1 of one number h")
    return h


def repeats(fn: Estimator) -> bool:
    """Whether two calls with the same uniforms give the same.

    Raises
    ------
    InputError
        It cannot be called with (parameters, x, uniforms, loss).
    """
    if not callable(fn):
        raise InputError(f"{name_of(fn)} is no function; expected one of (parameters, x, uniforms, loss)")
    try:
        inspect.signature(fn).bind(1, 2, 3, 4)
    except TypeError as error:
        raise InputError(f"{name_of(fn)}: {error}; expected a function of (parameters, x, uniforms, loss)") from None
    except ValueError:  # a builtin does not tell its signature; the call will
        pass
    for r in (-0.1, 0.1):
        first, *others = (call(fn, one_unit(r), [np.array([0.3])], Loss("softmax")) for _ in range(AGAIN))
        if any((first[key] != again[key]).any() for again in others for key in first):
            return False
    return True


def convention(fn: Estimator) -> Convention:
    """Find out how the code draws.

    Raises
    ------
    InputError
        Its units are none of theory 1.1 and 1.4.
    """
    net = one_unit(1.0)
    low, high = forward(fn, net, 2.0**-30), forward(fn, net, 1.0 - 2.0**-20)
    ends = sorted((low, high))
    domain = next((d for d, e in (("binary", 0.0), ("bipolar", -1.0)) if np.allclose(ends, [e, 1.0], atol=0.01)), None)
    if domain is None:
        raise InputError(
            f"{name_of(fn)}: the unit's value is {low:.4g} at u near 0 and {high:.4g} near 1 where r = 1; "
            "expected a spike and none: 0 and 1, or -1 and +1"
        )
    middle, left, right = sum(ends) / 2.0, 0.0, 1.0
    for _ in range(HALVINGS):
        u = (left + right) / 2.0
        left, right = (u, right) if (forward(fn, net, u) > middle) == (low > middle) else (left, u)
    below = low > middle
    pi = left if below else 1.0 - left
    laws = {name: float(law.cdf(np.ones(1))[0]) for name, law in NOISES.items()}
    noise = next((name for name, p in laws.items() if abs(p - pi) < SAME), None)
    if noise is None:
        known = ", ".join(f"{p:.6f} ({name})" for name, p in laws.items())
        raise InputError(f"{name_of(fn)}: the unit spikes with probability {pi:.6f} at r = 1; expected {known}")
    return Convention(noise, domain, below)
