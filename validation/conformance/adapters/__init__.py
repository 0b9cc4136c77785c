"""What an implementation has to offer to be checked, and how one is loaded by name.

A complete one is small: see `reference.py` (NumPy), `pytorch.py` and `jax_jit.py`. Arrays go in as float64, uint8 or
integers, whatever the type under test: their values are exact in it. They come out as NumPy arrays of that type
(float32 for bfloat16, which NumPy has not), spikes as uint8.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from refsbnn.errors import InputError
from validation.conformance.schema import Op

Arrays = Mapping[str, np.ndarray]

# eps, smallest normal number and NumPy type of the results, for each type an implementation may compute in.
DTYPES: dict[str, tuple[float, float, str]] = {
    "float64": (2.0**-52, 2.0**-1022, "float64"),
    "float32": (2.0**-23, 2.0**-126, "float32"),
    "bfloat16": (2.0**-7, 2.0**-126, "float32"),
}


class Unsupported(Exception):
    """Raised by `run` for an operation or option that the implementation declares not to have."""


@dataclass(frozen=True)
class Capabilities:
    """What an implementation has.

    Attributes
    ----------
    dtypes : tuple of str
        Of "float64", "float32", "bfloat16".
    ops : frozenset of str
        Names of operations; others are reported as unsupported. An empty set stands for all.
    own_noise : bool
        Whether the networks can draw their own uniforms from a seed.
    """

    dtypes: tuple[str, ...]
    ops: frozenset[str] = frozenset()
    own_noise: bool = True


class Adapter(Protocol):
    """An implementation under test. It is made without arguments, or with `device="cuda"` where one is asked for."""

    def capabilities(self) -> Capabilities:
        """What it has."""

    def run(self, op: Op, arrays: Arrays, noise: Arrays | None, dtype: str, seed: int) -> Arrays:
        """Run one operation forward and backward.

        Parameters
        ----------
        op : Op
            Name and options.
        arrays : dict of arrays
            Parameters, inputs (also the spikes to go on with) and cotangents by name.
        noise : dict of arrays or None
            Uniforms and normal draws; None asks for draws of the implementation's own, made from `seed`.
        dtype : str
            Type to compute in.
        seed : int

        Returns
        -------
        dict of arrays
            Every output of the operation and nothing else.

        Raises
        ------
        Unsupported
            The implementation declares not to have this.
        """


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
