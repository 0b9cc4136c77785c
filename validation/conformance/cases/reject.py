"""Bad input, each a copy of a case with one thing spoilt: it has to be refused, with a reason.

The only output is `rejected`. A program that writes a results file writes 1 there; an adapter raises. Where the flags
name outputs ("hands-on:m"), NaN in each of those is as good, and of an infinite input ("infinity") infinity too: an
implementation on a GPU need not look. An infinity that rounds away to a finite answer everywhere names none.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from validation.conformance.cases import dynamics, linear, objective, units
from validation.conformance.schema import Case

Spoil = Callable[[np.ndarray], np.ndarray]


def negative(x: np.ndarray) -> np.ndarray:
    """The first number made negative."""
    out = x.copy()
    out.flat[0] = -0.5
    return out


def nan(x: np.ndarray) -> np.ndarray:
    """The first number made NaN."""
    out = x.copy()
    out.flat[0] = np.nan
    return out


def infinite(x: np.ndarray) -> np.ndarray:
    """The first number made infinite."""
    out = x.copy()
    out.flat[0] = np.inf
    return out


def below_all(x: np.ndarray) -> np.ndarray:
    """The first number made minus infinity."""
    return np.negative(infinite(-x))


def wide(x: np.ndarray) -> np.ndarray:
    """One number more in the last axis."""
    return np.concatenate([x, x[..., :1]], axis=-1)


def far(x: np.ndarray) -> np.ndarray:
    """A label beyond the classes."""
    out = x.copy()
    out.flat[0] = 99
    return out


def spoilt(case: Case, name: str, array: str, spoil: Spoil, *carriers: str) -> Case:
    """A case with one array spoilt."""
    arrays = {group: {k: spoil(y) if k == array else y for k, y in held.items()} for group, held in case.arrays.items()}
    dims = {k: axes for k, axes in case.dims.items() if k not in case.expected or k in case.given()} | {"rejected": ""}
    kind = ("infinity",) if spoil in (infinite, below_all) else ()
    flags = ("reject", "edge", *kind, *(f"hands-on:{output}" for output in carriers))
    return replace(
        case,
        id=f"reject.{case.op.name}_{name}",
        arrays=arrays,
        dims=dims,
        expected={"rejected": np.array(1, np.uint8)},
        scale={},
        bound={},
        flags=flags,
        bug_class=("unchecked-input",),
        source="refused by contract",
        min_margin=0.0,
        question="",
    )


def make() -> Iterator[Case]:
    """All of them."""
    dense = linear.dense("binary_linear", "binary", "linear")
    yield spoilt(dense, "negative_variance", "sigma2", negative)
    yield spoilt(dense, "wrong_width", "x", wide)
    yield spoilt(dense, "nan", "mu", nan, "m")
    yield spoilt(dense, "infinity", "mu", infinite, "m")
    yield spoilt(dense, "infinite_input", "x", below_all, "m")
    conv2d = linear.conv2d("binary_linear", "binary", "linear", 1, 1)
    yield spoilt(conv2d, "negative_variance", "sigma2", negative)
    yield spoilt(conv2d, "wrong_channels", "x", wide)
    yield spoilt(conv2d, "nan", "mu", nan, "m")
    yield spoilt(conv2d, "infinity", "mu", below_all, "m")
    unit = units.unit("gaussian", "trapezoid", "binary")
    yield spoilt(unit, "negative_variance", "v", negative)
    yield spoilt(unit, "wrong_shape", "v", wide)
    yield spoilt(unit, "nan", "m", nan, "dm")
    yield spoilt(unit, "infinity", "m", infinite)
    yield spoilt(unit, "minus_infinity", "m", below_all)
    yield spoilt(unit, "infinite_variance", "v", infinite)
    yield spoilt(unit, "infinite_cotangent", "g", infinite, "dm", "dv")
    base = {"reset": "hard", "accumulate": True, "reset_gradient": True, "member": "trapezoid"}
    neurons = dynamics.lif("reject", base, False)
    yield spoilt(neurons, "negative_variance", "v", negative)
    yield spoilt(neurons, "wrong_shape", "v", wide)
    yield spoilt(neurons, "nan", "m", nan, "M", "dm")
    yield spoilt(neurons, "infinity", "m", infinite, "M")
    categorical = next(case for case in objective.likelihoods() if case.op.name == "categorical")
    yield spoilt(categorical, "label_out_of_range", "labels", far)
    yield spoilt(categorical, "nan", "logits", nan, "loglik")
    yield spoilt(categorical, "infinity", "logits", infinite, "loglik")
    yield spoilt(categorical, "minus_infinity", "logits", below_all)
    divergence = next(objective.posterior())
    yield spoilt(divergence, "infinity", "rho", infinite, "kl")
    yield spoilt(divergence, "minus_infinity", "rho", below_all, "kl")
