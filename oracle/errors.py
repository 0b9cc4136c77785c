"""What a user's mistake looks like: one line that names the thing, what was given and what is accepted."""

from collections.abc import Sequence
from typing import Any

import numpy as np


class InputError(ValueError):
    """Input the oracle cannot use, or a network too large for it.

    Examples
    --------
    >>> import oracle
    >>> oracle.mix(2.0)
    Traceback (most recent call last):
        ...
    oracle.errors.InputError: lam is 2.0; expected a number in [0, 1]
    """


def choice(name: str, value: Any, accepted: Sequence[str]) -> None:
    """Raise `InputError` unless `value` is one of the accepted words."""
    if value not in accepted:
        raise InputError(f"{name} is {value!r}; accepted: {', '.join(accepted)}")


def flag(name: str, value: Any) -> None:
    """Raise `InputError` unless `value` is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} is {value!r}; accepted: True or False")


def number(name: str, value: Any, *, lowest: float | None = None, above: float | None = None) -> float:
    """Return `value` as a float after checking that it is finite, >= `lowest` and > `above`."""
    wanted = f"a number >= {lowest:g}" if lowest is not None else f"a number > {above:g}" if above is not None else ""
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {value!r}; expected {wanted or 'a number'}") from None
    low = lowest is not None and result < lowest
    if not np.isfinite(result) or low or (above is not None and result <= above):
        raise InputError(f"{name} is {value!r}; expected {wanted or 'a finite number'}")
    return result


def array(name: str, value: Any, shape: Sequence[int | None], *, lowest: float | None = None) -> np.ndarray:
    """Return a read-only float64 copy of `value` after checking shape, finiteness and range.

    Parameters
    ----------
    name : str
        What the message calls the array.
    value : array_like
    shape : sequence of int or None
        Expected shape; None in a place accepts any length >= 1 there.
    lowest : float, optional
        The smallest accepted entry.

    Raises
    ------
    InputError
        Not numeric, wrong shape, NaN or infinite, or below `lowest`.
    """
    try:
        result = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} is not an array of real numbers ({type(value).__name__} given)") from None
    lengths = ", ".join("any" if length is None else str(length) for length in shape)
    wanted = f"({lengths},)" if len(shape) == 1 else f"({lengths})"
    matches = result.ndim == len(shape) and all(
        given >= 1 if length is None else given == length for length, given in zip(shape, result.shape, strict=False)
    )
    if not matches:
        raise InputError(f"{name} has shape {result.shape}; expected {wanted}")
    if not np.isfinite(result).all():
        raise InputError(f"{name} holds NaN or infinity; expected finite numbers")
    if lowest is not None and result.min() < lowest:
        raise InputError(f"{name} holds {result.min():g}; expected numbers >= {lowest:g}")
    result.setflags(write=False)
    return result
