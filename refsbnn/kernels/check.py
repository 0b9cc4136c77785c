"""What reaches a kernel: contiguous arrays of one float type, spikes as events or bytes, and nothing else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import numpy as np

from refsbnn.errors import InputError, check_array, check_choice, check_shape
from refsbnn.events import Events
from refsbnn.reference.moments import DOMAINS, LOWEST, VARIANCES

_every_entry = ContextVar("whether check_float looks at every entry", default=True)
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def float_type(name: str, value: Any) -> np.dtype:
    """The type of the array that decides a call's precision."""
    dtype = getattr(value, "dtype", None)
    if dtype not in FLOATS:
        raise InputError(f"{name} has type {dtype}; accepted: float32, float64")
    return dtype


def like(name: str, value: Any) -> Callable[..., np.ndarray]:
    """`check_float` for arrays of the type of the one that decides a call's precision."""
    return partial(check_float, dtype=float_type(name, value))


def check_float(
    name: str,
    value: Any,
    shape: tuple[int | None, ...] | None = None,
    dtype: np.dtype | None = None,
    *,
    nonnegative: bool = False,
) -> np.ndarray:
    """`value`, a contiguous array of that type and shape, finite, without negatives where they are refused.

    Without a type either float type will do, without a shape any.
    """
    dtype = float_type(name, value) if dtype is None else dtype
    if not isinstance(value, np.ndarray) or value.dtype != dtype or not value.flags.c_contiguous:
        form = "" if not isinstance(value, np.ndarray) or value.flags.c_contiguous else " that is not contiguous"
        given = f"a {type(value).__name__} of type {getattr(value, 'dtype', 'unknown')}{form}"
        raise InputError(f"{name} is {given}; expected a contiguous array of {dtype}")
    if shape is not None:
        check_shape(name, value.shape, shape)
    if _every_entry.get():
        check_array(name, value, nonnegative=nonnegative)
    return value


@contextmanager
def checked_once() -> Iterator[None]:
    """Inside, `check_float` looks at types and shapes, not at every entry: for arrays that kernels have just made."""
    token = _every_entry.set(False)
    try:
        yield
    finally:
        _every_entry.reset(token)


def are_spikes(x: Any) -> bool:
    """Whether x holds spikes by its type: events, or an array of bytes."""
    return isinstance(x, Events) or getattr(x, "dtype", None) in (np.uint8, np.bool_)


def check_values(x: Any, features: int, dtype: np.dtype, domain: str, variance: str) -> Any:
    """Inputs (..., features) of a linear layer: events, bytes 0 and 1 (the upper state is 1), or floats of `dtype`."""
    check_choice("domain", domain, DOMAINS)
    check_choice("variance", variance, VARIANCES)
    if isinstance(x, Events) and domain != "binary":
        raise InputError(f"x holds events but the domain is {domain!r}; accepted: 'binary'")
    if are_spikes(x):
        if x.ndim < 1 or x.shape[-1] != features:
            raise InputError(f"x has shape {x.shape}; expected (..., {features})")
        return x if isinstance(x, Events) else check_bytes("x", x, domain)
    shape = np.shape(x)
    x = check_float("x", x, (*shape[:-1], features), dtype)
    if domain != "real" and x.size and (x.min() < LOWEST[domain] or x.max() > 1.0):
        raise InputError(
            f"x holds values from {x.min():g} to {x.max():g}; {domain} ones lie in [{LOWEST[domain]:g}, 1]"
        )
    return x


def check_bytes(name: str, x: np.ndarray, domain: str = "binary") -> np.ndarray:
    """Contiguous bytes 0 and 1."""
    if domain == "real":
        raise InputError(f"{name} holds spikes but the domain is 'real'; accepted: 'binary', 'bipolar'")
    if not x.flags.c_contiguous:
        raise InputError(f"{name} is not contiguous; expected a contiguous array of {x.dtype}")
    x = x.view(np.uint8)
    if x.size and x.max() > 1:
        raise InputError(f"{name} holds {x.max()}; spikes are 0 or 1")
    return x
