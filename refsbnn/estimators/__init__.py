"""The IW-ST family of gradient estimators (theory 2), and those it is compared with.

A member is a target measure p on [0, 1] and a proposal q that the forward pass samples from; its importance weight is
w = dp/dq. `get` finds a member by name. A member is a class in one of the files here, which declares its name:

- `binary`: spikes with a target on {0, 1} in closed form, such as st
- `gumbel`: the relaxation and what is made of it, such as agr
- `quadrature`: values of a rule on [0, 1]
- `outside`: identity straight-through and deterministic surrogates, which are outside the family

>>> NAMES[:4]
('st', 'iwst', 'mix', 'trapezoid')
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from functools import partial

from refsbnn.errors import InputError
from refsbnn.estimators import binary, gumbel, outside, quadrature
from refsbnn.estimators.binary import Iwst, Mix, StraightThrough, Trapezoid, TwoPoint
from refsbnn.estimators.gumbel import Agr, Gr, Gs, StGs
from refsbnn.estimators.member import BinaryTarget, Form, Member
from refsbnn.estimators.outside import SURROGATES, IdentitySt, Surrogate
from refsbnn.estimators.quadrature import Gauss2, Quadrature, Rule, Simpson, Uniform

__all__ = [
    "EXAMPLES",
    "NAMES",
    "Agr",
    "BinaryTarget",
    "Form",
    "Gauss2",
    "Gr",
    "Gs",
    "IdentitySt",
    "Iwst",
    "Member",
    "Mix",
    "Quadrature",
    "Rule",
    "Simpson",
    "StGs",
    "StraightThrough",
    "Surrogate",
    "Trapezoid",
    "TwoPoint",
    "Uniform",
    "get",
]


def _classes() -> Iterator[type[Member]]:
    """Every class with a spelling in the files of this folder."""
    for module in (binary, gumbel, quadrature, outside):
        for item in vars(module).values():
            if isinstance(item, type) and item.__module__ == module.__name__ and "spelling" in vars(item):
                yield item


_MAKERS: dict[str, Callable[..., Member]] = {
    **{name: cls for cls in _classes() for name in (cls.spelling, *cls.aliases)},
    **{kind: partial(Surrogate, kind) for kind in SURROGATES},
}

NAMES: tuple[str, ...] = tuple(_MAKERS)
# Spellings with numbers, of every member.
EXAMPLES: tuple[str, ...] = (
    *(example for cls in _classes() for example in cls.examples),
    *(f"{kind}(scale=2)" for kind in SURROGATES),
)


def get(spec: str | Member) -> Member:
    """Return the member a name stands for; an instance is passed through.

    Parameters
    ----------
    spec : str or Member
        A name, alone or with keyword parameters in parentheses, as `Member.name` spells it.

    Raises
    ------
    InputError
        Unknown name, unknown parameter, or a parameter out of range.

    Examples
    --------
    >>> get("agr(tau=0.5)")
    Agr(tau=0.5)
    >>> get("gr").name
    'gr(tau=1,K=4)'
    """
    if isinstance(spec, Member):
        return spec
    head, bracket, rest = spec.partition("(") if isinstance(spec, str) else (spec, "", "")
    maker = _MAKERS.get(head.strip()) if isinstance(head, str) else None
    if maker is None:
        raise InputError(f"estimator is {spec!r}; accepted: {', '.join(NAMES)}")
    arguments = _read_arguments(spec, rest) if bracket else {}
    parameters = [p for p in inspect.signature(maker).parameters.values() if p.name != "kind"]
    accepted = {p.name for p in parameters}
    required = {p.name for p in parameters if p.default is p.empty}
    if not required <= set(arguments) <= accepted:
        takes = ", ".join(p.name for p in parameters) or "none"
        raise InputError(f"estimator {spec!r} has the parameters {', '.join(arguments) or 'none'}; accepted: {takes}")
    return maker(**arguments)


def _read_arguments(spec: str, rest: str) -> dict[str, object]:
    """Read "tau=1,K=4)": keywords with literal values."""
    try:
        call = ast.parse(f"_({rest}", mode="eval").body
        if isinstance(call, ast.Call) and not call.args and isinstance(call.func, ast.Name):
            found = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
            if len(found) == len(call.keywords):  # and none of them twice
                return found
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: brackets in brackets
        pass
    raise InputError(f"estimator {spec!r} cannot be read; write it as name(parameter=number,...)")
