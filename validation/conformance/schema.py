"""What a conformance case is: an operation with its options, the arrays it gets, and what has to come out."""

from dataclasses import dataclass

import numpy as np

from refsbnn.adapter import Op

SCHEMA = 2  # 2: cases that are to be refused
GROUPS = ("params", "inputs", "noise", "cotangents")

# How each array's axes are called, for readers of other languages: HDF5 is row-major, Julia and Fortran see the axes
# reversed.
CONVENTIONS = """\
z = 1[u < pi] with pi = F(m / sqrt(v)); u lies on the grid of 2^-24, exact in float32 and float64.
v = 0: z = 1[m > 0], no slope, no error; v < 0 is an error. pi = 0 or 1: the slope is its limit (theory 2.18).
Spikes are uint8 in {0, 1}; a bipolar unit's value is 2 z - 1 and its slope has the factor 2.
Arrays are row-major: time first, then batch, images channels last; weights (out, in) or (out, kh, kw, in).
sigma2 = exp(rho). dX is the gradient with respect to X of the sum of outputs times their cotangents.
Operations get the spikes they go on with (teacher forcing); the networks are run end to end.
A case with the flag "reject" has bad input and one output, "rejected": 1 stands for an exception that says why.
NaN in an input is refused or handed on to every float output that depends on it; it never becomes a number.
tolerance = c eps(dtype) scale + bound + tiny(dtype); integers have to be equal.
"""


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes
    ----------
    id : str
        Operation, dot, what is special: "dense.binary_linear".
    op : Op
    arrays : dict of dict of arrays
        By group (`GROUPS`), then name: float64, uint8 spikes or other integers.
    dims : dict of str
        For each array and output the names of its axes, "batch,in".
    expected, scale, bound : dict of arrays
        The values, the rounding scale in eps, and the stored value's own error. Integers have no scale and bound.
    flags : tuple of str
        "forward", "backward", "stream", "edge", "end-to-end", "deterministic", "reject", "forward-only", "fuzz".
    bug_class : tuple of str
        What the case is there to catch.
    source : str
        Where the expected values come from, and what holds them.
    min_margin : float
        Smallest distance of a uniform from its probability, of a membrane from its threshold; 0 in the edge group.
    question : str
        The question of implementers that the case answers, or "".
    """

    id: str
    op: Op
    arrays: dict[str, dict[str, np.ndarray]]
    dims: dict[str, str]
    expected: dict[str, np.ndarray]
    scale: dict[str, np.ndarray]
    bound: dict[str, np.ndarray]
    flags: tuple[str, ...]
    bug_class: tuple[str, ...]
    source: str
    min_margin: float
    question: str = ""

    def given(self) -> dict[str, np.ndarray]:
        """All arrays but the noise, by name."""
        return {k: y for group, arrays in self.arrays.items() if group != "noise" for k, y in arrays.items()}
