"""Exact answers to every operation of the conformance suite, in decimals: neither refsbnn nor oracle is used.

An operation is a function (arrays, options) -> outputs. An output is an array of `Real` (a float, with its rounding
scale) or an integer array (spikes, words), which has to be met exactly. Each file lists its own.
"""

import decimal
from collections.abc import Callable
from functools import partial

from validation.conformance.answers import (
    deterministic,
    dynamics,
    each,
    linear,
    network,
    objective,
    point,
    sensitivity,
    slow,
    streams,
    surrogate,
    unit,
)
from validation.conformance.answers.linear import Answers, Arrays, Options
from validation.conformance.number import CONTEXT, Stored, stored

OPS: dict[str, Callable[[Arrays, Options], Answers]] = {
    **linear.OPS,
    **unit.OPS,
    **dynamics.OPS,
    **each.OPS,
    **slow.OPS,
    **surrogate.OPS,
    **deterministic.OPS,
    **point.OPS,
    **objective.OPS,
    **sensitivity.OPS,
    **streams.OPS,
    **{name: partial(network.answer, name) for name in network.NETWORKS},
}


def worked_out(op: str, arrays: Arrays, options: Options) -> Stored:
    """Expected values, scales and bounds of an operation's outputs."""
    with decimal.localcontext(CONTEXT):
        return stored(OPS[op](arrays, options))
