"""A network of a batch as the oracle has it, and the oracle's gradients in the batch's names and parameters."""

from collections.abc import Mapping

import numpy as np

import oracle
from validation.evidence.batch_shape import Batch, Parameters, Shape


def net_of(batch: Batch, i: int) -> oracle.Network:
    """Network i as the oracle has it."""
    shape, p = batch.shape, {key: value[i] for key, value in batch.parameters.items()}
    layers = [
        oracle.Layer(p[f"{t}.mu"], np.exp(p[f"{t}.rho"]), p[f"{t}.bias_mu"], np.exp(p[f"{t}.bias_rho"]))
        for t in range(shape.layers)
    ]
    last = oracle.Layer(p["readout.mu"], np.zeros(p["readout.mu"].shape), p["readout.bias_mu"])
    if shape.kind == "lif":
        kind = "hard" if shape.hard else "soft"
        return oracle.LIF(layers, last, beta=shape.beta, theta=shape.theta, reset=kind)
    if shape.kind == "residual":
        return oracle.Residual(layers[0], [[one] for one in layers[1:]], last, domain=shape.domain)
    return oracle.Layered(layers, last, domain=shape.domain)


def key_of(shape: Shape, key: str) -> str:
    """The oracle's name of a parameter (its sigma2 where a rho is here)."""
    t, _, field = key.partition(".")
    field = field.replace("rho", "sigma2")
    if t == "readout":
        return f"readout.{field}"
    if shape.kind != "residual":
        return f"layers.{t}.{field}"
    return f"stem.{field}" if t == "0" else f"blocks.{int(t) - 1}.0.{field}"


def gradient_of(batch: Batch, i: int, found: Mapping[str, np.ndarray]) -> Parameters:
    """The oracle's gradient of network i by the names, and in the parameters, used here."""
    out = {}
    for key, value in batch.parameters.items():
        out[key] = found[key_of(batch.shape, key)] * (np.exp(value[i]) if "rho" in key else 1.0)
    return out
