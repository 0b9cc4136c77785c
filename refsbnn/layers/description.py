"""Layers as plain dictionaries, for files that say which network they hold."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from refsbnn.errors import InputError, check_choice
from refsbnn.layers.layer import Layer
from refsbnn.layers.linear import Conv2d, Dense
from refsbnn.layers.readout import LeakyReadout, SampledReadout
from refsbnn.layers.residual import Residual
from refsbnn.layers.shape import AveragePool, Flatten, MaxPool
from refsbnn.layers.units import LIF, Spike

KINDS: dict[str, type[Layer]] = {
    kind.kind: kind
    for kind in (AveragePool, Conv2d, Dense, Flatten, LIF, LeakyReadout, MaxPool, Residual, SampledReadout, Spike)
}


def describe(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """Each layer's kind and options.

    Examples
    --------
    >>> describe([Spike("st")])
    [{'kind': 'spike', 'member': 'st', 'noise': 'gaussian', 'domain': 'binary'}]
    """
    out = []
    for layer in layers:
        options = {item.name: getattr(layer, item.name) for item in fields(layer)}  # type: ignore[arg-type]
        if isinstance(layer, Residual):
            options["branch"] = describe(layer.branch)
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
        try:
            out.append(KINDS[kind](**options))
        except TypeError as error:
            raise InputError(f"layer {number}, {kind}: {error}") from None
    return out
