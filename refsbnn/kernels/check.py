"""What reaches a kernel: contiguous arrays of one float type, spikes as events or bytes, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numba import njit, prange

from refsbnn.errors import InputError, check_choice
from refsbnn.events import Events
from refsbnn.kernels.simd import LANES, address, aligned_zeros, load, select_less, store
from refsbnn.reference.moments import DOMAINS, LOWEST, VARIANCES

CHUNK = 1 << 16  # entries that a task looks at
_every_entry = ContextVar("whether check_float looks at every entry", default=True)
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def float_type(name: str, value: Any) -> np.dtype:
    """The type of the array that decides a call's precision."""
    dtype = getattr(value, "dtype", None)
    if dtype not in FLOATS:
        raise InputError(f"{name} has type {dtype}; accepted: float32, float64")
    return dtype


def check_float(
    name: str, value: Any, shape: tuple[int | None, ...], dtype: np.dtype, *, nonnegative: bool = False
) -> np.ndarray:
    """`value`, a contiguous array of that type and shape, finite, without negatives where they are refused."""
    if not isinstance(value, np.ndarray) or value.dtype != dtype or not value.flags.c_contiguous:
        form = "" if not isinstance(value, np.ndarray) or value.flags.c_contiguous else " that is not contiguous"
        given = f"a {type(value).__name__} of type {getattr(value, 'dtype', 'unknown')}{form}"
        raise InputError(f"{name} is {given}; expected a contiguous array of {dtype}")
    if value.ndim != len(shape) or any(n not in (None, have) for n, have in zip(shape, value.shape, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise InputError(f"{name} has shape {value.shape}; expected ({wanted})")
    if not _every_entry.get():
        return value
    if not is_finite(value):
        raise InputError(f"{name} holds NaN or infinity; expected finite numbers")
    if nonnegative and value.size and _least(value.reshape(-1)) < 0:
        raise InputError(f"{name} holds the negative value {value.min():g}; expected numbers >= 0")
    return value


@contextmanager
def checked_once() -> Iterator[None]:
    """Inside, `check_float` looks at types and shapes, not at every entry: for arrays that kernels have just made."""
    token = _every_entry.set(False)
    try:
        yield
    finally:
        _every_entry.reset(token)


def is_finite(value: np.ndarray) -> bool:
    """Whether no entry is NaN or infinite. A finite sum proves it in one fast pass; only otherwise look at each."""
    if not value.size:
        return True
    return bool(np.isfinite(_sum(value.reshape(-1)))) or bool(np.isfinite(value).all())


@njit(cache=True, parallel=True, error_model="numpy")
def _sum(flat):
    """Sum of all entries; only whether it is finite matters, so each task adds in vectors of its own.

    Parameters
    ----------
    flat : (n,) float
    """
    tasks = (len(flat) + CHUNK - 1) // CHUNK
    parts = np.zeros(tasks, flat.dtype)
    for task in prange(tasks):
        parts[task] = _sum_chunk(flat, task * CHUNK, min((task + 1) * CHUNK, len(flat)))
    return parts.sum()


@njit(cache=True, error_model="numpy")
def _sum_chunk(flat, first, last):
    """Sum of entries first to last.

    Parameters
    ----------
    flat : (n,) float
    first, last : int
    """
    lanes = aligned_zeros(LANES, flat.dtype)
    data, total = address(flat), load(lanes, 0)
    for i in range(first, last - LANES + 1, LANES):
        total = total + load(data, i)
    store(lanes, 0, total)
    for i in range(last - (last - first) % LANES, last):
        lanes[0] += flat[i]
    return lanes.sum()


@njit(cache=True, parallel=True, error_model="numpy")
def _least(flat):
    """The smallest entry.

    Parameters
    ----------
    flat : (n,) float, n > 0
    """
    tasks = (len(flat) + CHUNK - 1) // CHUNK
    parts = np.zeros(tasks, flat.dtype)
    for task in prange(tasks):
        parts[task] = _least_chunk(flat, task * CHUNK, min((task + 1) * CHUNK, len(flat)))
    return parts.min()


@njit(cache=True, error_model="numpy")
def _least_chunk(flat, first, last):
    """The smallest of entries first to last.

    Parameters
    ----------
    flat : (n,) float
    first, last : int, first < last
    """
    lanes = aligned_zeros(LANES, flat.dtype)
    data = address(flat)
    lanes[:] = flat[first]
    least = load(lanes, 0)
    for i in range(first, last - LANES + 1, LANES):
        value = load(data, i)
        least = select_less(value, least, value, least)
    store(lanes, 0, least)
    for i in range(last - (last - first) % LANES, last):
        lanes[0] = min(lanes[0], flat[i])
    return lanes.min()


def check_weights(
    mu: Any, sigma2: Any, bias_mu: Any, bias_sigma2: Any, ndim: int
) -> tuple[np.ndarray, Any, np.ndarray, Any]:
    """The weights of a linear layer, all of mu's type; an absent bias is zero with variance zero.

    Point weights (theory 3.18) have neither sigma2 nor bias_sigma2.
    """
    dtype = float_type("mu", mu)
    mu = check_float("mu", mu, (None,) * ndim, dtype)
    zero = np.zeros(len(mu), dtype)
    bias_mu = zero if bias_mu is None else check_float("bias_mu", bias_mu, zero.shape, dtype)
    if sigma2 is None:
        if bias_sigma2 is not None:
            raise InputError("bias_sigma2 is given without sigma2; point weights have neither")
        return mu, None, bias_mu, None
    sigma2 = check_float("sigma2", sigma2, mu.shape, dtype, nonnegative=True)
    if bias_sigma2 is None:
        return mu, sigma2, bias_mu, zero
    return mu, sigma2, bias_mu, check_float("bias_sigma2", bias_sigma2, zero.shape, dtype, nonnegative=True)


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
