"""Arrays as plain data, for JSON: flat lists in row-major order with a type and a shape.

Numbers have the digits that read back to the same binary64; what JSON has no number for is a string: "NaN", "Infinity",
"-Infinity".
"""

import math
from typing import Any

import numpy as np

from refsbnn.errors import InputError

TYPES = ("float64", "float32", "float16", "uint8", "int64", "uint32", "uint64", "int32")
WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def plain(array: np.ndarray) -> dict[str, Any]:
    """An array as plain data.

    >>> plain(np.array([[1.5, np.nan]]))
    {'dtype': 'float64', 'shape': [1, 2], 'data': [1.5, 'NaN']}
    """
    flat = np.asarray(array).ravel()
    if flat.dtype.kind == "f":
        data: list[Any] = [x if math.isfinite(x) else _word(x) for x in flat.astype(np.float64).tolist()]
    else:
        data = flat.tolist()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def _word(x: float) -> str:
    return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def array(told: Any, where: str) -> np.ndarray:
    """An array from plain data.

    Raises
    ------
    InputError
        Another type, or numbers that do not fill the shape.
    """
    try:
        dtype, shape, data = told["dtype"], told["shape"], told["data"]
        whole = (
            isinstance(data, list) and all(type(n) is int and n >= 0 for n in shape) and math.prod(shape) == len(data)
        )
        if dtype not in TYPES or not whole:
            raise ValueError
        numbers = [WORDS[x] if isinstance(x, str) else x for x in data]
        if any(type(x) not in (int, float) for x in numbers):
            raise ValueError
        return np.array(numbers, dtype=dtype).reshape(shape)
    except (TypeError, KeyError, ValueError, OverflowError):
        raise InputError(
            f"{where}: expected a dtype of {', '.join(TYPES)}, a shape, and as many numbers in data"
        ) from None
