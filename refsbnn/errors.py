"""What a user's mistake looks like: one line that names the thing, what was given and what is accepted."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


class InputError(ValueError):
    """Input that cannot be used. The command line prints its one line and exits with code 2."""


def check_choice(name: str, value: Any, accepted: Iterable[Any]) -> None:
    """Raise `InputError` unless `value` is one of `accepted`.

    >>> check_choice("reset", "hard", ("hard", "soft"))
    >>> check_choice("reset", "none", ("hard", "soft"))
    Traceback (most recent call last):
    refsbnn.errors.InputError: reset is 'none'; accepted: 'hard', 'soft'
    """
    options = list(accepted)
    if value not in options:
        raise InputError(f"{name} is {value!r}; accepted: {', '.join(map(repr, options))}")


def check_array(
    name: str, value: Any, shape: Sequence[int | None] | None = None, *, nonnegative: bool = False
) -> np.ndarray:
    """Return `value` as a float64 array after checking shape, finiteness and sign.

    Parameters
    ----------
    name : str
        What the error message calls the array.
    value : array_like
    shape : sequence of int or None, optional
        Expected shape; None in a place accepts any length there.
    nonnegative : bool
        Whether negative entries are refused.

    Raises
    ------
    InputError
        Not numeric, wrong shape, not finite, or negative where that is refused.
    """
    try:
        if np.iscomplexobj(value):
            raise TypeError
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} is not a numeric array (a {type(value).__name__} was given)") from None
    if shape is not None:
        fits = array.ndim == len(shape) and all(
            want is None or want == have for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits:
            wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
            raise InputError(f"{name} has shape {array.shape}; expected {wanted}")
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinity; expected finite numbers")
    if nonnegative and (array < 0).any():
        raise InputError(f"{name} holds the negative value {array.min():g}; expected numbers >= 0")
    return array
