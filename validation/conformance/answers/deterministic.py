"""LIF neurons without noise: membranes, spikes, and the backward pass through a surrogate slope.

The neuron runs by itself: no spikes are given, and the margins of the cases keep every type on the same ones. Equations
are in docs/conformance.md ("Deterministic neurons").
"""

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from validation.conformance.answers.linear import Answers, Arrays, Options
from validation.conformance.answers.surrogate import fires, slope
from validation.conformance.answers.unit import read
from validation.conformance.number import Array, array, each, lift, zeros

RESETS = ("subtract", "zero", "none")
ORDERS = ("after-decay", "before-decay", "after-input")
REFRACTORY = ("hold", "mute")
# What a case that says nothing else means.
DEFAULTS = {
    "beta": 0.875,
    "theta": 0.75,
    "reset": "subtract",
    "reset_order": "after-decay",
    "reset_gradient": True,
    "input_gain": 1.0,
    "alpha": None,
    "current_order": "input-first",
    "refractory": 0,
    "refractory_kind": "hold",
    "output_delay": 0,
    "shape": "fast-sigmoid(scale=1)",
    "height": "published",
    "at_threshold": "silent",
    "record": "spikes",
}


class Path(NamedTuple):
    """What enters, membranes before their reset, spikes, and which neuron may not spike at a step."""

    c: Array
    V: Array
    z: np.ndarray
    resting: np.ndarray


def currents(x: Array, o: Options) -> Array:
    """What enters the membrane at each step: the input, or a synaptic current that decays by alpha."""
    gain = Decimal(o["input_gain"])
    if o["alpha"] is None:
        return gain * x if o["input_gain"] != 1.0 else x
    flow, alpha = zeros(x.shape), Decimal(o["alpha"])
    for t in range(len(x)):
        flow[t] = x[t] if t == 0 else alpha * flow[t - 1] + x[t]
    if o["current_order"] == "membrane-first":
        flow = np.concatenate([zeros((1, *x.shape[1:])), flow[:-1]])
    return gain * flow if o["input_gain"] != 1.0 else flow


def advance(V: Array, z: Array, c: Array, o: Options) -> Array:
    """The next membrane."""
    beta, theta = Decimal(o["beta"]), Decimal(o["theta"])
    if o["reset"] == "none":
        return beta * V + c
    if o["reset"] == "subtract":
        return beta * (V - theta * z) + c if o["reset_order"] == "before-decay" else beta * V + c - theta * z
    if o["reset_order"] == "after-input":
        return (beta * V + c) * (1 - z)
    return beta * V * (1 - z) + c


def path(x: Array, o: Options) -> Path:
    """The neurons over time."""
    c, theta = currents(x, o), Decimal(o["theta"])
    V, z = zeros(x.shape), np.zeros(x.shape, np.uint8)
    resting, left = np.zeros(x.shape, bool), np.zeros(x.shape[1:], np.int64)
    for t in range(len(x)):
        V[t] = c[t] if t == 0 else advance(V[t - 1], array(z[t - 1]), c[t], o)
        resting[t] = left > 0
        if o["refractory_kind"] == "hold":
            V[t] = each(lambda one, rests: lift(0) if rests else one, V[t], resting[t])
        z[t] = [[fires(one.value - theta, o["at_threshold"]) for one in row] for row in V[t]]
        z[t][resting[t]] = 0
        left = np.where(z[t] == 1, o["refractory"], np.maximum(left - 1, 0))
    return Path(c, V, z, resting)


def backward(g: Array, gV: Array | None, run: Path, o: Options) -> Array:
    """Backward through time: the gradient of the inputs, from those of spikes and membranes."""
    beta, theta, gain = Decimal(o["beta"]), Decimal(o["theta"]), Decimal(o["input_gain"])
    V, z = run.V, run.z
    chosen, steps = read(o["shape"]), len(V)
    dV = zeros(V.shape)
    dc = zeros(V.shape)
    for t in reversed(range(steps)):
        dz, through = g[t], zeros(V[t].shape) if gV is None else gV[t]
        if t + 1 < steps:
            later, spike = dV[t + 1], array(z[t])
            flows = o["reset_gradient"]
            if o["reset"] == "none":
                through = through + beta * later
            elif o["reset"] == "subtract":
                through = through + beta * later
                reset = beta * theta if o["reset_order"] == "before-decay" else theta
                dz = dz - reset * later if flows else dz
            else:
                through = through + beta * (1 - spike) * later
                lost = V[t] * beta
                if o["reset_order"] == "after-input":
                    lost = lost + run.c[t + 1]
                dz = dz - lost * later if flows else dz
        h = each(lambda one: slope(chosen, o["height"], one - theta), V[t])
        silent = run.resting[t]
        dV[t] = through + each(lambda one, rests: lift(0) if rests else one, dz * h, silent)
        if o["refractory_kind"] == "hold":
            dV[t] = each(lambda one, rests: lift(0) if rests else one, dV[t], silent)
        dc[t] = dV[t]
        if t and o["reset"] == "zero" and o["reset_order"] == "after-input":
            dc[t] = dV[t] * (1 - array(z[t - 1]))
    return to_inputs(dc if o["input_gain"] == 1.0 else gain * dc, o)


def to_inputs(d: Array, o: Options) -> Array:
    """The adjoint of `currents`, its gain aside."""
    if o["alpha"] is None:
        return d
    if o["current_order"] == "membrane-first":
        d = np.concatenate([d[1:], zeros((1, *d.shape[1:]))])
    out = zeros(d.shape)
    for t in reversed(range(len(d))):
        out[t] = d[t] if t + 1 == len(d) else d[t] + Decimal(o["alpha"]) * out[t + 1]
    return out


def lif_deterministic(a: Arrays, o: Options) -> Answers:
    """Spikes and the gradient of the inputs; membranes too where they are recorded."""
    run, g = path(array(a["x"]), o), array(a["g"])
    z = run.z
    if o["output_delay"]:  # a spike is seen one step after its membrane
        z = np.concatenate([np.zeros_like(z[:1]), z[:-1]])
        g = np.concatenate([g[1:], zeros((1, *g.shape[1:]))])
    recorded = o["record"] == "membrane"
    out = {"z": z, "dx": backward(g, array(a["gV"]) if recorded else None, run, o)}
    return {**out, "V": run.V} if recorded else out


OPS = {"lif_deterministic": lif_deterministic}
