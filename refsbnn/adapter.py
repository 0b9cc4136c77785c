"""What an implementation of the layers offers to be held to exact answers: the contract of `refsbnn conformance`.

Arrays go in as float64, uint8 or integers, whatever the type under test: their values are exact in it. They come out as
NumPy arrays of that type (float32 for bfloat16, which NumPy has not), spikes as uint8.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Op:
    """An operation: its name, and options such as {"domain": "binary", "variance": "linear"}.

    Examples
    --------
    >>> Op("unit", {"noise": "gaussian", "member": "st"}).name
    'unit'
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


class Unsupported(Exception):
    """Raised by `run` for an operation or option that the implementation declares not to have.

    Examples
    --------
    >>> str(Unsupported("biases"))
    'biases'
    """


@dataclass(frozen=True)
class Capabilities:
    """What an implementation has.

    Attributes
    ----------
    dtypes : tuple of str
        Of "float64", "float32", "bfloat16", "float16".
    ops : frozenset of str
        Names of operations; others are reported as unsupported. An empty set stands for all.
    own_noise : bool
        Whether the networks can draw their own uniforms from a seed.
    checks : bool
        Whether bad input (a negative variance, shapes that do not fit) is refused with an exception that says why;
        False reports the cases of bad input as unsupported.

    Examples
    --------
    >>> Capabilities(dtypes=("float32",), ops=frozenset({"dense"})).own_noise
    True
    """

    dtypes: tuple[str, ...]
    ops: frozenset[str] = frozenset()
    own_noise: bool = True
    checks: bool = True


class Adapter(Protocol):
    """An implementation under test. It is made without arguments, or with `device="cuda"` where one is asked for.

    Examples
    --------
    >>> class Mine:
    ...     def capabilities(self):
    ...         return Capabilities(dtypes=("float64",), ops=frozenset({"rho"}))
    ...     def run(self, op, arrays, noise, dtype, seed):
    ...         raise Unsupported(op.name)
    >>> Mine().capabilities().dtypes
    ('float64',)
    >>> Mine().run(Op("dense"), {}, None, "float64", seed=0)
    Traceback (most recent call last):
        ...
    refsbnn.adapter.Unsupported: dense
    """

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
