"""Layers as plain dictionaries, for files that say which network they hold."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from refsbnn import layers as package
from refsbnn.errors import InputError, check_choice, refusing
from refsbnn.layers.layer import Layer

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
