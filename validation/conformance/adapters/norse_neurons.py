"""Norse: `lif_feed_forward_step`, `lif_box_feed_forward_step`, `lif_refrac_feed_forward_step` and `threshold`."""

from typing import Any

import torch
from norse.torch.functional import lif, lif_box, lif_refrac, reset, threshold
from torch import Tensor

from refsbnn.adapter import Unsupported
from validation.conformance.adapters.library import Options, TorchLibrary, lacks, published

# The library's name of a shape; its number is "alpha".
METHODS = {"fast-sigmoid": "super", "tanh": "tanh", "triangular": "triangle", "erf": "heavi_erfc"}


class Norse(TorchLibrary):
    """Norse as installed. A step of its Euler integration is dt = 1: 1/tau is 1 - beta, and an input gains 1 - beta."""

    def shape(self, o: Options) -> tuple[str, float]:
        """The library's name and number for a shape."""
        name, numbers = published(o)
        if name not in METHODS or (name == "triangular" and numbers["scale"] != 1.0):
            raise Unsupported(f"threshold has no {o['shape']}")
        return METHODS[name], numbers["gamma" if name == "triangular" else "scale"]

    def spike(self, o: Options) -> Any:
        method, alpha = self.shape(o)
        return lambda x: threshold.threshold(x, method, alpha)

    def neurons(self, x: Tensor, o: Options) -> tuple[Tensor, Tensor | None]:
        lacks("a LIF step", o, output_delay=0)
        if o["reset"] == "none":
            raise Unsupported("a spiking neuron without reset")
        method, alpha = self.shape(o)
        decay = 1.0 - o["beta"]
        x = x * (o["input_gain"] / decay)
        common = {
            "tau_mem_inv": torch.tensor(decay),
            "v_th": torch.tensor(o["theta"]),
            "method": method,
            "alpha": alpha,
        }
        zero, spikes = torch.zeros_like(x[0]), []
        if o["alpha"] is None and not o["refractory"]:
            rule = reset.reset_value if o["reset"] == "zero" else reset.reset_subtract
            box, state = lif_box.LIFBoxParameters(**common, reset_method=rule), lif_box.LIFBoxFeedForwardState(zero)
            for step in x:
                z, state = lif_box.lif_box_feed_forward_step(step, state, box, dt=1.0)
                spikes.append(z)
            return torch.stack(spikes), None
        lacks("LIF with a synaptic current", o, reset="zero")
        syn = 0.0 if o["alpha"] is None else o["alpha"]
        p = lif.LIFParameters(**common, tau_syn_inv=torch.tensor(1.0 - syn))
        start = lif.LIFFeedForwardState(v=zero, i=zero)
        if o["refractory"]:
            whole = lif_refrac.LIFRefracParameters(p, torch.tensor(float(o["refractory"])))
            rests = lif_refrac.LIFRefracFeedForwardState(start, zero)
            for step in x:
                z, rests = lif_refrac.lif_refrac_feed_forward_step(step, rests, whole, dt=1.0)
                spikes.append(z)
            return torch.stack(spikes), None
        for step in x:
            z, start = lif.lif_feed_forward_step(step, start, p, dt=1.0)
            spikes.append(z)
        return torch.stack(spikes), None
