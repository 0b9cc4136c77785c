"""Exact answers to every operation of the conformance suite, in decimals: neither refsbnn nor oracle is used.

An operation is a function (arrays, options) -> outputs. An output is an array of `Real` (a float, with its rounding
scale) or an integer array (spikes, words), which has to be met exactly. Each file lists its own.
"""

from collections.abc import Callable
from functools import partial

from validation.conformance.answers import dynamics, linear, network, objective, sensitivity, streams, unit
from validation.conformance.answers.linear import Answers, Arrays, Options

OPS: dict[str, Callable[[Arrays, Options], Answers]] = {
    **linear.OPS,
    **unit.OPS,
    **dynamics.OPS,
    **objective.OPS,
    **sensitivity.OPS,
    **streams.OPS,
    **{name: partial(network.answer, name) for name in network.NETWORKS},
}
