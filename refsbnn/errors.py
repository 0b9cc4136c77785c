"""What a user's mistake looks like: one line that names the thing, what was given and what is accepted."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np


class InputError(ValueError):
    """Input that cannot be used. The command line prints its one line and exits with code 2.

    Examples
    --------
    >>> from refsbnn import noise
    >>> noise.get("uniform")
    Traceback (most recent call last):
        ...
    refsbnn.errors.InputError: noise is 'uniform'; accepted: 'gaussian', 'logistic'
    """


@contextmanager
def refusing(what: str, *kinds: type[Exception]) -> Iterator[None]:
    """Make exceptions of these kinds an `InputError` of `what` and the reason; one that is already raised stays.

    Without kinds it is an `InputError` that gets `what` before its line.

    >>> with refusing("layer 0.dense"):
    ...     check_integer("out", 0, 1)
    Traceback (most recent call last):
    refsbnn.errors.InputError: layer 0.dense: out is 0; expected an integer >= 1
    """
    try:
        yield
    except InputError as error:
        if kinds:
            raise
        raise InputError(f"{what}: {error}") from None
    except kinds as error:
        reason = getattr(error, "strerror", None) or str(error)  # HDF5's have several lines
        raise InputError(f"{what}: {' '.join(reason.split())}") from None


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


def check_integer(name: str, value: Any, lowest: int, highest: int = 2**31 - 1) -> None:
    """Raise `InputError` unless `value` is an integer, and not a bool, from `lowest` to `highest`.

    >>> check_integer("batch", 0, 1)
    Traceback (most recent call last):
    refsbnn.errors.InputError: batch is 0; expected an integer >= 1
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < lowest:
        raise InputError(f"{name} is {value!r}; expected an integer >= {lowest}")
    if value > highest:
        raise InputError(f"{name} is {value!r}; expected an integer up to {highest}")


def check_number(name: str, value: Any, accepts: Callable[[float], bool], expected: str) -> float:
    """Return `value` as a float; raise `InputError` unless it is a finite number, and not a bool, that is accepted.

    >>> check_number("beta", 1.5, lambda beta: 0.0 <= beta <= 1.0, "a number from 0 to 1")
    Traceback (most recent call last):
    refsbnn.errors.InputError: beta is 1.5; expected a number from 0 to 1
    """
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    try:
        number = float(value) if is_number else math.nan
    except OverflowError:  # an integer may have hundreds of digits
        number = math.nan
    if not (math.isfinite(number) and accepts(number)):
        raise InputError(f"{name} is {value!r}; expected {expected}")
    return number


def check_shape(name: str, shape: tuple[int, ...], accepted: Sequence[int | None]) -> None:
    """Raise `InputError` unless a shape is the accepted one, in which None stands for any length.

    >>> check_shape("x", (2, 3), (None, 4))
    Traceback (most recent call last):
    refsbnn.errors.InputError: x has shape (2, 3); expected (any, 4)
    """
    if len(shape) != len(accepted) or any(n not in (None, have) for n, have in zip(accepted, shape, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in accepted)
        raise InputError(f"{name} has shape {shape}; expected ({wanted})")


def check_array(
    name: str,
    value: Any,
    shape: Sequence[int | None] | None = None,
    *,
    nonnegative: bool = False,
    positive: bool = False,
) -> np.ndarray:
    """Return `value` as a float64 array after checking shape, finiteness and sign.

    Parameters
    ----------
    name : str
        What the error message calls the array.
    value : array_like
    shape : sequence of int or None, optional
        Expected shape; None in a place accepts any length there.
    nonnegative, positive : bool
        Whether negative entries are refused, and zeros too.

    Raises
    ------
    InputError
        Not numeric, wrong shape, not finite, or of a sign that is refused.
    """
    try:
        if np.iscomplexobj(value):
            raise TypeError
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} is not a numeric array (a {type(value).__name__} was given)") from None
    if shape is not None:
        check_shape(name, array.shape, shape)
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinity; expected finite numbers")
    if nonnegative and (array < 0).any():
        raise InputError(f"{name} holds the negative value {array.min():g}; expected numbers >= 0")
    if positive and (array <= 0).any():
        raise InputError(f"{name} holds {array.min():g}; expected numbers > 0")
    return array
