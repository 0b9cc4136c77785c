"""What the keys of a configuration hold: a list may be one value, or several to sweep."""

from dataclasses import is_dataclass
from typing import Annotated, Any, get_origin, get_type_hints

from refsbnn.models import MODELS, Model
from refsbnn.training.config import Config


def kinds(key: str) -> list[Any]:
    """The types that a key may have, one for each model that has it.

    Examples
    --------
    >>> kinds("training.rate"), kinds("data.groups"), kinds("nothing")
    ([<class 'float'>], [list[int]], [])
    """
    *sections, last = key.split(".")
    owners: list[Any] = [Config]
    for section in sections:
        owners = [inner for owner in owners for inner in inside(owner, section)]
    found = [get_type_hints(owner).get(last) for owner in owners]
    return [kind for kind in found if kind is not None]


def inside(owner: type, section: str) -> list[Any]:
    """The dataclasses that a section of one may be."""
    hint: Any = get_type_hints(owner, include_extras=True).get(section)
    if hint is Model:
        return list(MODELS.values())
    if get_origin(hint) is Annotated:
        return [type(hint.__metadata__[0])]
    return [hint] if is_dataclass(hint) else []


def takes_list(key: str) -> bool:
    """Whether a list of numbers is one value of the key, as [256, 256] is of model.hidden."""
    return any(kind == list[int] for kind in kinds(key))
