"""Members by name, spelt as in tables: "st", "agr(tau=0.5)", "gr(tau=1,K=4)"."""

import inspect
import re
from collections.abc import Callable
from functools import partial

from oracle import quadrature
from oracle.errors import InputError
from oracle.members import NAMED, Discrete
from oracle.quadrature import Relaxed

# What each name makes. The numbers it takes are the function's arguments; those of OTHERWISE are spelt differently.
MEMBERS: dict[str, Callable[..., Discrete | Relaxed]] = {
    **NAMED,
    "gs": quadrature.gs,
    "uniform": quadrature.uniform,
    "simpson": quadrature.simpson,
    "gauss2": quadrature.gauss2,
    **{kind: partial(quadrature.surrogate, kind) for kind in quadrature.SURROGATES},
}
OTHERWISE = {"draws": "K"}


def member(name: str) -> Discrete | Relaxed:
    """The member a name stands for.

    Parameters
    ----------
    name : str
        A name, with its numbers in parentheses where it has any; those left out take their defaults.

    Raises
    ------
    InputError
        Unknown name or number.

    Examples
    --------
    >>> member("agr(tau=0.5)").name
    'agr(tau=0.5)'
    """
    read = re.fullmatch(r"\s*([a-z0-9-]+)\s*(?:\((.*)\))?\s*", name) if isinstance(name, str) else None
    if not read or read[1] not in MEMBERS:
        raise InputError(f"member {name!r} is unknown; accepted: {', '.join(MEMBERS)}")
    make = MEMBERS[read[1]]
    accepted = {OTHERWISE.get(each, each): each for each in inspect.signature(make).parameters if each != "kind"}
    numbers: dict[str, float] = {}
    for part in (read[2] or "").split(",") if (read[2] or "").strip() else []:
        key, _, value = (word.strip() for word in part.partition("="))
        if key not in accepted:
            raise InputError(f"member {name!r} has the parameter {key!r}; accepted: {', '.join(accepted) or 'none'}")
        try:
            numbers[accepted[key]] = int(value) if key == "K" else float(value)
        except ValueError:
            raise InputError(f"member {name!r}: {key} is {value!r}; expected a number") from None
    try:
        return make(**numbers)
    except TypeError:
        raise InputError(f"member {name!r} lacks a parameter; it takes {', '.join(accepted)}") from None
