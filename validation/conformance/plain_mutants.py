"""Planted bugs of what has no noise: neurons, slopes, losses, clipping, schedules; and of what is to be refused."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refsbnn.errors import InputError
from refsbnn.reference import lif, unit
from validation.conformance.adapters import reference_deterministic as plain
from validation.conformance.mutant import GIVEN, Mutant, Patch, wrapped


def other(function: str, change: Callable[[Any], dict[str, Any]]) -> Callable[[], list[Patch]]:
    """An operation run with other options than it was asked for."""
    return lambda: [wrapped(plain, function, lambda f, o, a: f({**o, **change(o)}, a))]


def refractory_short(o: Any) -> dict[str, Any]:
    return {"refractory": max(o["refractory"] - 1, 0)}


def unscaled(x: np.ndarray, o: Any, f: Callable[..., np.ndarray]) -> np.ndarray:
    """A slope whose scale is read as 1."""
    name, numbers = plain.spelling(o["shape"])
    known = {k: 1.0 if k == "scale" else value for k, value in numbers.items()}
    text = ",".join(f"{k}={value}" for k, value in known.items())
    return f(x, {**o, "shape": f"{name}({text})" if text else name})


def one_sided(x: np.ndarray, o: Any, f: Callable[..., np.ndarray]) -> np.ndarray:
    """A slope below the threshold alone."""
    return np.where(x > 0, 0.0, f(x, o))


def nan_at_zero(f: Any, g: Any, z: Any, m: Any, v: Any, *a: Any, **k: Any) -> Any:
    """The straight-through unit without a case of its own for v = 0."""
    dm, dv = f(g, z, m, v, *a, **k)
    return (np.where(v == 0, np.nan, dm), dv) if k["member"] == "st" else (dm, dv)


def unrefused(f: Any, m: Any, v: Any, *a: Any, **k: Any) -> Any:
    """A negative variance taken for a positive one."""
    return f(m, np.abs(v), *a, **k)


def capped(f: Any, m: Any, v: Any, *a: Any, **k: Any) -> Any:
    """An infinite mean or variance taken for a large number, which every type has."""
    m, v = (np.nan_to_num(y, nan=np.nan, posinf=1e30, neginf=-1e30) for y in (m, v))
    return f(m, v, *a, **k)


def without_a_reason(f: Any, *a: Any, **k: Any) -> Any:
    """A refusal that says nothing."""
    try:
        return f(*a, **k)
    except InputError:
        raise ValueError from None


PLAIN = (
    Mutant(
        "soft reset before the decay",
        "decay-after-reset",
        GIVEN,
        other("lif_deterministic", lambda o: {"reset_order": "before-decay"}),
    ),
    Mutant(
        "reset of the input as well",
        "decay-after-reset",
        GIVEN,
        other("lif_deterministic", lambda o: {"reset_order": "after-input"}),
    ),
    Mutant(
        "reset without its gradient",
        "reset-gradient",
        GIVEN,
        other("lif_deterministic", lambda o: {"reset_gradient": False}),
    ),
    Mutant("spike at V = theta", "tie", GIVEN, other("lif_deterministic", lambda o: {"at_threshold": "spike"})),
    Mutant(
        "current one step late",
        "synaptic-current",
        GIVEN,
        other("lif_deterministic", lambda o: {"current_order": "membrane-first"}),
    ),
    Mutant("input without its gain", "input-gain", GIVEN, other("lif_deterministic", lambda o: {"input_gain": 1.0})),
    Mutant("rest one step short", "refractory", GIVEN, other("lif_deterministic", refractory_short)),
    Mutant(
        "slope whose scale is not read",
        "surrogate-scale",
        GIVEN,
        lambda: [wrapped(plain, "slope", lambda f, x, o: unscaled(x, o, f))],
    ),
    Mutant(
        "slope on one side",
        "surrogate-shape",
        GIVEN,
        lambda: [wrapped(plain, "slope", lambda f, x, o: one_sided(x, o, f))],
    ),
    Mutant(
        "sum for mean in a loss",
        "loss-scale",
        GIVEN,
        other("loss", lambda o: {"reduce": "sum" if o["reduce"] == "mean" else "mean"}),
    ),
    Mutant("each gradient clipped by itself", "clip-joint", GIVEN, other("clip", lambda o: {"kind": "each_norm"})),
    Mutant(
        "schedule one step late",
        "schedule-step",
        GIVEN,
        lambda: [wrapped(plain, "rate", lambda f, step, o: f(step + 1, o))],
    ),
    Mutant("momentum without Nesterov", "sign", GIVEN, other("sgd", lambda o: {"nesterov": False})),
    Mutant(
        "NaN of a straight-through unit at v = 0",
        "zero-variance",
        GIVEN,
        lambda: [wrapped(unit, "backward", nan_at_zero)],
    ),
    Mutant(
        "negative variance taken",
        "unchecked-input",
        GIVEN,
        lambda: [wrapped(unit, "forward", unrefused), wrapped(lif, "forward", unrefused)],
    ),
    Mutant(
        "infinity taken for a number",
        "unchecked-input",
        GIVEN,
        lambda: [wrapped(unit, "forward", capped), wrapped(lif, "forward", capped)],
    ),
    Mutant("refusal without a reason", "unchecked-input", GIVEN, lambda: [wrapped(unit, "forward", without_a_reason)]),
)
