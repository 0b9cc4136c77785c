"""Layers as plain dictionaries, for files that say which network they hold."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_args

from refsbnn import layers as package
from refsbnn.errors import InputError, check_choice, check_integer, refusing
from refsbnn.layers.layer import Layer
from refsbnn.layers.signal import Domain, Signal

_PUBLIC = (getattr(package, name) for name in package.__all__)
KINDS: dict[str, type[Layer]] = dict(
    sorted((item.kind, item) for item in _PUBLIC if issubclass(item, Layer) and item is not Layer)
)


def describe(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """Each layer's kind and options.

    Examples
    --------
    >>> describe([package.Spike("st")])
    [{'kind': 'spike', 'member': 'st', 'noise': 'gaussian', 'domain': 'binary'}]
    """
    out = []
    for layer in layers:
        options = {item.name: getattr(layer, item.name) for item in fields(layer)}
        if "branch" in options:
            options["branch"] = describe(options["branch"])
        out.append({"kind": layer.kind, **options})
    return out


def signal_of(given: dict[str, Any]) -> Signal:
    """The input of a description, as `dataclasses.asdict` made it.

    Raises
    ------
    InputError, TypeError
        What no input is.

    Examples
    --------
    >>> str(signal_of({"kind": "values", "shape": [3], "domain": "binary", "steps": 5}))
    'binary values of shape (3,) over 5 steps'
    """
    signal = Signal(**given | {"shape": tuple(given["shape"])})
    check_choice("kind", signal.kind, ("values",))
    check_choice("domain", signal.domain, get_args(Domain))
    for number, size in enumerate(signal.shape):
        check_integer(f"shape[{number}]", size, 1)
    if signal.steps is not None:
        check_integer("steps", signal.steps, 1)
    check_choice("point", signal.point, (False,))
    check_choice("span", signal.span, (0.0,))
    return signal


def build(descriptions: Sequence[dict[str, Any]]) -> list[Layer]:
    """The layers of a description.

    Raises
    ------
    InputError
        An unknown kind or option, or an impossible value.

    Examples
    --------
    >>> build([{"kind": "dense", "out": 3}])[0].out
    3
    """
    out = []
    for number, given in enumerate(descriptions):
        if not isinstance(given, dict):
            raise InputError(f"layer {number} is {given!r}; expected its kind and options")
        options = dict(given)
        kind = options.pop("kind", None)
        check_choice(f"layer {number}: kind", kind, KINDS)
        if "branch" in options:
            options["branch"] = tuple(build(options["branch"]))
        with refusing(f"layer {number}, {kind}", TypeError):
            out.append(KINDS[kind](**options))
    return out
