"""How much memory a tape holds: every array once, however many layers share it."""

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from refsbnn.draws import Uniforms


def arrays(value: Any) -> dict[int, np.ndarray]:
    """The arrays inside nested tuples, lists, dictionaries and dataclasses, by the address of their memory."""
    if isinstance(value, np.ndarray):
        while isinstance(value.base, np.ndarray):
            value = value.base
        return {value.ctypes.data: value}
    if isinstance(value, Uniforms):  # an address is not the numbers
        return {}
    if isinstance(value, dict):
        parts = list(value.values())
    elif isinstance(value, list | tuple):
        parts = list(value)
    elif is_dataclass(value):
        parts = [getattr(value, field.name) for field in fields(value)]
    else:
        return {}
    return {key: array for part in parts for key, array in arrays(part).items()}


def size_of(value: Any) -> int:
    """Bytes of all arrays inside.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.zeros(4)
    >>> size_of({"one": a, "the same": (a, a[:2])})
    32
    """
    return sum(array.nbytes for array in arrays(value).values())
