"""The IW-ST family of gradient estimators (theory 2), and those it is compared with.

A member is a target measure p on [0, 1] and a proposal q that the forward pass samples from; its importance weight is
w = dp/dq. `get` finds a member by name; every class is also importable from here:

====================  ==================================  =====================================================
name                  class                               forward value and weight
====================  ==================================  =====================================================
st                    `StraightThrough`                   spike; 1
iwst(p=0.5)           `Iwst`                              spike; p/pi or (1-p)/(1-pi)
mix(lam=0.5)          `Mix`                               spike; p1 = (1-lam) pi + lam/2
trapezoid             `Trapezoid`                         spike; p1 = p0 = 1/2
agr(tau=1)            `Agr`                               spike; E[relax'(a/tau)/tau given z] / f(r)
gr(tau=1,K=4)         `Gr`                                spike; mean over K conditional draws
st-gs(tau=1)          `StGs`                              spike; relax'(a/tau)/(tau f(r))
gs(tau=1)             `Gs`                                relax(a/tau); relax'(a/tau)/(tau f(r))
uniform               `Uniform`                           u; 1
simpson, gauss2       `Simpson`, `Gauss2`                 a node; node weight / probability
two-point(...)        `TwoPoint`                          spike; the user's masses on {0, 1}
quadrature(...)       `Quadrature`                        a node; the user's rule
identity-st           `IdentitySt`                        spike; 1/f(r)  (outside the family)
fast-sigmoid, arctan, triangular  `Surrogate`             1[r > 0]; a surrogate slope  (outside the family)
====================  ==================================  =====================================================
"""

import ast
import inspect
from collections.abc import Callable
from functools import partial

from refsbnn.errors import InputError
from refsbnn.estimators.binary import Iwst, Mix, StraightThrough, Trapezoid, TwoPoint
from refsbnn.estimators.gumbel import Agr, Gr, Gs, StGs
from refsbnn.estimators.member import BinaryTarget, Member
from refsbnn.estimators.outside import SURROGATES, IdentitySt, Surrogate
from refsbnn.estimators.quadrature import Gauss2, Quadrature, Rule, Simpson, Uniform

__all__ = [
    "NAMES",
    "Agr",
    "BinaryTarget",
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

_CLASSES = (StraightThrough, Iwst, Mix, Trapezoid, Agr, Gr, StGs, Gs, Uniform, Simpson, Gauss2, TwoPoint, Quadrature)
_MAKERS: dict[str, Callable[..., Member]] = {
    **{cls.spelling: cls for cls in (*_CLASSES, IdentitySt)},
    **{kind: partial(Surrogate, kind) for kind in SURROGATES},
}

NAMES: tuple[str, ...] = tuple(_MAKERS)


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
