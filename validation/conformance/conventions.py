"""Which convention a failing implementation follows: its results against the answers to other options.

Libraries differ where a paper leaves a choice: whether a soft reset is subtracted before or after the decay, whether
the gradient flows through it, whether a loss is a mean or a sum. A case asks for one of them; results that are exact
for another one say more than a list of wrong numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from validation.conformance.adapters import DTYPES
from validation.conformance.answers import worked_out
from validation.conformance.judge import ROUNDINGS, Outcome, judge
from validation.conformance.schema import Case

# The options whose other values are tried, one at a time and then in pairs.
CHOICES: dict[str, dict[str, tuple[Any, ...]]] = {
    "lif_deterministic": {
        "reset": ("subtract", "zero", "none"),
        "reset_order": ("after-decay", "before-decay", "after-input"),
        "reset_gradient": (True, False),
        "current_order": ("input-first", "membrane-first"),
        "refractory_kind": ("hold", "mute"),
        "output_delay": (0, 1),
        "height": ("published", "peak", "area"),
        "at_threshold": ("silent", "spike"),
    },
    "surrogate": {"height": ("published", "peak", "area"), "at_threshold": ("silent", "spike")},
    "loss": {"reduce": ("mean", "sum"), "per_step": (True, False)},
    "clip": {"kind": ("norm", "each_norm", "value"), "epsilon": (0.0, 1e-6)},
    "schedule": {"first": (0, 1)},
    "sgd": {"nesterov": (False, True), "rate_in": ("step", "velocity"), "dampening": (0.0,), "weight_decay": (0.0,)},
    "adam": {"decay_in": ("parameter", "gradient"), "weight_decay": (0.0,)},
    "dense": {"variance": ("linear", "quadratic")},
    "conv2d": {"variance": ("linear", "quadratic")},
    "lif": {"reset": ("hard", "soft"), "reset_gradient": (True, False), "accumulate": (True, False)},
    "leaky_readout": {"reduce": ("mean", "max", "last")},
    "residual_add": {"accumulate": (True, False)},
}
Change = dict[str, Any]


def changes(op: str, options: Mapping[str, Any]) -> list[Change]:
    """Other options, one at a time.

    >>> changes("loss", {"kind": "mse", "reduce": "mean"})
    [{'reduce': 'sum'}]
    """
    optional = {"nesterov", "rate_in", "dampening", "decay_in"}  # an optimiser's case may leave them out
    found = [
        {name: value}
        for name, values in CHOICES.get(op, {}).items()
        for value in values
        if (name in options or name in optional) and options.get(name, values[0]) != value
    ]
    if op == "lif_deterministic":
        one_less = 1.0 - options["beta"]
        found.append({"input_gain": 1.0 if options["input_gain"] != 1.0 else one_less})
    if op == "surrogate":
        found += [{"shape": spec} for spec in scaled(options["shape"])]
    return found


def scaled(spec: str) -> Iterator[str]:
    """A shape with twice, half and the inverse of its scale, and with 1.

    >>> list(scaled("arctan(scale=4)"))
    ['arctan(scale=8)', 'arctan(scale=2)', 'arctan(scale=0.25)', 'arctan(scale=1)']
    """
    name, _, rest = spec.rstrip(")").partition("(")
    numbers = [part.split("=") for part in rest.split(",") if part]
    for key in ("scale", "sigma", "width"):
        for change in (lambda x: 2.0 * x, lambda x: 0.5 * x, lambda x: 1.0 / x, lambda x: 1.0):
            if key in dict(numbers):
                pairs = (f"{k}={change(float(x)):.17g}" if k == key else f"{k}={x}" for k, x in numbers)
                yield f"{name}({','.join(pairs)})"


def explain(case: Case, results: Any, outcome: Outcome, dtype: str) -> Outcome:
    """A failing outcome with the convention that the results follow, where one is found.

    Parameters
    ----------
    case : Case
    results : mapping of arrays
    outcome : Outcome
        As `judge` gave it.
    dtype : str

    Returns
    -------
    Outcome
        With `convention`: "fails as reset_order after-decay, passes as reset_order before-decay".
    """
    if outcome.verdict != "fail" or not well_formed(case, results):
        return outcome
    singles = changes(case.op.name, case.op.options)
    pairs = [{**a, **b} for a, b in combinations(singles, 2) if not set(a) & set(b)]
    core = [change for change in singles if set(change) <= {"reset", "reset_order", "reset_gradient", "output_delay"}]
    triples = [{**a, **b, **c} for a, b, c in combinations(core, 3) if len({*a, *b, *c}) == 3]
    for change in (*singles, *pairs, *triples):
        other = asked(case, change)
        if other is not None and judge(other, results, dtype).verdict == "pass":
            if unused(change):
                return replace(outcome, message=f"{outcome.message}; its number has no effect: {told(case, change)}")
            return replace(outcome, convention=told(case, change))
    if case.op.name == "surrogate":  # a factor is taken up by the learning rate: a normalisation
        for change in ({}, *singles):
            other = asked(case, change) if change else case
            factor = None if other is None else constant_factor(other, results, dtype)
            if factor is not None:
                words = f"{told(case, change)}, times" if change else "fails as published, passes times"
                return replace(outcome, convention=f"{words} {factor:.6g}")
    return outcome


def unused(change: Change) -> bool:
    """Whether a shape's number is read as 1: that is no way to write it, but a number that nothing is done with.

    >>> unused({"shape": "fast-sigmoid(scale=1)"}), unused({"reduce": "sum"})
    (True, False)
    """
    return str(change.get("shape", "")).endswith(("scale=1)", "sigma=1)", "width=1)"))


def told(case: Case, change: Change) -> str:
    """A change of options in words."""
    first = {name: values[0] for name, values in CHOICES[case.op.name].items()}
    old = ", ".join(f"{name} {({**first, **case.op.options})[name]}" for name in change)
    return f"fails as {old}, passes as " + ", ".join(f"{name} {value}" for name, value in change.items())


def well_formed(case: Case, results: Any) -> bool:
    """Whether there is an array of the right shape for each output."""
    return isinstance(results, Mapping) and all(
        isinstance(results.get(name), np.ndarray | np.generic) and np.shape(results[name]) == y.shape
        for name, y in case.expected.items()
    )


def asked(case: Case, change: Change) -> Case | None:
    """The case with other options and their answers; None where they mean nothing together."""
    options = {**case.op.options, **change}
    try:
        expected, scale, bound = worked_out(case.op.name, {**case.given(), **case.arrays["noise"]}, options)
    except (ValueError, KeyError, ArithmeticError):
        return None
    return replace(case, expected=expected, scale=scale, bound=bound)


def constant_factor(case: Case, results: Mapping[str, Any], dtype: str) -> float | None:
    """The number that every gradient is times what is expected; None where there is no such number."""
    eps = DTYPES[dtype][0]
    found: list[float] = []
    for name, expected in case.expected.items():
        given = np.asarray(results[name])
        if expected.dtype.kind != "f":
            if given.dtype != expected.dtype or (given != expected).any():
                return None
            continue
        given = given.astype(np.float64)
        at = np.unravel_index(int(np.abs(expected).argmax()), expected.shape)
        factor = float(given[at] / expected[at]) if expected[at] else 0.0
        # The factor itself is off by the roundings of the number it was read from.
        allowed = (
            ROUNDINGS[dtype] * eps * abs(factor) * (case.scale[name] + np.abs(expected) * (case.scale[name][at] + 1))
        )
        if not np.isfinite(factor) or factor == 0.0 or not (np.abs(given - factor * expected) <= allowed + eps).all():
            return None
        found.append(factor)
    return found[0] if found else None
