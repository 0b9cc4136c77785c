"""Exact answers to every operation of the conformance suite, in decimals: neither refsbnn nor oracle is used.

An operation is a function (arrays, options) -> outputs. An output is an array of `Real` (a float, with its rounding
scale) or an integer array (spikes, words), which has to be met exactly.
"""

from collections.abc import Callable
from functools import partial

from validation.conformance.answers import dynamics, linear, network, objective, streams, unit
from validation.conformance.answers.linear import Answers, Arrays, Options

OPS: dict[str, Callable[[Arrays, Options], Answers]] = {
    "dense": linear.dense,
    "conv2d": linear.conv2d,
    "zero_mean": linear.zero_mean,
    "average_pool": linear.average_pool,
    "max_pool": linear.max_pool,
    "flatten": linear.flatten,
    "sampled_dense": linear.sampled_dense,
    "sampled_conv2d": linear.sampled_conv2d,
    "unit": unit.unit,
    "weight": unit.weight,
    "residual_add": dynamics.residual_add,
    "residual_block": dynamics.block,
    "lif": dynamics.lif,
    "leaky_readout": dynamics.leaky_readout,
    "sampled_readout": dynamics.sampled_readout,
    "categorical": objective.categorical,
    "bernoulli": objective.bernoulli,
    "gaussian": objective.gaussian,
    "kl": objective.kl,
    "kl_weight": objective.kl_weight,
    "bias_penalty": objective.bias_penalty,
    "adam": objective.adam,
    "sgd": objective.sgd,
    "reinforce": objective.reinforce,
    "arm": objective.arm,
    "disarm": objective.disarm,
    "philox": streams.blocks,
    "uniforms": streams.uniforms,
    "normals": streams.normals,
    **{name: partial(network.answer, name) for name in network.NETWORKS},
}
