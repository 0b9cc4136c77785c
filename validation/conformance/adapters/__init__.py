"""Adapters: how one is loaded by name, and the types it may compute in. `refsbnn.adapter` says what one offers.

A complete one is small: see `reference.py` (NumPy), `pytorch.py` and `jax_jit.py`.
"""

import importlib

from refsbnn.adapter import Adapter
from refsbnn.errors import InputError

# eps, smallest normal number and NumPy type of the results, for each type an implementation may compute in.
DTYPES: dict[str, tuple[float, float, str]] = {
    "float64": (2.0**-52, 2.0**-1022, "float64"),
    "float32": (2.0**-23, 2.0**-126, "float32"),
    "bfloat16": (2.0**-7, 2.0**-126, "float32"),
    "float16": (2.0**-10, 2.0**-14, "float16"),
}


def load(name: str, device: str | None = None) -> Adapter:
    """The adapter that "module:Class" names.

    Raises
    ------
    InputError
        It cannot be imported or made; the line says why.
    """
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise InputError(f"adapter is {name!r}; expected module:Class, such as {REFERENCE}")
    try:
        made = getattr(importlib.import_module(module), attribute)
        return made() if device is None else made(device=device)
    except ImportError as error:
        raise InputError(f"adapter {name}: {error}") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the user's module may do anything while it is imported
        raise InputError(f"adapter {name} cannot be made: {one_line(error)}") from None


def one_line(error: BaseException) -> str:
    """An exception in a line: "ValueError: why"."""
    try:
        text = " ".join(str(error).split())[:300]
    except BaseException:  # its own text may raise anything
        text = "(its text cannot be had)"
    return f"{type(error).__name__}: {text}"


REFERENCE = "validation.conformance.adapters.reference:Reference"
