"""Members by name, spelt as in tables: "st", "agr(tau=0.5)", "gr(tau=1,K=4)"."""

import re
from collections.abc import Callable

from oracle import members, quadrature
from oracle.errors import InputError
from oracle.members import Discrete
from oracle.quadrature import Relaxed

# What each name makes, and which numbers it takes: the name in the spelling, the name of the function's argument.
MEMBERS: dict[str, tuple[Callable[..., Discrete | Relaxed], dict[str, str]]] = {
    "st": (members.st, {}),
    "iwst": (members.iwst, {"p": "p"}),
    "mix": (members.mix, {"lam": "lam"}),
    "trapezoid": (members.trapezoid, {}),
    "agr": (members.agr, {"tau": "tau"}),
    "gr": (members.gr, {"tau": "tau", "K": "draws"}),
    "st-gs": (members.st_gs, {"tau": "tau"}),
    "identity-st": (members.identity_st, {}),
    "gs": (quadrature.gs, {"tau": "tau"}),
    "uniform": (quadrature.uniform, {}),
    "simpson": (quadrature.simpson, {}),
    "gauss2": (quadrature.gauss2, {}),
    **{
        kind: (lambda scale=1.0, kind=kind: quadrature.surrogate(kind, scale), {"scale": "scale"})
        for kind in quadrature.SURROGATES
    },
}


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
    make, accepted = MEMBERS[read[1]]
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
