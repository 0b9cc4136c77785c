"""SpikingJelly: `LIFNode`, `CUBALIFNode` and `surrogate` of `activation_based`."""

import math
from collections.abc import Callable
from typing import Any

import torch
from spikingjelly.activation_based import neuron, surrogate
from torch import Tensor

from refsbnn.adapter import Unsupported
from validation.conformance.adapters.library import Options, TorchLibrary, lacks
from validation.conformance.adapters.reference_deterministic import spelling

SPIKES: dict[str, Callable[..., Any]] = {
    "boxcar": lambda width: surrogate.Rect(alpha=1 / width),
    "leaky-boxcar": lambda width, leak: surrogate.PiecewiseLeakyReLU(w=width / 2, c=leak),
    "fast-sigmoid": lambda scale: surrogate.SuperSpike(alpha=scale),
    "sigmoid": lambda scale: surrogate.Sigmoid(alpha=scale),
    "arctan": lambda scale: surrogate.ATan(alpha=scale),
    "gaussian": lambda sigma: surrogate.Erf(alpha=1 / (sigma * math.sqrt(2))),
    "erf": lambda scale: surrogate.Erf(alpha=scale),
    "exponential": lambda scale: surrogate.PiecewiseExp(alpha=scale),
    "triangular": lambda scale, gamma: surrogate.PiecewiseQuadratic(alpha=scale),
}


class SpikingJelly(TorchLibrary):
    """SpikingJelly as installed, PyTorch backend."""

    def spike(self, o: Options) -> Any:
        name, numbers = spelling(o["shape"])
        if (name, o["height"]) == ("fast-sigmoid", "area"):
            return surrogate.SoftSign(alpha=numbers["scale"])
        if o["height"] != "published":
            raise Unsupported("a slope of another height than the published one")
        if name not in SPIKES or numbers.get("gamma", 1.0) != 1.0:
            raise Unsupported(f"surrogate has no {o['shape']}")
        return SPIKES[name](**numbers)

    def neurons(self, x: Tensor, o: Options) -> tuple[Tensor, Tensor | None]:
        lacks("LIFNode and CUBALIFNode", o, refractory=0, output_delay=0)
        if o["reset"] == "none":
            raise Unsupported("a spiking neuron without reset")
        options = {
            "v_threshold": o["theta"],
            "v_reset": 0.0 if o["reset"] == "zero" else None,
            "surrogate_function": self.spike(o),
        }
        if o["alpha"] is not None:
            cell = neuron.CUBALIFNode(c_decay=o["alpha"], v_decay=o["beta"], **options)
            lacks("CUBALIFNode", o, current_order="input-first", input_gain=1.0)
            cell.detach_reset = not o["reset_gradient"]
            return torch.stack([cell(step) for step in x]), None
        gain = 1.0 - o["beta"]
        if o["input_gain"] not in (1.0, gain):
            raise Unsupported(f"LIFNode with an input gain of {o['input_gain']}")
        cell = neuron.LIFNode(
            tau=1 / gain, decay_input=o["input_gain"] == gain, detach_reset=not o["reset_gradient"], **options
        )
        return torch.stack([cell(step) for step in x]), None
